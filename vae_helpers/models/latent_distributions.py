"""Distributions over z: what a posterior or a prior must offer, whichever it is.

Any `torch.distributions.Distribution` will do that has `log_prob` and, as a posterior, `rsample`, as a prior,
`sample`. It may be over vectors (event shape `[L]`: a full covariance, a mixture, a flow) or over their entries
(batch shape `[..., L]`: the diagonal `Normal` of most VAEs).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributions as td

from .densities import LOG_2PI, check_event_shapes, inverse_sigma, kl_to_standard_normal
from .networks import full_precision


class DiagonalGaussian(td.Normal):
    """A `Normal` that keeps its log sigma^2, so that its KL and density are right where sigma underflows.

    Args:
        mu: `[..., L]`; what autocast made bfloat16 becomes float32 again.
        log_var: log sigma^2, `[..., L]`.
    """

    def __init__(self, mu: Tensor, log_var: Tensor):
        mu, self.log_var = full_precision(mu), full_precision(log_var)
        super().__init__(mu, torch.exp(0.5 * self.log_var), validate_args=False)

    def expand(self, batch_shape: Sequence[int], _instance: None = None) -> "DiagonalGaussian":
        return DiagonalGaussian(self.loc.expand(batch_shape), self.log_var.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        squared = ((value - self.loc) * inverse_sigma(self.log_var)).square()
        return -0.5 * (LOG_2PI + self.log_var + squared)


class LastSample:
    """What a distribution computed on the way to its last sample, for whoever asks about that very tensor.

    A tensor that was changed in place, or drawn without gradients and asked about with them, is another one.

    Example:
        >>> last, z = LastSample(), torch.zeros(3)
        >>> last.keep(z, torch.ones(3))
        >>> last.recall(z), last.recall(z.clone())
        (tensor([1., 1., 1.]), None)
    """

    def __init__(self):
        self.forget()

    def keep(self, z: Tensor, value: Tensor) -> None:
        """Remember a value that belongs to z, and nothing else."""
        self._kept = z, _version(z), value, torch.is_grad_enabled()

    def forget(self) -> None:
        """Remember nothing."""
        self._kept = None

    def recall(self, z: Tensor) -> Tensor | None:
        """The value that belongs to z, if it is the tensor that was kept, with the gradients that are wanted now."""
        if self._kept is None or z is not self._kept[0]:
            return None
        _, version, value, with_gradient = self._kept
        if _version(z) != version or version is None or torch.is_grad_enabled() and not with_gradient:
            return None
        return value if torch.is_grad_enabled() else value.detach()


def _version(z: Tensor) -> int | None:
    """How often a tensor was changed in place; None in inference mode, where nobody counts."""
    return None if z.is_inference() else z._version


def latent_log_prob(p: td.Distribution, z: Tensor) -> Tensor:
    """log p(z), one number for each vector.

    Args:
        p: a distribution over vectors `[L]`, or over each of their entries.
        z: `[..., L]`.

    Returns:
        `[...]`, in nats.

    Example:
        >>> latent_log_prob(td.Normal(torch.zeros(2), 1.0), torch.zeros(5, 2)).shape
        torch.Size([5])
    """
    log_p = p.log_prob(z)
    return log_p if p.event_shape else log_p.sum(-1)


def diagonal_gaussian(q: td.Distribution, needed_by: str) -> td.Normal:
    """q as a `Normal` over the entries of z.

    Args:
        q: a `Normal`, or an `Independent` of one.
        needed_by: what asks, for the message.

    Raises:
        TypeError: for any other distribution.

    Example:
        >>> diagonal_gaussian(td.Independent(td.Normal(torch.zeros(5, 2), 1.0), 1), "this example")
        Normal(loc: torch.Size([5, 2]), scale: torch.Size([5, 2]))
    """
    if isinstance(q, td.Independent) and q.reinterpreted_batch_ndims == 1:
        q = q.base_dist
    if not isinstance(q, td.Normal):
        raise TypeError(
            f"{needed_by} needs a diagonal Gaussian, a torch.distributions.Normal over the dimensions of z, "
            f"got {type(q).__name__}"
        )
    return q


def kl_to_prior(q: td.Distribution, p: td.Distribution, z: Tensor) -> Tensor:
    """KL(q || p): in closed form where torch has one, else estimated by log q(z) - log p(z).

    The KL of *vectors*: torch's `kl_divergence` of two `Normal`s is one number for each dimension.

    Args:
        q: the posterior of B datapoints.
        p: the prior.
        z: one sample of q, `[B, L]`, which only the estimate looks at.

    Returns:
        `[B]`, in nats.

    Raises:
        ValueError: for different L.

    Example:
        >>> q, p = td.Normal(torch.ones(5, 2), 1.0), td.Normal(torch.zeros(2), 1.0)
        >>> kl_to_prior(q, p, q.rsample())
        tensor([1., 1., 1., 1., 1.])
    """
    if isinstance(q, td.Normal) and isinstance(p, td.Normal):
        check_event_shapes(1, q=q.loc, p=p.loc)
        return kl_to_standard_normal(*_as_seen_from(p, q))
    q, p = (d if d.event_shape else td.Independent(d, 1) for d in (q, p))
    if isinstance(q, td.MultivariateNormal | td.LowRankMultivariateNormal):
        p = _with_covariance(p)
    try:
        return td.kl_divergence(q, p)
    except NotImplementedError:
        return q.log_prob(z) - p.log_prob(z)


def kl_of_dimensions(q: td.Distribution, p: td.Distribution, needed_by: str) -> Tensor:
    """KL(q(z_l|x) || p(z_l)) of diagonal Gaussians, one number for each dimension.

    Args:
        q: a diagonal Gaussian over `[B, L]`.
        p: one over `[L]`.
        needed_by: what asks, for the message.

    Returns:
        `[B, L]`, in nats.

    Raises:
        TypeError: for any other distribution.

    Example:
        >>> kl_of_dimensions(td.Normal(torch.ones(1, 2), 1.0), td.Normal(torch.zeros(2), 1.0), "this example")
        tensor([[0.5000, 0.5000]])
    """
    q, p = diagonal_gaussian(q, needed_by), diagonal_gaussian(p, f"{needed_by}, for the prior,")
    mu, log_var = _as_seen_from(p, q)
    return kl_to_standard_normal(mu[..., None], log_var[..., None])  # a sum over one dimension of size 1


def _as_seen_from(p: td.Normal, q: td.Normal) -> tuple[Tensor, Tensor]:
    """mu and log_var of q after both are shifted and scaled alike, so that p is N(0, 1)."""
    log_var = q.log_var if isinstance(q, DiagonalGaussian) else 2 * q.scale.log()
    return (q.loc - p.loc) / p.scale, log_var - 2 * p.scale.log()


def _with_covariance(p: td.Distribution) -> td.Distribution:
    """A diagonal Gaussian as a `MultivariateNormal`; anything else as it is."""
    if not isinstance(p, td.Independent) or not isinstance(p.base_dist, td.Normal):
        return p
    return td.MultivariateNormal(p.base_dist.loc, scale_tril=torch.diag_embed(p.base_dist.scale))
