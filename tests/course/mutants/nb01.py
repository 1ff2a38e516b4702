"""Classic mistakes in the exercises of notebook 01, and what the checker must say to each."""

import math

import torch

from .shared import changed


def ppca_posterior(x, W, b, sigma, prior=1.0):
    """The right answer to 01.d; with another prior precision, the mistake of forgetting it."""
    cov = torch.linalg.inv(prior * torch.eye(W.shape[1]).to(W) + W.T @ W / sigma**2)
    return (x - b) @ W @ cov / sigma**2, cov


def expected_log(a, c, K, weights=None, counts=None):
    """The right answer to 01.c, for chosen counts and weights of them."""
    counts = range(K + 1) if counts is None else counts(K)
    weigh = weights or (lambda K, j: math.comb(K, j) / 2**K)
    return torch.tensor(math.fsum(weigh(K, j) * math.log((j * a + (K - j) * c) / K) for j in counts))


def sampled(a, c, K, generator=None):
    """The answer to 01.c from 10,000 samples."""
    heads = torch.rand(10_000, K, generator=generator) < 0.5
    return torch.where(heads, a, c).mean(1).log().mean()


def shifted(a, out):
    """The estimate of 01.a with something taken out of the logarithms, and put back."""
    return (a - out).exp().mean(0).log() + out


def ess_of(w):
    """The ESS of 01.b by its formula."""
    return w.sum(0) ** 2 / w.square().sum(0)


def with_precision(x, W, b, sigma, precision):
    """The answer to 01.d from a precision."""
    cov = torch.linalg.pinv(precision)
    return (x - b) @ W @ cov / sigma**2, cov


def mean_times(x, W, b, sigma, factor):
    """The answer to 01.d with a factor in the mean."""
    mean, cov = ppca_posterior(x, W, b, sigma)
    return mean * factor, cov


def by_precision(x, W, b, sigma, divisor):
    """The answer to 01.d with the precision in place of the covariance in the mean."""
    cov = ppca_posterior(x, W, b, sigma)[1]
    return (x - b) @ W @ torch.linalg.inv(cov) / divisor, cov


MUTANTS = {
    "01.a": [
        (lambda a: a.mean(0), "mean of the logarithms"),
        (lambda a: a.logsumexp(0), "A sum over samples"),
        (lambda a: a.logsumexp(0) / len(a), "is divided by K"),
        (lambda a: a.exp().mean(0), "This is p(x) itself"),
        (lambda a: a.logsumexp(1) - math.log(a.shape[1]), "Samples come first"),
        (lambda a: math.log(len(a)) - a.logsumexp(0), "sign is wrong"),
        (lambda a: a.max(0).values, "best of the samples"),
        (lambda a: a.flatten().logsumexp(0) - math.log(a.numel()), "one number for all"),
        (lambda a: a.logsumexp(0) - math.log(a.shape[1]), "log B is subtracted"),
        (lambda a: (a - a.max(0).values).exp().mean(0).log(), "not put back"),
        (lambda a: a.exp().mean(0).log(), "exp(-1000) is 0"),
        (lambda a: a.logsumexp(0) + math.log(len(a)), "log K is added"),
        (lambda a: a.logsumexp(0) - len(a), "K itself is subtracted"),
        (lambda a: shifted(a, a.max()), "of all data points is taken out"),
        (lambda a: shifted(a, a.mean()), "The mean over everything is taken out"),
        (lambda a: shifted(a, a.mean(0)), "an exponential becomes infinite"),
        (lambda a: shifted(a, a.min(0).values), "an exponential becomes infinite"),
        (lambda a: shifted(a, a.median(0).values), "an exponential becomes infinite"),
        (lambda a: a.clamp(max=100).logsumexp(0) - math.log(len(a)), "lies beyond some limit"),
        (lambda a: a.clamp(min=-100).logsumexp(0) - math.log(len(a)), "lies beyond some limit"),
        (lambda a: a.clamp(min=-500).exp().mean(0).log(), "lies beyond some limit"),
        (lambda a: (a.exp().mean(0) + 1e-12).log(), "lies beyond some limit"),
        (lambda a: (a.exp().mean(0) + 1e-300).log(), "lies beyond some limit"),
        (lambda a: a.softmax(0).mean(0).log(), "divides by the sum"),
        (lambda a: a.logsumexp(0) - math.log(a.numel()), "log(K B) is subtracted"),
        (lambda a: a.max(0), "take `.values`"),
        (lambda a: a.logsumexp(0) - math.log(len(a)) + 1, "is right, for"),
    ],
    "01.b": [
        (lambda a: 2 * a.logsumexp(0) - (2 * a).logsumexp(0), "This is its logarithm"),
        (lambda a: (2 * a.logsumexp(0) - (2 * a).logsumexp(0)).exp() / len(a), "share of the samples"),
        (lambda a: ((2 * a).logsumexp(0) - 2 * a.logsumexp(0)).exp(), "Upside down"),
        (lambda a: 1 / a.exp().square().sum(0), "not normalised"),
        (lambda a: a.exp().sum(0) / a.exp().amax(0), "over the largest"),
        (lambda a: (2 * a.logsumexp(1) - (2 * a).logsumexp(1)).exp(), "Samples come first"),
        (lambda a: a.exp().sum(0) / a.exp().square().sum(0), "square of the sum is missing"),
        (lambda a: a.sum(0).square() / a.square().sum(0), "as if they were the weights"),
        (lambda a: a.exp().sum().square() / a.exp().square().sum(), "one number for everything"),
        (lambda a: (2 * a.logsumexp(0) - (a**2).logsumexp(0)).exp(), "the square of its logarithm"),
        (lambda a: (a.logsumexp(0) - (2 * a).logsumexp(0)).exp(), "square of the sum is missing"),
        (lambda a: torch.special.entr(a.softmax(0)).sum(0).exp(), "exponential of the entropy"),
        (lambda a: a.exp().sum(0).square() / a.exp().square().sum(0), "0 / 0"),
        (lambda a: ess_of((a - a.max()).exp()), "of all data points is taken out"),
        (lambda a: ess_of((a - a.mean()).exp()), "The mean over everything is taken out"),
        (lambda a: ess_of((a - a.mean(0)).exp()), "an exponential becomes infinite"),
        (lambda a: ess_of((a - a.min(0).values).exp()), "an exponential becomes infinite"),
        (lambda a: (a.exp().sum(0) ** 2 + 1e-9) / (a.exp().square().sum(0) + 1e-9), "lies beyond some limit"),
        (lambda a: ess_of(a.clamp(-100, 100).exp()), "lies beyond some limit"),
        (lambda a: ess_of(a.clamp(min=-100).exp()), "lies beyond some limit"),
        (lambda a: len(a) / (1 + a.exp().var(0) / a.exp().mean(0) ** 2), "divides by K - 1"),
        (lambda a: 1 / (a.softmax(1) ** 2).sum(0), "normalised over data points"),
        (lambda a: (a.logsumexp(0) ** 2 - (2 * a).logsumexp(0)).exp(), "What is log(s^2)"),
        (lambda a: 2 * a.logsumexp(0) / (2 * a).logsumexp(0), "quotient is a difference"),
        (lambda a: a.logsumexp(0) ** 2 / (2 * a).logsumexp(0), "sums themselves"),
        (lambda a: 1 / (a.softmax(0) ** 2).mean(0), "K times too large"),
        (lambda a: (a.logsumexp(0) ** 2 - (a**2).logsumexp(0)).exp(), "Both squares are taken of logarithms"),
        (lambda a: ess_of(a - a.amax(0)), "never exponentiated"),
        (lambda a: ess_of(a - a.max()), "never exponentiated"),
    ],
    "01.c": [
        (lambda a, c, K: torch.tensor(math.log((a + c) / 2)), "This is log E[w]"),
        (lambda a, c, K: torch.tensor((math.log(a) + math.log(c)) / 2), "This is E[log w]"),
        (lambda a, c, K: expected_log(a, c, K, lambda K, j: 1 / (K + 1)), "equally probable"),
        (lambda a, c, K: expected_log(a, c, K, lambda K, j: 2.0**-K), "of *one* outcome"),
        (lambda a, c, K: expected_log(a, c, K, lambda K, j: math.comb(K, j) // 2**K), "always 0"),
        (
            lambda a, c, K: sum(math.comb(K, j) / 2**K * math.log(j * a + (K - j) * c / K) for j in range(K + 1)),
            "brackets",
        ),
        (lambda a, c, K: sampled(a, c, K, torch.Generator().manual_seed(1)), "Near, but not exact"),
        (lambda a, c, K: expected_log(a, c, K, math.comb), "do not add up to 1"),
        (lambda a, c, K: expected_log(a, c, K) + math.log(K), "the sum of the weights"),
        (lambda a, c, K: expected_log(a, c, K, counts=lambda K: range(1, K + 1)), "runs from 1"),
        (lambda a, c, K: expected_log(a, c, K, counts=range), "stops at K - 1"),
        (lambda a, c, K: expected_log(a, c, K) - math.log((a + c) / 2), "that is the bias"),
        (
            lambda a, c, K: torch.tensor(math.log((a + c) / 2) - ((a - c) / (a + c)) ** 2 / (2 * K)),
            "Taylor approximation",
        ),
        (lambda a, c, K: expected_log(a, c, K) + math.log(K / 2), "divided by 2"),
        (lambda a, c, K: expected_log(a, c, K) / math.log(2), "to base 2"),
        (lambda a, c, K: expected_log(a, c, K).exp(), "exponential of the expectation"),
        (lambda a, c, K: (a + c) / 2, "the expected mean itself"),
        (lambda a, c, K: sampled(a, c, K), "another answer each"),
        (lambda a, c, K: expected_log(a, c, K) + 1e-9 * torch.rand((), dtype=torch.float64), "another answer each"),
        (lambda a, c, K: expected_log(a, c, min(K, 50)), "is right, for"),
    ],
    "01.d": [
        (lambda x, W, b, s: ppca_posterior(x, W, b, s)[::-1], "mean first"),
        (changed(ppca_posterior, 1, torch.linalg.inv), "This is the precision"),
        (changed(ppca_posterior, 1, lambda cov: cov.expand(3, -1, -1)), "does not depend on x"),
        (changed(ppca_posterior, 1, lambda cov: torch.diag(cov.diagonal())), "diagonal only"),
        (changed(ppca_posterior, 1, torch.linalg.cholesky), "Cholesky factor"),
        (lambda x, W, b, s: ppca_posterior(x, W, b, s**0.5), "not by sigma squared"),
        (lambda x, W, b, s: ppca_posterior(x, W, b, s, prior=0.0), "prior is missing"),
        (lambda x, W, b, s: ppca_posterior(x, W, b, 1.0), "noise is missing"),
        (lambda x, W, b, s: ppca_posterior(x, W, b, 1 / s), "multiplied by sigma^2"),
        (lambda x, W, b, s: (0, ppca_posterior(x, W, b, s)[1] / s**2), "A factor sigma^2"),
        (lambda x, W, b, s: (0, ppca_posterior(x, W, b, s)[1] * s**2), "sigma^2 is in two places"),
        (lambda x, W, b, s: ppca_posterior(x + b, W, b, s), "forgets b"),
        (lambda x, W, b, s: ppca_posterior(b - x + b, W, b, s), "wrong sign"),
        (lambda x, W, b, s: ((x - b) @ W, ppca_posterior(x, W, b, s)[1]), "This is (x - b) W"),
        (lambda x, W, b, s: ((x - b) @ W / s**2, ppca_posterior(x, W, b, s)[1]), "covariance is missing"),
        (
            lambda x, W, b, s: (ppca_posterior(x, W, b, s)[0] * s**2, ppca_posterior(x, W, b, s)[1]),
            "1 / sigma^2",
        ),
        (
            lambda x, W, b, s: (ppca_posterior(x, W, b, s)[0] * s, ppca_posterior(x, W, b, s)[1]),
            "by sigma, not",
        ),
        (
            lambda x, W, b, s: (ppca_posterior(x, W, b, s, 0.0)[0], ppca_posterior(x, W, b, s)[1]),
            "least-squares code",
        ),
        (lambda x, W, b, s: with_precision(x, W, b, s, 1 + W.T @ W / s**2), "1 is added to every entry: I"),
        (lambda x, W, b, s: ((x - b) @ W, 1 + W.T @ W / s**2), "a precision, to be inverted"),
        (lambda x, W, b, s: (0, torch.linalg.inv(torch.eye(len(b)) + W @ W.T / s**2)), "a matrix of the data"),
        (lambda x, W, b, s: with_precision(x, W, b, s, torch.eye(W.shape[1]) - W.T @ W / s**2), "sign is wrong"),
        (changed(ppca_posterior, 1, lambda cov: 1 / torch.linalg.inv(cov)), "Each entry of the precision"),
        (changed(ppca_posterior, 1, torch.diagonal), "as a vector"),
        (changed(ppca_posterior, 1, lambda cov: cov.inverse().diagonal().reciprocal().diag()), "Only the precision"),
        (lambda x, W, b, s: (0, s**2 * torch.linalg.inv(W.T @ W + torch.eye(W.shape[1]))), "but not from I"),
        (lambda x, W, b, s: (0, W.T @ W + s**2 * torch.eye(W.shape[1])), "neither divided"),
        (lambda x, W, b, s: ppca_posterior(x + 2 * b, W, b, s), "b is added"),
        (lambda x, W, b, s: mean_times(x, W, b, s, 1 / s**2), "squared twice"),
        (lambda x, W, b, s: by_precision(x, W, b, s, s**2), "multiplied by the precision, where"),
        (lambda x, W, b, s: by_precision(x, W, b, s, 1.0), "multiplied by the precision, not"),
        (changed(ppca_posterior, 0, lambda mean: mean.mean(0)), "average over data points"),
        (changed(ppca_posterior, 0, lambda mean: mean.T), "This is the transpose: the shape of mean"),
        (changed(ppca_posterior, 0, lambda mean: mean + 1), "mean[0, 0] is"),
    ],
}
