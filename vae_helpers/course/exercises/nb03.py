"""Checkers for notebook 03."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Kumaraswamy, Normal, SigmoidTransform, TransformedDistribution

from ...models.densities import LOG_2PI
from .checking import Mistake, checker, compare, gradients, same


@checker("03.a")
def score_gradient(answer: Callable) -> str:
    """answer(f, score): `[K, B]` each -> leave-one-out score-function gradient `[B]`."""
    for seed, (k, points) in enumerate(((4, 3), (2, 5), (7, 2))):
        rng = torch.Generator().manual_seed(seed)
        f, score = 3 + torch.randn(k, points, generator=rng), torch.randn(k, points, generator=rng)
        left_out = torch.stack([torch.cat([f[:i], f[i + 1 :]]).mean(0) for i in range(k)])
        per_sample = (f - left_out) * score
        truth = per_sample.mean(0)
        others = f.sum(0) - f
        wrong = [
            (((f - f.mean(0)) * score).mean(0),
             "This is the colleague's estimator: the baseline of a sample contains the sample itself, so the "
             "gradient shrinks by (K - 1) / K. Leave it out."),
            (((f - (f.sum(1, keepdim=True) - f) / (points - 1)) * score).mean(0),
             "The baseline is taken over the other data points, dimension 1. The samples are dimension 0."),
            (((f - f.sum(0) - f / (k - 1)) * score).mean(0),
             "f - f.sum(0) - f: the difference needs brackets before it is divided."),
            (((f - (f * score**2).sum(0) / score.square().sum(0)) * score).mean(0),
             "This is the best constant, estimated from the samples that it is used on: biased again. Each sample "
             "needs a baseline that has not seen it."),
            ((f * score).mean(0), "There is no baseline: right on average, but with all the noise."),
            (((f - others) * score).mean(0), "The others are summed, not averaged: how many are there?"),
            (((f - others / k) * score).mean(0), "The sum of the others is divided by K; there are K - 1 of them."),
            (((f - f.mean(1, keepdim=True)) * score).mean(0),
             "The baseline is taken over data points, dimension 1. The samples are dimension 0."),
            (((f - f.mean()) * score).mean(0), "The baseline mixes all data points; each has samples of its own."),
            (per_sample.sum(0), "This is a sum over samples; the gradient is a mean."),
            (per_sample.sum(0) / (k - 1),
             "It is divided by K - 1 instead of K at the end: the mean is over K samples."),
            (((f - f.mean(0)) * score).mean(0) * (k - 1) / k,
             "The factor that repairs the colleague's is upside down."),
            (-truth, "The sign is wrong: baseline minus f."),
            (per_sample, "One estimate per sample: average them."),
            (truth.mean(), "One number for all data points: average over samples only."),
        ]
        compare(answer(f, score), truth, wrong)
    return "A baseline that has not seen its own sample: unbiased, and far less noise."


@checker("03.b")
def sample_gaussian(answer: Callable) -> str:
    """answer(mu, log_var, k): `[B, L]`, `[B, L]`, int -> reparameterised samples z `[K, B, L]`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for k, shape in ((4000, (2, 3)), (4000, (3, 1))):
            mu, log_var = torch.randn(shape).requires_grad_(), torch.randn(shape).requires_grad_()
            z = answer(mu, log_var, k)
            _check_samples(z, mu, log_var, k)
            if torch.equal(z, answer(mu, log_var, k)):
                raise Mistake("Called twice, it returns the same samples. The noise must be fresh each time.")
    return "Fresh noise for every sample, and a gradient to both parameters."


def _check_samples(z: Tensor, mu: Tensor, log_var: Tensor, k: int) -> None:
    """Raise Mistake unless z looks like k draws per data point, with gradients.

    With 4,000 draws a standard deviation is known to 1.1 %, and a mean to 1.6 % of it: 8 % is 5 of these.
    """
    if not isinstance(z, Tensor) or z.shape != (k, *mu.shape):
        compare(z, torch.zeros(k, *mu.shape))
    if not z.requires_grad:
        raise Mistake("The samples carry no gradient. Was something detached, or drawn with sample()?")
    reached = dict(zip(("mu", "log_var"), gradients(z.square(), mu, log_var), strict=True))
    for name, gradient in reached.items():
        if gradient is None:
            raise Mistake(f"No gradient reaches {name}.")
    with torch.no_grad():
        if not torch.isfinite(z).all():
            raise Mistake("Some samples are not numbers. log_var may be negative; what does exp do to it?")
        spread, sigma = z.std(0), (0.5 * log_var).exp()
        if (spread < 1e-6 * sigma).all():
            raise Mistake("All K samples of a data point are the same. The noise needs a dimension for them.")
        mistakes = [
            (log_var.exp(), "The noise is scaled by the variance. What does log_var hold?"),
            (torch.ones_like(sigma), "The noise has unit scale: log_var plays no part."),
            (log_var.abs(), "The noise is scaled by the logarithm itself."),
            (1 / sigma, "The noise is divided by sigma: a larger variance should spread z more."),
        ]
        for scale, message in mistakes:
            if (spread / scale - 1).abs().max() < 0.08 and (scale / sigma - 1).abs().max() > 0.2:
                raise Mistake(message)
        if (spread / sigma - 1).abs().max() > 0.08 or ((z.mean(0) - mu) / sigma).abs().max() > 0.08:
            raise Mistake(
                "Mean or standard deviation of many samples is wrong. They should be mu and exp(log_var / 2)."
            )
        noise = ((z - mu) / sigma).flatten(1)
        if noise.shape[1] > 1:
            correlation = torch.corrcoef(noise.T) - torch.eye(noise.shape[1])
            if correlation.abs().max() > 0.1:  # six standard errors of 1 / sqrt(4000)
                raise Mistake(
                    "The samples of different data points or dimensions move together: they share their "
                    "noise. Which shape must the noise have?"
                )
        if noise[:, 0].unique().numel() < 0.9 * k:  # float32 repeats itself by chance now and then
            raise Mistake("Some samples of a data point are the same. Draw fresh noise for each of the K.")
        if (noise**4).mean(0).sub(3).abs().max() > 0.8:  # five standard errors of sqrt(96 / 4000)
            raise Mistake("The noise is not Gaussian: it has the right variance, but the wrong tails.")
        wanted = 2 * z.sum(0), (z * (z - mu)).sum(0)  # by the path: dz/dmu = 1, dz/dlog_var = (z - mu) / 2
        for (name, gradient), right in zip(reached.items(), wanted, strict=True):
            if not torch.allclose(gradient.double(), right.double(), rtol=1e-3, atol=1e-2 * k**0.5):
                raise Mistake(
                    f"A gradient reaches {name}, but it is not that of mu + sigma * eps. (torch.normal, for "
                    "one, passes zeros.) Draw standard normal noise, then shift and scale it."
                )


@checker("03.c")
def sample_kumaraswamy(answer: Callable) -> str:
    """answer(u, a, b), tensors of one shape, u in (0, 1) -> samples z in (0, 1) of the same shape."""
    for seed, shape in enumerate(((7,), (3, 5))):
        rng = torch.Generator().manual_seed(seed)
        u, a, b = torch.rand(shape, generator=rng), *(0.5 + 3 * torch.rand(2, *shape, generator=rng))
        q = Kumaraswamy(a, b)
        # torch's own transforms, from its base uniform; that one runs the other way, hence 1 - u.
        other, truth = (_push(q, noise) for noise in (u, 1 - u))
        a, b = a.requires_grad_(), b.requires_grad_()
        got = answer(u, a, b)
        if any(same(got, value) for value in (other, *(value for value, _ in _kumaraswamy_mistakes(u, a, b)))):
            truth = other  # solved with u for 1 - u: equally good noise
        compare(got, truth, [
            (1 - (1 - u**a) ** b, "This is the distribution function. Its inverse is wanted."),
            *_kumaraswamy_mistakes(1 - u if truth is not other else u, a, b),
        ])
        for name, gradient in zip("ab", gradients(got, a, b), strict=True):
            if gradient is None:
                raise Mistake(f"The values are right, but no gradient reaches {name}.")
    return "Uniform noise goes in, and a gradient comes out: the inverse is the path."


def _kumaraswamy_mistakes(v: Tensor, a: Tensor, b: Tensor) -> list[tuple[Tensor, str]]:
    """What goes wrong in solving (1 - z^a)^b = v."""
    return [
        ((1 - v ** (1 / a)) ** (1 / b),
         "a and b are exchanged: which power is the inner one in the distribution function?"),
        ((1 - v**b) ** a, "The powers are not inverted: to undo a power of a, take a power of 1 / a."),
        ((1 - v**a) ** b, "The powers are not inverted, and a and b are exchanged."),
        ((1 - v ** (1 / b)) ** a, "The outer power is not inverted: to undo a power of a, take a power of 1 / a."),
        ((1 - v**b) ** (1 / a), "The inner power is not inverted: to undo a power of b, take a power of 1 / b."),
        (1 - v ** (1 / b), "The outer root is missing: this is z^a."),
        (v ** (1 / (a * b)), "The subtraction is missing: from (1 - z^a)^b go to z^a step by step."),
        (1 - (1 - v ** (1 / b)) ** (1 / a), "This is 1 - z."),
        ((1 - v) ** (1 / a), "The inner root is missing: b plays no part."),
    ]


def _push(q: Kumaraswamy, noise: Tensor) -> Tensor:
    for transform in q.transforms:
        noise = transform(noise)
    return noise


@checker("03.d")
def logit_normal_log_prob(answer: Callable) -> str:
    """answer(z, mu, log_var): `[B, L]` each, z in (0, 1) -> log-density `[B]` in nats."""
    for seed, shape in enumerate(((3, 2), (4, 5), (2, 1))):
        rng = torch.Generator().manual_seed(seed)
        mu, log_var, noise = torch.randn(3, *shape, generator=rng)
        sigma = (0.5 * log_var).exp()
        y = mu + sigma * noise
        z = torch.sigmoid(y)
        normal = Normal(mu, sigma)
        per_dim = TransformedDistribution(normal, SigmoidTransform()).log_prob(z)
        log_det = torch.log(z * (1 - z))
        log_normal = normal.log_prob(y)
        constant = 0.5 * shape[1] * LOG_2PI
        truth = per_dim.sum(-1)
        wrong = [
            (log_normal.sum(-1), "The log-determinant is missing: this is the density of y, not of z."),
            ((log_normal + log_det).sum(-1),
             "The log-determinant has the wrong sign: the sigmoid squeezes, so the density of z is higher."),
            ((Normal(mu, log_var.exp()).log_prob(y) - log_det).sum(-1), "log_var is read as log sigma."),
            (per_dim.mean(-1), "This is a mean over dimensions. Log-densities of independent dimensions add up."),
            (per_dim, "One number per dimension: sum over the L of each data point."),
            (per_dim.sum(), "This sums over everything. Return one number per data point."),
            ((normal.log_prob(z) - log_det).sum(-1), "The Gaussian is evaluated at z, not at y = logit(z)."),
            (-truth, "The sign is wrong: this is the negative log-density."),
            (truth + constant, "The Gaussian's constant, log(2 pi) / 2 per dimension, is missing."),
            (truth + 0.5 * log_var.sum(-1), "The Gaussian lacks its -log sigma."),
            (truth - 0.5 * log_var.sum(-1), "The factor 1/2 of log_var is missing: -log sigma is -log_var / 2."),
            ((log_normal - torch.log(torch.sigmoid(z) * torch.sigmoid(-z))).sum(-1),
             "z is passed through the sigmoid again: dz/dy is z (1 - z) itself."),
            ((log_normal - z * (1 - z)).sum(-1),
             "The logarithm of the log-determinant is missing: this subtracts dz/dy itself."),
            (truth - 0.5 * noise.square().sum(-1), "The squared deviation lacks its factor 1/2."),
            (truth + constant * (1 - 1 / shape[1]),
             "The constant is counted once; it belongs to each of the L dimensions."),
            (truth + 0.5 * (noise.square() * (1 - sigma)).sum(-1),
             "The squared deviation is divided by sigma, not by sigma squared."),
            (truth.exp(), "This is the density; its logarithm is wanted."),
            ((log_normal - z.log()).sum(-1), "Only half of the log-determinant is there: dz/dy = z (1 - z)."),
        ]
        compare(answer(z, mu, log_var), truth, wrong)
    return "Squeezed space, denser probability: the change of variables for one nonlinear layer."
