"""Distributions over z: what a posterior or a prior must offer, whichever it is.

Any `torch.distributions.Distribution` will do that has `log_prob` and, as a posterior, `rsample`, as a prior,
`sample`. It may be over vectors (event shape `[L]`: a full covariance, a mixture, a flow) or over their entries
(batch shape `[..., L]`: the diagonal `Normal` of most VAEs).
"""

import torch
from torch import Tensor
from torch import distributions as td

from .densities import check_event_shapes, kl_to_standard_normal


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
        # both shifted and scaled alike, so that p is N(0, 1), they are as far apart as before
        return kl_to_standard_normal((q.loc - p.loc) / p.scale, 2 * (q.scale / p.scale).log())
    q, p = (d if d.event_shape else td.Independent(d, 1) for d in (q, p))
    if isinstance(q, td.MultivariateNormal | td.LowRankMultivariateNormal):
        p = _with_covariance(p)
    try:
        return td.kl_divergence(q, p)
    except NotImplementedError:
        return q.log_prob(z) - p.log_prob(z)


def _with_covariance(p: td.Distribution) -> td.Distribution:
    """A diagonal Gaussian as a `MultivariateNormal`; anything else as it is."""
    if not isinstance(p, td.Independent) or not isinstance(p.base_dist, td.Normal):
        return p
    return td.MultivariateNormal(p.base_dist.loc, scale_tril=torch.diag_embed(p.base_dist.scale))
