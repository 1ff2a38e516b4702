"""Classic mistakes in the exercises of notebook 04, and what the checker must say to each."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, Normal

KL = lambda mu, log_var: 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)  # noqa: E731


BCE = lambda x, logits: F.binary_cross_entropy_with_logits(logits, x, reduction="none")  # noqa: E731


def nll(log_w, exponentials=False):
    """The right answer to 04.c; with plain exponentials, only where they can be represented."""
    if exponentials:
        return -log_w.exp().mean(0).log().mean()
    return -(log_w.logsumexp(0) - math.log(len(log_w))).mean()


def with_numpy(mu, log_var, eps):
    """What somebody does who obeys torch's "Use tensor.detach().numpy() instead"."""
    return torch.tensor(np.asarray(mu.detach()) + np.exp(0.5 * log_var.detach().numpy()) * eps.numpy())


def coins(x, logits):
    """The reconstruction term."""
    return -BCE(x, logits).sum(-1)


def sampled_kl(mu, log_var):
    q = Normal(mu, (0.5 * log_var).exp())
    z = q.sample()
    return (q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(-1)


def by_where(x, logits, mu, log_var):
    """04.b: a stable value, and no gradient far out."""
    log_ink = torch.where(logits >= 0, -torch.log1p(torch.exp(-logits)), logits - torch.log1p(torch.exp(logits)))
    return (x * log_ink + (1 - x) * (log_ink - logits)).sum(-1) - KL(mu, log_var)


def half(bracket):
    """A mutant of 04.b: half the sum of a wrong bracket as KL."""
    return lambda x, lo, mu, lv: coins(x, lo) - 0.5 * bracket(mu, lv).sum(-1)


MUTANTS = {
    "04.a": [
        (lambda mu, log_var, eps: mu + log_var.exp() * eps, "scaled by the variance"),
        (lambda mu, log_var, eps: mu + log_var * eps, "the logarithm itself"),
        (lambda mu, log_var, eps: mu + eps, "unit scale"),
        (lambda mu, log_var, eps: mu + (-0.5 * log_var).exp() * eps, "divided by sigma"),
        (lambda mu, log_var, eps: mu, "no noise"),
        (lambda mu, log_var, eps: mu + log_var.sqrt() * eps, "square root of log_var"),
        (lambda mu, log_var, eps: mu + (0.5 * log_var).exp() * torch.randn_like(mu), "The noise is given"),
        (lambda mu, log_var, eps: (mu + (0.5 * log_var).exp() * eps).detach(), "no gradient reaches mu and log_var"),
        (lambda mu, log_var, eps: mu.detach() + (0.5 * log_var).exp() * eps, "no gradient reaches mu."),
        (lambda mu, log_var, eps: mu + (0.5 * log_var.detach()).exp() * eps, "no gradient reaches log_var."),
        (with_numpy, "no gradient reaches mu and log_var"),
        (lambda mu, log_var, eps: mu + 0.5 * log_var.exp() * eps, "half stands outside"),
        (lambda mu, log_var, eps: mu + 0.5 * log_var * eps, "Undo the logarithm."),
        (lambda mu, log_var, eps: mu + log_var.exp() ** 2 * eps, "The variance is squared"),
        (lambda mu, log_var, eps: mu + (0.5 * log_var).exp(), "eps plays no part"),
        (lambda mu, log_var, eps: mu + log_var.exp(), "eps plays no part"),
        (lambda mu, log_var, eps: (mu + eps) * (0.5 * log_var).exp(), "multiplies mu, too"),
        (lambda mu, log_var, eps: mu * eps + (0.5 * log_var).exp(), "have changed places"),
        (lambda mu, log_var, eps: mu - (0.5 * log_var).exp() * eps, "is subtracted"),
        (lambda mu, log_var, eps: mu + (0.5 * log_var).exp() * eps + 1, "is right, for"),
    ],
    "04.b": [
        (by_where, "torch.where passes"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean(-1) - KL(mu, lv), "a mean over pixels"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean(-1) - KL(mu, lv) / mu.shape[1], "Both terms are means"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, lv) / mu.shape[1], "mean over latent"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) + KL(mu, lv), "The KL is added"),
        (lambda x, lo, mu, lv: BCE(x, lo).sum(-1) + KL(mu, lv), "This is the loss"),
        (lambda x, lo, mu, lv: (-BCE(x, lo).sum(-1) - KL(mu, lv)).mean(), "one number for the batch. Return"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, 2 * lv), "read as log sigma"),
        (
            lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 0.5 * (lv + (1 + mu**2) / lv.exp() - 1).sum(-1),
            "the wrong way round",
        ),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 2 * KL(mu, lv), "off by a factor"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean() - KL(mu, lv), "mean over everything"),
        (lambda x, lo, mu, lv: (BCE(x, lo).sum(-1) + KL(mu, lv)).mean(), "This is the loss, one number"),
        (
            lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - 0.5 * (mu**2 + (2 * lv).exp() - lv - 1).sum(-1),
            "one reading of log_var",
        ),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1), "The KL is missing"),
        (lambda x, lo, mu, lv: (x * lo.sigmoid().log()).sum(-1) - KL(mu, lv), "Only the ink is counted"),
        (lambda x, lo, mu, lv: -BCE(x, lo).sum(-1) - KL(mu, lv) + 1, "is right, for"),
        (
            lambda x, lo, mu, lv: (
                (x * lo.sigmoid().log() + (1 - x) * (1 - lo.sigmoid()).log()).sum(-1) - KL(mu, lv)
            ),
            "but not for 200",
        ),
        (torch.no_grad()(lambda x, lo, mu, lv: coins(x, lo) - KL(mu, lv)), "reaches logits and mu and log_var"),
        (lambda x, lo, mu, lv: coins(x, lo).detach() - KL(mu, lv), "no gradient reaches logits."),
        (lambda x, lo, mu, lv: coins(x, lo) - KL(mu, lv).detach(), "no gradient reaches mu and log_var"),
        (
            lambda x, lo, mu, lv: torch.tensor([v.item() for v in coins(x, lo) - KL(mu, lv)]),
            "reaches logits and mu and log_var",
        ),
        (
            lambda x, lo, mu, lv: (x * lo.sigmoid() + (1 - x) * (-lo).sigmoid()).log().sum(-1) - KL(mu, lv),
            "mixes the two probabilities",
        ),
        (lambda x, lo, mu, lv: F.logsigmoid((2 * x - 1) * lo).sum(-1) - KL(mu, lv), "shrinks the logit"),
        (lambda x, lo, mu, lv: ((2 * x - 1) * lo).sum(-1) - KL(mu, lv), "added up with a sign"),
        (lambda x, lo, mu, lv: (x * lo).sum(-1) - KL(mu, lv), "The logits are added up. A"),
        (half(lambda mu, lv: mu**2 + (0.5 * lv).exp() - lv - 1), "sigma where sigma^2 belongs"),
        (half(lambda mu, lv: mu**2 + lv.exp() - lv), "too large by 1/2"),
        (half(lambda mu, lv: mu**2 + lv.exp() - lv + 1), "The 1 in the KL"),
        (half(lambda mu, lv: mu + lv.exp() - lv - 1), "mu is not squared"),
        (half(lambda mu, lv: mu**2 + lv.exp() + lv - 1), "enters the KL with the wrong sign"),
        (half(lambda mu, lv: mu**2 + lv - lv.log() - 1), "read as the variance"),
        (half(lambda mu, lv: mu**2 + lv**2 - (lv**2).log() - 1), "read as sigma. It"),
        (lambda x, lo, mu, lv: coins(x, lo) - (0.5 * mu**2 + lv.exp() - lv - 1).sum(-1), "before mu^2 only"),
        (lambda x, lo, mu, lv: coins(x, lo) - 0.5 * KL(mu, lv), "a factor, 1/2"),
        (lambda x, lo, mu, lv: -KL(mu, lv), "reconstruction is missing"),
        (lambda x, lo, mu, lv: (x * lo.log() + (1 - x) * (1 - lo).log()).sum(-1) - KL(mu, lv), "taken for prob"),
        (lambda x, lo, mu, lv: -F.binary_cross_entropy(lo, x, reduction="none").sum(-1) - KL(mu, lv), "taken for prob"),
        (lambda x, lo, mu, lv: Bernoulli(lo).log_prob(x).sum(-1) - KL(mu, lv), "taken for prob"),
        (lambda x, lo, mu, lv: coins(x, lo)[:, None] - KL(mu, lv), "Sum without keepdim"),
        (lambda x, lo, mu, lv: coins(x, lo) - KL(mu, lv)[:, None], "Sum without keepdim"),
        (lambda x, lo, mu, lv: (coins(x, lo) - KL(mu, lv))[:, None], "The numbers are right; the shape is"),
        (lambda x, lo, mu, lv: coins(x, lo).sum() - KL(mu, lv), "The reconstruction is summed over the images"),
        (lambda x, lo, mu, lv: coins(x, lo) - KL(mu, lv).sum(), "The KL is summed over the images"),
        (lambda x, lo, mu, lv: (coins(x, lo) - KL(mu, lv)).sum(), "one number for the batch. Return"),
        (lambda x, lo, mu, lv: -BCE(x, lo).mean() - KL(mu, lv).mean(), "A term is a mean over everything"),
        (lambda x, lo, mu, lv: coins(x, lo) - KL(mu, lv).mean() / mu.shape[1], "A term is a mean over everything"),
        (lambda x, lo, mu, lv: -(x - lo.sigmoid()).square().sum(-1) - KL(mu, lv), "is a squared error"),
        (lambda x, lo, mu, lv: -0.5 * (x - lo.sigmoid()).square().sum(-1) - KL(mu, lv), "is a squared error"),
        (lambda x, lo, mu, lv: -F.mse_loss(lo, x) - KL(mu, lv), "is a squared error"),
        (lambda x, lo, mu, lv: -F.mse_loss(lo, x, reduction="none").sum(-1) - KL(mu, lv), "is a squared error"),
        (lambda x, lo, mu, lv: coins(x, lo) - sampled_kl(mu, lv), "gives two answers"),
        (lambda x, lo, mu, lv: coins(lo, x) - KL(mu, lv), "x and the logits have changed places"),
        (lambda x, lo, mu, lv: coins(1 - x, lo) - KL(mu, lv), "Ink and paper have changed places"),
        (lambda x, lo, mu, lv: coins(x.round(), lo) - KL(mu, lv), "A grey pixel is treated"),
        (
            lambda x, lo, mu, lv: torch.where(x == 1, F.logsigmoid(lo), F.logsigmoid(-lo)).sum(-1) - KL(mu, lv),
            "A grey pixel is treated",
        ),
        (
            lambda x, lo, mu, lv: (x * F.logsigmoid(lo) - (1 - x) * F.logsigmoid(-lo)).sum(-1) - KL(mu, lv),
            "Paper counts with the wrong sign",
        ),
        (
            lambda x, lo, mu, lv: (x * lo.sigmoid() + (1 - x) * (1 - lo.sigmoid())).sum(-1) - KL(mu, lv),
            "adds probabilities",
        ),
    ],
    "04.c": [
        (lambda log_w: nll(log_w).item(), "one of Python's"),
        (lambda log_w: -log_w.mean(), "mean of the log-weights"),
        (lambda log_w: -log_w.logsumexp(0).mean(), "not yet a mean"),
        (lambda log_w: -(log_w.logsumexp(0) / len(log_w)).mean(), "divides the logarithm"),
        (lambda log_w: -(log_w.logsumexp(1) - math.log(log_w.shape[1])).mean(), "wrong dimension"),
        (lambda log_w: (log_w.logsumexp(0) - math.log(len(log_w))).mean(), "sign is wrong"),
        (lambda log_w: -(log_w.flatten().logsumexp(0) - math.log(log_w.numel())), "a p(x) of its own"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))), "Not averaged over images"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(len(log_w))).sum(), "A sum over images"),
        (lambda log_w: -log_w.max(0).values.mean(), "best of the K samples"),
        (lambda log_w: nll(log_w.clamp(min=-150)), "tiny ones are lost"),
        (lambda log_w: nll(log_w - log_w.max(), exponentials=True) - log_w.max(), "largest weight of the same image"),
        (lambda log_w: nll(log_w - log_w[:1], exponentials=True) - log_w[0].mean(), "largest weight of the same image"),
        (lambda log_w: nll(log_w - log_w.mean(0), True) - log_w.mean(), "largest weight of the same image"),
        (lambda log_w: nll(log_w, exponentials=True), "the weights are tiny"),
        (lambda log_w: -log_w.double().exp().mean(0).log().mean(), "the weights are tiny"),
        (lambda log_w: -(log_w.exp().mean(0) + 1e-38).log().mean(), "tiny ones are lost"),
        (lambda log_w: -(log_w.logsumexp(0) + math.log(len(log_w))).mean(), "log K has the wrong sign"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(log_w.shape[1])).mean(), "divided by the number of images"),
        (lambda log_w: -(log_w.logsumexp((0, 1)) - math.log(len(log_w))), "summed inside the logarithm"),
        (lambda log_w: log_w.logsumexp(0) - math.log(len(log_w)), "This is log p(x), one number per image"),
        (lambda log_w: -(log_w.softmax(0) * log_w).sum(0).mean(), "each weighted by its weight"),
        (lambda log_w: -log_w.max(0).values, "best of the K samples"),
        (lambda log_w: -(log_w.logsumexp(0) - math.log(max(len(log_w) - 1, 1))).mean(), "divided by K - 1"),
        (lambda log_w: -log_w.exp().mean(0).mean(), "The logarithm is missing"),
        (lambda log_w: nll(log_w) + 1, "is right, for"),
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
        (lambda x: F.binary_cross_entropy(x.round(), x, reduction="none").sum(-1), "is rounded to 0 or 1"),
        (lambda x: BCE(x, x.round()).sum(-1), "sigmoid(x.round())"),
        (
            lambda x: -(x * (x.round() + 1e-8).log() + (1 - x) * (1 - x.round() + 1e-8).log()).sum(-1),
            "is rounded to 0 or 1",
        ),
        (lambda x: F.binary_cross_entropy(x, x.round(), reduction="none").sum(-1), "prediction of rounded pixels"),
        (lambda x: Bernoulli(x.round()).entropy().sum(-1) * 0, "black-and-white images only"),
        (lambda x: -((1 - x) * (1 - x).log()).sum(-1), "Half of it is missing"),
        (lambda x: (torch.xlogy(1 - x, 1 - x) - torch.xlogy(x, x)).sum(-1), "One of the two terms"),
        (lambda x: Bernoulli(x).entropy().sum(), "a sum over images"),
        (lambda x: Bernoulli(x).entropy().sum(-1).mean(), "a mean over images"),
        (lambda x: F.binary_cross_entropy(x, x), "mean over pixels and images"),
        (lambda x: x.shape[1] * Bernoulli(x.mean(-1)).entropy(), "all pixels of an image share"),
        (lambda x: F.binary_cross_entropy(1 - x, x, reduction="none").sum(-1), "The prediction is 1 - x"),
        (lambda x: F.binary_cross_entropy_with_logits(x, x, reduction="none").sum(-1), "not a logit"),
        (lambda x: (x * (1 - x)).sum(-1), "variance of a coin"),
        (lambda x: torch.minimum(x, 1 - x).sum(-1), "better guess is wrong"),
    ],
}
