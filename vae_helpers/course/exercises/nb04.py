"""Checkers for notebook 04."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from .checking import Mistake, checker, compare, gradients, same

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
    (slope,) = gradients(answer(x, logits.requires_grad_(), nothing, nothing), logits)
    if not torch.isfinite(slope).all():
        raise Mistake(
            "Right for logits of 200, but their gradient is not a number: torch.where passes 0 * inf back from the "
            "branch that it did not take. F.logsigmoid does not."
        )
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
