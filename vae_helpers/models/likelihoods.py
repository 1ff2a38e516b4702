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


class Likelihood(nn.Module):
    """Base class: a module from the decoder's output to a distribution over x, which knows its data."""

    def forward(self, parameters: Tensor, event_dims: int) -> td.Distribution:
        """The decoder's output `[..., *event]` -> p(x|z), batch `[...]`, event shape that of x."""
        raise NotImplementedError

    def check_data(self, x: Tensor) -> None:
        """Raise ValueError for data that it does not describe; here all data are welcome."""

    def parameters_of_mean(self, mean: Tensor) -> Tensor:
        """The decoder's output for which E[x|z] is `mean`; TypeError where there is no formula."""
        raise TypeError(f"{type(self).__name__} has no formula from the mean to the decoder's output")


def check_pixels(x: Tensor) -> None:
    """Refuse data that are not pixels in [0, 1].

    Args:
        x: of any shape.

    Raises:
        ValueError: unless every value is a number in [0, 1].

    Example:
        >>> check_pixels(torch.rand(5, 1, 3, 4))
    """
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


class Bernoulli(Likelihood):
    """x ~ Bernoulli(sigmoid(logits)), pixel by pixel.

    Example:
        >>> Bernoulli()(torch.zeros(5, 1, 3, 4), event_dims=3).log_prob(torch.ones(5, 1, 3, 4)).shape
        torch.Size([5])
    """

    def forward(self, logits: Tensor, event_dims: int) -> BernoulliPixels:
        """Logits `[..., *event]` -> a distribution over x with that event shape."""
        return BernoulliPixels(logits, event_dims)

    def check_data(self, x: Tensor) -> None:
        """Raise ValueError unless every value is a number in [0, 1]."""
        check_pixels(x)

    def parameters_of_mean(self, mean: Tensor) -> Tensor:
        """Logits; 1/1000 and 999/1000 stand for 0 and 1, whose logits are infinite."""
        return mean.clamp(1e-3, 1 - 1e-3).logit()


class ContinuousBernoulli(Likelihood):
    """A density on [0, 1] proportional to p^x (1 - p)^(1 - x) with p = sigmoid(logits), pixel by pixel.

    The Bernoulli's formula for grey levels, divided by its integral (Loaiza-Ganem and Cunningham, 2019).
    """

    def forward(self, logits: Tensor, event_dims: int) -> td.Independent:
        """Logits `[..., *event]` -> a distribution over x with that event shape; log_prob in nats."""
        return td.Independent(td.ContinuousBernoulli(logits=logits, validate_args=False), event_dims)

    def check_data(self, x: Tensor) -> None:
        """Raise ValueError unless every value is a number in [0, 1]."""
        check_pixels(x)


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
        return gaussian_log_prob(x, mean, log_var, event_dims)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        if self.log_var_of is not None:
            check_fitted(self.log_var)
        return super().sample(sample_shape)


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


class Gaussian(Likelihood):
    """x ~ N(mean, sigma^2), pixel by pixel.

    The "optimal" sigma^2 is the mean squared error, which maximises the likelihood (Rybkin et al., 2021).
    While `fit` trains, every batch is given its own, and a running mean over the last ten or so batches is kept.
    Everywhere else that mean is used, in training mode too: no evaluation moves or fits it. (A loop of your own
    opens `with fitting(model) as after_step:` and calls `after_step()` after every step.)

    Args:
        sigma: a positive number; "learned", log sigma^2 a parameter that starts at 0; or "optimal".
        pixels: the shape of x, for one sigma per pixel; by default one for all.
        floor: a learned or optimal sigma cannot fall below it; whatever is above is still reached exactly.

    Raises:
        ValueError: for anything else.
        RuntimeError: for an "optimal" sigma used before any training.

    Example:
        >>> Gaussian(0.1)(torch.zeros(5, 1, 3, 4), event_dims=3).log_prob(torch.zeros(1, 3, 4)).shape
        torch.Size([5])
    """

    fitting = False  # whether each batch sets sigma; `contexts.fitting` switches it on
    last_batch: GaussianPixels | None = None

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
        if self.optimal and self.fitting and self.training:
            self.last_batch = GaussianPixels(mean, self.log_var, event_dims, self.best_log_var)
            return self.last_batch
        if self.optimal:
            check_fitted(self.log_var)
        log_var = self.log_var
        if self.floor and not self.optimal:
            log_var = torch.logaddexp(log_var, torch.full_like(log_var, 2 * math.log(self.floor)))
        return GaussianPixels(mean, log_var, event_dims)

    def parameters_of_mean(self, mean: Tensor) -> Tensor:
        """The mean itself."""
        return mean

    def best_log_var(self, error: Tensor) -> Tensor:
        """The log sigma^2 that maximises the likelihood of the errors x - mean, `[..., *event]`: `[*pixels]`.

        The log of their mean square, over all but the pixels that have a sigma of their own, and at least that
        of the floor. No gradient: at the maximum over sigma, the likelihood does not change with sigma.
        """
        squared = error.detach().square()
        variance = squared.mean(tuple(range(squared.ndim - self.log_var.ndim)))
        return variance.clamp(min=self.floor**2).log()

    def after_step(self) -> None:
        """Move the running sigma^2 by a tenth of the way to that of the last batch."""
        if self.last_batch is not None and self.last_batch.batch_log_var is not None:
            now = self.last_batch.batch_log_var.to(self.log_var)
            slow_mean = torch.logaddexp(self.log_var + math.log(0.9), now + math.log(0.1))  # of the variances
            self.log_var.copy_(torch.where(self.log_var.isnan(), now, slow_mean))  # nan before the first batch
        self.last_batch = None
