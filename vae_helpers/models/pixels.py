"""Distributions over images: what a likelihood makes of the decoder's output."""

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch import distributions as td

from ..checks import extremes
from .continuous_bernoulli import ContinuousBernoulliPixel
from .densities import bernoulli_log_prob, check_event_shapes, gaussian_log_prob

ROUNDING = 1e-6  # how far outside [0, 1] a pixel may lie that was resized


def check_pixels(x: Tensor) -> None:
    """Refuse data that are not pixels in [0, 1].

    Args:
        x: of any shape.

    Raises:
        ValueError: unless every value is a number in [0, 1], up to the rounding of a resized image.

    Example:
        >>> check_pixels(torch.rand(5, 1, 3, 4))
    """
    low, high = (value.item() for value in extremes(x))
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise ValueError(
            f"a Bernoulli likelihood needs pixels in [0, 1], got values from {low:.7g} to {high:.7g}. "
            "Divide 8-bit images by 255; do not standardise them."
        )


def warn_of_probabilities(logits: Tensor) -> None:
    """Warn of logits that are probabilities already.

    Args:
        logits: of many pixels.

    Example:
        >>> warn_of_probabilities(torch.randn(1000))
    """
    if logits.numel() >= 100 and logits.min() >= 0 and logits.max() <= 1:
        warnings.warn(
            "every output of the decoder lies in [0, 1]: does it end in a sigmoid? It should return logits, which "
            "the likelihood turns into probabilities itself. Remove the sigmoid.",
            stacklevel=2,
        )


def check_fitted(log_var: Tensor) -> None:
    """Refuse an optimal sigma that no data have set yet.

    Args:
        log_var: log sigma^2, nan before any training.

    Raises:
        RuntimeError: if any of it is nan.

    Example:
        >>> check_fitted(torch.tensor(-2.0))
    """
    if log_var.isnan().any():
        raise RuntimeError("the optimal sigma is that of the training data: train the model first, with fit()")


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


class ContinuousBernoulliPixels(td.Independent):
    """Independent continuous Bernoulli pixels.

    `log_prob(x)` sums over the pixels, in nats, and raises ValueError for values outside [0, 1]
    (unless torch's argument validation is off) or for a shape other than the logits'.
    """

    def __init__(self, logits: Tensor, event_dims: int):
        super().__init__(ContinuousBernoulliPixel(logits, validate_args=False), event_dims)

    def log_prob(self, x: Tensor) -> Tensor:
        if self._validate_args:
            check_pixels(x)
        check_event_shapes(self.reinterpreted_batch_ndims, x=x, logits=self.base_dist.logits)
        return super().log_prob(x)


class GaussianPixels(td.Independent):
    """Independent Gaussian pixels with mean `[..., *event]` and variance exp(log_var).

    `log_prob(x)` sums over the pixels, in nats, and raises ValueError for a shape other than the mean's.
    With `log_var_of`, a function of the errors x - mean, it takes the variance from there instead, and keeps
    it as `batch_log_var`. `sample` uses log_var, and raises RuntimeError as long as that is nan.
    """

    def __init__(self, mean: Tensor, log_var: Tensor, event_dims: int, log_var_of: Callable | None = None):
        scale = torch.exp(0.5 * log_var).expand_as(mean)
        super().__init__(td.Normal(mean, scale, validate_args=False), event_dims)
        self.log_var, self.log_var_of, self.batch_log_var = log_var, log_var_of, None

    def log_prob(self, x: Tensor) -> Tensor:
        mean, event_dims, log_var = self.base_dist.loc, self.reinterpreted_batch_ndims, self.log_var
        if self.log_var_of is not None:
            check_event_shapes(event_dims, x=x, mean=mean)
            log_var = self.batch_log_var = self.log_var_of(x - mean)
        if log_var.numel() > 1:  # one sigma for each pixel, or for each channel
            log_var = log_var.expand(self.event_shape)
        return gaussian_log_prob(x, mean, log_var, event_dims)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        if self.log_var_of is not None:
            check_fitted(self.log_var)
        return super().sample(sample_shape)
