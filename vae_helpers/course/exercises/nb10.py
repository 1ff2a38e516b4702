"""Checkers for notebook 10."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Normal

from .checking import checker, compare, unpack

LOG_2PI = math.log(2 * math.pi)


def _rng(seed: int) -> Callable:
    """A function that draws normal numbers of a shape."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator)


def _network(draw: Callable, inputs: int, outputs: int) -> Callable:
    """z `[..., I]` -> (m, s), each `[..., O]`, neither zero nor alike."""
    W, V, b = draw(outputs, inputs), draw(outputs, inputs), draw(outputs)

    def network(z: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tanh(z @ W.T) * 2 + b, torch.tanh(z @ V.T + b) - 0.4

    return network


@checker("10.a")
def coupling(answer: Callable) -> str:
    """answer(z, network): z `[..., D]`; network(first D // 2 entries) -> (m, s) -> (y `[..., D]`, log_det `[...]`)."""
    for seed, shape in enumerate(((1, 2), (3, 4), (5, 3), (2, 3, 5))):
        draw = _rng(seed)
        z, half = draw(*shape), shape[-1] // 2
        network = _network(draw, half, shape[-1] - half)
        y, log_det = unpack(answer(z, network), "y, log_det")
        a, b = z[..., :half], z[..., half:]
        m, s = network(a)
        point = z.reshape(-1, shape[-1])
        expected = torch.stack([torch.linalg.slogdet(torch.autograd.functional.jacobian(
            lambda p, f=network, h=half: torch.cat([p[:h], f(p[:h])[0] + f(p[:h])[1].exp() * p[h:]]), p,
        )).logabsdet for p in point]).reshape(shape[:-1])  # fmt: skip
        join = lambda *parts: torch.cat(parts, -1)  # noqa: E731
        compare(y, join(a, m + s.exp() * b), [
            (join(a, m + s * b), "The scale is exp(s): s itself may be negative or 0."),
            (join(a, m + (s / 2).exp() * b), "The scale is exp(s): s is a log-scale, not a log-variance."),
            (join(a, s.exp() * (b + m)), "First stretch, then shift: m + exp(s) z_b."),
            (join(a, s.exp() * b - m), "m is added, not taken off."),
            (join(a, (b - m) * (-s).exp()), "This is the inverse, from y to z."),
            (join(a, s + m.exp() * b), "m and s are exchanged: network(z_a) returns (m, s)."),
            (join(m + s.exp() * b, a), "The halves are exchanged: what stays comes first."),
            (m + s.exp() * b, "The first half is missing: it belongs to y, unchanged."),
        ], name="y")  # fmt: skip
        compare(log_det, expected, [
            (-s.sum(-1), "The sign is wrong: where s is positive, volumes grow."),
            (s.exp().sum(-1), "The determinant is the product of the exp(s); its logarithm is the sum of the s."),
            (s.exp().prod(-1), "This is the determinant itself; its logarithm is wanted."),
            (s.mean(-1), "A mean over entries: a determinant is a product, so its logarithm is a sum."),
            (s.sum().expand(expected.shape), "One number for everything: each vector has its own."),
            (s.sum(), "One number for everything: each vector has its own."),
            (s, "This is one number for each entry: add them up over the last dimension."),
            (s.sum(-1) + half, "The entries that stay have scale 1, and log 1 = 0."),
            (s.sum(-1) / 2, "No half is needed: s is a log-scale, not a log-variance."),
            (torch.zeros_like(expected), "The Jacobian has ones on its diagonal only where entries stay."),
            (s.abs().sum(-1), "Without absolute values: an s below 0 shrinks."),
        ], name="log_det")  # fmt: skip
    return "Whatever the network is, its own slope plays no part in the determinant."


@checker("10.b")
def made_masks(answer: Callable) -> str:
    """answer(D, degrees `[H]`) -> (first `[H, D]`, last `[D, H]`), 1 or True where a weight is free."""
    for dim, degrees in ((2, [1]), (3, [1, 2]), (3, [2, 1, 1, 2]), (4, [3, 1, 2, 3, 1]), (4, [0, 3, 1, 2, 2, 3])):
        degrees = torch.tensor(degrees)
        first, last = unpack(answer(dim, degrees), "first, last")
        into = [[float(entry <= degree) for entry in range(1, dim + 1)] for degree in degrees.tolist()]
        out = [[float(degree < entry) for degree in degrees.tolist()] for entry in range(1, dim + 1)]
        numbers, zero = torch.arange(1, dim + 1), torch.arange(dim)
        compare(_float(first), torch.tensor(into), [
            ((degrees[:, None] > numbers).float(), "With > into the hidden layer a unit of degree d sees d - 1 "
             "entries, and the last entries lose what they may see."),
            ((degrees[:, None] >= zero).float(), "Entries count from 1: torch.arange(1, D + 1)."),
            ((degrees[:, None] <= numbers).float(), "The other way round: a unit of degree d sees entries 1 to d."),
            ((degrees[:, None] < numbers).float(), "The other way round: a unit of degree d sees entries 1 to d."),
            ((degrees[:, None] == numbers).float(), "A unit of degree d sees all entries up to d, not the d-th alone."),
            (torch.ones(len(degrees), dim), "Every unit sees every entry: then the last mask cannot help."),
            (torch.tensor(out), "The two masks are exchanged: first goes from entries to hidden units."),
        ], name="first")  # fmt: skip
        compare(_float(last), torch.tensor(out), [
            ((numbers[:, None] >= degrees).float(), "With >= out of the hidden layer, output i sees entry i itself: "
             "then it is no longer triangular."),
            ((zero[:, None] > degrees).float(), "Entries count from 1: torch.arange(1, D + 1)."),
            ((numbers[:, None] < degrees).float(), "The other way round: output i sees units of degree below i."),
            ((numbers[:, None] <= degrees).float(), "The other way round: output i sees units of degree below i."),
            (torch.ones(dim, len(degrees)), "Every output sees every unit: all entries get through."),
            (torch.tensor(into), "The two masks are exchanged: last goes from hidden units to outputs."),
        ], name="last")  # fmt: skip
    return ">= on the way in, > on the way out: one of the two must be strict."


def _float(mask):
    return mask.float() if isinstance(mask, Tensor) else mask


def _iaf_cases() -> Iterator[tuple]:
    for seed, (shape, dim, count) in enumerate((((1,), 1, 1), ((4,), 2, 1), ((3, 2), 3, 2), ((2,), 4, 3))):
        draw = _rng(seed)
        batch = shape[-1:]
        mu, log_var, e = draw(*batch, dim), 0.8 * draw(*batch, dim), draw(*shape, dim)
        yield e, mu, log_var, [_step(draw, dim) for _ in range(count)]


def _step(draw: Callable, dim: int) -> Callable:
    """z `[..., L]` -> (m, s) with m_i and s_i of the entries before i; not alike, and not zero."""
    W, V, b, c = draw(dim, dim).tril(-1), draw(dim, dim).tril(-1), draw(dim), draw(dim)

    def step(z: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tanh(z @ W.T) + b, 0.5 * torch.tanh(z @ V.T + c) + 0.3

    return step


def _run(z: Tensor, steps: list) -> tuple[Tensor, Tensor]:
    total = torch.zeros(z.shape[:-1])
    for step in steps:
        m, s = step(z)
        z, total = m + s.exp() * z, total + s.sum(-1)
    return z, total


@checker("10.c")
def iaf_sample(answer: Callable) -> str:
    """answer(e, mu, log_var, steps): e `[..., B, L]`; each step z -> (m, s) -> (z `[..., B, L]`, log q `[..., B]`)."""
    for e, mu, log_var, steps in _iaf_cases():
        z, log_q = unpack(answer(e, mu, log_var, steps), "z, log_q")
        sigma = (0.5 * log_var).exp()
        start = mu + sigma * e
        end, log_det = _run(start, steps)
        base = Normal(mu, sigma).log_prob(start).sum(-1)
        noise = Normal(0.0, 1.0).log_prob(e).sum(-1)
        wide, narrow = _run(mu + log_var.exp() * e, steps)[0], _run(e, steps)[0]
        compare(z, end, [
            (wide, "log_var is the logarithm of a variance: sigma = exp(log_var / 2)."),
            (narrow, "The first step gets z = mu + sigma e, not the noise itself."),
            (mu + sigma * narrow, "mu and sigma come before the steps, not after them."),
            (start, "The steps are missing."),
            (_run(start, steps[::-1])[0], "The steps are taken in the wrong order."),
        ], name="z")  # fmt: skip
        minus_half = -0.5 * log_var.sum(-1)
        compare(log_q, base - log_det, [
            (base + log_det, "The sign of the log-determinant: where volumes grow, density falls."),
            (base, "The log-determinants are missing: each step stretches."),
            (Normal(mu, sigma).log_prob(end).sum(-1) - log_det, "The Gaussian is asked at the end, z_K. It is the "
             "density of the start: ask it at z_0."),
            (Normal(mu, sigma).log_prob(end).sum(-1), "This is the Gaussian's density at z_K, as if there were no "
             "flow."),
            (noise - log_det, "The Gaussian's own scale is missing: the noise is stretched by sigma as well."),
            (noise + 2 * minus_half - log_det, "log_var enters with a half: sigma = exp(log_var / 2)."),
            (noise - minus_half - log_det, "The sign of log_var: a larger sigma makes the density lower."),
            (base + LOG_2PI / 2 * e.shape[-1] - log_det, "The constant, log(2 pi) / 2 for each entry, is missing."),
            (base - _last_only(start, steps), "Only the last step's log-determinant is there: they add up."),
            ((base - log_det).exp(), "This is the density; its logarithm is wanted."),
        ], name="log_q")  # fmt: skip
    return "Everything was at hand while sampling; no step was ever inverted."


def _last_only(z: Tensor, steps: list) -> Tensor:
    for step in steps:
        m, s = step(z)
        z = m + s.exp() * z
    return s.sum(-1)


@checker("10.d")
def flow_rate(answer: Callable) -> str:
    """answer(mu, log_var `[B, L]`, log_det `[K, B]`, z `[K, B, L]`) -> E[log q(z) - log p(z)] `[B]`, p = N(0, I)."""
    for seed, (k, batch, dim) in enumerate(((1, 1, 1), (4, 3, 2), (3, 2, 5), (6, 5, 3))):
        draw = _rng(seed)
        mu, log_var, log_det, z = draw(batch, dim), draw(batch, dim), draw(k, batch), 2 * draw(k, batch, dim)
        entropy = torch.distributions.Normal(mu, (0.5 * log_var).exp()).entropy().sum(-1)
        log_p = Normal(0.0, 1.0).log_prob(z).sum(-1)
        stretched, prior = log_det.mean(0), log_p.mean(0)
        gaussian = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)
        one = -0.5 * log_var.sum(-1)
        compare(answer(mu, log_var, log_det, z), -entropy - stretched - prior, [
            (gaussian - stretched, "The closed form is the KL of z_0 to the prior; but the prior judges z_K, after the "
             "flow. Only the entropy of z_0 stays in closed form."),
            (gaussian, "This is the KL of the Gaussian before the flow."),
            (gaussian + stretched, "The closed form is of z_0, and the sign of log_det is wrong besides."),
            (-entropy + stretched - prior, "The sign of the log-determinant: where volumes grow, density falls."),
            (-entropy - prior, "log_det plays no part here: q's density changes by the flow."),
            (entropy - stretched - prior, "E[log q] is *minus* the entropy."),
            (entropy + stretched + prior, "All signs are turned: log q counts +, log p counts -."),
            (-entropy - stretched + prior, "The prior enters with a minus: log q - log p."),
            (-entropy - stretched, "The prior is missing."),
            (one - dim * LOG_2PI / 2 - stretched - prior, "The entropy of N(0, 1) is (1 + log 2 pi) / 2: the 1 is the "
             "average of e^2."),
            (one - dim / 2 - stretched - prior, "The entropy of N(0, 1) is (1 + log 2 pi) / 2: log 2 pi is missing."),
            (one * 2 - dim * (1 + LOG_2PI) / 2 - stretched - prior, "log_var enters with a half: log sigma = log_var "
             "/ 2."),
            (-entropy - log_det.sum(0) - log_p.sum(0), "Average over the K samples; do not add them up."),
            (-entropy - log_det - log_p, "Average over the K samples."),
        ])  # fmt: skip
    return "Of the closed form only the entropy of the Gaussian survives the flow."
