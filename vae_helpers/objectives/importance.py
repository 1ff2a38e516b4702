"""Importance weights, and the bounds that average them: IWAE, and two other gradients for it."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..models.latent_distributions import latent_log_prob
from ..models.vae import VAE
from .elbo import log_likelihood

# What is decoded at a time where there is no gradient: so many pixels (16 MB in float32), and so many images where
# these are small. Smaller pieces cost more in overhead than they gain in the cache; larger ones leave
# gaps in the memory that the process keeps.
PIXELS_AT_ONCE = 2**22
IMAGES_AT_ONCE = 2**13


def rows_at_once(x: Tensor) -> int:
    """How many images are decoded at a time.

    Args:
        x: images `[B, ...]`.

    Example:
        >>> rows_at_once(torch.rand(5, 1, 28, 28))
        5349
    """
    return max(1, min(IMAGES_AT_ONCE, PIXELS_AT_ONCE // math.prod(x.shape[1:])))


def log_weights(model: VAE, x: Tensor, k: int, q: Distribution | None = None) -> Tensor:
    """The logarithms of importance weights, for samples z ~ q(z|x).

        log w = log p(x|z) + log p(z) - log q(z|x)

    The mean of w over samples is an unbiased estimate of p(x) (Burda et al., 2016).

    Args:
        model: a `VAE`, or another model with its names.
        x: `[B, ...]`.
        k: samples for each datapoint, K.
        q: the posterior of these x, where it is known already.

    Returns:
        `[K, B]`, in nats.

    Raises:
        ValueError: for k below 1.

    Example:
        >>> from vae_helpers import PPCA
        >>> model = PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0)  # its posterior is exact, so
        >>> log_w = log_weights(model, torch.zeros(5, 3), k=7)  # every weight is p(x)
        >>> torch.allclose(log_w, model.marginal().log_prob(torch.zeros(3)))
        True
    """
    return weighted_samples(model, x, k, q)[1]


def weighted_samples(
    model: VAE, x: Tensor, k: int, q: Distribution | None = None, stop_density: bool = False
) -> tuple[Tensor, Tensor]:
    """Samples of q(z|x) and the logarithms of their weights.

    Args:
        model: a `VAE`, or another model with its names.
        x: `[B, ...]`.
        k: samples for each datapoint, K.
        q: the posterior of these x, where it is known already.
        stop_density: if True, the gradient of log q(z|x) reaches the parameters through z alone.

    Returns:
        z `[K, B, L]`, and log w `[K, B]`, in nats.

    Raises:
        ValueError: for k below 1.

    Example:
        >>> from vae_helpers import PPCA
        >>> model = PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0)
        >>> z, log_w = weighted_samples(model, torch.zeros(5, 3), k=7)
        >>> z.shape, log_w.shape
        (torch.Size([7, 5, 2]), torch.Size([7, 5]))
    """
    if k < 1:
        raise ValueError(f"k must be at least 1 (samples per datapoint), got {k}")
    q = q or model.posterior(x)
    z = q.rsample((k,))
    log_joint = log_likelihood(model, x, z) + latent_log_prob(model.prior, z)
    log_q = _log_prob_through_sample(q, z) if stop_density else latent_log_prob(q, z)
    return z, log_joint - log_q


def iwae_bound(model: VAE, x: Tensor, k: int) -> Tensor:
    """The importance-weighted bound. Burda et al. (2016), eq. 8.

        L_k = log (1/k sum_i w_i)

    The mean is inside the logarithm; the mean of log w would be the ELBO again, for any k. Without gradients
    it is computed in pieces of at most `PIXELS_AT_ONCE` pixels and `IMAGES_AT_ONCE` images (or one sample of
    every x), so that memory does not grow with k.

    Args:
        model: a `VAE`, or another model with its names.
        x: `[B, ...]`.
        k: samples for each datapoint.

    Returns:
        `[B]`, in nats.

    Raises:
        ValueError: for k below 1.

    Example:
        >>> from vae_helpers import PPCA
        >>> iwae_bound(PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0), torch.zeros(5, 3), k=7).shape
        torch.Size([5])
    """
    if k < 1 or torch.is_grad_enabled():
        return torch.logsumexp(log_weights(model, x, k), dim=0) - math.log(k)
    at_once, q = max(1, min(k, rows_at_once(x) // len(x))), model.posterior(x)
    pieces = [min(at_once, k - done) for done in range(0, k, at_once)]
    # made beforehand: a small tensor kept from every piece would split the memory that the next one could take
    sums = x.new_empty(len(pieces), len(x))
    for i, size in enumerate(pieces):
        sums[i] = log_weights(model, x, size, q).logsumexp(dim=0)
    return sums.logsumexp(dim=0) - math.log(k)


def stl_bound(model: VAE, x: Tensor, k: int) -> Tensor:
    """`iwae_bound` with the gradient of "sticking the landing": log q(z|x) is differentiated through z only.

    What is left out has mean zero for k = 1; for more samples the encoder's gradient is biased.
    Roeder et al. (2017), section 3; the bias: Tucker et al. (2019).

    Args:
        model: a `VAE`, or another model with its names.
        x: `[B, ...]`.
        k: samples for each datapoint.

    Returns:
        `[B]`, in nats.

    Raises:
        ValueError: for k below 1.

    Example:
        >>> from vae_helpers import PPCA
        >>> stl_bound(PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0), torch.zeros(5, 3), k=7).shape
        torch.Size([5])
    """
    _, log_w = weighted_samples(model, x, k, stop_density=True)
    return torch.logsumexp(log_w, dim=0) - math.log(k)


def dreg_bound(model: VAE, x: Tensor, k: int) -> Tensor:
    """`iwae_bound` with the doubly reparameterised gradient: unbiased, and quieter unless q is much too narrow.

    log q(z|x) is differentiated through z only, and what reaches the encoder through a sample is multiplied
    by its normalised weight once more; the decoder's gradient stays as it is. Tucker et al. (2019).
    Its signal-to-noise ratio grows as sqrt k if q has more than 3/4 of the posterior's variance in every direction;
    at a quarter it falls, and is below that of `iwae_bound` (notebook 07).

    Args:
        model: a `VAE`, or another model with its names.
        x: `[B, ...]`.
        k: samples for each datapoint.

    Returns:
        `[B]`, in nats.

    Raises:
        ValueError: for k below 1.

    Example:
        >>> from vae_helpers import PPCA
        >>> dreg_bound(PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0), torch.zeros(5, 3), k=7).shape
        torch.Size([5])
    """
    z, log_w = weighted_samples(model, x, k, stop_density=True)
    if z.requires_grad:
        share = torch.softmax(log_w.detach(), dim=0)[..., None]
        z.register_hook(lambda gradient: share * gradient)
    return torch.logsumexp(log_w, dim=0) - math.log(k)


def _log_prob_through_sample(q: Distribution, z: Tensor) -> Tensor:
    """log q(z) `[K, B]`, for any q; its gradient is that of z alone, as if q's parameters were constants."""
    if not z.requires_grad:
        return latent_log_prob(q, z)
    point = z.detach().requires_grad_()
    log_q = latent_log_prob(q, point)
    (slope,) = torch.autograd.grad(log_q.sum(), point)
    return log_q.detach() + ((z - z.detach()) * slope).sum(-1)  # adds 0, and the slope
