"""Classic mistakes in the exercises of notebook 03, and what the checker must say to each."""

import math

import torch


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
}
