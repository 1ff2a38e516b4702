"""The continuous Bernoulli, exact for every logit. torch's own clamps its probabilities (pytorch#72525)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch import distributions as td
from torch.distributions import constraints

SMALL = 0.5  # up to here a power series, exact to float64, takes the place of formulas that cancel
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # the numbers B_2, B_4, ...


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
    def t(self) -> Tensor:
        return torch.where(self.logits > 0, self.logits, -self.logits)  # abs() has no gradient at 0

    @property
    def mean(self) -> Tensor:
        return self._from_preferred_end(mean_distance(self.t))

    @property
    def variance(self) -> Tensor:
        small, large = _both_sides(self.t)
        exact = large**-2 - torch.exp(-large) / torch.expm1(-large).square()
        return torch.where(self.t < SMALL, -_series(small, derivative=2), exact)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        u, t = torch.where(self.logits > 0, 1 - u, u), self.t.expand(shape)  # so that x is smooth in the logit
        tiny, safe = t.clamp(max=1e-3), t.clamp(min=1e-3)
        exact = -torch.log1p(u * torch.expm1(-safe)) / safe  # the inverse of (1 - e^-td) / (1 - e^-t)
        return self._from_preferred_end(torch.where(t < 1e-3, u - tiny * u * (1 - u) / 2, exact).clamp(0, 1))

    def log_prob(self, x: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(x)
        t = self.t
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
    small, large = _both_sides(t)
    return torch.where(t < SMALL, small / 2 + _series(small), large.log() - torch.log(-torch.expm1(-large)))


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
    small, large = _both_sides(t)
    exact = 1 / large + torch.exp(-large) / torch.expm1(-large)
    return torch.where(t < SMALL, 0.5 + _series(small, derivative=1), exact)


def _both_sides(t: Tensor) -> tuple[Tensor, Tensor]:
    """t for the series and t for the formula, each kept where it is right: the other's gradient must be finite, too."""
    limit = torch.full_like(t, SMALL)
    return torch.where(t < SMALL, t, limit), torch.where(t < SMALL, limit, t)


def _series(t: Tensor, derivative: int = 0) -> Tensor:
    """-sum_n B_2n t^2n / (2n (2n)!), which is log(t / (1 - e^-t)) - t/2, or a derivative of it."""
    powers = range(2, 2 * len(BERNOULLI) + 1, 2)
    factors = [-b / (n * math.factorial(n)) * math.perm(n, derivative) for n, b in zip(powers, BERNOULLI, strict=True)]
    total, s = torch.zeros_like(t), t.square()
    for factor in reversed(factors):  # Horner's rule in t^2
        total = factor + s * total
    return total * t ** (2 - derivative)
