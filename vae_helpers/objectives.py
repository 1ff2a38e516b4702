"""What is maximised: bounds on log p(x), one value per datapoint, in nats.

An objective takes (model, x) and returns a tensor `[B]`, or a named tuple of tensors `[B]` whose
first field, `value`, is the one to maximise. Averages over datapoints are the caller's.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal

from .densities import check_event_shapes, kl_to_standard_normal
from .models import VAE


class ELBO(NamedTuple):
    """The evidence lower bound and its two terms, each `[B]`, in nats."""

    value: Tensor
    reconstruction: Tensor
    kl: Tensor


def log_likelihood(model: VAE, x: Tensor, z: Tensor) -> Tensor:
    """log p(x|z) for x `[B, ...]` and z `[..., B, L]`: `[..., B]`, in nats.

    Raises ValueError if the decoder's output has not the shape of x; broadcast, it would be a wrong sum.
    """
    p = model.decode(z)
    if p.event_shape != x.shape[1:]:
        raise ValueError(
            f"the decoder must return parameters [..., {', '.join(map(str, x.shape[1:]))}], the shape of an "
            f"image, got {list(p.batch_shape + p.event_shape)} for z {list(z.shape)}."
        )
    return p.log_prob(x)


def kl_divergence(q: Normal, p: Normal) -> Tensor:
    """KL(q || p) of diagonal Gaussians, summed over the latent dimensions: `[..., L]` -> `[...]`, in nats.

    Raises ValueError for different L.
    """
    check_event_shapes(1, q=q.loc, p=p.loc)
    # both shifted and scaled alike, so that p is N(0, 1), they are as far apart as before
    return kl_to_standard_normal((q.loc - p.loc) / p.scale, 2 * (q.scale / p.scale).log())


def elbo(model: VAE, x: Tensor, beta: float = 1.0) -> ELBO:
    """E_q[log p(x|z)] - beta KL(q(z|x) || p(z)), the expectation by one reparameterised sample.

    x `[B, ...]` -> `ELBO` of tensors `[B]`, in nats; the KL is in closed form.
    Kingma and Welling (2014), eq. 10; beta as in Higgins et al. (2017), eq. 4.
    """
    q = model.posterior(x)
    z = q.rsample()
    reconstruction = log_likelihood(model, x, z)
    kl = kl_divergence(q, model.prior)
    return ELBO(reconstruction - beta * kl, reconstruction, kl)


def free_bits(model: VAE, x: Tensor, threshold: float, beta: float = 1.0) -> ELBO:
    """The objective of `elbo`, but the first `threshold` nats of every latent dimension cost nothing extra.

    x `[B, ...]` -> `ELBO` of tensors `[B]`, in nats. The value is E_q[log p(x|z)] - beta sum_l
    max(threshold, KL_l), with KL_l the mean over the batch: one sum for all of it; `kl` is the true one.
    Its mean over the batch is at most that of `elbo`. Kingma et al. (2016), appendix C.8, with groups of one.
    """
    if not threshold >= 0:
        raise ValueError(f"threshold must be a number of nats of at least 0, got {threshold}")
    q, p = model.posterior(x), model.prior
    reconstruction = log_likelihood(model, x, q.rsample())
    q, p = (Normal(d.loc[..., None], d.scale[..., None]) for d in (q, p))  # sum over dimensions of size 1
    kl = kl_divergence(q, p)  # [B, L]
    cost = kl.mean(0).clamp(min=threshold).sum()
    return ELBO(reconstruction - beta * cost, reconstruction, kl.sum(-1))


def log_weights(model: VAE, x: Tensor, k: int, q: Normal | None = None) -> Tensor:
    """log w = log p(x|z) + log p(z) - log q(z|x) for k samples z ~ q(z|x): `[K, B]`, in nats.

    The mean of w over samples is an unbiased estimate of p(x) (Burda et al., 2016). `q` is the
    posterior of these x, where it is known already.
    """
    return _weigh(model, x, k, q)[1]


def iwae_bound(model: VAE, x: Tensor, k: int) -> Tensor:
    """log of the mean of k importance weights: `[B]`, in nats. Burda et al. (2016), eq. 8.

    The mean is inside the logarithm; the mean of log w would be the ELBO again, for any k.
    """
    return torch.logsumexp(log_weights(model, x, k), dim=0) - math.log(k)


def stl_bound(model: VAE, x: Tensor, k: int) -> Tensor:
    """`iwae_bound` with the gradient of "sticking the landing": log q(z|x) is differentiated through z only.

    What is left out has mean zero for k = 1; for more samples the encoder's gradient is biased.
    Roeder et al. (2017), section 3; the bias: Tucker et al. (2019), section 4.
    """
    _, log_w = _weigh(model, x, k, stop_density=True)
    return torch.logsumexp(log_w, dim=0) - math.log(k)


def dreg_bound(model: VAE, x: Tensor, k: int) -> Tensor:
    """`iwae_bound` with the doubly reparameterised gradient: unbiased, and quieter for the encoder.

    log q(z|x) is differentiated through z only, and what reaches the encoder through a sample is multiplied
    by its normalised weight once more; the decoder's gradient stays as it is. Tucker et al. (2019), eq. 8.
    """
    z, log_w = _weigh(model, x, k, stop_density=True)
    if z.requires_grad:
        share = torch.softmax(log_w.detach(), dim=0)[..., None]
        z.register_hook(lambda gradient: share * gradient)
    return torch.logsumexp(log_w, dim=0) - math.log(k)


def _weigh(
    model: VAE, x: Tensor, k: int, q: Normal | None = None, stop_density: bool = False
) -> tuple[Tensor, Tensor]:
    """k samples z `[K, B, L]` and log-weights `[K, B]`; if stopped, log q has no gradient but through z."""
    if k < 1:
        raise ValueError(f"k must be at least 1 (samples per datapoint), got {k}")
    q = q or model.posterior(x)
    z = q.rsample((k,))
    log_joint = log_likelihood(model, x, z) + model.prior.log_prob(z).sum(-1)
    density = Normal(q.loc.detach(), q.scale.detach(), validate_args=False) if stop_density else q
    return z, log_joint - density.log_prob(z).sum(-1)
