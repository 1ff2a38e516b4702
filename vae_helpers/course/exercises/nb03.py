"""Checkers for notebook 03."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Kumaraswamy

from .checking import Mistake, checker, compare, gradients, same
from .sampling import check_form, check_independent, check_path, check_scale_and_family


@checker("03.a")
def score_gradient(answer: Callable) -> str:
    """answer(values, score): `[K, B]` each -> leave-one-out score-function gradient `[B]`."""
    for seed, (k, points) in enumerate(((2, 1), (4, 3), (2, 5), (7, 2), (3, 4))):
        rng = torch.Generator().manual_seed(seed)
        f, score = 3 + torch.randn(k, points, generator=rng), torch.randn(k, points, generator=rng)
        if k * points == 2:  # can be worked by hand
            f, score = torch.tensor([[3.0], [5.0]]), torch.tensor([[1.0], [-2.0]])
        compare(answer(f, score), *_leave_one_out(f, score))
    return "A baseline that has not seen its own sample: unbiased, and far less noise."


def _leave_one_out(f: Tensor, score: Tensor) -> tuple[Tensor, list[tuple[Tensor, str]]]:
    """The right answer to 03.a, and what mistakes give."""
    k, points = f.shape
    left_out = torch.stack([torch.cat([f[:i], f[i + 1 :]]).mean(0) for i in range(k)])
    per_sample = (f - left_out) * score
    truth = per_sample.mean(0)
    others, over_points = f.sum(0) - f, (f.sum(1, keepdim=True) - f) / (points - 1)
    colleague = ((f - f.mean(0)) * score).mean(0)
    return truth, [
        (colleague,
         "This is the colleague's estimator: the baseline of a sample contains the sample itself, so the "
         "gradient shrinks to (K - 1) / K. Leave it out."),
        (((f - f.mean(0) * 4 / 3) * score).mean(0),
         "Four thirds of the mean is a baseline that contains the sample itself, still. Leave it out."),
        ((left_out * score).mean(0), "The mean of the others stands in place of f: it is to be subtracted from f."),
        (((f - f[0]) * score).mean(0), "The first sample is the baseline, for itself too: that shrinks the gradient."),
        (colleague * 4 / 3, "The factor 4/3 repairs the colleague's for K = 4 only: for K samples it is another."),
        (((f - over_points) * score).mean(0),
         "The baseline is taken over the other data points, dimension 1. The samples are dimension 0."),
        (((f - over_points) * score).mean(1),
         "Samples and data points are exchanged: the samples are dimension 0. Average over those."),
        (((f - f.sum(0) - f / (k - 1)) * score).mean(0),
         "f - f.sum(0) - f: the difference needs brackets before it is divided."),
        (((f - (f.sum(0) - f / (k - 1))) * score).mean(0),
         "f.sum(0) - f / (K - 1): the difference needs brackets before it is divided."),
        (((f - (f * score**2).sum(0) / score.square().sum(0)) * score).mean(0),
         "This is the best constant, estimated from the samples that it is used on: biased again. Each sample "
         "needs a baseline that has not seen it."),
        ((f * score).mean(0), "There is no baseline: right on average, but with all the noise."),
        (((f - others) * score).mean(0), "The others are summed, not averaged: how many are there?"),
        (((f - others / k) * score).mean(0), "The sum of the others is divided by K; there are K - 1 of them."),
        (((f - others / 3) * score).mean(0), "The sum of the others is divided by 3: right for K = 4 only."),
        (((f - f.mean(1, keepdim=True)) * score).mean(0),
         "The baseline is taken over data points, dimension 1. The samples are dimension 0."),
        (((f - f.mean()) * score).mean(0), "The baseline mixes all data points; each has samples of its own."),
        (((f - f.roll(1, 0)) * score).mean(0),
         "The baseline is one other sample: unbiased, but noisier than the mean of all the others."),
        (((f - f.roll(-1, 0)) * score).mean(0),
         "The baseline is one other sample: unbiased, but noisier than the mean of all the others."),
        (((f - f.mean(0)) / f.std(0) * score).mean(0),
         "The differences are divided by their standard deviation: that rescales the gradient."),
        ((f * score - left_out).mean(0), "The baseline is subtracted from f * score; the score multiplies both."),
        (per_sample.sum(0), "This is a sum over samples; the gradient is a mean."),
        (per_sample.sum(0) / (k - 1),
         "It is divided by K - 1 instead of K at the end: the mean is over K samples."),
        (truth * 4 / 3, "Without the factor 4/3 it is right: leave one out needs no repair."),
        (colleague * (k - 1) / k, "The factor that repairs the colleague's is upside down."),
        (-truth, "The sign is wrong: baseline minus f."),
        (per_sample, "One estimate per sample: average them."),
        (truth.mean(), "One number for all data points: average over samples only."),
    ]


@checker("03.b")
def sample_gaussian(answer: Callable) -> str:
    """answer(mu, log_var, k): `[B, L]`, `[B, L]`, int -> reparameterised samples z `[K, B, L]`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # Few data points show what is shared between them, few samples what is shared between those
        for k, shape in ((100_000, (2, 3)), (4, (25_000, 3)), (1, (2, 3)), (3, (1, 1))):
            mu, log_var = (parameter.requires_grad_() for parameter in torch.randn(2, *shape).unbind())
            z = answer(mu, log_var, k)
            check_form(z, mu, k)
            (check_scale_and_family if k > 4 else check_independent)(*(x.detach().double() for x in (z, mu, log_var)))
            if k > 4:
                continue
            check_path(z, mu.detach(), gradients(z.square(), mu, log_var))
            again = answer(mu, log_var, k)
            if torch.equal(z, again):
                raise Mistake("Called twice, it returns the same samples. The noise must be fresh each time.")
        if all(((samples - mu).mean(0).abs() < 1e-5).all() for samples in (z, again)):
            raise Mistake("The samples have mean mu exactly: their noise was centred. Leave it as drawn.")
    return "Fresh noise for every sample, and a gradient to both parameters."


@checker("03.c")
def sample_kumaraswamy(answer: Callable) -> str:
    """answer(u, a, b), tensors of one shape, u in (0, 1) -> samples z in (0, 1) of the same shape."""
    cases = []
    for seed, shape in enumerate(((7,), (3, 5))):
        rng = torch.Generator().manual_seed(seed)
        u, a, b = torch.rand(3, *shape, generator=rng, dtype=torch.float64)
        cases.append((u, 0.5 + 3 * a, 0.5 + 3 * b))
    for u, a, b in (([0.2], 2, 3), ([0.36], 3, 2), ([[3e-4, 0.004, 0.03], [0.9997, 0.996, 0.97]], 2.5, 3)):
        u = torch.tensor(u, dtype=torch.float64)
        cases.append((u, 0 * u + a, 0 * u + b))
    for u, a, b in cases:
        if not same(again := answer(u, a, b), answer(u, a, b)) and isinstance(again, Tensor) and again.isfinite().all():
            raise Mistake("Called twice with the same u, it gives two answers: it draws noise of its own. Use u.")
    for u, a, b in cases:
        truth, noise = _kumaraswamy(answer(u, a, b), u, a, b)
        compare(answer(u, a, b), truth, _kumaraswamy_mistakes(noise, u, a, b))
    for u, a, b in cases:
        a, b = a.requires_grad_(), b.requires_grad_()
        got = answer(u, a, b)
        truth, _ = _kumaraswamy(got, u, a, b)
        for name, gradient, right in zip("ab", gradients(got, a, b), gradients(truth, a, b), strict=True):
            if gradient is None:
                raise Mistake(f"The values are right, but no gradient reaches {name}.")
            compare(gradient, right, [(0 * right, f"The values are right, but the gradient of {name} is zero.")],
                    name=f"the gradient of {name}")
    return "Uniform noise goes in, and a gradient comes out: the inverse is the path."


def _kumaraswamy(got: Tensor, u: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The right answer, and what it has for (1 - z^a)^b: 1 - u, or u, which is equally good noise."""
    q = Kumaraswamy(a, b)
    flipped = _push(q, u)  # torch's base uniform runs the other way
    with_u = [flipped, *(value for value, _ in _kumaraswamy_mistakes(u, u, a, b))]
    if any(same(got, value) for value in with_u):
        return flipped, u
    return _push(q, 1 - u), 1 - u


def _kumaraswamy_mistakes(v: Tensor, u: Tensor, a: Tensor, b: Tensor) -> list[tuple[Tensor, str]]:
    """What goes wrong in solving (1 - z^a)^b = v."""
    solved = lambda v: (1 - v ** (1 / b)) ** (1 / a)  # noqa: E731
    chain = "Python reads x ** y ** z as x ** (y ** z): put brackets around the inner root before the outer is taken."
    division = "Python reads x ** 1 / b as (x ** 1) / b: write x ** (1 / b)."
    cut = "u is clamped away from 0 and 1, at {}: the tails are cut off. The formula needs no clamp for u in (0, 1)."
    return [
        (1 - (1 - u**a) ** b, "This is the distribution function. Its inverse is wanted."),
        (a * b * u ** (a - 1) * (1 - u**a) ** (b - 1), "This is the density. The inverse of the cdf is wanted."),
        ((1 - v ** (1 / a)) ** (1 / b),
         "a and b are exchanged: which power is the inner one in the distribution function?"),
        ((1 - v**b) ** a, "The powers are not inverted: to undo a power of a, take a power of 1 / a."),
        ((1 - v**a) ** b, "The powers are not inverted, and a and b are exchanged."),
        ((1 - v ** (1 / b)) ** a, "The outer power is not inverted: to undo a power of a, take a power of 1 / a."),
        ((1 - v**b) ** (1 / a), "The inner power is not inverted: to undo a power of b, take a power of 1 / b."),
        (1 - v ** (1 / b), "The outer root is missing: this is z^a."),
        (v ** (1 / (a * b)), "The subtraction is missing: from (1 - z^a)^b go to z^a step by step."),
        (1 - solved(v), "This is 1 - z."),
        ((1 - v) ** (1 / a), "The inner root is missing: b plays no part."),
        *((value, chain) for value in (1 - v ** (1 / b) ** (1 / a), v ** (1 / b) ** (1 / a),
                                       (1 - v) ** (1 / b) ** (1 / a))),
        *((value, division) for value in ((1 - v / b) / a, (1 - v / b) ** (1 / a), (1 - v ** (1 / b)) / a)),
        ((1 - v**-b) ** -a, "x ** -b is 1 / x ** b. To undo a power of b, take a power of 1 / b."),
        *((solved(v.clamp(eps, 1 - eps)), cut.format(eps)) for eps in (0.05, 0.01, 0.001)),
    ]


def _push(q: Kumaraswamy, noise: Tensor) -> Tensor:
    for transform in q.transforms:
        noise = transform(noise)
    return noise
