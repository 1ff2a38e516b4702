"""Means of an objective over a data set, and -log p(x) by importance sampling. Everything in nats per image."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..contexts import evaluating
from ..device import device_of, reuse_memory
from ..models.vae import VAE
from ..objectives.elbo import elbo
from ..objectives.importance import log_weights
from ..objectives.terms import named_terms

# What `importance_log_prob` decodes at a time: so many pixels (16 MB in float32), and so many images where
# these are small. Smaller pieces cost more in overhead than they gain in the cache; larger ones leave
# gaps in the memory that the process keeps.
PIXELS_AT_ONCE = 2**22
IMAGES_AT_ONCE = 2**13


def evaluate(model: nn.Module, images: Tensor, objective: Callable = elbo, batch_size: int = 1000) -> dict[str, float]:
    """Means of every term of an objective over a data set. Each datapoint counts once, whatever batch it falls in.

    Args:
        model: any module that the objective knows.
        images: `[N, ...]`.
        objective: (model, x) -> a tensor `[B]` or a named tuple of them; `elbo` takes one sample of z per datapoint.
        batch_size: how many images at a time.

    Returns:
        {term: mean}, in nats per image.

    Raises:
        ValueError: for no images.

    Example:
        >>> evaluate(nn.Linear(3, 1), torch.ones(5, 3), objective=lambda model, x: x.sum(1))
        {'value': 3.0}
    """
    if len(images) == 0:
        raise ValueError("there are no images to evaluate")
    reuse_memory()
    totals: dict[str, float] = {}
    with evaluating(model):
        for x in images.split(batch_size):
            terms = named_terms(objective(model, x.to(device_of(model))), len(x))
            for name, values in terms.items():
                totals[name] = totals.get(name, 0.0) + values.double().sum().item()
    return {name: total / len(images) for name, total in totals.items()}


def importance_log_prob(model: VAE, images: Tensor, k: int) -> Tensor:
    """log p(x) of each image by importance samples from q(z|x).

    A lower bound in expectation that rises to log p(x) with k (Burda et al., 2016). Works in pieces of at most
    `PIXELS_AT_ONCE` pixels and `IMAGES_AT_ONCE` images, so memory does not grow with k or N.

    Args:
        model: a `VAE`.
        images: `[N, ...]`.
        k: samples for each image.

    Returns:
        `[N]`, in nats, on the CPU.

    Raises:
        ValueError: for no samples or no images.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> importance_log_prob(model, torch.rand(5, 1, 28, 28), k=10).shape
        torch.Size([5])
    """
    if k < 1 or len(images) < 1:
        raise ValueError(f"at least one sample and one image are needed, got k = {k} and {len(images)} images")
    reuse_memory()
    rows = min(IMAGES_AT_ONCE, PIXELS_AT_ONCE // math.prod(images.shape[1:]))
    batch_size = max(1, min(len(images), 100, rows))
    k_at_once = max(1, min(k, rows // batch_size))
    estimates = []
    with evaluating(model):
        for x in images.split(batch_size):
            x = x.to(device_of(model))
            sizes = [min(k_at_once, k - done) for done in range(0, k, k_at_once)]
            q = model.posterior(x)
            sums = [log_weights(model, x, size, q).logsumexp(dim=0) for size in sizes]
            estimates.append(torch.stack(sums).logsumexp(dim=0).cpu() - math.log(k))
    return torch.cat(estimates)


def importance_nll(model: VAE, images: Tensor, k: int = 1000) -> float:
    """Mean of -log p(x) over a data set, by importance samples from q(z|x).

    Args:
        model: a `VAE`.
        images: `[N, ...]`.
        k: samples for each image.

    Returns:
        Nats per image.

    Raises:
        ValueError: for no samples or no images.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> importance_nll(model, torch.rand(5, 1, 28, 28), k=10) > 0
        True
    """
    return -importance_log_prob(model, images, k).double().mean().item()


def effective_sample_size(log_w: Tensor) -> Tensor:
    """How many equal weights would be as good as these (Kong et al., 1994).

        ESS = (sum w)^2 / sum w^2

    Computed in logarithms, as the weights may be too small for a float.

    Args:
        log_w: log-weights `[K, ...]`.

    Returns:
        `[...]`, from 1 to K.

    Example:
        >>> effective_sample_size(torch.tensor([0.5, 0.5, 0.0]).log())
        tensor(2.)
    """
    return torch.exp(2 * log_w.logsumexp(dim=0) - (2 * log_w).logsumexp(dim=0))
