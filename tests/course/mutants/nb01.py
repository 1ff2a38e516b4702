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
        (lambda a: (a - a.max()).exp().mean(0).log() + a.max(), "exp(-1000) is 0"),
        (lambda a: (a.exp().mean(0) + 1e-12).log(), "A small constant"),
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
        (lambda a: (a - a.max()).exp().sum(0) ** 2 / (a - a.max()).exp().square().sum(0), "0 / 0"),
    ],
    "01.c": [
        (lambda a, c, K: torch.tensor(math.log((a + c) / 2)), "This is log E[w]"),
        (lambda a, c, K: torch.tensor((math.log(a) + math.log(c)) / 2), "This is E[log w]"),
        (lambda a, c, K: expected_log(a, c, K, lambda K, j: 1 / (K + 1)), "equally probable"),
        (lambda a, c, K: expected_log(a, c, K, math.comb), "do not add up to 1"),
        (lambda a, c, K: expected_log(a, c, K) + math.log(K), "the sum of the weights"),
        (lambda a, c, K: expected_log(a, c, K, counts=lambda K: range(1, K + 1)), "runs from 1"),
        (lambda a, c, K: expected_log(a, c, K, counts=range), "stops at K - 1"),
        (lambda a, c, K: expected_log(a, c, K) - math.log((a + c) / 2), "that is the bias"),
        (
            lambda a, c, K: torch.tensor(math.log((a + c) / 2) - ((a - c) / (a + c)) ** 2 / (2 * K)),
            "Taylor approximation",
        ),
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
    ],
}
