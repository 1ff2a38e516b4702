"""The checker for the further exercise of notebook 03: a change of variables."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal

from ...models.densities import LOG_2PI
from .checking import Mistake, checker, compare, gradients


@checker("03.d")
def logit_normal_log_prob(answer: Callable) -> str:
    """answer(z, mu, log_var): `[B, L]` each, z in (0, 1) -> log-density `[B]` in nats."""
    for seed, shape in enumerate(((3, 2), (4, 5), (2, 1), (1, 1), (1, 2), (5, 3))):
        rng = torch.Generator().manual_seed(seed)
        mu, log_var, noise = torch.randn(3, *shape, generator=rng, dtype=torch.float64)
        y = mu + (0.5 * log_var).exp() * noise
        if shape[0] == 5:  # z near 0 and near 1
            y = 10 * noise.sign()
        truth, wrong = _logit_normal(y, mu, log_var)
        compare(answer(y.sigmoid(), mu, log_var), truth, wrong + _cut_off(y.sigmoid(), mu, log_var))
    mu, log_var, y = torch.randn(3, 2, 3, generator=rng, dtype=torch.float64)
    inputs = {"z": y.sigmoid().requires_grad_(), "mu": mu.requires_grad_(), "log_var": log_var.requires_grad_()}
    slopes = gradients(answer(*inputs.values()), *inputs.values())
    right = gradients(_logit_normal(inputs["z"].logit(), mu, log_var)[0], *inputs.values())
    for name, slope, true in zip(inputs, slopes, right, strict=True):
        if slope is None:
            raise Mistake(f"The values are right, but no gradient reaches {name}. Was something detached?")
        compare(slope, true, name=f"the gradient of {name}")
    return "Squeezed space, denser probability: the change of variables for one nonlinear layer."


def _logit_normal(y: Tensor, mu: Tensor, log_var: Tensor) -> tuple[Tensor, list[tuple[Tensor, str]]]:
    """The right answer to 03.d at z = sigmoid(y), and what mistakes give."""
    z, sigma = y.sigmoid(), (0.5 * log_var).exp()
    normal, noise = Normal(mu, sigma), (y - mu) / sigma
    log_normal, log_det = normal.log_prob(y), torch.nn.functional.logsigmoid(y) + torch.nn.functional.logsigmoid(-y)
    per_dim = log_normal - log_det
    truth, dim = per_dim.sum(-1), y.shape[1]
    constant = 0.5 * dim * LOG_2PI
    return truth, [
        (log_normal.sum(-1), "The log-determinant is missing: this is the density of y, not of z."),
        ((log_normal + log_det).sum(-1),
         "The log-determinant has the wrong sign: the sigmoid squeezes, so the density of z is higher."),
        ((Normal(mu, log_var.exp()).log_prob(y) - log_det).sum(-1), "log_var is read as log sigma."),
        (per_dim.mean(-1), "This is a mean over dimensions. Log-densities of independent dimensions add up."),
        (per_dim, "One number per dimension: sum over the L of each data point."),
        (per_dim.sum(0), "This sums over the data points. Sum over the L dimensions of each."),
        (per_dim.sum(), "This sums over everything. Return one number per data point."),
        (per_dim.mean(), "This is a mean over everything. Return one number per data point, a sum over its L."),
        ((normal.log_prob(z) - log_det).sum(-1), "The Gaussian is evaluated at z, not at y = logit(z)."),
        ((normal.log_prob(z.sigmoid()) - log_det).sum(-1),
         "The Gaussian is evaluated at sigmoid(z). z is the sigmoid of y already: undo it."),
        ((normal.log_prob(-y) - log_det).sum(-1), "The Gaussian is evaluated at -y: y = log z - log(1 - z)."),
        ((normal.log_prob(z.log()) - log_det).sum(-1), "The Gaussian is evaluated at log z: y = log z - log(1 - z)."),
        (torch.full_like(truth, -math.inf),
         "It is minus infinity: does z / 1 - z stand for z / (1 - z)? Python divides first."),
        (-truth, "The sign is wrong: this is the negative log-density."),
        (truth + constant, "The Gaussian's constant, log(2 pi) / 2 per dimension, is missing."),
        (truth - constant, "The Gaussian's constant lacks its factor 1/2."),
        (truth + 0.5 * log_var.sum(-1), "The Gaussian lacks its -log sigma."),
        (truth - 0.5 * log_var.sum(-1), "The factor 1/2 of log_var is missing: -log sigma is -log_var / 2."),
        ((log_normal - torch.log(torch.sigmoid(z) * torch.sigmoid(-z))).sum(-1),
         "z is passed through the sigmoid again: dz/dy is z (1 - z) itself."),
        ((log_normal - z * (1 - z)).sum(-1),
         "The logarithm of the log-determinant is missing: this subtracts dz/dy itself."),
        (truth - 0.5 * noise.square().sum(-1), "The squared deviation lacks its factor 1/2."),
        (truth + constant * (1 - 1 / dim), "The constant is counted once; it belongs to each of the L dimensions."),
        (truth + 0.5 * (noise.square() * (1 - sigma)).sum(-1),
         "The squared deviation is divided by sigma, not by sigma squared."),
        (truth + 0.5 * (noise.square() * (1 - sigma**2)).sum(-1),
         "The squared deviation is not divided by the variance, exp(log_var)."),
        (truth + 0.5 * (noise.square() * (1 - sigma**2 / log_var)).sum(-1),
         "The squared deviation is divided by log_var; the variance is exp(log_var)."),
        ((normal.log_prob(y.exp()) - log_det).sum(-1),
         "The Gaussian is evaluated at z / (1 - z): y is the logarithm of that."),
        ((log_normal + z.log() - (1 - z).log()).sum(-1),
         "log dz/dy is log z + log(1 - z), and all of it is subtracted: one of the two has the wrong sign."),
        ((log_normal - z.log() + (1 - z).log()).sum(-1),
         "log dz/dy is log z + log(1 - z), and all of it is subtracted: one of the two has the wrong sign."),
        ((log_normal / (z * (1 - z))).sum(-1),
         "The log-density is divided by dz/dy: where densities are divided, logarithms are subtracted."),
        (truth / math.log(2), "This is in bits; nats are wanted."),
        (truth.exp(), "This is the density; its logarithm is wanted."),
        ((log_normal - z.log()).sum(-1), "Only half of the log-determinant is there: dz/dy = z (1 - z)."),
        ((log_normal - (1 - z).log()).sum(-1), "Only half of the log-determinant is there: dz/dy = z (1 - z)."),
    ]


def _cut_off(z: Tensor, mu: Tensor, log_var: Tensor) -> list[tuple[Tensor, str]]:
    """What 03.d gives near 0 and 1 with a number that is to avoid a logarithm of 0: all of z, or only logit(z)."""
    exact, normal = torch.log(z * (1 - z)), Normal(mu, (0.5 * log_var).exp())
    wrong = []
    for eps in (0.05, 0.01, 1e-3, 1e-4):
        kept = z.clamp(eps, 1 - eps)
        for log_det in (exact, torch.log(kept * (1 - kept))):
            wrong.append(((normal.log_prob(kept.logit()) - log_det).sum(-1),
                          f"z is clamped away from 0 and 1, at {eps:g}: the density out there is wrong by nats. "
                          "In float64 log z and log(1 - z) need no clamp."))
    for eps in (1e-3, 1e-4, 1e-5, 1e-6):
        logs = (z + eps).log(), (1 - z + eps).log()
        for log_det in (exact, sum(logs)):
            wrong.append(((normal.log_prob(logs[0] - logs[1]) - log_det).sum(-1),
                          f"{eps:g} is added inside the logarithms: near 0 and 1 that changes y and the density."))
    return wrong
