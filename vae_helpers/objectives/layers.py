"""Objectives for several layers of codes: a KL for each, and three ways to keep the upper ones alive.

A warm-up needs none of its own: `fit(model, images, layer_elbo, schedules={"beta": lambda t: min(1.0, 5 * t)})`.
"""

from collections import namedtuple
from functools import lru_cache

import torch
from torch import Tensor

from ..models.hierarchy.layered import Layered
from ..models.hierarchy.model import HierarchicalVAE
from ..models.latent_distributions import kl_to_prior, latent_log_prob
from .elbo import ELBO, log_likelihood


@lru_cache
def _terms(layers: int) -> type:
    """`ELBO` with a field for the KL of each layer."""
    return namedtuple("LayerELBO", [*ELBO._fields, *(f"kl_{t}" for t in range(1, layers + 1))])


def layer_kls(model: HierarchicalVAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """A sample of q(z|x), and what each layer of it costs.

        KL_t = KL(q(z_t | x, layers above) || p(z_t | layers above))

    in closed form, given the layers above from the sample: on average the sum over t is KL(q(z|x) || p(z)). An encoder
    that climbs has no such q: there it is log q(z_t | z_t-1) - log p(z_t | layers above) of the sample, which may be
    negative. The sum is right, too.

    Args:
        model: a `HierarchicalVAE`.
        x: `[B, ...]`.

    Returns:
        z `[B, L]`, and KL_t `[T, B]`, in nats, for z_1 first.

    Example:
        >>> from vae_helpers import BottomUp, Gaussian, LayerPrior, MLPDecoder
        >>> model = HierarchicalVAE(BottomUp([4, 2]), LayerPrior([4, 2]), MLPDecoder(4), Gaussian())
        >>> z, kl = layer_kls(model, torch.rand(5, 1, 28, 28))
        >>> z.shape, kl.shape
        (torch.Size([5, 6]), torch.Size([2, 5]))
    """
    q: Layered = model.posterior(x)
    z, q_layers = q.walk()
    known = getattr(q, "priors", None)  # a descent has passed them
    p_layers = [known[t] for t in range(len(q_layers))] if known else model.prior.conditionals(z)
    kls = []
    for t, (q_t, p_t, z_t) in enumerate(zip(q_layers, p_layers, model.split(z), strict=True)):
        if q.downward or t == len(q_layers) - 1:
            kls.append(kl_to_prior(q_t, p_t, z_t))
        else:
            kls.append(latent_log_prob(q_t, z_t) - latent_log_prob(p_t, z_t))
    return z, torch.stack(kls)


def _with_cost(model: HierarchicalVAE, x: Tensor, z: Tensor, kl: Tensor, cost: Tensor) -> ELBO:
    reconstruction = log_likelihood(model, x, z)
    return _terms(len(kl))(reconstruction - cost, reconstruction, kl.sum(0), *kl)


def layer_elbo(model: HierarchicalVAE, x: Tensor, beta: float | Tensor = 1.0) -> ELBO:
    """The evidence lower bound of several layers by one sample, with the KL of each.

        value = E_q[log p(x|z)] - beta sum_t KL_t

    The same number, on average, as `elbo`, with less noise where the KLs are in closed form. Sonderby et al. (2016).

    Args:
        model: a `HierarchicalVAE`.
        x: `[B, ...]`.
        beta: the weight of the KL: a number, `[B]`, or one for each layer, `[T, 1]`; with others than 1 it is no bound.

    Returns:
        The fields of `ELBO`, and kl_1, ..., kl_T, each `[B]`, in nats; no beta is in the KLs.

    Example:
        >>> from vae_helpers import BottomUp, Gaussian, LayerPrior, MLPDecoder
        >>> model = HierarchicalVAE(BottomUp([4, 2]), LayerPrior([4, 2]), MLPDecoder(4), Gaussian())
        >>> layer_elbo(model, torch.rand(5, 1, 28, 28))._fields
        ('value', 'reconstruction', 'kl', 'kl_1', 'kl_2')
    """
    z, kl = layer_kls(model, x)
    return _with_cost(model, x, z, kl, (beta * kl).sum(0))


def layer_free_bits(model: HierarchicalVAE, x: Tensor, threshold: float, beta: float = 1.0) -> ELBO:
    """`layer_elbo`, but the first nats of every layer cost nothing extra. Over a batch at most `layer_elbo`'s mean.

        value = E_q[log p(x|z)] - beta sum_t max(threshold, KL_t)

    with KL_t the mean over the batch. Kingma et al. (2016), appendix C.8. For training only: what a model is worth says
    `layer_elbo`.

    Args:
        model: a `HierarchicalVAE`.
        x: `[B, ...]`.
        threshold: nats that each layer may spend.
        beta: the weight of the KL.

    Returns:
        As `layer_elbo`; the KLs are the true ones.

    Raises:
        ValueError: for a negative threshold.

    Example:
        >>> from vae_helpers import BottomUp, Gaussian, LayerPrior, MLPDecoder
        >>> model = HierarchicalVAE(BottomUp([4, 2]), LayerPrior([4, 2]), MLPDecoder(4), Gaussian())
        >>> layer_free_bits(model, torch.rand(5, 1, 28, 28), threshold=0.5).kl_2.shape
        torch.Size([5])
    """
    if not threshold >= 0:
        raise ValueError(f"threshold must be a number of nats of at least 0, got {threshold}")
    z, kl = layer_kls(model, x)
    return _with_cost(model, x, z, kl, beta * kl.mean(1).clamp(min=threshold).sum())


def balanced_elbo(model: HierarchicalVAE, x: Tensor, beta: float = 1.0) -> ELBO:
    """`layer_elbo` whose warm-up makes nats dear where many are spent. Vahdat and Kautz (2020), NVAE, appendix A.

        value = E_q[log p(x|z)] - beta sum_t gamma_t KL_t,    gamma_t proportional to KL_t / L_t, on average 1

    with gamma_t of the batch, without gradient. At beta = 1, where the warm-up is over, gamma is 1: the bound itself.

    Args:
        model: a `HierarchicalVAE`.
        x: `[B, ...]`.
        beta: rises from 0 to 1 in the warm-up.

    Returns:
        As `layer_elbo`.

    Example:
        >>> from vae_helpers import BottomUp, Gaussian, LayerPrior, MLPDecoder
        >>> model = HierarchicalVAE(BottomUp([4, 2]), LayerPrior([4, 2]), MLPDecoder(4), Gaussian())
        >>> balanced_elbo(model, torch.rand(5, 1, 28, 28), beta=0.5).value.shape
        torch.Size([5])
    """
    z, kl = layer_kls(model, x)
    if beta >= 1:
        return _with_cost(model, x, z, kl, beta * kl.sum(0))
    spent = (kl.detach().mean(1).abs() + 0.01) / torch.tensor(model.sizes).to(kl)  # [T]; never quite nothing
    gamma = spent / spent.mean()
    return _with_cost(model, x, z, kl, beta * (gamma[:, None] * kl).sum(0))
