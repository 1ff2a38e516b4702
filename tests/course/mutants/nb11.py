"""Classic mistakes in the exercises of notebook 11, and what the checker must say to each."""

import torch
from torch.distributions import Normal, kl_divergence


def merged(mu_1, var_1, mu_2, var_2):
    """The right answer to 11.a."""
    return (mu_1 * var_2 + mu_2 * var_1) / (var_1 + var_2), var_1 * var_2 / (var_1 + var_2)


def kalman(mu_1, var_1, mu_2, var_2):
    """The same as an update of the first by the second."""
    gain = var_1 / (var_1 + var_2)
    return mu_1 + gain * (mu_2 - mu_1), (1 - gain) * var_1


def mean_by(weights):
    """11.a with other weights of the means; weights(var_1, var_2)."""

    def answer(mu_1, var_1, mu_2, var_2):
        a, b = weights(var_1, var_2)
        return (a * mu_1 + b * mu_2) / (a + b), merged(mu_1, var_1, mu_2, var_2)[1]

    return answer


def mean_is(formula):
    """11.a with another mean."""
    return lambda m, v, n, w: (formula(m, v, n, w), merged(m, v, n, w)[1])


def variance_is(formula):
    """11.a with another variance; formula(var_1, var_2)."""
    return lambda m, v, n, w: (merged(m, v, n, w)[0], formula(v, w))


def clamped(mu_1, var_1, mu_2, var_2):
    """11.a: right for moderate variances."""
    return merged(mu_1, var_1.clamp(1e-6, 1e6), mu_2, var_2.clamp(1e-6, 1e6))


def terms(z, d):
    return torch.stack([a.log_prob(v).sum(-1) for v, a in zip(z, d, strict=True)])


def weighted(formula):
    """11.b from log_lik and the layers' log-densities `[T, K, B]`."""
    return lambda log_lik, z, p, q: formula(log_lik, terms(z, p), terms(z, q))


def kls(q, p):
    return torch.stack([kl_divergence(a, b).sum(-1) for a, b in zip(q, p, strict=True)])


def mean_over_samples(log_w):
    return log_w.logsumexp(0) - torch.tensor(len(log_w)).log()


def back(z, x, a_s, a_t):
    """The right answer to 11.c."""
    r = a_t / a_s
    v = 1 - a_t**2 - r**2 * (1 - a_s**2)
    return merged(a_s * x, torch.tensor(1 - a_s**2).double(), z / r, torch.tensor(v / r**2).double())


def variance_at_every_place(z, x, a_s, a_t):
    """11.c with the variance as a tensor of z's shape."""
    mean, variance = back(z, x, a_s, a_t)
    return mean, variance.expand(z.shape)


def step(formula):
    """11.c from all quantities: formula(z, x, a_s, a_t, r, v) -> mean; the variance is right."""

    def answer(z, x, a_s, a_t):
        r = a_t / a_s
        v = 1 - a_t**2 - r**2 * (1 - a_s**2)
        return formula(z, x, a_s, a_t, r, v), back(z, x, a_s, a_t)[1]

    return answer


def step_variance(formula):
    """11.c with another variance; formula(a_s, a_t, r, v, right)."""

    def answer(z, x, a_s, a_t):
        r = a_t / a_s
        mean, right = back(z, x, a_s, a_t)
        return mean, formula(a_s, a_t, r, 1 - a_t**2 - r**2 * (1 - a_s**2), right)

    return answer


def with_precisions(m, a, n, b):
    """The mean of two messages with these variances."""
    return (m / a + n / b) / (1 / a + 1 / b)


def swapped_times(z, x, a_s, a_t):
    """11.c: s and t interchanged in what x says."""
    r = a_t / a_s
    v = 1 - a_t**2 - r**2 * (1 - a_s**2)
    return with_precisions(a_t * x, 1 - a_t**2, z / r, v / r**2), back(z, x, a_s, a_t)[1]


def cost(formula):
    """11.d: formula(delta, var_p, ratio, log_ratio) for each code, halved and added up."""
    return lambda d, rho, lv: 0.5 * formula(d, lv.exp(), rho.exp(), rho).sum(-1)


right_cost = cost(lambda d, v, r, rho: d**2 / v + r - 1 - rho)

MUTANTS = {
    "11.a": [
        (mean_by(lambda v, w: (v, w)), "weighted with variances"),
        (mean_by(lambda v, w: (v**-0.5, w**-0.5)), "The weights are 1 / sigma"),
        (mean_by(lambda v, w: (v**-2, w**-2)), "The weights are 1 / var^2"),
        (mean_is(lambda m, v, n, w: (m + n) / 2), "plain mean of the means"),
        (mean_is(lambda m, v, n, w: m + n), "The means are added"),
        (mean_is(lambda m, v, n, w: m / v + n / w), "not divided by the sum"),
        (mean_is(lambda m, v, n, w: (m / v + n / w) / 2), "Divided by 2"),
        (mean_is(lambda m, v, n, w: (m / v + n / w) * (1 / v + 1 / w)), "Multiplied by the sum"),
        (mean_is(lambda m, v, n, w: m), "This is mu_1"),
        (mean_is(lambda m, v, n, w: n), "This is mu_2"),
        (mean_is(lambda m, v, n, w: m * w + n * v), "do not add up to 1"),
        (variance_is(lambda v, w: 1 / v + 1 / w), "This is the precision"),
        (variance_is(lambda v, w: (v * w / (v + w)) ** 0.5), "This is sigma"),
        (variance_is(lambda v, w: (v * w / (v + w)).log()), "This is log var"),
        (variance_is(lambda v, w: v + w), "Variances are added"),
        (variance_is(lambda v, w: (v + w) / 2), "mean of the variances"),
        (variance_is(lambda v, w: (0.5 * (v.log() + w.log())).exp()), "averages the log-variances"),
        (variance_is(lambda v, w: 2 * v * w / (v + w)), "*average* of precisions"),
        (variance_is(lambda v, w: v * w), "divided by their sum"),
        (variance_is(torch.minimum), "surer than the surer one"),
        (clamped, "1e9"),
    ],
    "11.b": [
        (weighted(lambda w, p, q: w - (p - q).sum(0)), "interchanged"),
        (weighted(lambda w, p, q: (p - q).sum(0)), "is not in it"),
        (weighted(lambda w, p, q: w - q.sum(0)), "prior's densities are missing"),
        (weighted(lambda w, p, q: w + p.sum(0)), "q's densities are missing"),
        (weighted(lambda w, p, q: w + p.sum(0) + q.sum(0)), "log q is to be subtracted"),
        (weighted(lambda w, p, q: w + p[0] - q[0]), "Only z_1 is in it"),
        (weighted(lambda w, p, q: w + p[-1] - q[-1]), "Only the topmost layer"),
        (weighted(lambda w, p, q: w + p[:-1].sum(0) - q.sum(0)), "topmost prior"),
        (weighted(lambda w, p, q: w + p.sum(0) - q[:-1].sum(0)), "q of the topmost"),
        (weighted(lambda w, p, q: w + p.sum(0) - q[0]), "Only q of z_1"),
        (lambda w, z, p, q: w + (terms(z, [Normal(0.0, 1.0)] * len(z)) - terms(z, q)).sum(0), "N(0, 1) is taken"),
        (lambda w, z, p, q: w - kls(q, p).sum(0), "The KLs are subtracted"),
        (lambda w, z, p, q: w - kls(p, q).sum(0), "KL(p || q)"),
        (lambda w, z, p, q: w + sum((a.log_prob(v) - b.log_prob(v)).mean(-1) for v, a, b in zip(z, p, q, strict=True)),
         "A mean over the codes"),
        (weighted(lambda w, p, q: (w + p - q).sum(0)), "once for each layer"),
        (weighted(lambda w, p, q: mean_over_samples(w + (p - q).sum(0))), "averaged over the samples already"),
        (weighted(lambda w, p, q: mean_over_samples(w) + sum(mean_over_samples(t) for t in p - q)),
         "averaged over the samples by itself"),
        (weighted(lambda w, p, q: torch.log_softmax(w + (p - q).sum(0), 0)), "normalised over the samples"),
        (weighted(lambda w, p, q: (w + (p - q).sum(0)).exp()), "These are the weights"),
        (weighted(lambda w, p, q: w + (p - q).mean(0)), "mean over the layers"),
        (weighted(lambda w, p, q: w + p - q), "add the layers up"),
    ],
    "11.c": [
        (step(lambda z, x, a_s, a_t, r, v: r * z), "*next* value"),
        (step(lambda z, x, a_s, a_t, r, v: z / r), "what z_t alone says"),
        (step(lambda z, x, a_s, a_t, r, v: a_s * x), "what x alone says"),
        (step(lambda z, x, a_s, a_t, r, v: a_t * x), "mean of z_t given x"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, 1 - a_s**2, z, v)), "it says z_t / r"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, 1 - a_s**2, z / r, v)), "misses z_s by v / r^2"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, 1 - a_s**2, z / r, (1 - a_t**2) / r**2)),
         "less than all of z_t's"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, 1 - a_s**2, z / r, (a_s**2 - a_t**2) / r**2)),
         "scaled by r on its way"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, 1 - a_s**2, z / a_t, (1 - a_t**2) / a_t**2)),
         "from z_s it is a_t / a_s"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(x, 1 - a_s**2, z / r, v / r**2)), "x says a_s x"),
        (swapped_times, "s and t"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, 1 / (1 - a_s**2), z / r, r**2 / v)),
         "weighted with variances"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, (1 - a_s**2) ** 0.5, z / r, v**0.5 / r)),
         "Standard deviations"),
        (step(lambda z, x, a_s, a_t, r, v: with_precisions(a_s * x, 1 - a_s, z / r,
                                                           (1 - a_t - r**2 * (1 - a_s)) / r**2)), "not 1 - a_s"),
        (step_variance(lambda a_s, a_t, r, v, right: v), "step *forward*"),
        (step_variance(lambda a_s, a_t, r, v, right: right**0.5), "This is sigma"),
        (step_variance(lambda a_s, a_t, r, v, right: 1 / right), "This is the precision"),
        (step_variance(lambda a_s, a_t, r, v, right: 1 - a_s**2), "given x alone"),
        (step_variance(lambda a_s, a_t, r, v, right: v / r**2), "given z_t alone"),
        (step_variance(lambda a_s, a_t, r, v, right: 1 - a_s**2 + v / r**2), "not variances"),
    ],
    "11.d": [
        (cost(lambda d, v, r, rho: d**2 / (v * r) + r - 1 - rho), "divided by q's variance"),
        (cost(lambda d, v, r, rho: d**2 / (v * r) + 1 / r - 1 + rho), "the other way"),
        (cost(lambda d, v, r, rho: d**2 + r - 1 - rho), "not divided by the prior's"),
        (cost(lambda d, v, r, rho: d**2 / v**0.5 + r - 1 - rho), "divided by sigma_p"),
        (cost(lambda d, v, r, rho: d**2 / v**2 + r - 1 - rho), "divided by var_p^2"),
        (cost(lambda d, v, r, rho: d**2 / v.log() + r - 1 - rho), "is a logarithm"),
        (cost(lambda d, v, r, rho: d.abs() / v + r - 1 - rho), "delta is not squared"),
        (cost(lambda d, v, r, rho: d**2 / v), "change of variance"),
        (cost(lambda d, v, r, rho: r - 1 - rho), "The shift"),
        (cost(lambda d, v, r, rho: d**2 / v + r - rho), "The -1 is missing"),
        (cost(lambda d, v, r, rho: d**2 / v + r - 1), "-log_ratio is missing"),
        (cost(lambda d, v, r, rho: d**2 / v + r - 1 + rho), "wrong sign"),
        (cost(lambda d, v, r, rho: d**2 / v + r**2 - 1 - 2 * rho), "no square"),
        (cost(lambda d, v, r, rho: d**2 + v * r - 1 - v.log() - rho), "KL to N(0, 1)"),
        (lambda d, rho, lv: 2 * right_cost(d, rho, lv), "1/2 is missing"),
        (lambda d, rho, lv: right_cost(d, rho, lv) / d.shape[-1], "mean over the codes"),
        (lambda d, rho, lv: right_cost(d, rho, lv).sum(), "Everything is added up"),
        (lambda d, rho, lv: 0.5 * (d**2 / lv.exp() + rho.exp() - 1 - rho), "add up the last dimension"),
        (lambda d, rho, lv: -right_cost(d, rho, lv), "The sign is wrong"),
    ],
}
