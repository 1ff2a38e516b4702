"""Classic mistakes in the exercises of notebook 03, and what the checker must say to each."""

import math

import torch
from torch.distributions import Normal
from torch.nn.functional import softplus


def gaussian_samples(mu, log_var, k, scale=None, shape=None):
    """The right answer to 03.b, with another scale or shape of the noise."""
    scale = (0.5 * log_var).exp() if scale is None else scale
    return mu + scale * torch.randn(shape or (k, *mu.shape))


def loo(f, score, others=None):
    others = (f.sum(0) - f) / (len(f) - 1) if others is None else others
    return ((f - others) * score).mean(0)


def from_noise(mu, log_var, eps):
    return mu + (0.5 * log_var).exp() * eps


def antithetic(k, mu):
    half = torch.randn((k + 1) // 2, *mu.shape)
    return torch.cat([half, -half])[:k]


def standardised(eps):
    return (eps - eps.mean(0)) / eps.std(0)


def scaled(eps):
    return eps / eps.square().mean(0).sqrt()


def logit_normal(z, mu, log_var, log_det=1.0, half=0.5, constant=1.0, y=None, eps=0.0, variance=None):
    logs = (z + eps).log(), (1 - z + eps).log()
    y = logs[0] - logs[1] if y is None else y
    variance = log_var.exp() if variance is None else variance
    normal = -0.5 * (constant * math.log(2 * math.pi) + log_var) - half * (y - mu) ** 2 / variance
    return (normal - log_det * sum(logs)).sum(-1)


MUTANTS = {
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
        (lambda f, s: loo(f, s, f.mean(0)) * 4 / 3, "repairs the colleague's for K = 4 only"),
        (lambda f, s: loo(f, s) * 4 / 3, "Without the factor 4/3"),
        (lambda f, s: loo(f, s, (f.sum(0) - f) / 3), "divided by 3: right for K = 4 only"),
        (lambda f, s: loo(f, s, f.sum(0) - f / (len(f) - 1)), "f.sum(0) - f / (K - 1)"),
        (lambda f, s: loo(f, s, f.roll(1, 0)), "one other sample"),
        (lambda f, s: loo(f, s, torch.cat([f[1:], f[:1]])), "one other sample"),
        (lambda f, s: loo(f, s, f.mean(0)) / f.std(0), "their standard deviation"),
        (lambda f, s: (f * s - (f.sum(0) - f) / (len(f) - 1)).mean(0), "the score multiplies both"),
        (lambda f, s: loo(f, s, f.mean(0) * 4 / 3), "contains the sample itself, still"),
        (lambda f, s: ((f.sum(0) - f) / (len(f) - 1) * s).mean(0), "stands in place of f"),
        (lambda f, s: loo(f, s, f[0]), "The first sample is the baseline"),
        (lambda f, s: loo(f.T, s.T), "Samples and data points are exchanged"),
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
            "different data points move together",
        ),
        (
            lambda mu, lv, k: gaussian_samples(mu, lv, k, shape=mu.shape).expand(k, -1, -1),
            "All K samples of a data point are the same",
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
        (lambda mu, lv, k: gaussian_samples(mu, lv, k) + 1, "samples is off from mu by 1"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k) + 0.05, "is off from mu by 0.0"),
        (lambda mu, lv, k: gaussian_samples(0 * mu, lv, k), "mu plays no part"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, 0.97 * (0.5 * lv).exp()), " times exp(log_var / 2)."),
        (
            lambda mu, lv, k: mu + 0.95 * (0.5 * lv).exp() * torch.randn(k, *mu.shape, dtype=torch.float64),
            " times exp(log_var / 2).",
        ),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, 2 * (0.5 * lv).exp()), " times exp(log_var / 2)."),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, (0.25 * lv).exp()), "by the root of sigma"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, 0.5 * lv.exp()), "half the variance"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, softplus(lv)), "scaled by softplus"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, softplus(lv).sqrt()), "taken as softplus"),
        (
            lambda mu, lv, k: mu + (0.5 * lv).exp() * (torch.rand(12, k, *mu.shape).sum(0) - 6),
            "tails that are too short",
        ),
        (
            lambda mu, lv, k: mu + (0.5 * lv).exp() * torch.randn(k, *mu.shape).clamp(-3, 3),
            "The noise is not Gaussian",
        ),
        (
            lambda mu, lv, k: mu + (0.5 * lv).exp() * torch.distributions.Laplace(0.0, 0.5**0.5).sample((k, *mu.shape)),
            "tails that are too long",
        ),
        (lambda mu, lv, k: from_noise(mu, lv, antithetic(k, mu)), "come in pairs, mu + s and mu - s"),
        (lambda mu, lv, k: from_noise(mu, lv, standardised(torch.randn(k, *mu.shape))), "their noise was centred"),
        (lambda mu, lv, k: from_noise(mu, lv, scaled(torch.randn(k, *mu.shape))), "depend on one another"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k, shape=(k, len(mu), 1)), "different dimensions of a data point"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k).transpose(0, 1), "The shape is [B, K, L]"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, 1)[0], "One sample for each data point"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k).flatten(0, 1), "one dimension. Return [K, B, L]"),
        (lambda mu, lv, k: gaussian_samples(mu, lv.detach(), k), "No gradient reaches log_var"),
        (lambda mu, lv, k: gaussian_samples(lv, mu, k), "mu and log_var are exchanged"),
        (lambda mu, lv, k: mu + (0.5 * lv).exp() * torch.rand(k, *mu.shape), "uniform on (0, 1)"),
        (lambda mu, lv, k: gaussian_samples(mu, lv, k).squeeze(0), "One sample for each data point"),
        (lambda mu, lv, k: torch.no_grad()(gaussian_samples)(mu, lv, k), "carry no gradient"),
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
        (lambda u, a, b: (1 - (1 - u.clamp(0.01, 0.99)) ** (1 / b)) ** (1 / a), "clamped away from 0 and 1, at 0.01"),
        (lambda u, a, b: (1 - u.clamp(1e-3, 1 - 1e-3) ** (1 / b)) ** (1 / a), "clamped away from 0 and 1, at 0.001"),
        (lambda u, a, b: (1 - torch.rand_like(a) ** (1 / b)) ** (1 / a), "draws noise of its own. Use u"),
        (lambda u, a, b: torch.distributions.Kumaraswamy(a, b).rsample(), "draws noise of its own. Use u"),
        (lambda u, a, b: (1 - u) ** (1 / b) ** (1 / a), "x ** (y ** z)"),
        (lambda u, a, b: 1 - (1 - u) ** (1 / b) ** (1 / a), "x ** (y ** z)"),
        (lambda u, a, b: u ** (1 / b) ** (1 / a), "x ** (y ** z)"),
        (lambda u, a, b: (1 - (1 - u) ** 1 / b) ** (1 / a), "(x ** 1) / b"),
        (lambda u, a, b: (1 - (1 - u) ** 1 / b) ** 1 / a, "(x ** 1) / b"),
        (lambda u, a, b: (1 - (1 - u) ** (1 / b)) ** 1 / a, "(x ** 1) / b"),
        (lambda u, a, b: (u ** (1 / b)) ** (1 / a), "subtraction is missing"),
        (lambda u, a, b: (1 - (1 - u) ** -b) ** -a, "x ** -b is 1 / x ** b"),
        (lambda u, a, b: a * b * u ** (a - 1) * (1 - u**a) ** (b - 1), "This is the density"),
        (lambda u, a, b: ((1 - (1 - u) ** (1 / b)) ** (1 / a)).detach(), "no gradient reaches a"),
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
            lambda z, mu, lv: logit_normal(z, mu, lv, log_det=0.0) - (z.sigmoid() * (-z).sigmoid()).log().sum(-1),
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
        (lambda z, mu, lv: logit_normal(z, mu, lv, y=z.logit(eps=1e-3)), "clamped away from 0 and 1, at 0.001"),
        (lambda z, mu, lv: logit_normal(z.clamp(0.01, 0.99), mu, lv), "clamped away from 0 and 1, at 0.01"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, eps=1e-6), "1e-06 is added inside the logarithms"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, y=torch.sigmoid(z)), "evaluated at sigmoid(z)"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, y=-z.logit()), "evaluated at -y"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, y=z.log()), "evaluated at log z"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, y=torch.log(z / 1 - z)), "minus infinity"),
        (lambda z, mu, lv: logit_normal(z, mu, lv).sum() / z.numel(), "a mean over everything"),
        (lambda z, mu, lv: logit_normal(z.T, mu.T, lv.T), "sums over the data points"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, constant=2.0), "constant lacks its factor 1/2"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, variance=1.0), "not divided by the variance"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, variance=lv), "divided by log_var; the variance"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, variance=(0.5 * lv).exp()), "divided by sigma, not by"),
        (lambda z, mu, lv: logit_normal(z, mu, lv, y=z / (1 - z)), "evaluated at z / (1 - z)"),
        (lambda z, mu, lv: logit_normal(z, mu, lv) + 2 * z.log().sum(-1), "has the wrong sign"),
        (lambda z, mu, lv: logit_normal(z, mu, lv) + 2 * (1 - z).log().sum(-1), "has the wrong sign"),
        (
            lambda z, mu, lv: (Normal(mu, (0.5 * lv).exp()).log_prob(z.logit()) / z / (1 - z)).sum(-1),
            "divided by dz/dy",
        ),
        (lambda z, mu, lv: logit_normal(z, mu, lv) / math.log(2), "This is in bits"),
        (lambda z, mu, lv: logit_normal(z, mu, lv).detach(), "no gradient reaches z"),
        (lambda z, mu, lv: logit_normal(z, mu.detach(), lv), "no gradient reaches mu"),
        (lambda z, mu, lv: torch.no_grad()(logit_normal)(z, mu, lv), "no gradient reaches z"),
    ],
}
