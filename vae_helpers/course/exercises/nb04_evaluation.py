"""Checkers for notebook 04: what a trained VAE is worth."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli

from .checking import Mistake, checker, compare, same


@checker("04.c")
def nll_from_log_weights(answer: Callable) -> str:
    """answer(log_w): log-weights `[K, B]` in nats -> mean over images of -log p(x), a scalar tensor."""
    cases = [torch.tensor([[-1.0], [-3.0]])]
    for seed, shape in enumerate(((5, 3), (50, 4), (1, 6))):
        cases.append(-30 + 10 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)))
    for log_w in cases:
        k, images = log_w.shape
        log_p = torch.logsumexp(log_w.double(), dim=0) - math.log(k)
        everything = log_w.flatten().logsumexp(0)
        compare(answer(log_w), -log_p.mean(), [
            (-log_w.mean(),
             "This is the mean of the log-weights: the ELBO, however large k is. On which side of the logarithm "
             "does the average belong?"),
            (-(log_p + math.log(k)).mean(), "A sum over samples is not yet a mean."),
            (-(log_p + 2 * math.log(k)).mean(),
             "log K has the wrong sign: what does dividing by K do to a logarithm?"),
            (-(log_w.logsumexp(0) / k).mean(),
             "The number of samples divides the logarithm. Is that where the mean is?"),
            (-(log_w.logsumexp(0) - math.log(images)).mean(),
             "The sum over samples is divided by the number of images. Which of the two dimensions is K?"),
            (-(log_w.logsumexp(1) - math.log(images)).mean(),
             "The average over samples is taken along the wrong dimension: samples come first, `[K, B]`."),
            (log_p.mean(), "The sign is wrong: this is log p(x), a negative number here."),
            (-(everything - math.log(log_w.numel())),
             "Images were averaged inside the logarithm with the samples. Each image has a p(x) of its own."),
            (-(everything - math.log(k)),
             "Images were summed inside the logarithm with the samples. Each image has a p(x) of its own."),
            (-log_p, "Not averaged over images yet: return one number."),
            (log_p, "This is log p(x), one number per image. Return the mean of -log p(x)."),
            (-log_p.sum(), "A sum over images, not a mean: nats per image are wanted."),
            (-log_w.max(0).values.mean(), "This is the best of the K samples, not their average."),
            (-log_w.max(0).values, "This is the best of the K samples, not their average."),
            (-(log_w.softmax(0) * log_w).sum(0).mean(),
             "This is an average of log-weights, each weighted by its weight. The weights themselves are averaged, "
             "and the logarithm comes last."),
            (-(log_p + log_p.new_tensor(k / max(k - 1, 1)).log()).mean(),
             "The sum over samples is divided by K - 1. A mean divides by K."),
            (-log_p.exp().mean(), "The logarithm is missing: this is -p(x)."),
        ])
    if not isinstance(answer(cases[0]), torch.Tensor):
        raise Mistake("The number is right, but it is one of Python's. Return a tensor: no .item(), no float().")
    low = torch.tensor([[-900.0], [-902.0], [-901.0]])  # exp of these is 0, even in float64
    wide = -5000 * torch.rand(7, 3, generator=torch.Generator().manual_seed(9)).sort().values
    shifted = [low, *(log_w - torch.linspace(100, 900, log_w.shape[1]) for log_w in [*cases, wide])]
    judged = []
    for log_w in shifted:
        truth = math.log(len(log_w)) - torch.logsumexp(log_w.double(), dim=0).mean()
        got = torch.as_tensor(answer(log_w))
        judged.append((bool(torch.isfinite(got).all()), same(got, truth)))
    if not judged[0][0]:
        raise Mistake(
            "Right where exp(log_w) can be represented, but infinite when the weights are "
            "tiny, as they are for larger images. Which function takes the exponentials safely?"
        )
    if not all(finite for finite, _ in judged):
        raise Mistake(
            "Right while all weights are alike, but infinite when they differ by hundreds of nats. What is taken out "
            "before exp must be the largest weight of the same image."
        )
    if not all(right for _, right in judged):
        raise Mistake(
            "Right for weights of an ordinary size, but tiny ones are lost. Is a constant added to them, are they "
            "cut off, or are they compared with the weights of another image?"
        )
    return "The logarithm of an average of weights: p(x) estimated without bias, log p(x) from below."


@checker("04.d")
def entropy_floor(answer: Callable) -> str:
    """answer(x): grey levels `[B, D]` in [0, 1] -> the least possible cross-entropy `[B]`, in nats."""
    rng = torch.Generator().manual_seed(0)
    cases = [torch.tensor([[0.25, 0.75, 0.875]]), torch.rand(3, 8, generator=rng), torch.rand(5, 4, generator=rng)]
    for x in cases:
        entropy = Bernoulli(probs=x).entropy()
        truth, cross = entropy.sum(-1), F.binary_cross_entropy
        average, off = x.mean(-1, keepdim=True).expand_as(x), (x - x.round()).abs()
        rounded = (
            "The prediction is rounded to 0 or 1. A grey pixel is sometimes the other, and then that prediction is "
            "infinitely wrong (cut off here)."
        )
        half = "Half of it is missing: a pixel is ink with probability x and paper with 1 - x."
        compare(answer(x), truth, [
            (torch.full_like(truth, torch.inf),
             "It is infinite: a prediction of exactly 0 or 1 is infinitely wrong for a grey pixel. "
             "Which prediction is best for a grey level of 0.3?"),
            (entropy.mean(-1), "This is a mean over pixels; the cross-entropy of an image is a sum."),
            (truth / math.log(2), "This is in bits. The course counts in nats."),
            (-(x * x.log()).sum(-1), half), (-((1 - x) * (1 - x).log()).sum(-1), half),
            (-truth, "The sign is wrong: an entropy is never negative."),
            (((1 - x) * (1 - x).log() - x * x.log()).sum(-1), "One of the two terms has the wrong sign."),
            ((x * x.log() - (1 - x) * (1 - x).log()).sum(-1), "One of the two terms has the wrong sign."),
            (entropy, "One number per pixel: sum over the pixels of each image."),
            (truth.sum(), "This is a sum over images, too. Return one number per image."),
            (truth.mean(), "This is a mean over images. Return one number per image."),
            (entropy.mean(), "This is a mean over pixels and images. Return a sum over pixels, one per image."),
            (torch.zeros_like(truth),
             "Zero is reached by black-and-white images only. What does the best prediction for a grey level of 0.3 "
             "still cost?"),
            (torch.full_like(truth, x.shape[1] * math.log(2)),
             "This is the cross-entropy of a decoder that says 1/2 everywhere, the largest floor there is. Which "
             "prediction is best for a pixel of grey level x?"),
            (cross(x.round(), x, reduction="none").sum(-1), rounded),
            *((-(off * math.log(eps) + (1 - off) * math.log1p(-eps)).sum(-1), rounded)
              for eps in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-10, 1e-12)),
            (F.binary_cross_entropy_with_logits(x.round(), x, reduction="none").sum(-1),
             "The prediction is sigmoid(x.round()). A grey level is a probability already: do not round it, and it is "
             "no logit."),
            (cross(x, x.round(), reduction="none").sum(-1),
             "This is what the grey levels cost as a prediction of rounded pixels. The pixels stay grey here."),
            (cross(average, x, reduction="none").sum(-1),
             "This is the best for one prediction that all pixels of an image share. Each pixel may have its own."),
            (cross(1 - x, x, reduction="none").sum(-1), "The prediction is 1 - x: ink and paper have changed places."),
            (cross(x.sigmoid(), x, reduction="none").sum(-1),
             "The prediction is sigmoid(x). A grey level is a probability already, not a logit."),
            ((x * (1 - x)).sum(-1), "This is the variance of a coin. The cross-entropy has logarithms."),
            (torch.minimum(x, 1 - x).sum(-1),
             "This is how often the better guess is wrong. The cross-entropy counts nats: it has logarithms."),
        ])
    for x in cases:
        with_ends = torch.cat([x, torch.zeros(len(x), 2), torch.ones(len(x), 1)], dim=1)
        got, truth = answer(with_ends), Bernoulli(probs=x).entropy().sum(-1)
        if not torch.isfinite(torch.as_tensor(got)).all():
            raise Mistake(
                "Right for grey levels strictly between 0 and 1, but most pixels are 0 or 1, and "
                "there 0 * log(0) is not a number. What is its limit?"
            )
        compare(got, truth)
    return "No decoder goes below this, however good: this part of the loss belongs to the images."
