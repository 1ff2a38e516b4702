"""Which latent dimensions a model uses, and what each of them costs."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..checks import check_images, like_the_model
from ..contexts import evaluating
from ..models.latent_distributions import kl_of_dimensions
from ..models.vae import VAE

BATCH = 1000


def posterior_parameters(model: VAE, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of q(z|x) of each image.

    Args:
        model: a `VAE`.
        images: `[N, ...]`.

    Returns:
        Two tensors `[N, L]`, on the CPU.

    Raises:
        TypeError: for a posterior that has no formula for its mean, as a flow.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> mu, sigma = posterior_parameters(model, torch.rand(5, 1, 28, 28))
        >>> mu.shape, bool((sigma > 0).all())
        (torch.Size([5, 2]), True)
    """
    with evaluating(model):
        posteriors = _posteriors(model, images)
        try:
            return torch.cat([q.mean for q in posteriors]).cpu(), torch.cat([q.stddev for q in posteriors]).cpu()
        except NotImplementedError as error:
            raise TypeError(
                f"a q(z|x) with a formula for its mean is needed, got {type(posteriors[0]).__name__}: "
                "average samples of model.posterior(x) instead"
            ) from error


def kl_per_dimension(model: VAE, images: Tensor) -> Tensor:
    """KL(q(z_l|x) || p(z_l)), averaged over images.

    Args:
        model: a `VAE` with a diagonal Gaussian for q, and for the prior.
        images: `[N, ...]`.

    Returns:
        `[L]`, in nats per image, on the CPU.

    Raises:
        TypeError: for another posterior or prior, which has no KL per dimension.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> kl_per_dimension(model, torch.rand(5, 1, 28, 28)).shape
        torch.Size([2])
    """
    with evaluating(model):
        kl = [kl_of_dimensions(q, model.prior, "kl_per_dimension") for q in _posteriors(model, images)]
    return torch.cat(kl).mean(0).cpu()


def active_units(model: VAE, images: Tensor, threshold: float = 0.01) -> Tensor:
    """Which latent dimensions the encoder uses. Burda et al. (2016), section 5.2, with their threshold.

        Var_x[E_q[z_l|x]] > threshold

    Args:
        model: a `VAE` whose q has a formula for its mean.
        images: `[N, ...]`.
        threshold: the variance above which a dimension is active.

    Returns:
        Bool `[L]`, on the CPU.

    Raises:
        TypeError: for a posterior that has no formula for its mean.

    Example:
        >>> from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Bernoulli(), latent_dim=2)
        >>> active_units(model, torch.rand(5, 1, 28, 28), threshold=1e6)
        tensor([False, False])
    """
    mu, _ = posterior_parameters(model, images)
    return mu.var(dim=0) > threshold


def _posteriors(model: VAE, images: Tensor) -> list[Distribution]:
    """q(z|x), batch by batch."""
    check_images(images)
    return [model.posterior(like_the_model(x, model)) for x in images.split(BATCH)]
