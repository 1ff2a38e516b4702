"""Classic mistakes in the exercises of notebook 10, and what the checker must say to each."""

import math

import torch

LOG_2PI = math.log(2 * math.pi)


def coupled(make_y=None, make_log_det=None):
    """The right answer to 10.a with another y (a, b, m, s) or another log_det (s)."""

    def answer(z, network):
        half = z.shape[-1] // 2
        a, b = z[..., :half], z[..., half:]
        m, s = network(a)
        y = torch.cat([a, m + s.exp() * b], -1) if make_y is None else make_y(a, b, m, s)
        return y, s.sum(-1) if make_log_det is None else make_log_det(s)

    return answer


def masks(first=None, last=None):
    """The right answer to 10.b with another rule for one of the masks, of (degrees [H], entries [D])."""

    def answer(D, degrees):
        i, d = torch.arange(1, D + 1), degrees
        into = d[:, None] >= i if first is None else first(d[:, None], i)
        out = i[:, None] > d if last is None else last(d, i[:, None])
        return into, out

    return answer


def sampled(scale=0.5, at=None, sign=-1.0, density=None, order=1, start=None, after=None, only_last=False):
    """The right answer to 10.c with switches for what may go wrong."""

    def answer(e, mu, log_var, steps):
        z = mu + (scale * log_var).exp() * e if start is None else start(e)
        base = -0.5 * (LOG_2PI + log_var + e**2).sum(-1) if density is None else density(e, log_var)
        total = 0.0
        for step in steps[::order]:
            m, s = step(z)
            z, total = m + s.exp() * z, s.sum(-1) + (0.0 if only_last else total)
        if after is not None:
            z = after(z, mu, log_var)
        if at == "end":
            base = torch.distributions.Normal(mu, (0.5 * log_var).exp()).log_prob(z).sum(-1)
        return z, base + sign * total

    return answer


def rate(entropy=1.0, det=-1.0, prior=-1.0, half=0.5, one=1.0, two_pi=LOG_2PI, reduce=lambda v: v.mean(0)):
    """The right answer to 10.d with switches."""

    def answer(mu, log_var, log_det, z):
        log_q_0 = entropy * -0.5 * (one + two_pi + 2 * half * log_var).sum(-1)
        log_p = -0.5 * (LOG_2PI + z**2).sum(-1)
        return log_q_0 + reduce(det * log_det + prior * log_p)

    return answer


def kept(det):
    """10.d with the Gaussian's KL in closed form."""

    def answer(mu, log_var, log_det, z):
        return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1) + det * log_det.mean(0)

    return answer


MUTANTS = {
    "10.a": [
        (coupled(lambda a, b, m, s: torch.cat([a, m + s * b], -1)), "The scale is exp(s): s itself"),
        (coupled(lambda a, b, m, s: torch.cat([a, m + (s / 2).exp() * b], -1)), "not a log-variance"),
        (coupled(lambda a, b, m, s: torch.cat([a, s.exp() * (b + m)], -1)), "First stretch, then shift"),
        (coupled(lambda a, b, m, s: torch.cat([a, (b - m) * (-s).exp()], -1)), "This is the inverse"),
        (coupled(lambda a, b, m, s: torch.cat([a, s + m.exp() * b], -1)), "m and s are exchanged"),
        (coupled(lambda a, b, m, s: torch.cat([a, s.exp() * b - m], -1)), "m is added"),
        (coupled(lambda a, b, m, s: torch.cat([m + s.exp() * b, a], -1)), "The halves are exchanged"),
        (coupled(lambda a, b, m, s: m + s.exp() * b), "The first half is missing"),
        (coupled(None, lambda s: -s.sum(-1)), "The sign is wrong"),
        (coupled(None, lambda s: s.exp().sum(-1)), "its logarithm is the sum of the s"),
        (coupled(None, lambda s: s.exp().prod(-1)), "This is the determinant itself"),
        (coupled(None, lambda s: s.mean(-1)), "A mean over entries"),
        (coupled(None, lambda s: s.sum()), "One number for everything"),
        (coupled(None, lambda s: s), "one number for each entry"),
        (coupled(None, lambda s: s.sum(-1) / 2), "No half is needed"),
        (coupled(None, lambda s: s.abs().sum(-1)), "Without absolute values"),
        (coupled(None, lambda s: torch.zeros(s.shape[:-1])), "only where entries stay"),
    ],
    "10.b": [
        (masks(first=lambda d, i: d > i), "With > into the hidden layer"),
        (masks(first=lambda d, i: d >= i - 1), "Entries count from 1"),
        (masks(first=lambda d, i: d <= i), "The other way round: a unit of degree d"),
        (masks(first=lambda d, i: d == i), "all entries up to d"),
        (masks(first=lambda d, i: torch.ones(len(d), len(i))), "Every unit sees every entry"),
        (masks(last=lambda d, i: i >= d), "With >= out of the hidden layer"),
        (masks(last=lambda d, i: i - 1 >= d + 1), "Entries count from 1"),
        (masks(last=lambda d, i: i < d), "The other way round: output i"),
        (masks(last=lambda d, i: torch.ones(len(i), len(d))), "Every output sees every unit"),
        (lambda D, d: masks()(D, d)[::-1], "The two masks are exchanged: first goes"),
        (lambda D, d: tuple(mask.T for mask in masks()(D, d)), "This is the transpose"),
    ],
    "10.c": [
        (sampled(scale=1.0), "log_var is the logarithm of a variance"),
        (sampled(start=lambda e: e), "not the noise itself"),
        (sampled(start=lambda e: e, after=lambda z, mu, log_var: mu + (0.5 * log_var).exp() * z), "before the steps"),
        (sampled(order=-1), "in the wrong order"),
        (sampled(sign=1.0), "The sign of the log-determinant"),
        (sampled(sign=0.0), "The log-determinants are missing"),
        (sampled(at="end"), "ask it at z_0"),
        (sampled(at="end", sign=0.0), "as if there were no flow"),
        (sampled(density=lambda e, v: -0.5 * (LOG_2PI + e**2).sum(-1)), "own scale is missing"),
        (sampled(density=lambda e, v: -0.5 * (LOG_2PI + 2 * v + e**2).sum(-1)), "log_var enters with a half"),
        (sampled(density=lambda e, v: -0.5 * (LOG_2PI - v + e**2).sum(-1)), "The sign of log_var"),
        (sampled(density=lambda e, v: -0.5 * (v + e**2).sum(-1)), "The constant, log(2 pi) / 2"),
        (sampled(only_last=True), "Only the last step's"),
        (lambda *a: (sampled()(*a)[0], sampled()(*a)[1].exp()), "This is the density"),
    ],
    "10.d": [
        (kept(-1.0), "Only the entropy of z_0 stays"),
        (kept(0.0), "the KL of the Gaussian before the flow"),
        (kept(1.0), "wrong besides"),
        (rate(det=1.0), "The sign of the log-determinant"),
        (rate(det=0.0), "log_det plays no part"),
        (rate(entropy=-1.0), "*minus* the entropy"),
        (rate(entropy=-1.0, det=1.0, prior=1.0), "All signs are turned"),
        (rate(prior=1.0), "enters with a minus"),
        (rate(prior=0.0), "The prior is missing"),
        (rate(one=0.0), "the average of e^2"),
        (rate(two_pi=0.0), "log 2 pi is missing"),
        (rate(half=1.0), "log_var enters with a half"),
        (rate(reduce=lambda v: v.sum(0)), "do not add them up"),
        (rate(reduce=lambda v: v), "Average over the K samples."),
    ],
}
