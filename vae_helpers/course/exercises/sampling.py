"""Whether samples look like independent Gaussian noise, shifted and scaled: tests with many draws."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from .checking import compare
from .diagnosis import Mistake

LIMIT = 6.5
"""Standard errors. Right noise is beyond it once in 10^10 times; the checker looks at some 60 numbers, and at one
distance of distribution functions with a limit of 3 * 10^-8. It rejects right noise less than once in 10^6 times."""


def check_form(z: Tensor, mu: Tensor, k: int) -> None:
    """Raise Mistake unless z is a tensor `[K, B, L]`.

    Args:
        z: what the reader's function returned.
        mu: `[B, L]`.
        k: K.

    Example:
        >>> check_form(torch.zeros(2, 3), torch.zeros(2, 3), 5)
        Traceback (most recent call last):
        vae_helpers.course.exercises.diagnosis.Mistake: One sample for each data point: k plays no part. ...
    """
    points, dim = mu.shape
    if isinstance(z, Tensor) and z.shape == (k, points, dim):
        return
    for shape, message in (
        ((points, k, dim), "The shape is [B, K, L]; the samples come first: [K, B, L]."),
        ((points, dim, k), "The shape is [B, L, K]; the samples come first: [K, B, L]."),
        ((points, dim), "One sample for each data point: k plays no part. Return [K, B, L]."),
        ((k * points, dim), "The shape is [K B, L]: samples and data points are one dimension. Return [K, B, L]."),
        ((k, dim), "The shape is [K, L]: the data points are lost. Return [K, B, L]."),
    ):
        if isinstance(z, Tensor) and z.shape == shape:
            raise Mistake(message)
    compare(z, torch.zeros(k, points, dim))


def check_path(z: Tensor, mu: Tensor, reached: tuple) -> None:
    """Raise Mistake unless the gradients of the sum of z^2 are those of the path, for right samples.

    Args:
        z: samples `[K, B, L]`, as the reader's function returned them.
        mu: `[B, L]`.
        reached: the gradients that arrived at mu and log_var, None where none did.

    Example:
        >>> check_path(torch.zeros(1, 1, 1), torch.zeros(1, 1), (None, None))
        Traceback (most recent call last):
        vae_helpers.course.exercises.diagnosis.Mistake: The samples carry no gradient. ...
    """
    if not z.requires_grad:
        raise Mistake("The samples carry no gradient. Was something detached, or drawn with sample()?")
    z = z.detach()
    by_path = 2 * z, z * (z - mu)  # dz/dmu = 1, dz/dlog_var = (z - mu) / 2
    for name, gradient in zip(("mu", "log_var"), reached, strict=True):
        if gradient is None:
            raise Mistake(f"No gradient reaches {name}.")
    for name, gradient, terms in zip(("mu", "log_var"), reached, by_path, strict=True):
        if ((gradient - terms.sum(0)).abs() > 1e-3 * terms.abs().sum(0) + 1e-5).any():
            raise Mistake(
                f"A gradient reaches {name}, but it is not that of mu + sigma * eps, though the samples are right. "
                "(torch.normal, for one, passes zeros.) Draw standard normal noise, then shift and scale it."
            )


def check_scale_and_family(z: Tensor, mu: Tensor, log_var: Tensor) -> None:
    """Raise Mistake unless each data point and dimension has draws of its own of N(mu, exp(log_var)).

    Args:
        z: samples `[K, B, L]`, K large, in float64.
        mu: `[B, L]`.
        log_var: `[B, L]`.

    Example:
        >>> mu = torch.zeros(2, 3).double()
        >>> check_scale_and_family(2 * torch.randn(1000, 2, 3).double(), mu, mu)
        Traceback (most recent call last):
        vae_helpers.course.exercises.diagnosis.Mistake: The standard deviation of the samples is ...
    """
    if not torch.isfinite(z).all():
        raise Mistake("Some samples are not numbers. log_var may be negative; what does your function do to it?")
    if (z - z[0]).abs().max() < 1e-6:
        raise Mistake("All K samples of a data point are the same. The noise needs a dimension for them.")
    sigma = (0.5 * log_var).exp()
    _check_scale(z, mu, sigma, log_var)
    noise = ((z - mu) / sigma).flatten(1)
    if pair := _related(noise):
        (b, i), (other_b, other_i) = (divmod(column, z.shape[2]) for column in pair)
        who = "dimensions of a data point" if b == other_b else "data points"
        who += " and dimensions" * (b != other_b and i != other_i)
        raise Mistake(f"Samples of different {who} move together: they share their noise. Which shape must it have?")
    _check_family(noise.flatten())


def check_independent(z: Tensor, mu: Tensor, log_var: Tensor) -> None:
    """Raise Mistake unless the K samples of each data point are independent of one another.

    Args:
        z: samples `[K, B, L]`, of right mean and variance, B large, in float64.
        mu: `[B, L]`.
        log_var: `[B, L]`.

    Example:
        >>> s = torch.randn(1, 5000, 3).double()
        >>> check_independent(torch.cat([s, -s]), 0 * s[0], 0 * s[0])
        Traceback (most recent call last):
        vae_helpers.course.exercises.diagnosis.Mistake: The samples come in pairs, mu + s and mu - s. ...
    """
    noise = ((z - mu) / (0.5 * log_var).exp()).flatten(1)
    if noise.shape[1] < 100 or not (pair := _related(noise.T)):
        return
    x, y = noise[pair[0]], noise[pair[1]]
    if (x - y).abs().max() < 1e-3:
        raise Mistake("Some samples of a data point are the same. Draw fresh noise for each of the K.")
    if (x + y).abs().max() < 1e-3:
        raise Mistake("The samples come in pairs, mu + s and mu - s. Draw fresh noise for each of the K.")
    if noise.mean(0).abs().max() < 1e-3:
        raise Mistake("The K samples of a data point have mean mu exactly: their noise was centred. Leave it as drawn.")
    raise Mistake("The K samples of a data point depend on one another. Leave the noise as it was drawn.")


def _check_scale(z: Tensor, mu: Tensor, sigma: Tensor, log_var: Tensor) -> None:
    """Means and standard deviations of each data point and dimension."""
    n, spread, softplus = len(z), z.std(0), F.softplus(log_var)
    for scale, message in (
        (sigma**2, "The noise is scaled by the variance. What does log_var hold?"),
        (torch.ones_like(sigma), "The noise has unit scale: log_var plays no part."),
        (log_var.abs(), "The noise is scaled by the logarithm itself."),
        (1 / sigma, "The noise is divided by sigma: a larger variance should spread z more."),
        (0.5 * sigma**2, "The noise is scaled by half the variance: the 1/2 belongs inside the exponential."),
        (sigma**0.5, "The noise is scaled by the root of sigma: exp(log_var / 2) is sigma already."),
        (softplus, "The noise is scaled by softplus(log_var); sigma is exp(log_var / 2)."),
        (softplus**0.5, "The variance is taken as softplus(log_var); it is exp(log_var)."),
    ):
        if (spread / scale - 1).abs().max() < 0.015 and (scale / sigma - 1).abs().max() > 0.05:
            raise Mistake(message)
    centre = z.mean(0)
    if ((spread - (0.5 * mu).exp()).abs() < 0.015 * spread).all() and ((centre - log_var).abs() < 0.03 * spread).all():
        raise Mistake("mu and log_var are exchanged: the mean of the samples is log_var.")
    if ((spread / sigma - 12**-0.5).abs() < 0.005).all() and ((centre - mu) / sigma - 0.5).abs().max() < 0.005:
        raise Mistake("The noise is uniform on (0, 1), as torch.rand draws it: torch.randn is the Gaussian one.")
    ratio = spread / sigma
    together, error = ratio.square().mean().sqrt(), (2 * n) ** -0.5
    if ((ratio - 1).abs() > LIMIT * error).any() or (together - 1).abs() > LIMIT * error / ratio.numel() ** 0.5:
        alike = (ratio / together - 1).abs().max() < 0.02
        worst = (together if alike else ratio.flatten()[(ratio - 1).abs().argmax()]).item()
        where = "" if alike else " for one of them"
        raise Mistake(f"The standard deviation of the samples is {worst:.3g} times exp(log_var / 2){where}.")
    off = z.mean(0) - mu
    if (off.abs() > LIMIT * sigma / n**0.5).any():
        if ((off + mu).abs() < LIMIT * sigma / n**0.5).all():
            raise Mistake("The mean of the samples is 0: mu plays no part.")
        worst = off.flatten()[(off / sigma).abs().argmax()].item()
        raise Mistake(f"The mean of {n:,} samples is off from mu by {worst:.2g}.")


def _related(columns: Tensor) -> list[int]:
    """A pair of columns that are correlated, or whose squares are; none if there is no such pair."""
    for values in (columns, columns.square()):
        correlation = torch.corrcoef(values.T).triu(1).nan_to_num().abs()
        if correlation.max() > LIMIT / len(values) ** 0.5:
            return list(divmod(int(correlation.argmax()), columns.shape[1]))
    return []


def _check_family(noise: Tensor) -> None:
    """Whether noise of mean 0 and variance 1 is Gaussian: fourth and third moment, and the distribution function."""
    n = len(noise)
    noise = (noise - noise.mean()) / noise.std()
    squares = noise.square()
    fourth, third = squares.square().mean().item(), (squares * noise).mean().item()
    if abs(fourth - 3) > LIMIT * (24 / n) ** 0.5:
        raise Mistake(
            f"The noise is not Gaussian: its variance is right to 1 %, but it has tails that are too "
            f"{'short' if fourth < 3 else 'long'} (its mean fourth power is {fourth:.3g}; of a Gaussian's it is 3)."
        )
    ranks = torch.arange(n, dtype=torch.float64) / n
    distance = (torch.special.ndtr(noise.sort().values) - ranks).abs().max().item()
    # Kolmogorov: sqrt(n) distance is beyond 3 with probability 2 exp(-18)
    if abs(third) > LIMIT * (6 / n) ** 0.5 or distance * math.sqrt(n) > 3:
        raise Mistake("The noise is not Gaussian: its variance is right to 1 %, its distribution function is not.")
