"""Checkers of notebook 05: the Gaussian likelihood, silent and optimal sigma, bits per dimension."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Normal

from .checking import Mistake, checker, compare, gradients


def _images(seed: int, batch: int, pixels: int, size: float = 1.0) -> tuple[Tensor, Tensor]:
    """x and mean `[B, D]`, with errors that are neither centred nor of one size; `size` scales them."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(batch, pixels, generator=generator)
    error = torch.rand(batch, pixels, generator=generator) * torch.linspace(0.2, 1.5, pixels) + 0.1
    return x, x - size * error * torch.linspace(0.5, 1.5, batch)[:, None]


def _gaussian_cases() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """x, mean, sigma: no two terms of log p cancel; ordinary ones, a whole image, extremes, one by hand."""
    for seed, (batch, pixels, value, size) in enumerate(
        ((3, 5, 0.15, 1.0), (5, 2, 1.7, 1.0), (2, 784, 0.02, 0.05), (3, 4, 60.0, 1.0))
    ):
        yield *_images(seed, batch, pixels, size), torch.tensor(value)
    # Forty sigma off: a density is 0 there, its logarithm is not
    x, mean = torch.tensor([[1.0, 0.4, 0.1], [0.3, 0.9, 0.5]]), torch.tensor([[0.2, 0.4, 0.1]] * 2)
    yield x, mean, torch.tensor(0.02)
    yield torch.tensor([[0.9, 0.2]]), torch.tensor([[0.5, 0.3]]), torch.tensor(0.5)


@checker("05.a")
def gaussian_log_likelihood(answer: Callable) -> str:
    """answer(x, mean, sigma): x and mean `[B, D]`, sigma `[]` -> log N(x; mean, sigma^2 I) `[B]`, in nats."""
    results = []
    for x, *inputs in _gaussian_cases():
        got = answer(x, *[t.requires_grad_() for t in inputs])
        results.append((got, x, inputs))
        mean, sigma = (t.detach() for t in inputs)
        batch, pixels = x.shape
        per_pixel = Normal(mean, sigma).log_prob(x)
        truth = per_pixel.sum(-1)
        squares = (x - mean).square()
        half_squares = squares.sum(-1) / 2
        constant, log_sigma = pixels / 2 * math.log(2 * math.pi), pixels * sigma.log()
        error = half_squares / sigma**2
        wrong = [
            (-truth, "The sign is wrong: this is -log p, the loss."),
            (per_pixel.mean(-1), "This is a mean over pixels; log p(x|z) of an image is a sum."),
            (per_pixel, "Not summed over the pixels of each image yet."),
            (per_pixel.sum(0), "Summed over the images. Each image keeps its own: sum over its pixels."),
            (truth.sum(), "One number for the whole batch: return one per image, [B]."),
            (truth.mean(), "One number for the whole batch: return one per image, not their mean."),
            (truth.mean() / pixels, "A mean over images and pixels: return one per image, the sum over its pixels."),
            (squares.mean(), "The mean squared error of the whole batch. log p(x|z) has three terms, for each image."),
            (-squares.mean(-1), "The mean squared error alone: sigma plays no part. log p(x|z) has three terms."),
            (-constant - log_sigma - squares.mean() / (2 * sigma**2),
             "The squared error is a mean over everything. Sum it over the pixels of each image."),
            (-constant - log_sigma - error.sum(),
             "The squared error is summed over the images as well: one number. Sum over the pixels of each image."),
            (truth.exp(), "This is the density (0 or infinite for a whole image). Its logarithm is wanted."),
            (-error, "Both constants are missing, that with 2 pi and that with log sigma: this is the error alone."),
            (error, "This is the error's term as a loss: the sign is wrong, and both constants are missing."),
            (truth + constant, "The constant with 2 pi is missing."),
            (truth + pixels / 2 * math.log(2), "log pi stands where log(2 pi) belongs."),
            (truth - constant, "D log(2 pi) stands where D/2 log(2 pi) belongs."),
            (truth + 2 * constant, "The constant with 2 pi has the wrong sign."),
            (truth + constant * (1 - 1 / pixels), "The 2 pi is counted once, not once per pixel."),
            (truth + log_sigma * (1 - 1 / pixels), "log sigma is counted once, not once per pixel."),
            (truth + (constant + log_sigma) * (1 - 1 / pixels),
             "Both constants are counted once, not once per pixel: each pixel has a density of its own."),
            (-constant - log_sigma - error / pixels,
             "The squared error is a mean over the pixels, the other terms are sums. All three are sums."),
            (truth + log_sigma, "D log sigma is missing: without it, a larger sigma is always better."),
            (truth + log_sigma / 2, "D/2 log sigma stands where D/2 log sigma^2, that is D log sigma, belongs."),
            (truth - log_sigma, "D log sigma^2 stands where D/2 log sigma^2 belongs."),
            (truth + 2 * log_sigma, "log sigma has the wrong sign: a wide Gaussian is a low one."),
            (-constant - log_sigma + error, "The squared error has the wrong sign: an error must cost nats."),
            (-constant - log_sigma - 2 * error, "The squared error is divided by sigma^2, not by 2 sigma^2."),
            (-constant - log_sigma - half_squares * sigma**2,
             "The squared error is multiplied by sigma^2. In Python a / 2 * b is (a / 2) * b: put 2 * sigma**2 into "
             "brackets."),
            (-constant - log_sigma - half_squares, "The squared error is not divided by sigma^2."),
            (-constant - log_sigma - half_squares / sigma,
             "The squared error is divided by 2 sigma, not by 2 sigma^2: sigma is a standard deviation."),
            (-constant - log_sigma / 2 - half_squares / sigma, "sigma was taken for a variance, in both places."),
            (-constant - pixels / 2 * sigma - half_squares / sigma.exp(),
             "sigma was taken for log sigma^2. It is the standard deviation itself."),
            (-constant - log_sigma - (2 * half_squares).sqrt() / (2 * sigma**2),
             "The error is not squared: the norm, where its square belongs."),
            (-constant - log_sigma - (x - mean).abs().sum(-1) / (2 * sigma**2),
             "The error's absolute value, where its square belongs."),
            (-constant - log_sigma - (x - mean).sum(-1).square() / (2 * sigma**2),
             "The errors are summed before they are squared: those of opposite sign cancel."),
            ((-constant - log_sigma) * batch / pixels - error,
             "D is the number of images here, x.shape[0]. It is the number of pixels, x.shape[1]."),
            ((-constant - log_sigma) * batch - error,
             "D counts the pixels of the whole batch here. It is x.shape[1], the pixels of one image."),
            ((-constant - log_sigma) * 784 / pixels - error,
             "D is 784 here, the notebook's. It is x.shape[1], the pixels of the x that you are given."),
        ]
        compare(got, truth, wrong, name="log p(x|z)")
    for got, x, inputs in results:
        right = gradients(Normal(*inputs).log_prob(x), *inputs)
        for name, gradient, wanted in zip(("mean", "sigma"), gradients(got, *inputs), right, strict=True):
            if gradient is None or not torch.allclose(gradient, wanted, rtol=0.01):
                part = "no gradient" if gradient is None else "only a part of the gradient"
                raise Mistake(
                    f"The values are right, but {part} reaches {name}. math.log(sigma), .item(), .detach() and "
                    "torch.no_grad() cut it off: stay with torch's functions, torch.log(sigma)."
                )
    return (
        "The first term never matters for training, the second as soon as sigma is fitted, and all of them "
        "for a number that you report."
    )


@checker("05.b")
def silent_sigma(answer: Callable) -> str:
    """answer(w, D, L): the sigmas `[M]` of losses mean squared error + w * mean KL, for weights w `[M]`."""
    for weights, pixels, latents in (
        ([1.0, 0.3], 784, 20), ([0.01, 2.5, 7.0], 12, 3), ([1e-8, 1e6], 3072, 512), ([2.0], 9, 1)
    ):  # fmt: skip
        w = torch.tensor(weights)
        truth = (w * pixels / (2 * latents)).sqrt()
        wrong = [
            (truth**2, "This is sigma^2. Take the root."),
            (truth * math.sqrt(784 / pixels), "D is 784 here, the notebook's. Use the one that you are given."),
            (truth**2 * 784 / pixels,
             "This is sigma^2, and D is 784 in it, the notebook's. Use the one that you are given, and take the root."),
            (truth * math.sqrt(latents / 20), "L is 20 here, the notebook's. Use the one that you are given."),
            (truth**2 * latents / 20,
             "This is sigma^2, and L is 20 in it, the notebook's. Use the one that you are given, and take the root."),
            (truth / math.sqrt(2), "The root ends too early: the 2 belongs under it as well."),
            (2 * truth**2, "This is 2 sigma^2: w D / L. Solve it for sigma."),
            ((truth / w) ** 2, "This is sigma^2, and the weight is upside down: it belongs above."),
            ((w * latents / 2).sqrt(), "D plays no part, and L is on the wrong side: each mean divides its term."),
            (truth * math.sqrt(latents),
             "This is right for the sum of the KLs; here it is their mean over L dimensions."),
            (truth**2 * latents,
             "This is sigma^2 for the sum of the KLs. Here it is their mean over L dimensions, and sigma is wanted."),
            (truth * latents, "L is on the wrong side: a mean over L makes the KL cheaper. Which way must sigma go?"),
            (truth / math.sqrt(pixels), "D is missing: the squared error is a mean over D pixels."),
            ((w / 2).sqrt(), "D and L are missing: both terms are means, over D pixels and over L dimensions."),
            (truth * math.sqrt(2), "A factor 2 is missing: a Gaussian has the squared error over 2 sigma^2."),
            (2 * truth, "The factor 2 is on the wrong side: 1 / (2 sigma^2) = L / (w D)."),
            (1 / truth, "This is upside down: it is 1 / sigma. More weight on the KL must mean a larger sigma."),
            (1 / (2 * truth),
             "This is upside down, and the 2 is on the wrong side. More weight on the KL must mean a larger sigma."),
            (1 / (2 * truth**2),
             "This is 1 / (2 sigma^2), what stands before the squared error. Solve it for sigma."),
            (truth / w.sqrt(), "The weight is missing."),
            (truth * w.sqrt(), "The weight stands outside the root. Solve for sigma^2 first."),
            (truth / w, "The weight is upside down: more weight on the KL must mean a larger sigma."),
            ((w * pixels).sqrt() / (2 * latents), "The root ends too early: 2 L belongs under it as well."),
            ((w * pixels / 2).sqrt() / latents, "The root ends too early: L belongs under it as well."),
            (truth * latents / pixels, "D and L are interchanged: which of the two means is over pixels?"),
        ]
        compare(answer(w, pixels, latents), truth, wrong, name="sigma")
    return "Averaging both terms is milder than averaging one, but still a choice that nobody made."


@checker("05.c")
def optimal_log_var(answer: Callable) -> str:
    """answer(x, mean): `[B, D]` each -> the log sigma^2 that maximises the batch's likelihood, `[]`."""
    cases = [_images(seed, *case) for seed, case in enumerate(((4, 7), (9, 3), (2, 784, 1e-3), (3, 5, 300.0)))]
    for x, mean in [*cases, (torch.tensor([[0.9, 0.2]]), torch.tensor([[0.5, 0.3]]))]:
        error = x - mean
        squares = error.square()
        mse, per_image, per_pixel = squares.mean(), squares.mean(1), squares.mean(0)
        truth = mse.log()
        wrong = [
            (mse, "This is sigma^2; its logarithm is wanted."),
            (truth / 2, "This is log sigma, half of log sigma^2."),
            (2 * truth, "This is twice log sigma^2: the mean square is sigma^2 already, and needs no further square."),
            (mse.sqrt(), "This is sigma. log sigma^2 is wanted."),
            ((mse / 2).log(), "Half of the mean square. The 2 in 2 sigma^2 and the half before log sigma^2 cancel."),
            (squares.sum(1).mean().log(),
             "The errors of an image are summed over its pixels. Then sigma would be the error of the whole image; "
             "it is the error of one pixel."),
            (squares.sum(1).mean(),
             "The squared error of a whole image. Two things are missing: it is the error of one pixel that counts, "
             "and the logarithm is wanted."),
            (squares.sum(0).mean().log(), "Summed over the images. More images do not make the error larger: average."),
            (squares.sum().log(), "A sum over everything: the best variance is a mean."),
            (squares.sum().sqrt().log(), "The logarithm of a norm. The best variance is a mean of squares."),
            (per_image.log(), "One per image. The sigma is shared by all of them: average over images too."),
            (per_pixel.log(), "One per pixel. The sigma is shared by all of them: average over pixels too."),
            (squares.log(), "One for each pixel of each image. The sigma is shared by all: average first."),
            (squares.sum(1).log().mean(),
             "Averaged inside out, and summed over pixels: wanted is the log of a mean over all pixels of all images."),
            (error.std().log(),
             "The log of the standard deviation about the errors' mean. log sigma^2 is wanted, nothing subtracted."),
            (per_image.log().mean(), "Averaged inside out: a mean of logarithms, one for each image."),
            (squares.log().mean(), "Averaged inside out: a mean of logarithms, one for each pixel of each image."),
            (error.mean().square().log(), "Averaged before squaring, so that errors of opposite sign cancel."),
            (error.var().log(),
             "The variance of the errors about their mean. An error that is always the same is an error as well: do "
             "not subtract it."),
            (error.var(correction=0).log(),
             "The variance of the errors about their mean. An error that is always the same is an error too: do not "
             "subtract it."),
            (x.var().log(), "The variance of the images: `mean` plays no part. Errors are x - mean."),
            (x.var(correction=0).log(), "The variance of the images: mean plays no part. Errors are x - mean."),
            (error.abs().mean().log(),
             "This is the logarithm of the mean absolute error. A Gaussian asks for the mean square."),
            (2 * error.abs().mean().log(),
             "This is the mean absolute error, squared. A Gaussian asks for the mean square."),
            (-truth, "The sign is wrong: this is the log of the precision, 1 / sigma^2."),
            (mse.log2(), "A logarithm to base 2. Here log is the natural one."),
            (mse.log10(), "A logarithm to base 10. Here log is the natural one."),
        ]
        compare(answer(x, mean), truth, wrong, name="log sigma^2")
    if not isinstance(answer(x, mean), Tensor):
        raise Mistake("The number is right, but it is a Python number. Return a tensor: torch.log, not math.log.")
    return "The mean squared error is the variance: no search, no gradient."
