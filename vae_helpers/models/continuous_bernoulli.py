"""The continuous Bernoulli, exact for every logit. torch's own clamps its probabilities (pytorch#72525)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributions as td
from torch.distributions import constraints

SMALL = 0.5  # below it a power series, exact to float64, takes the place of formulas that cancel


class ContinuousBernoulliPixel(td.Distribution):
    """A density on [0, 1] that is proportional to e^(a x). Loaiza-Ganem and Cunningham (2019), with the logit a.

        p(x) = t / (1 - e^-t) e^(-t d),  t = |a|,  d = the distance of x from the end that it prefers

    In this form nothing cancels and nothing overflows: value, mean, variance, samples and their gradients are
    right for every logit that a float can hold.

    Args:
        logits: a, of any shape.
    """

    arg_constraints = {"logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, logits: Tensor, validate_args: bool | None = None):
        self.logits = logits
        super().__init__(logits.shape, validate_args=validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: None = None) -> "ContinuousBernoulliPixel":
        return ContinuousBernoulliPixel(self.logits.expand(batch_shape), validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self._from_preferred_end(mean_distance(self.logits.abs()))

    @property
    def variance(self) -> Tensor:
        t = self.logits.abs()
        small, t = t < SMALL, t.clamp(min=SMALL)
        s = self.logits.square()
        series = 1 / 12 + s * (-1 / 240 + s * (1 / 6048 + s * (-1 / 172800 + s / 5322240)))
        return torch.where(small, series, t**-2 - torch.exp(-t) / torch.expm1(-t).square())

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        t = self.logits.abs().expand(shape)
        tiny, safe = t < 1e-3, t.clamp(min=1e-3)
        exact = -torch.log1p(u * torch.expm1(-safe)) / safe  # the inverse of (1 - e^-td) / (1 - e^-t)
        return self._from_preferred_end(torch.where(tiny, u - t * u * (1 - u) / 2, exact).clamp(0, 1))

    def log_prob(self, x: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(x)
        t = self.logits.abs()
        return log_peak(t) - t * torch.where(self.logits > 0, 1 - x, x)

    def _from_preferred_end(self, distance: Tensor) -> Tensor:
        return torch.where(self.logits > 0, 1 - distance, distance)


def log_peak(t: Tensor) -> Tensor:
    """The log-density at the end that x prefers: log(t / (1 - e^-t)).

    Args:
        t: absolute values of logits.

    Returns:
        Of the same shape, in nats; 0 at t = 0.

    Example:
        >>> log_peak(torch.tensor([0.0, 1.0, 20.0]))
        tensor([0.0000, 0.4587, 2.9957])
    """
    small, safe, s = t < SMALL, t.clamp(min=SMALL), t.square()
    terms = s * (-1 / 24 + s * (1 / 2880 + s * (-1 / 181440 + s * (1 / 9676800 - s / 479001600))))
    return torch.where(small, t / 2 + terms, safe.log() - torch.log(-torch.expm1(-safe)))


def mean_distance(t: Tensor) -> Tensor:
    """The mean distance of x from the end that it prefers, the derivative of `log_peak`: 1/t - 1/(e^t - 1).

    Args:
        t: absolute values of logits.

    Returns:
        Of the same shape, from 1/2 at t = 0 down to 0.

    Example:
        >>> mean_distance(torch.tensor([0.0, 100.0]))
        tensor([0.5000, 0.0100])
    """
    small, safe, s = t < SMALL, t.clamp(min=SMALL), t.square()
    terms = t * (-1 / 12 + s * (1 / 720 + s * (-1 / 30240 + s * (1 / 1209600 - s / 47900160))))
    return torch.where(small, 0.5 + terms, 1 / safe + torch.exp(-safe) / torch.expm1(-safe))
