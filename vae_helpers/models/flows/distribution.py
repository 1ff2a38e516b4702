"""A distribution made by a flow: draw from something simple, and send it through a transform."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributions as td

from ..latent_distributions import LastSample
from .transform import Transform


class Flow(td.Distribution):
    """z = f(e) with e from a base distribution. Rezende and Mohamed (2015), eq. 5.

        log q(z) = log base(e) - log |det df/de|

    Over vectors `[D]`, with the batch shape of the base and the context.

    `log_prob` of the very tensor that was drawn last costs nothing more: the distribution remembers it, with its
    log-density, whose gradient is that of e -> log q(f(e)). A tensor changed in place, or drawn without gradients
    and scored with them, is not taken for it. Any other z, a `detach()` of the sample among them, goes through the
    inverse of the transform. That is exact, and D passes for an inverse autoregressive flow: the price of `stl_bound`
    and `dreg_bound`, which ask for the slope of log q at z.

    There is no formula for the mean, so `VAE.encode` and `posterior_parameters` say that samples must be averaged.

    Args:
        base: a distribution over vectors `[D]`, or over each of their entries.
        transform: f.
        context: `[..., C]`, for f.

    Example:
        >>> from vae_helpers.models.flows.autoregressive import AffineAutoregressive
        >>> q = Flow(td.Normal(torch.zeros(5, 2), 1.0), AffineAutoregressive(2, context=3), torch.zeros(5, 3))
        >>> z = q.rsample((7,))
        >>> z.shape, q.log_prob(z).shape
        (torch.Size([7, 5, 2]), torch.Size([7, 5]))
    """

    arg_constraints = {}
    support = td.constraints.real_vector

    def __init__(self, base: td.Distribution, transform: Transform, context: Tensor | None = None):
        base = base if base.event_shape else td.Independent(base, 1, validate_args=False)
        if context is not None:
            batch_shape = torch.broadcast_shapes(base.batch_shape, context.shape[:-1])
            base = base if batch_shape == base.batch_shape else base.expand(batch_shape)
        self.base, self.transform, self.context = base, transform, context
        self._last = LastSample()
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def has_rsample(self) -> bool:
        return self.base.has_rsample

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError("a flow has no formula for its mean: average samples, q.sample((1000,)).mean(0)")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError("a flow has no formula for its variance: take that of samples, q.sample((1000,))")

    def expand(self, batch_shape: Sequence[int], _instance: None = None) -> "Flow":
        context = None if self.context is None else self.context.expand(*batch_shape, self.context.shape[-1])
        return Flow(self.base.expand(batch_shape), self.transform, context)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._through(self.base.rsample(torch.Size(sample_shape)))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with torch.no_grad():
            return self._through(self.base.sample(torch.Size(sample_shape)))

    def _through(self, e: Tensor) -> Tensor:
        z, log_det = self.transform.forward_and_log_det(e, self.context)
        self._last.keep(z, self.base.log_prob(e) - log_det)
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """log q(z) `[...]` for z `[..., D]`, in nats. Raises ValueError for another D."""
        if (known := self._last.recall(value)) is not None:
            return known
        if value.shape[-1:] != self.event_shape:
            raise ValueError(f"z must end in D = {self.event_shape[0]} dimensions, got shape {list(value.shape)}")
        e, log_det = self.transform.inverse_and_log_det(value, self.context)
        return self.base.log_prob(e) + log_det
