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
    """Raise ValueError unless all tensors agree in their last `event_dims` dimensions."""
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
    """Sum over the last `event_dims` dimensions: `[..., *event]` -> `[...]`."""
    return values.sum(tuple(range(-event_dims, 0)))


def bernoulli_log_prob(x: Tensor, logits: Tensor, event_dims: int = 1) -> Tensor:
    """log Bernoulli(x; sigmoid(logits)) in nats: `[..., *event]` -> `[...]`.

    x log p + (1 - x) log(1 - p) with p = sigmoid(logits) is x logits - softplus(logits), which
    is finite for any logit. For x strictly between 0 and 1 it is the negative cross-entropy, not
    the logarithm of a density (notebook 04). Raises ValueError for event shapes that differ.
    """
    check_event_shapes(event_dims, x=x, logits=logits)
    # softplus(a) = log(1 + e^a); above the threshold torch returns a, at 40 right to all digits of float64
    return sum_event(x * logits, event_dims) - sum_event(softplus(logits, threshold=40), event_dims)


def gaussian_log_prob(x: Tensor, mu: Tensor, log_var: Tensor, event_dims: int = 1) -> Tensor:
    """log N(x; mu, diag(exp(log_var))) in nats: `[..., *event]` -> `[...]`.

    `log_var` is log sigma^2; it may also have one element, the same for every dimension.
    Raises ValueError for event shapes that differ.
    """
    check_event_shapes(event_dims, x=x, mu=mu, **({} if log_var.numel() == 1 else {"log_var": log_var}))
    if log_var.numel() == 1:  # one sigma for all: half the passes over the pixels
        log_var, size = log_var.reshape(()), math.prod(mu.shape[-event_dims:])
        squared = sum_event((x - mu).square(), event_dims)
        return -0.5 * (size * (LOG_2PI + log_var) + squared * torch.exp(-log_var))
    squared = ((x - mu) * torch.exp(-0.5 * log_var)).square()
    return -0.5 * sum_event(LOG_2PI + log_var + squared, event_dims)


def kl_to_standard_normal(mu: Tensor, log_var: Tensor, event_dims: int = 1) -> Tensor:
    """KL(N(mu, exp(log_var)) || N(0, 1)) in nats: `[..., *event]` -> `[...]`.

    Kingma and Welling (2014), appendix B. `expm1` keeps it exact, and never negative, near zero.
    Raises ValueError for event shapes that differ.
    """
    check_event_shapes(event_dims, mu=mu, log_var=log_var)
    return 0.5 * sum_event(mu.square() + torch.expm1(log_var) - log_var, event_dims)
