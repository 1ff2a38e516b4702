"""The evidence lower bound, and free bits."""

from typing import NamedTuple

from torch import Tensor

from ..models.latent_distributions import kl_of_dimensions, kl_to_prior
from ..models.vae import VAE


class ELBO(NamedTuple):
    """The evidence lower bound and its two terms, each `[B]`, in nats."""

    value: Tensor
    reconstruction: Tensor
    kl: Tensor


def log_likelihood(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """log p(x|z), one number for each code.

    Args:
        model: whose decoder it is.
        x: `[B, ...]`.
        z: `[..., B, L]`.

    Returns:
        `[..., B]`, in nats.

    Raises:
        ValueError: if the decoder's output has not the shape of x; broadcast, it would be a wrong sum.

    Example:
        >>> from vae_helpers import PPCA
        >>> model = PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0)
        >>> log_likelihood(model, torch.zeros(5, 3), torch.zeros(7, 5, 2)).shape
        torch.Size([7, 5])
    """
    p = model.decode(z)
    if p.event_shape != x.shape[1:]:
        raise ValueError(
            f"the decoder must return parameters [..., {', '.join(map(str, x.shape[1:]))}], the shape of an "
            f"image, got {list(p.batch_shape + p.event_shape)} for z {list(z.shape)}."
        )
    return p.log_prob(x)


def elbo(model: VAE, x: Tensor, beta: float = 1.0) -> ELBO:
    """The evidence lower bound, its expectation by one reparameterised sample.

        value = E_q[log p(x|z)] - beta KL(q(z|x) || p(z))

    Kingma and Welling (2014), eq. 10; beta as in Higgins et al. (2017), eq. 4. The KL is in closed form where
    there is one, else log q(z|x) - log p(z) of the same sample.

    Args:
        model: a `VAE`, or another model with its names.
        x: `[B, ...]`.
        beta: the weight of the KL; with another than 1 the value is no bound.

    Returns:
        `ELBO` of tensors `[B]`, in nats.

    Example:
        >>> from vae_helpers import PPCA
        >>> model = PPCA(torch.ones(3, 2), torch.zeros(3), sigma=1.0)
        >>> value, reconstruction, kl = elbo(model, torch.zeros(5, 3))
        >>> torch.allclose(value, reconstruction - kl)
        True
    """
    q = model.posterior(x)
    z = q.rsample()
    reconstruction = log_likelihood(model, x, z)
    kl = kl_to_prior(q, model.prior, z)
    return ELBO(reconstruction - beta * kl, reconstruction, kl)


def free_bits(model: VAE, x: Tensor, threshold: float, beta: float = 1.0) -> ELBO:
    """The objective of `elbo`, but the first nats of every latent dimension cost nothing extra.

        value = E_q[log p(x|z)] - beta sum_l max(threshold, KL_l)

    with KL_l the mean over the batch: one sum for all of it; `kl` is the true one. Its mean over the batch is at
    most that of `elbo`. Kingma et al. (2016), appendix C.8, with groups of one.

    Args:
        model: a `VAE` with a diagonal Gaussian for q, and for the prior.
        x: `[B, ...]`.
        threshold: nats that each dimension may spend.
        beta: the weight of the KL.

    Returns:
        `ELBO` of tensors `[B]`, in nats.

    Raises:
        ValueError: for a negative threshold.
        TypeError: for another posterior or prior, which has no KL per dimension.

    Example:
        >>> from vae_helpers import VAE, Gaussian, MLPDecoder, MLPEncoder
        >>> model = VAE(MLPEncoder(2), MLPDecoder(2), Gaussian(), latent_dim=2)
        >>> free_bits(model, torch.rand(5, 1, 28, 28), threshold=0.1).kl.shape
        torch.Size([5])
    """
    if not threshold >= 0:
        raise ValueError(f"threshold must be a number of nats of at least 0, got {threshold}")
    q, p = model.posterior(x), model.prior
    reconstruction = log_likelihood(model, x, q.rsample())
    kl = kl_of_dimensions(q, p, "free_bits")  # [B, L]
    cost = kl.mean(0).clamp(min=threshold).sum()
    return ELBO(reconstruction - beta * cost, reconstruction, kl.sum(-1))
