"""Every checker accepts its solution, and rejects each classic mistake with its own message."""

import math

import nbformat
import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Binomial, Normal

from vae_helpers import check
from vae_helpers.datasets import ROOT
from vae_helpers.exercises import Mistake, checking
from vae_helpers.exercises.checking import CHECKERS, compare

KL = lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)  # noqa: E731
BCE = lambda x, logits: F.binary_cross_entropy_with_logits(logits, x, reduction="none")  # noqa: E731


def nll(log_w, exponentials=False):
    """The right answer to 04.c; with plain exponentials, only where they can be represented."""
    if exponentials:
        return -log_w.exp().mean(0).log().mean()
    return -(log_w.logsumexp(0) - math.log(len(log_w))).mean()


def ppca_posterior(x, W, b, sigma, prior=1.0):
    """The right answer to 01.d; with another prior precision, the mistake of forgetting it."""
    cov = torch.linalg.inv(prior * torch.eye(W.shape[1]).to(W) + W.T @ W / sigma**2)
    return (x - b) @ W @ cov / sigma**2, cov


def ppca_elbo(x, W, b, sigma, mu, cov, trace=1.0, det=1.0, power=2):
    """The right answer to 02.a, with switches for what may go wrong."""
    spread = trace * torch.trace(W @ cov @ W.T)
    error = (x - b - mu @ W.T).square().sum(-1) + spread
    log_lik = -0.5 * x.shape[1] * math.log(2 * math.pi * sigma**2) - error / (2 * sigma**power)
    return log_lik - gaussian_kl(mu, cov, det)


def gaussian_kl(mu, cov, det=1.0):
    return 0.5 * (cov.trace() + mu.square().sum(-1) - len(cov) - det * torch.logdet(cov))


def m_step(x, mu, cov, n=None):
    """The right answer to 02.c; with n = 1, Sigma counted once."""
    n = len(x) if n is None else n
    W = torch.linalg.solve(mu.T @ mu + n * cov, mu.T @ x).T
    return W, ((x - mu @ W.T).square().sum() + len(x) * torch.trace(W @ cov @ W.T)) / x.numel()


def information(A, cov, C):
    """The right answer to 02.d."""
    spread = A @ C @ A.T
    rate = 0.5 * ((cov + spread).trace() - len(cov) - torch.logdet(cov))
    info = 0.5 * (torch.logdet(spread + cov) - torch.logdet(cov))
    return rate, info, rate - info


def changed(answer, place, change):
    """A function that answers as `answer` does, but for one entry of the tuple."""

    def mutant(*args):
        values = list(answer(*args))
        values[place] = change(values[place])
        return tuple(values)

    return mutant


def diagonal_price(cov):
    precision = torch.linalg.inv(cov)
    return 1 / precision.diagonal(), 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))


def expected_log(a, c, K, weights=None, counts=None):
    """The right answer to 01.c, for chosen counts and weights of them."""
    counts = range(K + 1) if counts is None else counts(K)
    weigh = weights or (lambda K, j: math.comb(K, j) / 2**K)
    return torch.tensor(math.fsum(weigh(K, j) * math.log((j * a + (K - j) * c) / K) for j in counts))


def gaussian_samples(mu, log_var, k, scale=None, shape=None):
    """The right answer to 03.b, with another scale or shape of the noise."""
    scale = (0.5 * log_var).exp() if scale is None else scale
    return mu + scale * torch.randn(shape or (k, *mu.shape))


def loo(f, score, others=None):
    others = (f.sum(0) - f) / (len(f) - 1) if others is None else others
    return ((f - others) * score).mean(0)


def logit_normal(z, mu, log_var, log_det=1.0, half=0.5, constant=1.0):
    y = z.logit()
    normal = -0.5 * (constant * math.log(2 * math.pi) + log_var) - half * (y - mu) ** 2 / log_var.exp()
    return (normal - log_det * (z.log() + (1 - z).log())).sum(-1)


def gaussian_05(x, mean, sigma, pi=1.0, log=1.0, half=0.5, power=2):
    """The right answer to 05.a, with switches for what may go wrong."""
    constants = x.shape[1] * (pi * 0.5 * math.log(2 * math.pi) + log * sigma.log())
    return -constants - half * (x - mean).square().sum(1) / sigma**power


def gap(information, entropy, dim=0):
    """The right answer to 06.b, or over the wrong dimension."""
    best, second = information.topk(2, dim=dim).values.unbind(dim)
    return (best - second) / entropy


def aggregate(log_q, n, own=None, others=None, dim=1):
    """The right answer to 06.c, with switches for what may go wrong."""
    m = len(log_q)
    weights = torch.full((m, m), (n - 1) / (n * (m - 1)) if others is None else others(m, n))
    weights.fill_diagonal_(1 / n if own is None else own(m, n))
    return torch.logsumexp(weights.log() + log_q, dim=dim)


def copied_aggregate(log_q, n):
    m = len(log_q)
    weights = torch.full((m, m), 1 / (m - 1))
    weights.view(-1)[::m] = 1 / n
    weights.view(-1)[1::m] = (n - m + 1) / (n * (m - 1))
    weights[m - 2, 0] = (n - m + 1) / (n * (m - 1))
    return torch.logsumexp(weights.log() + log_q, dim=1)


def chi_square(m, S, mu, C, power=1, det=1.0, offset=1.0, half=0.5, minus=1.0, sign=-1.0):
    """The right answer to 07.b, with switches for what may go wrong."""
    P, Q, d = torch.linalg.inv(S), torch.linalg.inv(C), m - mu
    A, b = 2 * P + sign * Q, Q @ d
    log_det = det * (0.5 * torch.logdet(C) - power * torch.logdet(S) - 0.5 * torch.logdet(A))
    return torch.exp(log_det + half * (b @ torch.linalg.solve(A, b) + offset * d @ b)) - minus


def dreg(log_weight, z, power=1, path_only=True, value=None, detach=False):
    """The right answer to 07.c, with another power of the weights, or for all of log w, or another value."""
    if not path_only:  # squared for the decoder as well
        log_w = log_weight(z)
        share = torch.softmax(log_w.detach(), 0)
        surrogate = (share ** (power + 1) * log_w).sum(0)
        return log_w.detach().logsumexp(0) - math.log(len(z)) + surrogate - surrogate.detach()
    log_w = log_weight(z.detach() if detach else z)
    share = torch.softmax(log_w.detach(), 0)[..., None]
    if not detach:
        z.register_hook(lambda gradient: share**power * gradient)
    bound = log_w.logsumexp(0) - math.log(len(z))
    return bound if value is None else value(log_w)


def dreg_by_a_second_pass(log_weight, z):
    """07.c without a hook: the encoder's part through a scaled copy of z."""
    share = torch.softmax(log_weight(z).detach(), 0)[..., None]
    scaled = z.detach() + share * (z - z.detach())
    log_w = log_weight(scaled)
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


MUTANTS = {
    "00.a": [
        (lambda x, p: Bernoulli(p).log_prob(x).mean(-1), "mean over tosses"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(-1) / math.log(2), "in bits"),
        (lambda x, p: Bernoulli(p).log_prob(x).exp().prod(-1), "the probability, not its logarithm"),
        (lambda x, p: Bernoulli(1 - p).log_prob(x).sum(-1), "exchanged"),
        (lambda x, p: -Bernoulli(p).log_prob(x).sum(-1), "sign is wrong"),
        (lambda x, p: (x * math.log(p)).sum(-1), "Only the ones"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(), "sums over everything"),
        (lambda x, p: Bernoulli(p).log_prob(x), "one number per toss"),
        (lambda x, p: Binomial(x.shape[1], torch.tensor(p)).log_prob(x.sum(-1)), "in any order"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(0), "The shape is [7], expected [3]"),
    ],
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
        (lambda a: a.logsumexp(0) - math.log(len(a)) + 1, "is right. Try it on numbers"),
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
        (lambda a, c, K: expected_log(a, c, min(K, 50)), "is right. Try it on numbers"),
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
    "02.a": [
        (lambda *args: ppca_elbo(*args, trace=0.0), "spread of q is forgotten"),
        (lambda *args: ppca_elbo(*args) + gaussian_kl(*args[-2:]), "The KL is missing"),
        (lambda *args: ppca_elbo(*args) + 2 * gaussian_kl(*args[-2:]), "The KL is added"),
        (lambda *args: -ppca_elbo(*args), "This is the loss"),
        (lambda *args: ppca_elbo(*args, det=-1.0), "log det has the wrong sign"),
        (lambda *args: ppca_elbo(*args, power=1), "by sigma, not by sigma squared"),
        (lambda x, W, b, s, mu, cov: ppca_elbo(x, W, b, s**0.5, mu, cov), "read as the variance"),
        (lambda *args: ppca_elbo(*args) - gaussian_kl(*args[-2:]), "The KL lacks its factor"),
        (lambda *args: ppca_elbo(*args) - args[-1].shape[0] / 2, "L is missing"),
        (lambda x, W, b, s, mu, cov: ppca_elbo(x, W, 0 * b, s, mu, cov), "b is forgotten"),
        (lambda *args: ppca_elbo(*args).mean(), "one number for the batch"),
        (lambda *args: ppca_elbo(*args).sum(), "A sum over data points"),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov) + 0.5 * x.shape[1] * math.log(2 * math.pi * s**2)
            ),
            "The constant is missing",
        ),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov) + 0.5 * (x.shape[1] - 1) * math.log(2 * math.pi * s**2)
            ),
            "D is missing",
        ),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov) + 0.5 * x.shape[1] * math.log(2 * math.pi)
            ),
            "2 pi is missing",
        ),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov)
                + gaussian_kl(mu, cov)
                - 0.5
                * (
                    torch.linalg.inv(cov).trace()
                    + (mu @ torch.linalg.inv(cov) * mu).sum(-1)
                    - len(cov)
                    + torch.logdet(cov)
                )
            ),
            "the wrong way round",
        ),
    ],
    "02.b": [
        (lambda cov: diagonal_price(cov)[::-1], "Return the variances first"),
        (
            lambda cov: (diagonal_price(cov)[0], 0.5 * (cov.diagonal().log().sum() - torch.logdet(cov))),
            "least price by the forward KL",
        ),
        (changed(diagonal_price, 0, lambda v: 1 / v), "diagonal of the precision"),
        (changed(diagonal_price, 0, torch.sqrt), "standard deviations"),
        (changed(diagonal_price, 0, torch.diag), "This is a matrix"),
        (lambda cov: (cov.diagonal(), diagonal_price(cov)[1]), "with the others unknown"),
        (lambda cov: (torch.linalg.eigvalsh(cov), diagonal_price(cov)[1]), "eigenvalues"),
        (lambda cov: (1 / cov.diagonal(), diagonal_price(cov)[1]), "Invert the matrix first"),
        (changed(diagonal_price, 1, lambda kl: -kl), "it is never negative"),
        (changed(diagonal_price, 1, lambda kl: 2 * kl), "the factor 1/2"),
        (
            lambda cov: (
                diagonal_price(cov)[0],
                0.5 * (torch.linalg.inv(cov).diagonal().log().sum() + torch.logdet(torch.linalg.inv(cov))),
            ),
            "opposite signs",
        ),
        (
            lambda cov: (
                diagonal_price(cov)[0],
                0.5 * (-torch.linalg.inv(cov).diagonal().log().sum() - torch.logdet(torch.linalg.inv(cov))),
            ),
            "the variances have the wrong sign",
        ),
        (
            lambda cov: (
                diagonal_price(cov)[0],
                0.5 * ((cov.diagonal() * torch.linalg.inv(cov).diagonal()).sum() - len(cov))
                - 0.5 * (cov.diagonal().log().sum() - torch.logdet(cov)),
            ),
            "KL of the marginal variances",
        ),
    ],
    "02.c": [
        (lambda *args: m_step(*args)[::-1], "Return W first"),
        (lambda x, mu, cov: m_step(x, mu, 0 * cov), "The covariance is forgotten"),
        (lambda x, mu, cov: m_step(x, mu, cov, n=1), "added once"),
        (changed(m_step, 0, lambda W: W.T), "W transposed"),
        (lambda x, mu, cov: (x.T @ mu @ (mu.T @ mu + len(x) * cov), 0), "multiplied, not inverted"),
        (lambda x, mu, cov: (x.T @ mu, 0), "second bracket is missing"),
        (
            lambda x, mu, cov: (m_step(x, mu, cov)[0], (x - mu @ m_step(x, mu, cov)[0].T).square().mean()),
            "spread of the codes is forgotten",
        ),
        (changed(m_step, 1, torch.sqrt), "This is sigma"),
        (lambda x, mu, cov: (m_step(x, mu, cov)[0], m_step(x, mu, cov)[1] * x.shape[1]), "divided by N only"),
        (lambda x, mu, cov: (m_step(x, mu, cov)[0], m_step(x, mu, cov)[1] * x.numel()), "sum of the squares"),
        (
            lambda x, mu, cov: (m_step(x, mu, cov)[0], m_step(x, mu, cov)[1] * len(x) / (len(x) - 1)),
            "divided by N - 1",
        ),
    ],
    "02.d": [
        (changed(information, 1, lambda value: -value), "knowing z can only"),
        (changed(information, 1, lambda value: 2 * value), "lacks the factor 1/2"),
        (lambda A, cov, C: (0, 0.5 * torch.logdet(A @ C @ A.T + cov), 0), "entropy of the aggregate"),
        (lambda *args: [information(*args)[i] for i in (0, 2, 1)], "Second comes the information"),
        (lambda *args: [information(*args)[i] for i in (1, 0, 2)], "First comes the rate"),
        (changed(information, 2, lambda value: 2 * value), "aggregate lacks the factor"),
        (
            lambda A, cov, C: (
                *information(A, cov, C)[:2],
                0.5 * ((A @ C @ A.T).trace() - len(cov) - torch.logdet(A @ C @ A.T)),
            ),
            "aggregate posterior lacks the noise",
        ),
        (
            lambda A, cov, C: (0, 0.5 * (torch.logdet(A @ C @ A.T) - torch.logdet(cov)), 0),
            "In the information, the aggregate lacks",
        ),
        (changed(information, 2, lambda value: value + 99), "is right. Try it on numbers"),
        (lambda A, cov, C: (*information(A, cov, C)[:2], information(A, cov, 0 * C)[0]), "at x = 0"),
        (
            lambda A, cov, C: (*information(A, cov, C)[:2], information(A, cov, C)[2] + len(cov) / 2),
            "L is missing",
        ),
        (lambda A, cov, C: (information(A, cov, 0 * C)[0], *information(A, cov, C)[1:]), "forgets the means"),
        (
            lambda A, cov, C: (information(A, cov, torch.eye(len(C)).to(C))[0], *information(A, cov, C)[1:]),
            "covariance of the data is forgotten",
        ),
        (
            lambda A, cov, C: (
                information(A, cov, C)[1] - information(A, cov, C)[2],
                *information(A, cov, C)[1:],
            ),
            "the two add up",
        ),
    ],
    "03.a": [
        (lambda f, s: loo(f, s, f.mean(0)), "colleague's estimator"),
        (lambda f, s: loo(f, s, 0 * f), "There is no baseline"),
        (lambda f, s: loo(f, s, f.sum(0) - f), "summed, not averaged"),
        (lambda f, s: loo(f, s, (f.sum(0) - f) / len(f)), "divided by K; there are"),
        (lambda f, s: loo(f, s, f.mean(1, keepdim=True)), "taken over data points"),
        (
            lambda f, s: loo(f, s, (f.sum(1, keepdim=True) - f) / (f.shape[1] - 1)),
            "over the other data points",
        ),
        (lambda f, s: loo(f, s, f.mean()), "mixes all data points"),
        (lambda f, s: ((f - f.sum(0) - f / (len(f) - 1)) * s).mean(0), "needs brackets"),
        (lambda f, s: loo(f, s, (f * s**2).sum(0) / (s**2).sum(0)), "best constant"),
        (lambda f, s: loo(f, s) * len(f), "sum over samples"),
        (lambda f, s: loo(f, s) * len(f) / (len(f) - 1), "instead of K at the end"),
        (lambda f, s: loo(f, s, f.mean(0)) * (len(f) - 1) / len(f), "upside down"),
        (lambda f, s: -loo(f, s), "sign is wrong"),
        (lambda f, s: (f - (f.sum(0) - f) / (len(f) - 1)) * s, "One estimate per sample"),
        (lambda f, s: loo(f, s).mean(), "One number for all"),
    ],
    "03.b": [
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, lv.exp()), "scaled by the variance"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, lv), "the logarithm itself"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, 1.0 + 0 * lv), "unit scale"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, (-0.5 * lv).exp()), "divided by sigma"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k).detach(), "carry no gradient"),
        (lambda mu, lv, k: gaussian_samples(mu.detach(), lv, k), "No gradient reaches mu"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, lv.sqrt()), "are not numbers"),
        (
            lambda mu, lv, k: gaussian_samples(mu, lv, k, shape=(k, 1, mu.shape[1])),
            "they share their noise",
        ),
        (
            lambda mu, lv, k: gaussian_samples(mu, lv, k, shape=mu.shape).expand(k, -1, -1),
            "All K samples",
        ),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k // 2).repeat(2, 1, 1), "are the same. Draw fresh"),
        (
            lambda mu, lv, k: mu + (0.5 * lv).exp() * (torch.rand(k, *mu.shape) - 0.5) * 12**0.5,
            "The noise is not Gaussian",
        ),
        (
            lambda mu, lv, k: torch.normal(mu.expand(k, *mu.shape), (0.5 * lv).exp().expand(k, *mu.shape)),
            "A gradient reaches mu, but",
        ),
        (
            lambda mu, lv, k: (
                mu + (0.5 * lv).exp() * torch.randn(k, *mu.shape, generator=torch.Generator().manual_seed(1))
            ),
            "Called twice",
        ),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k) + 1, "Mean or standard deviation"),
    ],
    "03.c": [
        (lambda u, a, b: (1 - (1 - u) ** (1 / a)) ** (1 / b), "a and b are exchanged: which"),
        (lambda u, a, b: (1 - u ** (1 / a)) ** (1 / b), "a and b are exchanged: which"),
        (lambda u, a, b: 1 - (1 - u**a) ** b, "This is the distribution function"),
        (lambda u, a, b: (1 - (1 - u) ** b) ** a, "The powers are not inverted: to undo"),
        (lambda u, a, b: (1 - (1 - u) ** a) ** b, "not inverted, and a and b"),
        (lambda u, a, b: (1 - (1 - u) ** (1 / b)) ** a, "The outer power is not inverted"),
        (lambda u, a, b: (1 - (1 - u) ** b) ** (1 / a), "The inner power is not inverted"),
        (lambda u, a, b: 1 - (1 - u) ** (1 / b), "outer root is missing"),
        (lambda u, a, b: (1 - u) ** (1 / (a * b)), "subtraction is missing"),
        (lambda u, a, b: 1 - (1 - (1 - u) ** (1 / b)) ** (1 / a), "This is 1 - z"),
        (lambda u, a, b: u ** (1 / a), "b plays no part"),
        (lambda u, a, b: (1 - (1 - u) ** (1 / b.detach())) ** (1 / a), "no gradient reaches b"),
    ],
    "03.d": [
        (lambda z, mu, lv: logit_normal(z, mu, lv, log_det=0.0), "log-determinant is missing: this"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, log_det=-1.0), "log-determinant has the wrong sign"),
        (lambda z, mu, lv: logit_normal(z, mu, 2 * lv), "read as log sigma"),
        (lambda z, mu, lv: logit_normal(z, mu, lv) / z.shape[1], "a mean over dimensions"),
        (
            lambda z, mu, lv: logit_normal(z[..., None], mu[..., None], lv[..., None]),
            "One number per dimension",
        ),
        (lambda z, mu, lv: logit_normal(z, mu, lv).sum(), "sums over everything"),
        (lambda z, mu, lv: -logit_normal(z, mu, lv), "sign is wrong: this"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, constant=0.0), "log(2 pi) / 2"),
        (lambda z, mu, lv: logit_normal(z, mu, lv) + 0.5 * lv.sum(-1), "lacks its -log sigma"),
        (lambda z, mu, lv: logit_normal(z, mu, lv) - 0.5 * lv.sum(-1), "factor 1/2 of log_var"),
        (lambda z, mu, lv: logit_normal(z, mu, lv) + (1 - z).log().sum(-1), "Only half of"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, half=1.0), "lacks its factor 1/2"),
        (lambda z, mu, lv: logit_normal(z, mu, lv).exp(), "This is the density"),
        (
            lambda z, mu, lv: logit_normal(z, mu, lv, log_det=0.0) - (z * (1 - z)).sum(-1),
            "logarithm of the log-determinant",
        ),
        (
            lambda z, mu, lv: (
                logit_normal(z, mu, lv, log_det=0.0) - (z.sigmoid() * (-z).sigmoid()).log().sum(-1)
            ),
            "through the sigmoid again",
        ),
        (
            lambda z, mu, lv: logit_normal(z, mu, lv) + 0.5 * (z.shape[1] - 1) * math.log(2 * math.pi),
            "counted once",
        ),
        (
            lambda z, mu, lv: (
                -0.5 * (math.log(2 * math.pi) + lv + (z - mu) ** 2 / lv.exp()) - (z * (1 - z)).log()
            ).sum(-1),
            "evaluated at z, not at y",
        ),
    ],
    "04.a": [
        (lambda mu, log_var, eps: mu + log_var.exp() * eps, "scaled by the variance"),
        (lambda mu, log_var, eps: mu + log_var * eps, "the logarithm itself"),
        (lambda mu, log_var, eps: mu + eps, "unit scale"),
        (lambda mu, log_var, eps: mu + (-0.5 * log_var).exp() * eps, "divided by sigma"),
        (lambda mu, log_var, eps: mu, "no noise"),
        (lambda mu, log_var, eps: mu + log_var.sqrt() * eps, "square root of log_var"),
        (lambda mu, log_var, eps: mu + (0.5 * log_var).exp() * torch.randn_like(mu), "The noise is given"),
        (lambda mu, log_var, eps: (mu + (0.5 * log_var).exp() * eps).detach(), "no gradient reaches"),
        (lambda mu, log_var, eps: mu.detach() + (0.5 * log_var).exp() * eps, "no gradient reaches"),
    ],
    "04.b": [
        (lambda x, lo, mu, lv: -BCE(x, lo).mean(-1) - KL(mu, lv), "a mean over pixels"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean(-1) - KL(mu, lv) / mu.shape[1], "Both terms are means"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, lv) / mu.shape[1], "mean over latent"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) + KL(mu, lv), "The KL is added"),
        (lambda x, lo, mu, lv: BCE(x, lo).sum(-1) + KL(mu, lv), "This is the loss"),
        (lambda x, lo, mu, lv: (-BCE(x, lo).sum(-1) - KL(mu, lv)).mean(), "one number for the batch"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, 2 * lv), "read as log sigma"),
        (
            lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 0.5 * (lv + (1 + mu**2) / lv.exp() - 1).sum(-1),
            "the wrong way round",
        ),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 2 * KL(mu, lv), "off by a factor"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean() - KL(mu, lv), "mean over everything"),
        (lambda x, lo, mu, lv: (BCE(x, lo).sum(-1) + KL(mu, lv)).mean(), "one number for the batch. Return"),
        (
            lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 0.5 * (mu**2 + (2 * lv).exp() - lv - 1).sum(-1),
            "one reading of log_var",
        ),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1), "The KL is missing"),
        (lambda x, lo, mu, lv: (x * lo.sigmoid().log()).sum(-1) - KL(mu, lv), "Only the pixels that are 1"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, lv) + 1, "is right. Try it on numbers"),
        (
            lambda x, lo, mu, lv: (
                (x * lo.sigmoid().log() + (1 - x) * (1 - lo.sigmoid()).log()).sum(-1) - KL(mu, lv)
            ),
            "but not for 200",
        ),
    ],
    "04.c": [
        (lambda log_w: -log_w.mean(), "mean of the log-weights"),
        (lambda log_w: -log_w.logsumexp(0).mean(), "not yet a mean"),
        (lambda log_w: -(log_w.logsumexp(0) / len(log_w)).mean(), "divides the logarithm"),
        (lambda log_w: -(log_w.logsumexp(1) - math.log(log_w.shape[1])).mean(), "wrong dimension"),
        (lambda log_w: (log_w.logsumexp(0) - math.log(len(log_w))).mean(), "sign is wrong"),
        (lambda log_w: -(log_w.flatten().logsumexp(0) - math.log(log_w.numel())), "a p(x) of its own"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))), "Not averaged over images"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))).sum(), "A sum over images"),
        (lambda log_w: -log_w.max(0).values.mean(), "best of the K samples"),
        (lambda log_w: nll(log_w.clamp(min=-150)), "is right. Try it on numbers"),
        (lambda log_w: nll(log_w - log_w.max(), exponentials=True) - log_w.max(), "the weights are tiny"),
        (lambda log_w: -log_w.double().exp().mean(0).log().mean(), "the weights are tiny"),
    ],
    "04.d": [
        (lambda x: Bernoulli(x).entropy().mean(-1), "mean over pixels"),
        (lambda x: Bernoulli(x).entropy().sum(-1) / math.log(2), "in bits"),
        (lambda x: -(x * x.log()).sum(-1), "Half of it is missing"),
        (lambda x: -Bernoulli(x).entropy().sum(-1), "sign is wrong"),
        (lambda x: Bernoulli(x).entropy(), "One number per pixel"),
        (lambda x: torch.zeros(len(x)), "black-and-white images only"),
        (lambda x: -(x * x.log() + (1 - x) * (1 - x).log()).nan_to_num(nan=-1.0).sum(-1), "is right. Try"),
        (lambda x: Bernoulli(x).entropy().sum(-1, keepdim=True), "The numbers are right; the shape is"),
        (lambda x: torch.full((len(x),), x.shape[1] * math.log(2)), "1/2 everywhere"),
        (lambda x: -(x * x.log() + (1 - x) * (1 - x).log()).sum(-1), "0 * log(0)"),
        (lambda x: -(x * x.round().log() + (1 - x) * (1 - x.round()).log()).sum(-1), "infinitely wrong"),
    ],
    "05.a": [
        (lambda x, m, s: -gaussian_05(x, m, s), "the loss"),
        (lambda x, m, s: gaussian_05(x, m, s) / x.shape[1], "a mean over pixels"),
        (lambda x, m, s: Normal(m, s).log_prob(x), "Not summed"),
        (
            lambda x, m, s: gaussian_05(x, m, s).sum(),
            "One number for the whole batch: return one per image, [B]",
        ),
        (lambda x, m, s: gaussian_05(x, m, s).mean(), "not their mean"),
        (lambda x, m, s: gaussian_05(x, m, s, pi=0), "with 2 pi is missing"),
        (lambda x, m, s: gaussian_05(x, m, s, pi=1 / x.shape[1]), "2 pi is counted once"),
        (lambda x, m, s: gaussian_05(x, m, s, log=1 / x.shape[1]), "log sigma is counted once"),
        (
            lambda x, m, s: gaussian_05(x, m, s, 1 / x.shape[1], 1 / x.shape[1]),
            "Both constants are counted once",
        ),
        (lambda x, m, s: gaussian_05(x, m, s, log=0), "D log sigma is missing"),
        (lambda x, m, s: gaussian_05(x, m, s, log=0.5), "D/2 log sigma stands"),
        (lambda x, m, s: gaussian_05(x, m, s, log=2), "D log sigma^2 stands"),
        (lambda x, m, s: gaussian_05(x, m, s, log=-1), "a wide Gaussian is a low one"),
        (lambda x, m, s: gaussian_05(x, m, s, half=1), "not by 2 sigma^2"),
        (lambda x, m, s: gaussian_05(x, m, s, power=1), "divided by 2 sigma,"),
        (lambda x, m, s: gaussian_05(x, m, s.sqrt()), "taken for a variance"),
        (lambda x, m, s: gaussian_05(x, m, s, half=0) - (x - m).norm(dim=1) / (2 * s**2), "not squared"),
        (lambda x, m, s: gaussian_05(x, m, s, 784 / x.shape[1], 784 / x.shape[1]), "D is 784 here"),
    ],
    "05.b": [
        (lambda w, D, L: w * D / (2 * L), "Take the root"),
        (lambda w, D, L: (w * D / 2).sqrt(), "right for the sum"),
        (lambda w, D, L: (w * D * L / 2).sqrt(), "L is on the wrong side"),
        (lambda w, D, L: (w / (2 * L)).sqrt(), "D is missing"),
        (lambda w, D, L: (w * D / L).sqrt(), "A factor 2 is missing"),
        (lambda w, D, L: (2 * w * D / L).sqrt(), "2 is on the wrong side"),
        (lambda w, D, L: (2 * L / (w * D)).sqrt(), "upside down"),
        (lambda w, D, L: L / (w * D), "Solve it for sigma"),
        (lambda w, D, L: torch.full_like(w, D / (2 * L)).sqrt(), "weight is missing"),
        (lambda w, D, L: w * torch.full_like(w, D / (2 * L)).sqrt(), "outside the root"),
        (lambda w, D, L: (D / (2 * L * w)).sqrt(), "weight is upside down"),
        (lambda w, D, L: (w * L / (2 * D)).sqrt(), "interchanged"),
    ],
    "05.c": [
        (lambda x, m: (x - m).square().mean(), "its logarithm is wanted"),
        (lambda x, m: (x - m).square().mean().log() / 2, "half of log sigma^2"),
        (lambda x, m: (x - m).square().mean().sqrt(), "This is sigma."),
        (lambda x, m: (x - m).square().sum(1).mean().log(), "summed over its pixels"),
        (lambda x, m: (x - m).square().sum().log(), "A sum over everything"),
        (lambda x, m: (x - m).square().mean(1).log(), "One per image"),
        (lambda x, m: (x - m).square().mean(0).log(), "One per pixel"),
        (lambda x, m: (x - m).square().mean(1).log().mean(), "one for each image"),
        (lambda x, m: (x - m).square().log().mean(), "one for each pixel of"),
        (lambda x, m: (x - m).var().log(), "is an error as well"),
        (lambda x, m: (x - m).var(correction=0).log(), "is an error too"),
        (lambda x, m: 2 * (x - m).abs().mean().log(), "mean absolute error, squared"),
        (lambda x, m: (x - m).abs().mean().log(), "logarithm of the mean absolute error"),
        (lambda x, m: -(x - m).square().mean().log(), "the log of the precision"),
    ],
    "05.d": [
        (lambda lp, D, n: -(lp - D * math.log(n)) / D, "nats per dimension"),
        (lambda lp, D, n: -lp / (D * math.log(2)), "The levels are missing"),
        (lambda lp, D, n: -(lp - math.log(n)) / (D * math.log(2)), "subtracted once"),
        (lambda lp, D, n: -(lp + D * math.log(n)) / (D * math.log(2)), "log(levels) has the wrong sign"),
        (lambda lp, D, n: (lp - D * math.log(n)) / (D * math.log(2)), "The sign is wrong"),
        (lambda lp, D, n: -(lp - D * math.log(n)) / math.log(2), "divide by D"),
        (lambda lp, D, n: -(lp - D * math.log(n)) / D * math.log(2), "Multiplied by log 2"),
        (lambda lp, D, n: -(lp - D * math.log(n)).mean() / (D * math.log(2)), "return one per image"),
        (
            lambda lp, D, n: -(lp - D * math.log(256 if n == 16 else n)) / (D * math.log(2)),
            "256 levels were assumed",
        ),
        (lambda lp, D, n: -(lp - D * math.log2(n)) / (D * math.log(2)), "in bits already"),
    ],
    "06.a": [
        (lambda r, d: d.diff() / r.diff(), "This is the slope"),
        (lambda r, d: -r.diff() / d.diff(), "Upside down: this is rate"),
        (lambda r, d: r.diff() / d.diff(), "with the sign of the slope"),
        (lambda r, d: (d / r)[1:], "ratios of the points themselves"),
        (lambda r, d: d / r, "One ratio per model"),
        (lambda r, d: d.diff(), "differences of distortion only"),
        (
            lambda r, d: -torch.gradient(d, spacing=(r,))[0] if len(r) > 2 else d / r,
            "slopes at the models",
        ),
        (lambda r, d: -((d - d[0]) / (r - r[0]))[1:], "taken from the first model"),
        (lambda r, d: -(d[-1] - d[0]) / (r[-1] - r[0]), "one price for the whole way"),
        (lambda r, d: -d.diff() / r.diff() + 1, "is right. Try it on numbers"),
        (lambda r, d: (d.diff() / r.diff()).abs(), "A price can be negative"),
        (lambda r, d: (-d.diff() / r.diff()).clamp(min=0), "A negative price is set to 0"),
    ],
    "06.b": [
        (
            lambda i, h: (i.amax(0) - i.masked_fill(i == i.amax(0), -1).amax(0)) / h,
            "leave no gap",
        ),
        (lambda i, h: gap(i, h, dim=1), "taken over factors"),
        (lambda i, h: gap(i, 1.0), "The entropies are not used"),
        (lambda i, h: gap(i, i.amax(0)), "divided by the largest information"),
        (lambda i, h: i.amax(0) / h, "the best code alone"),
        (lambda i, h: (i.amax(0) - i.amin(0)) / h, "largest minus the smallest"),
        (lambda i, h: -gap(i, h), "sign is wrong"),
        (lambda i, h: gap(i, h).mean(), "One number for all"),
        (lambda i, h: gap(i, 1 / h), "multiplied by the entropy"),
        (lambda i, h: gap(i, i.sum(0)), "divided by the sum over codes"),
        (lambda i, h: (i.amax(0) - i.mean(0)) / h, "minus the mean of the codes"),
        (lambda i, h: gap(i, 1.0, dim=1), "taken over factors"),
    ],
    "06.c": [
        (lambda q, n: q.logsumexp(1) - math.log(n * len(q)), "All images of the batch weigh"),
        (lambda q, n: q.logsumexp(1) - math.log(len(q)), "as if the batch were the data set"),
        (lambda q, n: q.logsumexp(1) - math.log(n), "no images outside of it"),
        (lambda q, n: aggregate(q, n, dim=0), "taken over samples, not over images"),
        (lambda q, n: aggregate(q, n, others=lambda m, n: 1 / (m - 1)), "as if they were all"),
        (lambda q, n: aggregate(q, n, others=lambda m, n: (n - 1) / (n * m)), "The others weigh 1 / M"),
        (
            lambda q, n: aggregate(
                q, n, lambda m, n: 1 / n + (n - 1) / (n * m), lambda m, n: (n - 1) / (n * m)
            ),
            "counts twice",
        ),
        (lambda q, n: aggregate(q, n, lambda m, n: 0.0, lambda m, n: 1 / (m - 1)), "is left out"),
        (
            lambda q, n: aggregate(q, n, lambda m, n: (n - 1) / n, lambda m, n: 1 / (n * (m - 1))),
            "stands for all the others",
        ),
        (copied_aggregate, "widely copied fill"),
        (lambda q, n: q.diagonal() - math.log(n), "your own image only"),
        (
            lambda q, n: aggregate(q, n, others=lambda m, n: (n - m + 1) / (n * (m - 1))),
            "in the published weights only one",
        ),
        (lambda q, n: aggregate(q, n).exp(), "the density, not its logarithm"),
        (
            lambda q, n: q.diagonal() / n + (q.sum(1) - q.diagonal()) * (n - 1) / (n * (len(q) - 1)),
            "The logarithms are averaged",
        ),
        (lambda q, n: aggregate(q, n).exp().log(), "infinite where they underflow"),
        (lambda q, n: aggregate(q, n) + 1, "is right. Try it on numbers"),
    ],
    "06.d": [
        (lambda kl, t: kl.clamp(min=t).sum(1).mean(), "applied to each image, and then averaged"),
        (lambda kl, t: kl.mean(0).sum().clamp(min=t), "applied to the sum over dimensions: one"),
        (lambda kl, t: kl.sum(1).clamp(min=t).mean(), "sum over dimensions, image by image"),
        (lambda kl, t: kl.mean(0).clamp(max=t).sum(), "This is the minimum"),
        (lambda kl, t: (kl.mean(0) - t).clamp(min=0).sum(), "The threshold is subtracted"),
        (lambda kl, t: kl.mean(0).sum(), "There is no threshold"),
        (lambda kl, t: kl.mean(0).where(kl.mean(0) >= t, 0.0 * kl[0]).sum(), "not 0."),
        (lambda kl, t: kl.mean(0).clamp(min=t).mean(), "A mean over dimensions"),
        (lambda kl, t: kl.mean(0).clamp(min=t), "wanted added up"),
        (lambda kl, t: kl.sum(0).clamp(min=t).sum(), "A sum over the batch"),
        (lambda kl, t: kl.mean(1).clamp(min=t).sum(), "The mean is taken over dimensions"),
        (lambda kl, t: kl.detach().mean(0).clamp(min=t).sum(), "but not its gradient"),
        (lambda kl, t: kl.mean(0).clamp(min=t).sum() + 1, "is right. Try it on numbers"),
    ],
    "07.a": [
        (lambda a: torch.softmax(a, 1), "The sum is over data points"),
        (lambda a: torch.softmax(-a, 0), "a softmax of the losses"),
        (lambda a: torch.log_softmax(a, 0), "logarithms of the shares"),
        (lambda a: a / a.sum(0), "as if they were the weights"),
        (lambda a: a.exp(), "not normalised"),
        (lambda a: a.exp() / a.exp().mean(0), "by their mean"),
        (lambda a: a.exp() / a.exp().amax(0), "by the largest"),
        (lambda a: torch.softmax(a.flatten(), 0).reshape(a.shape), "One sum for everything"),
        (lambda a: torch.softmax(2 * a, 0), "the exponent is doubled"),
        (lambda a: a.exp() / a.exp().sum(0), "Which function is made for this?"),
        (
            lambda a: (a - a.max()).exp() / (a - a.max()).exp().sum(0),
            "Which function is made for this?",
        ),
        (lambda a: torch.softmax(a, 0).sum(0), "The shape is"),
        (
            lambda a: (a - a.mean(0)).exp() / (a - a.mean(0)).exp().sum(0),
            "subtract the largest, not the mean",
        ),
    ],
    "07.b": [
        (lambda *a: chi_square(*a, minus=0.0), "This is E[r^2]"),
        (lambda *a: chi_square(*a, minus=0.0).log(), "This is its logarithm"),
        (lambda *a: chi_square(*a, det=0.0), "The determinants are missing"),
        (lambda *a: chi_square(*a, half=0.0), "The exponential is missing"),
        (lambda *a: chi_square(*a, sign=1.0), "The sign of V^-1 is wrong"),
        (lambda *a: chi_square(*a, offset=0.0), "The term d^T V^-1 d is missing"),
        (lambda *a: chi_square(*a, half=1.0), "The factor 1/2 in the exponent"),
        (lambda *a: chi_square(*a, power=0.5), "a square root too many"),
        (lambda m, S, mu, C: chi_square(mu, C, m, S), "p and q are exchanged"),
        (lambda *a: chi_square(*a) / 2, "half the variance"),
        (lambda *a: (chi_square(*a) + 1) * (2 * math.pi) ** (len(a[0]) / 2) - 1, "(2 pi)^(L/2) is left over"),
        (lambda *a: (chi_square(*a) + 1) * torch.exp(torch.logdet(a[3]) / 2) - 1, "V has the exponent 1"),
        (lambda *a: (chi_square(*a) + 1) * torch.exp(-torch.logdet(a[3])) - 1, "V has the wrong sign"),
        (lambda *a: chi_square(*a, offset=-1.0), "d^T V^-1 d has the wrong sign"),
        (lambda *a: chi_square(*a)[None], "The numbers are right; the shape is [1]"),
        (lambda *a: chi_square(*a) + 1e-2, "is right. Try it on numbers"),
    ],
    "07.c": [
        (lambda f, z: dreg(f, z, power=0), "not squared: that is STL"),
        (lambda f, z: dreg(f, z, power=2), "with the third power"),
        (lambda f, z: dreg(f, z, power=-1), "no weights at all"),
        (lambda f, z: dreg(f, z, path_only=False), "the decoder's has squared weights too"),
        (lambda f, z: dreg(f, z, detach=True), "no gradient reaches the encoder"),
        (lambda f, z: dreg(f, z).detach(), "no gradient reaches the encoder"),
        (
            lambda f, z: dreg(f, z, value=lambda a: (torch.softmax(a, 0).detach() * a).sum(0)),
            "is the surrogate",
        ),
        (
            lambda f, z: dreg(f, z, value=lambda a: (torch.softmax(a, 0).detach() ** 2 * a).sum(0)),
            "a surrogate with squared weights",
        ),
        (lambda f, z: dreg(f, z, value=lambda a: a.logsumexp(0)), "log K is missing"),
        (lambda f, z: dreg(f, z, value=lambda a: a.mean(0)), "the mean of log w"),
        (lambda f, z: -dreg(f, z), "return the bound, not the loss"),
        (lambda f, z: dreg(f, z).mean(), "One number for all data points"),
        (lambda f, z: dreg(lambda z: f(z).exp().log(), z), "near -2000 the value"),
    ],
    "07.d": [
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff()[:-1], a[1:]), "shifted by one"),
        (lambda a, t: torch.einsum("j,jcb->cb", t[1:], a), "multiplied by t itself"),
        (lambda a, t: torch.einsum("j,jcb->cb", t[:-1], a), "by t before the step"),
        (lambda a, t: a.mean(0), "All steps count alike"),
        (lambda a, t: a.sum(0), "a plain sum"),
        (lambda a, t: -torch.einsum("j,jcb->cb", t.diff(), a), "The sign is wrong"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a).exp(), "the weight itself"),
        (
            lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a).logsumexp(0) - math.log(a.shape[1]),
            "chains have not been kept apart",
        ),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a) / len(a), "averaged over the steps"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff()[1:], a[:-1]), "one step too late"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a.flip(0)), "in the wrong order"),
        (lambda a, t: t.diff()[:, None, None] * a, "add them up"),
    ],
}


def cells(tag):
    """(notebook, source) of every code cell with this tag, all notebooks."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if tag in cell.metadata.get("tags", []):
                yield path.stem, cell.source


def test_every_exercise_has_its_mutants():
    assert set(MUTANTS) == set(CHECKERS)
    assert all(len(mutants) >= 4 for mutants in MUTANTS.values())


@pytest.mark.parametrize(
    ("id", "mutant", "message"),
    [(id, mutant, message) for id, mutants in MUTANTS.items() for mutant, message in mutants],
    ids=[f"{id}-{message}" for id, mutants in MUTANTS.items() for _, message in mutants],
)
def test_mutants_are_rejected_by_name(id, mutant, message, capsys):
    check(id, mutant)
    line = capsys.readouterr().out
    assert line.startswith(f"✗ {id} not yet. ") and message in line
    with pytest.raises(AssertionError, match=f"✗ {id}"):
        check(id, mutant, must_pass=True)


@pytest.mark.parametrize("id", sorted(CHECKERS))
def test_every_mistake_has_a_message_of_its_own(id, capsys):
    for mutant, _ in MUTANTS[id]:
        check(id, mutant)
    lines = capsys.readouterr().out.splitlines()
    assert len(set(lines)) >= len({message for _, message in MUTANTS[id]})


@pytest.mark.parametrize("id", sorted(CHECKERS))
def test_the_untouched_stub_is_not_attempted(id, capsys):
    def stub(*args):
        raise NotImplementedError

    check(id, stub)
    assert capsys.readouterr().out == f"○ {id} not attempted yet\n"
    with pytest.raises(AssertionError, match="not attempted"):
        check(id, stub, must_pass=True)


@pytest.mark.parametrize("id", sorted(CHECKERS))
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda *args: None, "returned None"),
        (lambda *args: 3.0, "returned a float"),
        (lambda *args: args[0].no_such_method(), "your function stopped: AttributeError"),
        (lambda: None, "your function stopped: TypeError"),
        (lambda *args: torch.full((2, 9), 1.0), ("The shape is", "It returned one tensor")),
    ],
)
def test_answers_that_are_no_answers(id, answer, message, capsys):
    check(id, answer)
    line = capsys.readouterr().out
    assert any(part in line for part in ([message] if isinstance(message, str) else message))


def test_solutions_of_the_notebooks_are_accepted(capsys):
    solved = 0
    for _, source in cells("solution"):
        exec(source, {"torch": torch, "math": math, "F": F, "check": check})
        solved += source.count("must_pass=True")
    out = capsys.readouterr().out
    assert solved == out.count("✓") == len(CHECKERS)


def test_answers_may_change_their_arguments(capsys):
    def in_place(mu, log_var, eps):
        eps *= torch.exp(0.5 * log_var)
        return mu + eps

    def shift(log_w):
        largest = log_w.max(0).values
        log_w -= largest
        return -(largest + log_w.exp().mean(0).log()).mean()

    check("04.a", in_place, must_pass=True)
    check("04.c", shift, must_pass=True)


def test_right_answers_of_another_form_are_accepted():
    check("07.c", dreg_by_a_second_pass, must_pass=True)
    check("07.c", dreg, must_pass=True)
    check("07.b", chi_square, must_pass=True)
    check("07.a", lambda a: (a - a.logsumexp(0)).exp(), must_pass=True)
    check("07.d", lambda a, t: (a.permute(1, 2, 0) * (t[1:] - t[:-1])).sum(-1), must_pass=True)


def test_an_error_of_torchs_is_not_taken_for_an_untouched_stub(capsys):
    def unimplemented(*args):
        raise NotImplementedError("No KL(p || q) is implemented")

    check("04.b", unimplemented)
    assert "your function stopped: NotImplementedError: No KL" in capsys.readouterr().out


def test_what_cannot_be_checked():
    with pytest.raises(ValueError, match="unknown exercise '99.z'; there are 00.a, "):
        check("99.z", lambda: None)
    with pytest.raises(TypeError, match="pass the function itself"):
        check("04.a", torch.zeros(3))
    with pytest.raises(ValueError, match="has a checker already"):
        checking.checker("04.a")(lambda answer: "")


def test_compare_prefers_the_truth_to_a_mistake_of_the_same_value():
    compare(torch.ones(2), torch.ones(2), {"wrong": torch.ones(2)})
    with pytest.raises(Mistake, match="infinite or not a number"):
        compare(torch.full((2,), math.nan), torch.ones(2), {})
