"""Log-densities and KL divergences in closed form, all constants included, in nats.

Every function sums over the last `event_dims` dimensions (a latent vector has one, an image
`[C, H, W]` has three); the dimensions before them broadcast, so that samples `[K, B, ...]` meet
data `[B, ...]`. The event shapes must agree exactly: a silent broadcast there would be a wrong sum.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

LOG_2PI = math.log(2 * math.pi)


def check_event_shapes(event_dims: int, **tensors: Tensor) -> None:
    """Refuse tensors that differ in their last `event_dims` dimensions.

    Args:
        event_dims: how many dimensions belong to an event.
        tensors: the tensors, by the names that the message should use.

    Raises:
        ValueError: naming all shapes.

    Example:
        >>> check_event_shapes(1, x=torch.zeros(5, 2), mu=torch.zeros(2))
    """
    if event_dims < 1:
        raise ValueError(f"event_dims must be at least 1 (the dimensions summed over), got {event_dims}")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    short = {name: shape for name, shape in shapes.items() if len(shape) < event_dims}
    if short or len({shape[-event_dims:] for shape in shapes.values()}) > 1:
        listed = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(
            f"the last {event_dims} dimension(s) must be the same, got {listed}. "
            "Reshape one of them, or pass the right event_dims."
        )


def sum_event(values: Tensor, event_dims: int) -> Tensor:
    """Sum over the last `event_dims` dimensions.

    Args:
        values: `[..., *event]`.
        event_dims: how many dimensions to sum over.

    Returns:
        `[...]`.

    Example:
        >>> sum_event(torch.ones(5, 2, 3), event_dims=2)
        tensor([6., 6., 6., 6., 6.])
    """
    return values.sum(tuple(range(-event_dims, 0)))


def bernoulli_log_prob(x: Tensor, logits: Tensor, event_dims: int = 1) -> Tensor:
    """log Bernoulli(x; sigmoid(logits)), summed over an event.

        log p = x logits - softplus(logits)

    which is x log p + (1 - x) log(1 - p) with p = sigmoid(logits), and finite for any logit. For x strictly
    between 0 and 1 it is the negative cross-entropy, not the logarithm of a density (notebook 04).

    Args:
        x: `[..., *event]`, 0 or 1.
        logits: `[..., *event]`.
        event_dims: how many dimensions are summed over.

    Returns:
        `[...]`, in nats.

    Raises:
        ValueError: for event shapes that differ.

    Example:
        >>> bernoulli_log_prob(torch.tensor([1.0, 0.0]), torch.zeros(2))  # 2 log(1/2)
        tensor(-1.3863)
    """
    check_event_shapes(event_dims, x=x, logits=logits)
    # softplus(a) = log(1 + e^a); above the threshold torch returns a, at 40 right to all digits of float64
    return sum_event(x * logits, event_dims) - sum_event(softplus(logits, threshold=40), event_dims)


def gaussian_log_prob(x: Tensor, mu: Tensor, log_var: Tensor, event_dims: int = 1) -> Tensor:
    """log N(x; mu, diag(exp(log_var))), summed over an event.

        log p = -1/2 sum (log 2 pi + log_var + (x - mu)^2 / exp(log_var))

    Args:
        x: `[..., *event]`.
        mu: `[..., *event]`.
        log_var: log sigma^2, `[..., *event]`, or with one element, the same for every dimension.
        event_dims: how many dimensions are summed over.

    Returns:
        `[...]`, in nats.

    Raises:
        ValueError: for event shapes that differ.

    Example:
        >>> gaussian_log_prob(torch.zeros(2), torch.zeros(2), torch.tensor(0.0))  # -log 2 pi
        tensor(-1.8379)
    """
    check_event_shapes(event_dims, x=x, mu=mu, **({} if log_var.numel() == 1 else {"log_var": log_var}))
    if log_var.numel() == 1:  # one sigma for all: half the passes over the pixels
        log_var, size = log_var.reshape(()), math.prod(mu.shape[-event_dims:])
        squared, inverse = sum_event((x - mu).square(), event_dims), inverse_sigma(log_var)
        return -0.5 * (size * (LOG_2PI + log_var) + squared * inverse * inverse)
    squared = ((x - mu) * inverse_sigma(log_var)).square()
    return -0.5 * sum_event(LOG_2PI + log_var + squared, event_dims)


def inverse_sigma(log_var: Tensor) -> Tensor:
    """1 / sigma = exp(-log_var / 2), at most the largest number of its kind: an error of 0 stays 0.

    Args:
        log_var: log sigma^2, of any shape.

    Returns:
        Of the same shape, finite.

    Example:
        >>> inverse_sigma(torch.tensor([0.0, -float("inf")])).isfinite()
        tensor([True, True])
    """
    return torch.exp((-0.5 * log_var).clamp(max=math.log(torch.finfo(log_var.dtype).max) - 1))


def kl_to_standard_normal(mu: Tensor, log_var: Tensor, event_dims: int = 1) -> Tensor:
    """KL(N(mu, exp(log_var)) || N(0, 1)), summed over an event. Kingma and Welling (2014), appendix B.

        KL = 1/2 sum (mu^2 + exp(log_var) - 1 - log_var)

    `expm1` keeps it exact, and never negative, near zero.

    Args:
        mu: `[..., *event]`.
        log_var: log sigma^2, `[..., *event]`.
        event_dims: how many dimensions are summed over.

    Returns:
        `[...]`, in nats.

    Raises:
        ValueError: for event shapes that differ.

    Example:
        >>> kl_to_standard_normal(torch.tensor([1.0, 0.0]), torch.zeros(2))
        tensor(0.5000)
    """
    check_event_shapes(event_dims, mu=mu, log_var=log_var)
    return 0.5 * sum_event(mu.square() + torch.expm1(log_var) - log_var, event_dims)
