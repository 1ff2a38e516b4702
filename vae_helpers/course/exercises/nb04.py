"""Checkers for notebook 04."""

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from .checking import Mistake, checker, compare, gradients
from .diagnosis import same

AS_PROBABILITIES = (
    "The logits were taken for probabilities, but a logit can be any number. Which function makes a probability of it?"
)


def _posteriors() -> Iterator[tuple[torch.Generator, Tensor, Tensor]]:
    """(generator, mu, log_var) on non-square shapes `[B, L]`: random ones, and one to work by hand."""
    for seed, shape in enumerate(((3, 2), (4, 7), (1, 5))):
        rng = torch.Generator().manual_seed(seed)
        yield rng, torch.randn(shape, generator=rng), torch.randn(shape, generator=rng)
    yield torch.Generator().manual_seed(3), torch.tensor([[0.5]]), torch.tensor([[0.25]])


@checker("04.a")
def reparameterize(answer: Callable) -> str:
    """answer(mu, log_var, eps) -> z, all `[B, L]`, eps drawn from N(0, 1)."""
    results = []
    for rng, mu, log_var in _posteriors():
        eps = torch.randn(mu.shape, generator=rng)
        inputs = [mu.requires_grad_(), log_var.requires_grad_()]
        z = answer(*inputs, eps)
        if isinstance(z, Tensor) and not torch.allclose(z, answer(*inputs, eps), equal_nan=True):
            raise Mistake("Called twice on the same numbers, it gives two answers. The noise is given, as eps.")
        sigma = log_var.mul(0.5).exp()
        compare(z, mu + Normal(0.0, sigma).stddev * eps, [
            (mu + log_var.exp() * eps,
             "The noise is scaled by the variance. What does log_var hold, and what must multiply a standard "
             "normal to give that variance?"),
            (mu + log_var * eps, "The noise is scaled by the logarithm itself, so sigma could be negative."),
            (mu + eps, "The noise has unit scale: log_var plays no part."),
            (mu + eps / sigma, "The noise is divided by sigma. A larger variance should spread z more."),
            (mu + 0 * eps, "There is no noise: this is the posterior mean."),
            (mu + sigma, "There is no noise: eps plays no part."),
            (mu + log_var.exp(), "There is no noise: eps plays no part."),
            (mu + 0.5 * log_var.exp() * eps,
             "The half stands outside the exponential: half a variance is not its root."),
            (mu + 0.5 * log_var * eps, "Half of log_var is the logarithm of sigma. Undo the logarithm."),
            (mu + (2 * log_var).exp() * eps, "The variance is squared, where its root is wanted."),
            (sigma * (mu + eps), "sigma multiplies mu, too: it scales the noise only."),
            (sigma + mu * eps, "mu and sigma have changed places."),
            (mu - sigma * eps,
             "The noise is subtracted. As eps is symmetric, z has the right distribution, but add the noise here: the "
             "notebook compares z number by number."),
            (mu + log_var.sqrt() * eps,
             "The square root of log_var is not sigma (and is not a number where log_var is negative). Undo the "
             "logarithm first."),
        ])
        results.append((z, *inputs))
    for z, *inputs in results:
        _must_reach(("mu", "log_var"), z, inputs)
    return "z follows q(z|x), and the gradient reaches mu and log_var through it."


def _must_reach(names: tuple[str, ...], value: Tensor, inputs: list[Tensor]) -> None:
    found = zip(names, gradients(value, *inputs), strict=True)
    missing = [name for name, gradient in found if gradient is None]
    if missing:
        raise Mistake(
            f"The values are right, but no gradient reaches {' and '.join(missing)}. NumPy, .detach(), .data, .item() "
            "and torch.no_grad() all cut it off: stay with torch's functions from the arguments to the result."
        )


@checker("04.b")
def elbo_from_scratch(answer: Callable) -> str:
    """answer(x, logits, mu, log_var) -> ELBO `[B]` in nats; x, logits `[B, D]`, mu, log_var `[B, L]`."""
    results = []
    for (rng, mu, log_var), pixels, grey in zip(_posteriors(), (5, 3, 8, 2), (False, True, True, False), strict=True):
        x = torch.rand(len(mu), pixels, generator=rng)
        x = x if grey else x.round()
        logits = 2 * torch.randn(x.shape, generator=rng)
        if pixels == 2:  # to work by hand; logits that could pass for probabilities
            x, logits = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.75, 0.25]])
        inputs = [t.requires_grad_() for t in (logits, mu, log_var)]
        got = _answer_to_04b(answer, x, *inputs)
        compare(got, *_elbo_and_mistakes(x, *(t.detach() for t in inputs)))
        results.append((got, inputs))
    logits, x = torch.tensor([[200.0, -200.0], [-200.0, 200.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    extreme, nothing = torch.tensor([0.0, -400.0]), torch.zeros(2, 3)
    if not same(answer(x, logits, nothing, nothing), extreme):
        raise Mistake(
            "Right for moderate logits, but not for 200. What does sigmoid(200) round to, and what is "
            "the logarithm of one minus that? F.logsigmoid takes the logarithm for you."
        )
    for got, inputs in results:
        _must_reach(("logits", "mu", "log_var"), got, inputs)
    return "One number per image, in nats, and never more than log p(x) in expectation."


def _answer_to_04b(answer: Callable, *inputs: Tensor):
    try:
        got = answer(*inputs)
    except (RuntimeError, ValueError) as error:
        text = str(error)
        if "between 0 and 1" in text or ("probs" in text and "Interval" in text):
            raise Mistake(AS_PROBABILITIES) from None
        raise
    if isinstance(got, Tensor) and not torch.allclose(got, answer(*inputs), equal_nan=True):
        raise Mistake(
            "Called twice on the same numbers, it gives two answers: it draws a sample. The sample is behind the "
            "logits already, and the KL has a closed form."
        )
    return got


def _elbo_and_mistakes(x: Tensor, logits: Tensor, mu: Tensor, log_var: Tensor) -> tuple[Tensor, list]:
    log_p = Bernoulli(logits=logits, validate_args=False).log_prob(x)
    reconstruction = log_p.sum(-1)
    sigma = (0.5 * log_var).exp()
    kl_terms = kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0))
    kl = kl_terms.sum(-1)
    reverse = kl_divergence(Normal(torch.zeros_like(mu), 1.0), Normal(mu, sigma)).sum(-1)
    as_sigma = kl_divergence(Normal(mu, log_var.exp()), Normal(0.0, 1.0)).sum(-1)
    p, var, half = logits.sigmoid(), log_var.exp(), 0.5
    squares = (x - p) ** 2
    ink, paper = F.logsigmoid(logits), F.logsigmoid(-logits)
    all_or_nothing = [torch.where(mask, ink, paper).sum(-1) for mask in (x >= 0.5, x == 1, x > 0)]
    everything = (
        "A term is a mean over everything, its dimensions and the images. Sum over the dimensions, and leave the "
        "images apart."
    )
    broadcast = (
        "One term is [B, 1] and the other [B], and broadcasting makes [B, B] of their difference. Sum without keepdim."
    )
    squared_error = (
        "The reconstruction is a squared error, as of a Gaussian. A pixel is a coin here: what is the log-probability "
        "of one?"
    )
    grey = "A grey pixel is treated as if it were 0 or 1. It counts as x parts ink and 1 - x parts paper."
    whole = "This is one number for the batch. Return one per datapoint and leave the average to the caller."
    return reconstruction - kl, [
        (log_p.mean(-1) - kl,
         "The reconstruction is a mean over pixels, so the KL weighs D times too much. How do log-"
         "probabilities of independent pixels combine?"),
        (log_p.mean(-1) - kl_terms.mean(-1),
         "Both terms are means over dimensions. The ELBO bounds log p(x) of a whole image: what must happen "
         "to the dimensions?"),
        (reconstruction - kl_terms.mean(-1), "The KL is a mean over latent dimensions."),
        (log_p.mean() - kl,
         "The reconstruction is a mean over everything, pixels and images. Sum over the pixels, and leave the "
         "images apart."),
        (log_p.mean() - kl.mean(), everything),
        (log_p.mean() - kl_terms.mean(), everything),
        (reconstruction - kl_terms.mean(), everything),
        (log_p.sum() - kl, "The reconstruction is summed over the images, too. Each image has a bound of its own."),
        (reconstruction - kl.sum(), "The KL is summed over the images, too. Each image has a bound of its own."),
        (reconstruction - half * (mu**2 + var**2 - log_var - 1).sum(-1),
         "The KL has sigma^2 from one reading of log_var and log sigma^2 from another. It can be negative, "
         "and a KL cannot."),
        ((kl - reconstruction).mean(),
         "This is the loss, one number for the batch. Return the bound, one per datapoint."),
        (reconstruction + kl, "The KL is added. Which way does it push the bound?"),
        (kl - reconstruction, "This is the loss, -ELBO. Return the bound itself, to be maximised."),
        ((reconstruction - kl).mean(), whole),
        ((reconstruction - kl).sum(), whole),
        (reconstruction - as_sigma, "log_var is read as log sigma. What is the variance when log_var is 2?"),
        (reconstruction - half * (mu**2 + sigma - log_var - 1).sum(-1),
         "The KL has sigma where sigma^2 belongs: exp(log_var / 2) is sigma."),
        (reconstruction - half * (mu**2 + log_var - log_var.log() - 1).sum(-1),
         "log_var is read as the variance. It is the variance's logarithm, and can be negative."),
        (reconstruction - half * (mu**2 + log_var**2 - (log_var**2).log() - 1).sum(-1),
         "log_var is read as sigma. It is the logarithm of sigma^2."),
        (reconstruction - half * (mu**2 + var - log_var).sum(-1),
         "The KL is too large by 1/2 for each latent dimension. For mu = 0 and sigma = 1 the posterior is the prior: "
         "what must it cost?"),
        (reconstruction - half * (mu**2 + var - log_var + 1).sum(-1),
         "The 1 in the KL has the wrong sign. For mu = 0 and sigma = 1 the posterior is the prior: what must it cost?"),
        (reconstruction - half * (mu + var - log_var - 1).sum(-1),
         "mu is not squared: the KL would fall if mu went to minus infinity."),
        (reconstruction - half * (mu**2 + var + log_var - 1).sum(-1),
         "log sigma^2 enters the KL with the wrong sign: a posterior as narrow as a point would cost nothing."),
        (reconstruction - (half * mu**2 + var - log_var - 1).sum(-1),
         "The half stands before mu^2 only. In the KL it is before the whole bracket."),
        (reconstruction - reverse, "The KL is the wrong way round, KL(p(z) || q(z|x))."),
        (reconstruction - 2 * kl, "The KL is off by a factor, 2. Compare it with the formula in the text."),
        (reconstruction - kl / 2, "The KL is off by a factor, 1/2. Compare it with the formula in the text."),
        (reconstruction, "The KL is missing: this is an autoencoder's objective."),
        (-kl, "The reconstruction is missing: what would the decoder learn from this?"),
        ((x * ink).sum(-1) - kl,
         "Only the ink is counted. What do the pixels, or parts of pixels, without ink contribute?"),
        ((x * ink - (1 - x) * paper).sum(-1) - kl,
         "Paper counts with the wrong sign: a log-probability is never positive, and both of them are added."),
        ((x * logits.log() + (1 - x) * (1 - logits).log()).sum(-1) - kl,
         AS_PROBABILITIES),
        ((x * p + (1 - x) * (1 - p)).sum(-1) - kl,
         "The reconstruction adds probabilities. Independent pixels multiply: what does the logarithm make of that?"),
        ((x * p + (1 - x) * (1 - p)).log().sum(-1) - kl,
         "A grey pixel mixes the two probabilities here. It mixes the two costs: take each logarithm first."),
        (F.logsigmoid((2 * x - 1) * logits).sum(-1) - kl,
         "A grey pixel shrinks the logit here. It mixes the two costs: x parts ink, 1 - x parts paper."),
        (((2 * x - 1) * logits).sum(-1) - kl,
         "The logits are added up with a sign. A logit is the log of the odds, p / (1 - p): what is the log of p?"),
        ((x * logits).sum(-1) - kl,
         "The logits are added up. A logit is the log of the odds, p / (1 - p): what is the log of p?"),
        ((logits * F.logsigmoid(x) + (1 - logits) * F.logsigmoid(-x)).sum(-1) - kl,
         "x and the logits have changed places."),
        ((x * paper + (1 - x) * ink).sum(-1) - kl,
         "Ink and paper have changed places: sigmoid(logit) is the probability of ink."),
        (-squares.sum(-1) - kl, squared_error), (-half * squares.sum(-1) - kl, squared_error),
        (-squares.mean(-1) - kl, squared_error), (-squares.mean() - kl, squared_error),
        (-((x - logits) ** 2).sum(-1) - kl, squared_error), (-half * ((x - logits) ** 2).sum(-1) - kl, squared_error),
        (-((x - logits) ** 2).mean(-1) - kl, squared_error), (-((x - logits) ** 2).mean() - kl, squared_error),
        *((score - kl, grey) for score in all_or_nothing),
        (reconstruction[:, None] - kl, broadcast), (reconstruction - kl[:, None], broadcast),
    ]


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
