"""Likelihoods p(x|z): what the decoder's numbers mean.

A likelihood turns the decoder's output into a distribution over x. The output has the shape of x
behind any number of batch dimensions; `event_dims` says how many dimensions belong to x.
"""

import math
from numbers import Real

import torch
from torch import Tensor, nn
from torch import distributions as td

from .densities import bernoulli_log_prob, gaussian_log_prob


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
    """

    def __init__(self, mean: Tensor, log_var: Tensor, event_dims: int):
        scale = torch.exp(0.5 * log_var).expand_as(mean)
        super().__init__(td.Normal(mean, scale, validate_args=False), event_dims)
        self.log_var = log_var

    def log_prob(self, x: Tensor) -> Tensor:
        return gaussian_log_prob(x, self.base_dist.loc, self.log_var, self.reinterpreted_batch_ndims)


class Bernoulli(nn.Module):
    """x ~ Bernoulli(sigmoid(logits)), pixel by pixel."""

    def forward(self, logits: Tensor, event_dims: int) -> BernoulliPixels:
        """Logits `[..., *event]` -> a distribution over x with that event shape."""
        return BernoulliPixels(logits, event_dims)


class Gaussian(nn.Module):
    """x ~ N(mean, sigma^2), pixel by pixel, with one sigma for all pixels.

    `sigma` is a positive number, or "learned": then log sigma^2 is a parameter that starts at 0.
    Raises ValueError for anything else.
    """

    def __init__(self, sigma: float | str = 1.0):
        super().__init__()
        if sigma == "learned":
            self.log_var = nn.Parameter(torch.zeros(()))
        elif isinstance(sigma, Real) and 0 < sigma < math.inf:
            self.register_buffer("log_var", torch.tensor(2 * math.log(sigma)))
        else:
            raise ValueError(f"sigma must be a positive number or 'learned', got {sigma!r}")

    def forward(self, mean: Tensor, event_dims: int) -> GaussianPixels:
        """Mean `[..., *event]` -> a distribution over x with that event shape."""
        return GaussianPixels(mean, self.log_var, event_dims)
