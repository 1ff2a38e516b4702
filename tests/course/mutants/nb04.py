"""Classic mistakes in the exercises of notebook 04, and what the checker must say to each."""

import math

import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli

KL = lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)  # noqa: E731


BCE = lambda x, logits: F.binary_cross_entropy_with_logits(logits, x, reduction="none")  # noqa: E731


def nll(log_w, exponentials=False):
    """The right answer to 04.c; with plain exponentials, only where they can be represented."""
    if exponentials:
        return -log_w.exp().mean(0).log().mean()
    return -(log_w.logsumexp(0) - math.log(len(log_w))).mean()


MUTANTS = {
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
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, lv) + 1, "is right, for"),
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
        (lambda log_w: nll(log_w.clamp(min=-150)), "is right, for"),
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
        (lambda x: -(x * x.log() + (1 - x) * (1 - x).log()).nan_to_num(nan=-1.0).sum(-1), "is right, for"),
        (lambda x: Bernoulli(x).entropy().sum(-1, keepdim=True), "The numbers are right; the shape is"),
        (lambda x: torch.full((len(x),), x.shape[1] * math.log(2)), "1/2 everywhere"),
        (lambda x: -(x * x.log() + (1 - x) * (1 - x).log()).sum(-1), "0 * log(0)"),
        (lambda x: -(x * x.round().log() + (1 - x) * (1 - x.round()).log()).sum(-1), "infinitely wrong"),
    ],
}
