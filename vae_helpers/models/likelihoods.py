"""Likelihoods p(x|z): what the decoder's numbers mean.

A likelihood turns the decoder's output into a distribution over x. The output has the shape of x
behind any number of batch dimensions; `event_dims` says how many dimensions belong to x.
"""

import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor, nn
from torch import distributions as td

from .pixels import (
    BernoulliPixels,
    ContinuousBernoulliPixels,
    GaussianPixels,
    check_fitted,
    check_pixels,
    warn_of_probabilities,
)


class Likelihood(nn.Module):
    """Base class: a module from the decoder's output to a distribution over x, which knows its data."""

    def forward(self, parameters: Tensor, event_dims: int) -> td.Distribution:
        """The decoder's output `[..., *event]` -> p(x|z), batch `[...]`, event shape that of x."""
        raise NotImplementedError

    def check_data(self, x: Tensor) -> None:
        """Raise ValueError for data that it does not describe; here all data are welcome."""

    def check_parameters(self, parameters: Tensor) -> None:
        """Warn of a decoder whose output looks like something else; here it may be anything."""

    def parameters_of_mean(self, mean: Tensor) -> Tensor:
        """The decoder's output for which E[x|z] is `mean`; TypeError where there is no formula."""
        raise TypeError(f"{type(self).__name__} has no formula from the mean to the decoder's output")


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

    def check_parameters(self, parameters: Tensor) -> None:
        """Warn if all logits lie in [0, 1], as those of a decoder do that ends in a sigmoid."""
        warn_of_probabilities(parameters)

    def parameters_of_mean(self, mean: Tensor) -> Tensor:
        """Logits; 1/1000 and 999/1000 stand for 0 and 1, whose logits are infinite."""
        return mean.clamp(1e-3, 1 - 1e-3).logit()


class ContinuousBernoulli(Likelihood):
    """A density on [0, 1] proportional to p^x (1 - p)^(1 - x) with p = sigmoid(logits), pixel by pixel.

    The Bernoulli's formula for grey levels, divided by its integral (Loaiza-Ganem and Cunningham, 2019).

    Example:
        >>> t = torch.linspace(0, 1, 10_001)[:, None]
        >>> torch.trapezoid(ContinuousBernoulli()(torch.tensor([-9.0]), event_dims=1).log_prob(t).exp(), t[:, 0])
        tensor(1.0000)
    """

    def forward(self, logits: Tensor, event_dims: int) -> ContinuousBernoulliPixels:
        """Logits `[..., *event]` -> a distribution over x with that event shape."""
        return ContinuousBernoulliPixels(logits, event_dims)

    def check_data(self, x: Tensor) -> None:
        """Raise ValueError unless every value is a number in [0, 1]."""
        check_pixels(x)

    def check_parameters(self, parameters: Tensor) -> None:
        """Warn if all logits lie in [0, 1], as those of a decoder do that ends in a sigmoid."""
        warn_of_probabilities(parameters)


class Gaussian(Likelihood):
    """x ~ N(mean, sigma^2), pixel by pixel.

    The "optimal" sigma^2 is the mean squared error, which maximises the likelihood (Rybkin et al., 2021).
    While `fit` trains, every batch is given its own, and a running mean over the last ten or so batches is kept.
    Everywhere else that mean is used, in training mode too: no evaluation moves or fits it. (A loop of your own
    opens `with fitting(model) as after_step:` and calls `after_step()` after every step.) It maximises the ELBO;
    importance-weighted bounds weight the errors, and have another maximum: use "learned" for these, and for
    training in several processes, each of which would fit its own part of a batch.

    Args:
        sigma: a positive number; "learned", log sigma^2 a parameter that starts at 0; or "optimal".
        pixels: the shape of x, for one sigma per pixel, or (C, 1, 1), for one per channel; by default one for all.
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
        self.sigma, self.floor = sigma, floor
        self.follows = sigma == "optimal"  # the batches of `fit`: see `contexts.fitting`
        if sigma == "learned":
            self.log_var = nn.Parameter(torch.zeros(tuple(pixels)))
        elif self.follows:
            self.register_buffer("log_var", torch.full(tuple(pixels), math.nan))
        elif isinstance(sigma, Real) and 0 < sigma < math.inf:
            # not stored with the weights: it is what the constructor was told, and never another model's
            self.register_buffer("log_var", torch.full(tuple(pixels), 2 * math.log(sigma)), persistent=False)
        else:
            raise ValueError(f"sigma must be a positive number, 'learned' or 'optimal', got {sigma!r}")

    def forward(self, mean: Tensor, event_dims: int) -> GaussianPixels:
        """Mean `[..., *event]` -> a distribution over x with that event shape."""
        if self.follows and self.fitting and self.training:
            self.last_batch = GaussianPixels(mean, self.log_var, event_dims, self.best_log_var)
            return self.last_batch
        if self.follows:
            check_fitted(self.log_var)
        log_var = self.log_var
        if self.floor and not self.follows:
            log_var = torch.logaddexp(log_var, torch.full_like(log_var, 2 * math.log(self.floor)))
        return GaussianPixels(mean, log_var, event_dims)

    def extra_repr(self) -> str:
        parts = {"sigma": self.sigma, "pixels": tuple(self.log_var.shape), "floor": self.floor}
        return ", ".join(f"{name}={value!r}" for name, value in parts.items() if value or name == "sigma")

    def parameters_of_mean(self, mean: Tensor) -> Tensor:
        """The mean itself."""
        return mean

    def best_log_var(self, error: Tensor) -> Tensor:
        """The log sigma^2 that maximises the likelihood of the errors x - mean, `[..., *event]`: `[*pixels]`.

        The log of their mean square, over all but the pixels that have a sigma of their own, and at least that
        of the floor. No gradient: at the maximum over sigma, the likelihood does not change with sigma.
        """
        pixels = self.log_var.shape
        squared = error.detach().square()
        variance = squared.mean(tuple(range(squared.ndim - len(pixels))))
        if shared := [i for i, n in enumerate(pixels) if n == 1 and variance.shape[i] > 1]:
            variance = variance.mean(shared, keepdim=True)
        return variance.clamp(min=self.floor**2).log()

    def after_step(self) -> None:
        """Move the running sigma^2 by a tenth of the way to that of the last batch."""
        if self.last_batch is not None and self.last_batch.batch_log_var is not None:
            now = self.last_batch.batch_log_var.to(self.log_var)
            slow_mean = torch.logaddexp(self.log_var + math.log(0.9), now + math.log(0.1))  # of the variances
            self.log_var.copy_(torch.where(self.log_var.isnan(), now, slow_mean))  # nan before the first batch
        self.last_batch = None
