"""Likelihoods p(x|z): what the decoder's numbers mean.

A likelihood turns the decoder's output into a distribution over x. The output has the shape of x
behind any number of batch dimensions; `event_dims` says how many dimensions belong to x.
"""

import math
from collections.abc import Callable, Sequence
from numbers import Real

import torch
from torch import Tensor, nn
from torch import distributions as td

from .densities import bernoulli_log_prob, check_event_shapes, gaussian_log_prob


def check_pixels(x: Tensor) -> None:
    """Raise ValueError unless every value of x is a number in [0, 1]."""
    low, high = (value.item() for value in torch.aminmax(x))
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"a Bernoulli likelihood needs pixels in [0, 1], got values from {low:g} to {high:g}. "
            "Divide 8-bit images by 255; do not standardise them."
        )


class BernoulliPixels(td.Independent):
    """Independent Bernoulli pixels; `log_prob` also takes grey levels, read as probabilities.

    `log_prob(x)` sums over the pixels, in nats, and raises ValueError for values outside [0, 1]
    (unless torch's argument validation is off) or for a shape other than the logits'.
    """

    def __init__(self, logits: Tensor, event_dims: int):
        super().__init__(td.Bernoulli(logits=logits, validate_args=False), event_dims)
        self.logits = logits

    def log_prob(self, x: Tensor) -> Tensor:
        if self._validate_args:
            check_pixels(x)
        return bernoulli_log_prob(x, self.logits, self.reinterpreted_batch_ndims)


class GaussianPixels(td.Independent):
    """Independent Gaussian pixels with mean `[..., *event]` and variance exp(log_var).

    `log_prob(x)` sums over the pixels, in nats, and raises ValueError for a shape other than the mean's.
    With `fit`, a function from the errors x - mean to log_var, `log_prob` uses that variance instead.
    `sample` then uses log_var, and raises RuntimeError as long as that is nan.
    """

    def __init__(self, mean: Tensor, log_var: Tensor, event_dims: int, fit: Callable | None = None):
        scale = torch.exp(0.5 * log_var).expand_as(mean)
        super().__init__(td.Normal(mean, scale, validate_args=False), event_dims)
        self.log_var, self.fit = log_var, fit

    def log_prob(self, x: Tensor) -> Tensor:
        mean, event_dims = self.base_dist.loc, self.reinterpreted_batch_ndims
        log_var = self.log_var
        if self.fit is not None:
            check_event_shapes(event_dims, x=x, mean=mean)
            log_var = self.fit(x - mean)
        return gaussian_log_prob(x, mean, log_var, event_dims)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        if self.fit is not None:
            check_fitted(self.log_var)
        return super().sample(sample_shape)


def check_fitted(log_var: Tensor) -> None:
    """Raise RuntimeError if an optimal log_var, nan at first, has not been set by any data yet."""
    if log_var.isnan().any():
        raise RuntimeError("the optimal sigma is that of the training data: train the model first")


class Bernoulli(nn.Module):
    """x ~ Bernoulli(sigmoid(logits)), pixel by pixel."""

    def forward(self, logits: Tensor, event_dims: int) -> BernoulliPixels:
        """Logits `[..., *event]` -> a distribution over x with that event shape."""
        return BernoulliPixels(logits, event_dims)


class ContinuousBernoulli(nn.Module):
    """A density on [0, 1] proportional to p^x (1 - p)^(1 - x) with p = sigmoid(logits), pixel by pixel.

    The Bernoulli's formula for grey levels, divided by its integral (Loaiza-Ganem and Cunningham, 2019).
    """

    def forward(self, logits: Tensor, event_dims: int) -> td.Independent:
        """Logits `[..., *event]` -> a distribution over x with that event shape; log_prob in nats."""
        return td.Independent(td.ContinuousBernoulli(logits=logits, validate_args=False), event_dims)


class Gaussian(nn.Module):
    """x ~ N(mean, sigma^2), pixel by pixel.

    sigma      a positive number; "learned", log sigma^2 a parameter that starts at 0; or "optimal": in
               training mode sigma^2 is the batch's mean squared error, which maximises the likelihood
               (Rybkin et al., 2021), in evaluation mode its mean over the last ten or so batches
               (as with batch normalisation: only training may fit sigma; `fit` leaves evaluation mode on)
    pixels     the shape of x, for one sigma per pixel; by default one for all
    floor      a learned or optimal sigma cannot fall below it; whatever is above is still reached exactly

    Raises ValueError for anything else, RuntimeError for an "optimal" sigma used before any training.
    """

    def __init__(self, sigma: float | str = 1.0, pixels: Sequence[int] = (), floor: float = 0.0):
        super().__init__()
        if not 0 <= floor < math.inf:
            raise ValueError(f"floor must be a number of at least 0, got {floor}")
        if floor and isinstance(sigma, Real):
            raise ValueError(f"a floor is for a sigma that is fitted; this one is fixed at {sigma}")
        self.optimal, self.floor = sigma == "optimal", floor
        if sigma == "learned":
            self.log_var = nn.Parameter(torch.zeros(tuple(pixels)))
        elif self.optimal:
            self.register_buffer("log_var", torch.full(tuple(pixels), math.nan))
        elif isinstance(sigma, Real) and 0 < sigma < math.inf:
            self.register_buffer("log_var", torch.full(tuple(pixels), 2 * math.log(sigma)))
        else:
            raise ValueError(f"sigma must be a positive number, 'learned' or 'optimal', got {sigma!r}")

    def forward(self, mean: Tensor, event_dims: int) -> GaussianPixels:
        """Mean `[..., *event]` -> a distribution over x with that event shape."""
        if self.optimal and self.training:
            return GaussianPixels(mean, self.log_var, event_dims, fit=self._fit)
        if self.optimal:
            check_fitted(self.log_var)
        log_var = self.log_var
        if self.floor and not self.optimal:
            log_var = torch.logaddexp(log_var, torch.full_like(log_var, 2 * math.log(self.floor)))
        return GaussianPixels(mean, log_var, event_dims)

    def _fit(self, error: Tensor) -> Tensor:
        """log of the mean squared error over all but the pixels that have a sigma of their own."""
        # No gradient: at the maximum over sigma, the likelihood does not change with sigma.
        squared = error.detach().square()
        variance = squared.mean(tuple(range(squared.ndim - self.log_var.ndim)))
        log_var = variance.clamp(min=self.floor**2).log()
        now = log_var.to(self.log_var)
        slow_mean = torch.logaddexp(self.log_var + math.log(0.9), now + math.log(0.1))  # of the variances
        self.log_var.copy_(torch.where(self.log_var.isnan(), now, slow_mean))  # nan before the first batch
        return log_var
