"""Checkers of notebook 05: the Gaussian likelihood, silent and optimal sigma, bits per dimension."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal

from .checking import checker, compare


def _images(seed: int, batch: int, pixels: int) -> tuple[Tensor, Tensor]:
    """x and mean `[B, D]`, with errors that are neither centred nor of one size."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(batch, pixels, generator=generator)
    error = torch.rand(batch, pixels, generator=generator) * torch.linspace(0.2, 1.5, pixels) + 0.1
    return x, x - error * torch.linspace(0.5, 1.5, batch)[:, None]


@checker("05.a")
def gaussian_log_likelihood(answer: Callable) -> str:
    """answer(x, mean, sigma): x and mean `[B, D]`, sigma `[]` -> log N(x; mean, sigma^2 I) `[B]`, in nats."""
    for seed, (batch, pixels, value) in enumerate(((3, 5, 0.4), (5, 2, 1.7))):
        x, mean = _images(seed, batch, pixels)
        sigma = torch.tensor(value)
        per_pixel = Normal(mean, sigma).log_prob(x)
        truth = per_pixel.sum(-1)
        half_squares = (x - mean).square().sum(-1) / 2
        constant, log_sigma = pixels / 2 * math.log(2 * math.pi), pixels * sigma.log()
        wrong = [
            (-truth, "The sign is wrong: this is -log p, the loss."),
            (per_pixel.mean(-1), "This is a mean over pixels; log p(x|z) of an image is a sum."),
            (per_pixel, "Not summed over the pixels of each image yet."),
            (truth.sum(), "One number for the whole batch: return one per image, [B]."),
            (truth.mean(), "One number for the whole batch: return one per image, not their mean."),
            (truth + constant, "The constant with 2 pi is missing."),
            (truth + constant * (1 - 1 / pixels), "The 2 pi is counted once, not once per pixel."),
            (truth + log_sigma * (1 - 1 / pixels), "log sigma is counted once, not once per pixel."),
            (truth + (constant + log_sigma) * (1 - 1 / pixels),
             "Both constants are counted once, not once per pixel: each pixel has a density of its own."),
            (truth + log_sigma, "D log sigma is missing: without it, a larger sigma is always better."),
            (truth + log_sigma / 2, "D/2 log sigma stands where D/2 log sigma^2, that is D log sigma, belongs."),
            (truth - log_sigma, "D log sigma^2 stands where D/2 log sigma^2 belongs."),
            (truth + 2 * log_sigma, "log sigma has the wrong sign: a wide Gaussian is a low one."),
            (-constant - log_sigma - 2 * half_squares / sigma**2,
             "The squared error is divided by sigma^2, not by 2 sigma^2."),
            (-constant - log_sigma - half_squares / sigma,
             "The squared error is divided by 2 sigma, not by 2 sigma^2: sigma is a standard deviation."),
            (-constant - log_sigma / 2 - half_squares / sigma, "sigma was taken for a variance, in both places."),
            (-constant - log_sigma - (2 * half_squares).sqrt() / (2 * sigma**2),
             "The error is not squared: the norm, where its square belongs."),
            ((-constant - log_sigma) * 784 / pixels - half_squares / sigma**2,
             "D is 784 here, the notebook's. It is x.shape[1], the pixels of the x that you are given."),
        ]
        compare(answer(x, mean, sigma), truth, wrong)
    return (
        "The first term never matters for training, the second as soon as sigma is fitted, and all of them "
        "for a number that you report."
    )


@checker("05.b")
def silent_sigma(answer: Callable) -> str:
    """answer(w, D, L): the sigmas `[M]` of losses mean squared error + w * mean KL, for weights w `[M]`."""
    for w, pixels, latents in ((torch.tensor([1.0, 0.3]), 784, 20), (torch.tensor([0.01, 2.5, 7.0]), 12, 3)):
        truth = (w * pixels / (2 * latents)).sqrt()
        wrong = [
            (truth**2, "This is sigma^2. Take the root."),
            (truth * math.sqrt(latents),
             "This is right for the sum of the KLs; here it is their mean over L dimensions."),
            (truth * latents, "L is on the wrong side: a mean over L makes the KL cheaper. Which way must sigma go?"),
            (truth / math.sqrt(pixels), "D is missing: the squared error is a mean over D pixels."),
            (truth * math.sqrt(2), "A factor 2 is missing: a Gaussian has the squared error over 2 sigma^2."),
            (2 * truth, "The factor 2 is on the wrong side: 1 / (2 sigma^2) = L / (w D)."),
            (1 / truth, "This is upside down: it is 1 / sigma. More weight on the KL must mean a larger sigma."),
            (1 / (2 * truth**2),
             "This is 1 / (2 sigma^2), what stands before the squared error. Solve it for sigma."),
            (truth / w.sqrt(), "The weight is missing."),
            (truth * w.sqrt(), "The weight stands outside the root. Solve for sigma^2 first."),
            (truth / w, "The weight is upside down: more weight on the KL must mean a larger sigma."),
            (truth * latents / pixels, "D and L are interchanged: which of the two means is over pixels?"),
        ]
        compare(answer(w, pixels, latents), truth, wrong)
    return "Averaging both terms is milder than averaging one, but still a choice that nobody made."


@checker("05.c")
def optimal_log_var(answer: Callable) -> str:
    """answer(x, mean): `[B, D]` each -> the log sigma^2 that maximises the batch's likelihood, `[]`."""
    for seed, (batch, pixels) in enumerate(((4, 7), (9, 3))):
        x, mean = _images(seed, batch, pixels)
        squares = (x - mean).square()
        mse, per_image, per_pixel = squares.mean(), squares.mean(1), squares.mean(0)
        truth = mse.log()
        wrong = [
            (mse, "This is sigma^2; its logarithm is wanted."),
            (truth / 2, "This is log sigma, half of log sigma^2."),
            (mse.sqrt(), "This is sigma. log sigma^2 is wanted."),
            (squares.sum(1).mean().log(),
             "The errors of an image are summed over its pixels. Then sigma would be the error of the whole image; "
             "it is the error of one pixel."),
            (squares.sum().log(), "A sum over everything: the best variance is a mean."),
            (per_image.log(), "One per image. The sigma is shared by all of them: average over images too."),
            (per_pixel.log(), "One per pixel. The sigma is shared by all of them: average over pixels too."),
            (per_image.log().mean(), "Averaged inside out: a mean of logarithms, one for each image."),
            (squares.log().mean(), "Averaged inside out: a mean of logarithms, one for each pixel of each image."),
            ((x - mean).var().log(),
             "The variance of the errors about their mean. An error that is always the same is an error as well: do "
             "not subtract it."),
            ((x - mean).var(correction=0).log(),
             "The variance of the errors about their mean. An error that is always the same is an error too: do not "
             "subtract it."),
            ((x - mean).abs().mean().log(),
             "This is the logarithm of the mean absolute error. A Gaussian asks for the mean square."),
            (2 * (x - mean).abs().mean().log(),
             "This is the mean absolute error, squared. A Gaussian asks for the mean square."),
            (-truth, "The sign is wrong: this is the log of the precision, 1 / sigma^2."),
        ]
        compare(answer(x, mean), truth, wrong)
    return "The mean squared error is the variance: no search, no gradient."


@checker("05.d")
def bits_per_dimension(answer: Callable) -> str:
    """answer(log_density, D, levels): nats `[B]` of dequantised x in [0, 1] -> bits per dimension `[B]`."""
    for log_density, pixels, levels in (
        (torch.tensor([310.0, -25.0, 0.0]), 784, 256),
        (torch.tensor([-4.0, 7.5]), 12, 16),
    ):
        log_levels, bit = math.log(levels), math.log(2)
        log_mass = log_density - pixels * log_levels
        truth = -log_mass / (pixels * bit)
        wrong = [
            (-log_mass / pixels, "This is in nats per dimension. 1 bit is log 2 nats."),
            (-log_density / (pixels * bit),
             "The levels are missing: by this, a uniform density would get 0 bits. The mass on a level is density / "
             "levels, per pixel."),
            ((log_levels - log_density) / (pixels * bit),
             "log(levels) is subtracted once. Every pixel has that many levels: D times."),
            ((-log_density - pixels * log_levels) / (pixels * bit),
             "log(levels) has the wrong sign: the mass on a level is the density divided by the levels."),
            (-truth, "The sign is wrong: bits are what it costs, -log2 of a probability."),
            (truth * pixels, "Not per dimension: divide by D."),
            (truth * bit**2, "Multiplied by log 2 where it should be divided: there are more bits than nats."),
            (truth.mean(), "One number for the batch; return one per image."),
            (truth + (math.log(256) - log_levels) / bit, "256 levels were assumed. Use `levels`."),
            ((pixels * log_levels / bit - log_density) / (pixels * bit),
             "log(levels) is in bits already, and was divided by log 2 once more."),
        ]
        compare(answer(log_density, pixels, levels), truth, wrong)
    return "A uniform density gets log2(levels), and every bit below is knowledge."
