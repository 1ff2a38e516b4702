"""Checkers for notebook 04."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from .checking import Mistake, checker, compare, gradients


def _posteriors() -> Iterator[tuple[torch.Generator, Tensor, Tensor]]:
    """(generator, mu, log_var) on non-square shapes `[B, L]`, three seeds."""
    for seed, shape in enumerate(((3, 2), (4, 7), (1, 5))):
        rng = torch.Generator().manual_seed(seed)
        yield rng, torch.randn(shape, generator=rng), torch.randn(shape, generator=rng)


@checker("04.a")
def reparameterize(answer: Callable) -> str:
    """answer(mu, log_var, eps) -> z, all `[B, L]`, eps drawn from N(0, 1)."""
    for rng, mu, log_var in _posteriors():
        eps = torch.randn(mu.shape, generator=rng)
        inputs = [mu.requires_grad_(), log_var.requires_grad_()]
        z = answer(*inputs, eps)
        if isinstance(z, Tensor) and not torch.allclose(z, answer(*inputs, eps), equal_nan=True):
            raise Mistake(
                "Called twice on the same numbers, it gives two answers. The noise is given, as eps."
            )
        compare(z, mu + Normal(0.0, log_var.mul(0.5).exp()).stddev * eps, [
            (mu + log_var.exp() * eps,
             "The noise is scaled by the variance. What does log_var hold, and what must multiply a standard "
             "normal to give that variance?"),
            (mu + log_var * eps, "The noise is scaled by the logarithm itself, so sigma could be negative."),
            (mu + eps, "The noise has unit scale: log_var plays no part."),
            (mu + (-0.5 * log_var).exp() * eps,
             "The noise is divided by sigma. A larger variance should spread z more."),
            (mu + 0 * eps, "There is no noise: this is the posterior mean."),
            (mu + log_var.sqrt() * eps,
             "The square root of log_var is not sigma (and is not a number where log_var is negative). Undo the "
             "logarithm first."),
        ])
        if any(gradient is None for gradient in gradients(z, *inputs)):
            raise Mistake(
                "The values are right, but no gradient reaches mu and log_var. Was something detached?"
            )
    return "z follows q(z|x), and the gradient reaches mu and log_var through it."


@checker("04.b")
def elbo_from_scratch(answer: Callable) -> str:
    """answer(x, logits, mu, log_var) -> ELBO `[B]` in nats; x, logits `[B, D]`, mu, log_var `[B, L]`."""
    for (rng, mu, log_var), pixels in zip(_posteriors(), (5, 3, 8), strict=True):
        x = torch.rand(len(mu), pixels, generator=rng).round()
        logits = 2 * torch.randn(x.shape, generator=rng)
        log_p = Bernoulli(logits=logits).log_prob(x)
        reconstruction = log_p.sum(-1)
        kl_terms = kl_divergence(Normal(mu, (0.5 * log_var).exp()), Normal(0.0, 1.0))
        kl = kl_terms.sum(-1)
        reverse = kl_divergence(Normal(torch.zeros_like(mu), 1.0), Normal(mu, (0.5 * log_var).exp()))
        as_sigma = kl_divergence(Normal(mu, log_var.exp()), Normal(0.0, 1.0)).sum(-1)
        compare(answer(x, logits, mu, log_var), reconstruction - kl, [
            (log_p.mean(-1) - kl,
             "The reconstruction is a mean over pixels, so the KL weighs D times too much. How do log-"
             "probabilities of independent pixels combine?"),
            (log_p.mean(-1) - kl_terms.mean(-1),
             "Both terms are means over dimensions. The ELBO bounds log p(x) of a whole image: what must happen "
             "to the dimensions?"),
            (reconstruction - kl_terms.mean(-1), "The KL is a mean over latent dimensions."),
            (log_p.mean() - kl,
             "The reconstruction is a mean over everything, pixels and images. Which dimensions are summed, and "
             "which is left?"),
            (reconstruction - 0.5 * (mu**2 + (2 * log_var).exp() - log_var - 1).sum(-1),
             "The KL has sigma^2 from one reading of log_var and log sigma^2 from another. It can be negative, "
             "and a KL cannot."),
            ((kl - reconstruction).mean(),
             "This is the loss, one number for the batch. Return the bound, one per datapoint."),
            (reconstruction + kl, "The KL is added. Which way does it push the bound?"),
            (kl - reconstruction, "This is the loss, -ELBO. Return the bound itself, to be maximised."),
            ((reconstruction - kl).mean(),
             "This is one number for the batch. Return one per datapoint and leave the average to the caller."),
            (reconstruction - as_sigma, "log_var is read as log sigma. What is the variance when log_var is 2?"),
            (reconstruction - reverse.sum(-1), "The KL is the wrong way round, KL(p(z) || q(z|x))."),
            (reconstruction - 2 * kl, "The KL is off by a factor. Compare it with the formula in the text."),
            (reconstruction, "The KL is missing: this is an autoencoder's objective."),
            ((x * log_p).sum(-1) - kl, "Only the pixels that are 1 are counted. What do the others contribute?"),
        ])
    logits, x = torch.tensor([[200.0, -200.0], [-200.0, 200.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    extreme, nothing = torch.tensor([0.0, -400.0]), torch.zeros(2, 3)
    if not torch.allclose(answer(x, logits, nothing, nothing), extreme):
        raise Mistake(
            "Right for moderate logits, but not for 200. What does sigmoid(200) round to, and what is "
            "the logarithm of one minus that? Look for a function that takes the logarithm for you."
        )
    return "One number per image, in nats, and never more than log p(x) in expectation."


@checker("04.c")
def nll_from_log_weights(answer: Callable) -> str:
    """answer(log_w): log-weights `[K, B]` in nats -> mean over images of -log p(x), a scalar tensor."""
    for seed, (k, images) in enumerate(((5, 3), (50, 4), (1, 6))):
        rng = torch.Generator().manual_seed(seed)
        log_w = -30 + 10 * torch.randn(k, images, generator=rng)
        log_p = torch.logsumexp(log_w.double(), dim=0) - math.log(k)
        wrong = [
            (-log_w.mean(),
             "This is the mean of the log-weights: the ELBO, however large k is. On which side of the logarithm "
             "does the average belong?"),
            (-(log_p + math.log(k)).mean(), "A sum over samples is not yet a mean."),
            (-(log_w.logsumexp(0) / k).mean(),
             "The number of samples divides the logarithm. Is that where the mean is?"),
            (-(log_w.logsumexp(1) - math.log(images)).mean(),
             "The average over samples is taken along the wrong dimension: samples come first, `[K, B]`."),
            (log_p.mean(), "The sign is wrong: this is log p(x), a negative number here."),
            (-(log_w.flatten().logsumexp(0) - math.log(log_w.numel())),
             "Images were averaged inside the logarithm with the samples. Each image has a p(x) of its own."),
            (-log_p, "Not averaged over images yet: return one number."),
            (-log_p.sum(), "A sum over images, not a mean: nats per image are wanted."),
            (-log_w.max(0).values.mean(), "This is the best of the K samples, not their average."),
        ]
        shift = torch.linspace(100, 900, images)  # exp of most of these is 0 in float32
        compare(answer(log_w), -log_p.mean(), wrong)
        shifted = answer(log_w - shift)
        if not torch.isfinite(torch.as_tensor(shifted)).all():
            raise Mistake(
                "Right where exp(log_w) can be represented, but infinite when the weights are "
                "tiny, as they are for larger images. Which function takes the exponentials safely?"
            )
        compare(shifted, (shift - log_p).mean())
    return "The logarithm of an average of weights: p(x) estimated without bias, log p(x) from below."


@checker("04.d")
def entropy_floor(answer: Callable) -> str:
    """answer(x): grey levels `[B, D]` in [0, 1] -> the least possible cross-entropy `[B]`, in nats."""
    for seed, shape in enumerate(((3, 8), (5, 4))):
        x = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
        with_ends = torch.cat([x, torch.zeros(len(x), 2), torch.ones(len(x), 1)], dim=1)
        entropy = Bernoulli(probs=x).entropy()
        truth = entropy.sum(-1)
        wrong = [
            (entropy.mean(-1), "This is a mean over pixels; the cross-entropy of an image is a sum."),
            (truth / math.log(2), "This is in bits. The course counts in nats."),
            (-(x * x.log()).sum(-1),
             "Half of it is missing: a pixel is black with probability x and white with 1 - x."),
            (-truth, "The sign is wrong: an entropy is never negative."),
            (entropy, "One number per pixel: sum over the pixels of each image."),
            (torch.zeros_like(truth),
             "Zero is reached by black-and-white images only. What does the best prediction for a grey level of 0.3 "
             "still cost?"),
            (torch.full_like(truth, x.shape[1] * math.log(2)),
             "This is the cross-entropy of a decoder that says 1/2 everywhere, the largest floor there is. Which "
             "prediction is best for a pixel of grey level x?"),
        ]
        got = answer(x)
        if isinstance(got, Tensor) and torch.isinf(got).all():
            raise Mistake(
                "It is infinite: a prediction of exactly 0 or 1 is infinitely wrong for a grey pixel. "
                "Which prediction is best for a grey level of 0.3?"
            )
        compare(got, truth, wrong)
        if not torch.isfinite(torch.as_tensor(answer(with_ends))).all():
            raise Mistake(
                "Right for grey levels strictly between 0 and 1, but most pixels are 0 or 1, and "
                "there 0 * log(0) is not a number. What is its limit?"
            )
        compare(answer(with_ends), truth)
    return "No decoder goes below this, however good: this part of the loss belongs to the images."
