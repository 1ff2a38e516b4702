"""Classic mistakes in the exercises of notebook 05, and what the checker must say to each."""

import math

import torch
import torch.nn.functional as F
from torch.distributions import Normal


def log_likelihood(x, mean, sigma, pi=1.0, log=1.0, half=0.5, power=2):
    """The right answer to 05.a, with switches for what may go wrong."""
    constants = x.shape[1] * (pi * 0.5 * math.log(2 * math.pi) + log * sigma.log())
    return -constants - half * (x - mean).square().sum(1) / sigma**power


def brackets_forgotten(x, mean, sigma):
    constants = -x.shape[1] / 2 * math.log(2 * math.pi) - x.shape[1] * torch.log(sigma)
    return constants - ((x - mean) ** 2).sum(1) / 2 * sigma**2


def three_means(x, mean, sigma):
    return -0.5 * math.log(2 * math.pi) - torch.log(sigma) - F.mse_loss(x, mean) / (2 * sigma**2)


def mean_of_the_error(x, mean, sigma):
    D = x.shape[1]
    return -D / 2 * math.log(2 * math.pi) - D * torch.log(sigma) - ((x - mean) ** 2).mean(1) / (2 * sigma**2)


def error_averaged_over_everything(x, mean, sigma):
    D = x.shape[1]
    return -D / 2 * math.log(2 * math.pi) - D * torch.log(sigma) - F.mse_loss(x, mean) / (2 * sigma**2)


def density_first(x, mean, sigma):
    return (torch.exp(-((x - mean) ** 2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))).log().sum(1)


def log_of_a_number(x, mean, sigma):
    D = x.shape[1]
    return -D / 2 * math.log(2 * math.pi) - D * math.log(sigma) - (x - mean).square().sum(1) / (2 * sigma**2)


def sum_of_everything(x, mean, sigma):
    D = x.shape[1]
    return -D / 2 * math.log(2 * math.pi) - D * torch.log(sigma) - ((x - mean) ** 2).sum() / (2 * sigma**2)


MUTANTS = {
    "05.a": [
        (lambda x, m, s: -log_likelihood(x, m, s), "the loss"),
        (lambda x, m, s: log_likelihood(x, m, s) / x.shape[1], "a mean over pixels"),
        (lambda x, m, s: Normal(m, s).log_prob(x), "Not summed"),
        (lambda x, m, s: Normal(m, s).log_prob(x).sum(0), "Summed over the images. Each"),
        (
            lambda x, m, s: log_likelihood(x, m, s).sum(),
            "One number for the whole batch: return one per image, [B]",
        ),
        (lambda x, m, s: log_likelihood(x, m, s).mean(), "not their mean"),
        (sum_of_everything, "summed over the images as well"),
        (lambda x, m, s: log_likelihood(x, m, s).exp(), "This is the density"),
        (lambda x, m, s: log_likelihood(x, m, s, pi=0, log=0), "Both constants are missing, that with 2 pi"),
        (lambda x, m, s: ((x - m) ** 2).sum(1) / (2 * s**2), "the error's term as a loss"),
        (lambda x, m, s: log_likelihood(x, m, s, pi=0), "The constant with 2 pi is missing"),
        (lambda x, m, s: log_likelihood(x, m, s, pi=2), "D log(2 pi) stands"),
        (lambda x, m, s: log_likelihood(x, m, s, pi=-1), "2 pi has the wrong sign"),
        (lambda x, m, s: log_likelihood(x, m, s, pi=1 / x.shape[1]), "2 pi is counted once"),
        (lambda x, m, s: log_likelihood(x, m, s, log=1 / x.shape[1]), "log sigma is counted once"),
        (
            lambda x, m, s: log_likelihood(x, m, s, 1 / x.shape[1], 1 / x.shape[1]),
            "Both constants are counted once",
        ),
        (mean_of_the_error, "is a mean over the pixels, the other terms are sums"),
        (lambda x, m, s: log_likelihood(x, m, s, log=0), "D log sigma is missing"),
        (lambda x, m, s: log_likelihood(x, m, s, log=0.5), "D/2 log sigma stands"),
        (lambda x, m, s: log_likelihood(x, m, s, log=2), "D log sigma^2 stands"),
        (lambda x, m, s: log_likelihood(x, m, s, log=-1), "a wide Gaussian is a low one"),
        (lambda x, m, s: log_likelihood(x, m, s, half=-0.5), "an error must cost nats"),
        (lambda x, m, s: log_likelihood(x, m, s, half=1), "not by 2 sigma^2"),
        (brackets_forgotten, "put 2 * sigma**2 into brackets"),
        (lambda x, m, s: log_likelihood(x, m, s, power=0), "not divided by sigma^2"),
        (lambda x, m, s: log_likelihood(x, m, s, power=1), "divided by 2 sigma,"),
        (lambda x, m, s: log_likelihood(x, m, s.sqrt()), "taken for a variance"),
        (lambda x, m, s: log_likelihood(x, m, (s / 2).exp()), "taken for log sigma^2"),
        (lambda x, m, s: log_likelihood(x, m, s, half=0) - (x - m).norm(dim=1) / (2 * s**2), "not squared"),
        (
            lambda x, m, s: log_likelihood(x, m, s, len(x) / x.shape[1], len(x) / x.shape[1]),
            "the number of images here",
        ),
        (lambda x, m, s: log_likelihood(x, m, s, len(x), len(x)), "the pixels of the whole batch"),
        (lambda x, m, s: log_likelihood(x, m, s, 784 / x.shape[1], 784 / x.shape[1]), "D is 784 here"),
        (three_means, "A mean over images and pixels"),
        (lambda x, m, s: F.mse_loss(x, m), "The mean squared error of the whole batch"),
        (lambda x, m, s: -(x - m).square().mean(1), "sigma plays no part"),
        (error_averaged_over_everything, "a mean over everything"),
        (lambda x, m, s: log_likelihood(x, m, s) + x.shape[1] / 2 * math.log(2), "log pi stands"),
        (lambda x, m, s: log_likelihood(x, m, s, half=0) - (x - m).abs().sum(1) / (2 * s**2), "absolute value"),
        (lambda x, m, s: log_likelihood(x, m, s, half=0) - (x - m).sum(1) ** 2 / (2 * s**2), "before they are squared"),
        (density_first, "infinite or not a number"),
        (log_of_a_number, "only a part of the gradient reaches sigma"),
        (lambda x, m, s: log_likelihood(x, m, torch.tensor(s.item())), "no gradient reaches sigma"),
        (torch.no_grad()(log_likelihood), "no gradient reaches mean"),
    ],
    "05.b": [
        (lambda w, D, L: w * D / (2 * L), "Take the root"),
        (lambda w, D, L: (w * 784 / (2 * L)).sqrt(), "D is 784 here"),
        (lambda w, D, L: w * 784 / (2 * L), "sigma^2, and D is 784"),
        (lambda w, D, L: (w * D / (2 * 20)).sqrt(), "L is 20 here"),
        (lambda w, D, L: w * D / (2 * 20), "sigma^2, and L is 20"),
        (lambda w, D, L: (w * D / L).sqrt() / 2, "the 2 belongs under it"),
        (lambda w, D, L: w * D / L, "This is 2 sigma^2"),
        (lambda w, D, L: D / (2 * L * w), "This is sigma^2, and the weight"),
        (lambda w, D, L: (w * L / 2).sqrt(), "D plays no part"),
        (lambda w, D, L: (w * D / 2).sqrt(), "right for the sum"),
        (lambda w, D, L: w * D / 2, "sigma^2 for the sum of the KLs"),
        (lambda w, D, L: (w * D * L / 2).sqrt(), "L is on the wrong side"),
        (lambda w, D, L: (w / (2 * L)).sqrt(), "D is missing"),
        (lambda w, D, L: (w / 2).sqrt(), "D and L are missing"),
        (lambda w, D, L: (w * D / L).sqrt(), "A factor 2 is missing"),
        (lambda w, D, L: (2 * w * D / L).sqrt(), "2 is on the wrong side:"),
        (lambda w, D, L: (2 * L / (w * D)).sqrt(), "it is 1 / sigma"),
        (lambda w, D, L: (L / (2 * w * D)).sqrt(), "upside down, and the 2"),
        (lambda w, D, L: L / (w * D), "Solve it for sigma"),
        (lambda w, D, L: torch.full_like(w, D / (2 * L)).sqrt(), "weight is missing"),
        (lambda w, D, L: w * torch.full_like(w, D / (2 * L)).sqrt(), "outside the root"),
        (lambda w, D, L: (D / (2 * L * w)).sqrt(), "weight is upside down"),
        (lambda w, D, L: (w * D).sqrt() / (2 * L), "2 L belongs under it"),
        (lambda w, D, L: (w * D / 2).sqrt() / L, "L belongs under it"),
        (lambda w, D, L: (w * L / (2 * D)).sqrt(), "interchanged"),
    ],
    "05.c": [
        (lambda x, m: (x - m).square().mean(), "its logarithm is wanted"),
        (lambda x, m: (x - m).square().mean().log() / 2, "half of log sigma^2"),
        (lambda x, m: 2 * F.mse_loss(x, m).log(), "twice log sigma^2"),
        (lambda x, m: (x - m).square().mean().sqrt(), "This is sigma."),
        (lambda x, m: (F.mse_loss(x, m) / 2).log(), "Half of the mean square"),
        (lambda x, m: (x - m).square().sum(1).mean().log(), "summed over its pixels"),
        (lambda x, m: (x - m).square().sum(1).mean(), "Two things are missing"),
        (lambda x, m: (x - m).square().sum(0).mean().log(), "Summed over the images"),
        (lambda x, m: (x - m).square().sum().log(), "A sum over everything"),
        (lambda x, m: (x - m).norm().log(), "logarithm of a norm"),
        (lambda x, m: (x - m).square().mean(1).log(), "One per image"),
        (lambda x, m: (x - m).square().mean(0).log(), "One per pixel"),
        (lambda x, m: (x - m).square().log(), "One for each pixel of each image"),
        (lambda x, m: (x - m).square().mean(1).log().mean(), "one for each image"),
        (lambda x, m: (x - m).square().sum(1).log().mean(), "inside out, and summed"),
        (lambda x, m: (x - m).std().log(), ", nothing subtracted"),
        (lambda x, m: (x - m).square().log().mean(), "logarithms, one for each pixel of"),
        (lambda x, m: (x - m).mean().square().log(), "before squaring"),
        (lambda x, m: (x - m).var().log(), "is an error as well"),
        (lambda x, m: 2 * (x - m).std().log(), "is an error as well"),
        (lambda x, m: (x - m).var(correction=0).log(), "is an error too"),
        (lambda x, m: x.var().log(), "`mean` plays no part"),
        (lambda x, m: x.var(correction=0).log(), "mean plays no part"),
        (lambda x, m: 2 * (x - m).abs().mean().log(), "mean absolute error, squared"),
        (lambda x, m: (x - m).abs().mean().log(), "logarithm of the mean absolute error"),
        (lambda x, m: -(x - m).square().mean().log(), "the log of the precision"),
        (lambda x, m: math.log(F.mse_loss(x, m)), "it is a Python number"),
        (lambda x, m: (x - m).square().mean().log2(), "to base 2"),
        (lambda x, m: (x - m).square().mean().log10(), "to base 10"),
    ],
    "05.d": [
        (lambda lp, D, n: -(lp - D * math.log(n)) / D, "nats per dimension"),
        (lambda lp, D, n: -lp / (D * math.log(2)), "The levels are missing"),
        (lambda lp, D, n: -(lp - math.log(n)) / (D * math.log(2)), "subtracted once"),
        (lambda lp, D, n: -(lp - math.log(n)) / math.log(2), "D is missing twice"),
        (lambda lp, D, n: -(lp + D * math.log(n)) / (D * math.log(2)), "log(levels) has the wrong sign"),
        (lambda lp, D, n: lp / (D * math.log(2)) + math.log2(n), "log_density has the wrong sign"),
        (lambda lp, D, n: (lp - D * math.log(n)) / (D * math.log(2)), "The sign is wrong"),
        (lambda lp, D, n: -(lp - D * math.log(n)) / math.log(2), "divide by D"),
        (lambda lp, D, n: -(lp - D * math.log(n)), "nats of the whole image"),
        (lambda lp, D, n: -(lp - D * math.log(n)) / D * math.log(2), "Multiplied by log 2"),
        (lambda lp, D, n: -(lp - D * math.log(n)).mean() / (D * math.log(2)), "return one per image"),
        (lambda lp, D, n: -(lp - D * math.log(n)).sum() / (D * math.log(2)), "the sum; return one per image"),
        (lambda lp, D, n: -(lp - D * math.log(256)) / (D * math.log(2)), "256 levels were assumed"),
        (lambda lp, D, n: -(lp - D * math.log(n - 1)) / (D * math.log(2)), "not 1 / (levels - 1)"),
        (lambda lp, D, n: -(lp - D * math.log(n)) / (784 * math.log(2)), "D is 784 where you divide"),
        (lambda lp, D, n: -(lp - 784 * math.log(n)) / (784 * math.log(2)), "in both places"),
        (lambda lp, D, n: -(lp - 784 * math.log(n)) / (D * math.log(2)), "D is 784 before"),
        (lambda lp, D, n: -(lp.log2() - D * math.log2(n)) / D, "torch.log2 of it is no bits. Nats"),
        (lambda lp, D, n: -lp.log2() / D + math.log2(n), "torch.log2 of it is no bits. Nats"),
        (lambda lp, D, n: -lp.log2() + math.log2(n), "torch.log2 of it is no bits. Nats"),
        (lambda lp, D, n: -lp.log2() / D, "and the levels are missing"),
        (lambda lp, D, n: -(lp - D * math.log2(n)) / (D * math.log(2)), "in bits already"),
        (lambda lp, D, n: math.log2(n) - lp / D, "in nats still"),
    ],
}
