"""Checkers for notebook 01."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .checking import Mistake, checker, compare, same, unpack


@checker("01.a")
def log_p_estimate(answer: Callable) -> str:
    """answer(log_lik): log p(x|z) `[K, B]` in nats -> log of the Monte-Carlo estimate of p(x), `[B]`."""
    for seed, (k, points) in enumerate(((5, 3), (40, 2), (1, 4))):
        log_lik = 3 * torch.randn(k, points, generator=torch.Generator().manual_seed(seed)) - 2
        truth = log_lik.double().exp().mean(0).log()
        wrong = [
            (log_lik.mean(0),
             "This is the mean of the logarithms, and p(x) is a mean of probabilities: it is far too low. On which "
             "side of the logarithm does the average belong?"),
            (truth + math.log(k), "A sum over samples is not yet a mean: what divides by K under a logarithm?"),
            ((truth + math.log(k)) / k,
             "The logarithm of the sum is divided by K. Divide before the logarithm, or subtract log K."),
            (truth.exp(), "This is p(x) itself; its logarithm is wanted."),
            (log_lik.double().exp().mean(1).log(), "The average is over data points. Samples come first: `[K, B]`."),
            (-truth, "The sign is wrong: this is the negative log-likelihood."),
            (log_lik.max(0).values, "This is the best of the samples, not their average."),
            (log_lik.double().exp().mean().log(),
             "This is one number for all data points. Each x has a p(x) of its own."),
            (truth + math.log(k / points), "log B is subtracted; the mean is over the K samples."),
            (truth - log_lik.max(0).values, "The maximum was taken out and not put back."),
        ]
        compare(answer(log_lik), truth, wrong)
        _survives(answer, log_lik, -1, truth, "exp(-1000) is 0, and its logarithm is infinite")
    return "An average of probabilities, taken without ever leaving the logarithms."


@checker("01.b")
def effective_sample_size(answer: Callable) -> str:
    """answer(log_w): log-weights `[K, B]` in nats -> effective sample size `[B]`, from 1 to K."""
    for seed, (k, points) in enumerate(((6, 3), (30, 2), (1, 4))):
        log_w = 1.5 * torch.randn(k, points, generator=torch.Generator().manual_seed(seed)) - 1
        w = log_w.double().exp()
        truth = w.sum(0).square() / w.square().sum(0)
        wrong = [
            (truth.log(), "This is its logarithm: return the number of samples."),
            (truth / k, "This is the share of the samples that is effective; their number is wanted."),
            (1 / truth, "Upside down: sum of squares over square of sum. For equal weights it should give K."),
            (1 / w.square().sum(0),
             "The weights are not normalised: multiply all of them by two, and the answer must not change."),
            (w.sum(0) / w.amax(0),
             "This is the sum of the weights over the largest: another measure, at most the ESS."),
            (w.sum(1).square() / w.square().sum(1), "The sums are over data points. Samples come first: `[K, B]`."),
            (w.sum(0) / w.square().sum(0),
             "The square of the sum is missing: in logarithms, twice the first logsumexp."),
            (log_w.sum(0).square() / log_w.square().sum(0),
             "This treats the log-weights as if they were the weights."),
            (w.sum().square() / w.square().sum(), "This is one number for everything. Each data point has its own."),
            ((2 * log_w.logsumexp(0) - log_w.square().logsumexp(0)).exp(),
             "The square of a weight is taken as the square of its logarithm. What is log(w^2)?"),
            (torch.special.entr(w / w.sum(0)).sum(0).exp(),
             "This is the exponential of the entropy of the shares: another measure, larger than the ESS."),
        ]
        compare(answer(log_w), truth, wrong)
        _survives(answer, log_w, 0, truth, "all weights become 0, and 0 / 0 is not a number")
    return "It is K for equal weights and 1 if one weight is all, whatever the scale of the weights."


def _survives(answer: Callable, log_w: Tensor, sign: int, truth: Tensor, what_happens: str) -> None:
    """Raise Mistake unless the answer is also right for log-weights lower by 800 to 4,000 nats.

    Each data point is shifted by another amount, which adds `sign` times the shift to the truth.
    """
    shift = torch.linspace(800, 4000, log_w.shape[1]).double()  # exp(-800) is 0 even in float64
    got = answer(log_w.double() - shift)
    if not torch.isfinite(torch.as_tensor(got)).all():
        raise Mistake(
            f"Right for moderate numbers, but for log-weights near -1000 {what_happens}. (Each data "
            "point may need another scale.) Which function adds up exponentials safely?"
        )
    if not same(got, truth + sign * shift):
        raise Mistake(
            "Right for moderate numbers, but wrong for log-weights near -1000. A small constant under the "
            "logarithm does not help. Which function adds up exponentials safely?"
        )


@checker("01.c")
def expected_log_mean(answer: Callable) -> str:
    """answer(a, c, K): exact E[log mean of K weights], each a or c at even odds -> scalar tensor, nats."""
    for a, c, k in ((0.5, 3.0, 1), (3.0, 0.2, 2), (0.4, 5.0, 7), (1.9, 0.1, 10), (1.9, 0.1, 100)):
        ways = [math.comb(k, j) / 2**k for j in range(k + 1)]
        means = [(j * a + (k - j) * c) / k for j in range(k + 1)]
        truth = math.fsum(p * math.log(m) for p, m in zip(ways, means, strict=True))
        variance = (a - c) ** 2 / 4
        wrong = [
            (math.log((a + c) / 2), "This is log E[w], what the estimate would give for infinitely many weights."),
            ((math.log(a) + math.log(c)) / 2,
             "This is E[log w], right for one weight only. Which means can K weights have?"),
            (math.fsum(math.log(m) for m in means) / (k + 1),
             "Every count j is taken as equally probable. In how many ways can j of K coins show heads?"),
            (math.fsum(math.comb(k, j) * math.log(m) for j, m in enumerate(means)),
             "The probabilities do not add up to 1: there are 2^K outcomes."),
            (truth + math.log(k),
             "This is the expectation for the sum of the weights: divide by K inside the logarithm."),
            (math.log((a + c) / 2) - variance / (2 * k * ((a + c) / 2) ** 2),
             "This is the Taylor approximation. The exact value is a finite sum."),
            (math.fsum(p * math.log(m) for p, m in zip(ways[1:], means[1:], strict=True)),
             "j runs from 1, so that the case in which all weights are c is missing."),
            (math.fsum(p * math.log(m) for p, m in zip(ways[:-1], means[:-1], strict=True)),
             "j stops at K - 1, so that the case in which all weights are a is missing."),
            (truth - math.log((a + c) / 2),
             "The expectation is right; from it the truth was subtracted: that is the bias."),
        ]
        got = answer(a, c, k)
        compare(got, torch.tensor(truth), [(torch.tensor(value), message) for value, message in wrong])
        if not torch.equal(got, answer(a, c, k)):
            raise Mistake("It gives another answer each time. The exact expectation needs no sampling.")
    return "A finite sum over how many weights are large: the bias without any sampling error."


@checker("01.d")
def ppca_posterior(answer: Callable) -> str:
    """answer(x, W, b, sigma): `[B, D]`, `[D, L]`, `[D]` -> mean `[B, L]`, covariance `[L, L]` of p(z|x)."""
    for seed, (points, dim, latent) in enumerate(((3, 5, 2), (2, 4, 3), (4, 3, 1))):
        rng = torch.Generator().manual_seed(seed)
        x, W, b = (torch.randn(s, generator=rng).double() for s in ((points, dim), (dim, latent), (dim,)))
        sigma, eye = (0.6, 1.7, 0.9)[seed], torch.eye(latent).double()
        # Truth: condition the joint Gaussian of (z, x), in which Cov[z, x] = W^T.
        C = W @ W.T + sigma**2 * torch.eye(dim).double()
        gain = torch.linalg.solve(C, W).T  # W^T C^-1
        mean, covariance = (x - b) @ gain.T, eye - gain @ W
        got = unpack(answer(x, W, b, sigma), "mean, covariance")
        precision = torch.linalg.inv(covariance)
        if same(got[0], covariance):
            raise Mistake("Return the mean first, then the covariance.")
        if isinstance(got[1], Tensor) and got[1].ndim == 3:
            raise Mistake("The covariance does not depend on x: return one, [L, L], for all data points.")
        with_sigma = eye + W.T @ W / sigma
        least_squares = torch.linalg.inv(W.T @ W)
        compare(got[1], covariance, [
            (precision, "This is the precision; the covariance is its inverse."),
            (torch.linalg.inv(with_sigma), "It is divided by sigma, not by sigma squared."),
            (sigma**2 * least_squares, "The prior is missing: where is the identity?"),
            (covariance / sigma**2,
             "A factor sigma^2 is missing: (W^T W + sigma^2 I)^-1 is not yet the covariance."),
            (sigma**2 * torch.linalg.inv(W.T @ W / sigma**2 + eye),
             "sigma^2 is in two places: multiply through, and only one is left."),
            (torch.diag(covariance.diagonal()), "This is its diagonal only: given x, the codes are correlated."),
            (torch.linalg.cholesky(covariance), "This is a Cholesky factor of the covariance."),
            (torch.linalg.inv(eye + W.T @ W), "The noise is missing: there is no sigma in it."),
            (torch.linalg.inv(eye + sigma**2 * W.T @ W),
             "W^T W is multiplied by sigma^2. Less noise should make the posterior narrower."),
        ])
        compare(got[0], mean, [
            (x @ gain.T, "The mean forgets b: x is compared with W z + b."),
            (mean * sigma**2, "In the mean, 1 / sigma^2 is missing."),
            (mean * sigma, "In the mean, it is divided by sigma, not by sigma squared."),
            ((x - b) @ W @ least_squares,
             "The mean is the least-squares code, as if there were no prior. Which matrix must be inverted?"),
            ((x - b) @ W / sigma**2, "In the mean, the covariance is missing: this is W^T (x - b) / sigma^2."),
            ((x - b) @ W, "This is (x - b) W: the precision and sigma are still missing."),
            (-mean, "The mean has the wrong sign: is it x - b or b - x?"),
        ])
    return "The posterior is Gaussian; only its mean depends on x, and that linearly."
