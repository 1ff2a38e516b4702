"""Checkers for notebook 11."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from .checking import Mistake, checker, compare, same, unpack


@checker("11.a")
def merge(answer: Callable) -> str:
    """answer(mu_1, var_1, mu_2, var_2), each `[...]` -> mu and var of the product of two Gaussians."""
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731
    cases = [tuple(torch.tensor([v], dtype=torch.float64) for v in (0.0, 1.0, 4.0, 0.25))]
    for shape in ((2,), (3, 2), (2, 3, 4)):
        cases.append((2 * draw(*shape), draw(*shape).exp(), 2 * draw(*shape), (1.5 * draw(*shape)).exp()))
    got = [unpack(answer(*case), "mu, var") for case in cases]
    for case, (mu, _) in zip(cases, got, strict=True):
        compare(mu, _merged(*case)[0], _wrong_merged_means(*case), name="mu")
    for case, (_, var) in zip(cases, got, strict=True):
        compare(var, _merged(*case)[1], _wrong_merged_variances(*case), name="var")
    far = tuple(torch.tensor([v], dtype=torch.float64) for v in (1.0, 1e9, 2.0, 1e3))
    if not all(same(a, b) for a, b in zip(unpack(answer(*far), "mu, var"), _merged(*far), strict=True)):
        raise Mistake("Right for moderate variances. With variances of 1e9 and 1e3 the surer one should win alone.")
    return "The more precise of the two has the larger say, and two know more than one."


def _merged(mu_1: Tensor, var_1: Tensor, mu_2: Tensor, var_2: Tensor) -> tuple[Tensor, Tensor]:
    """As an update of the first by the second (Kalman): the same in another way."""
    gain = var_1 / (var_1 + var_2)
    return mu_1 + gain * (mu_2 - mu_1), (1 - gain) * var_1


def _wrong_merged_means(mu_1: Tensor, var_1: Tensor, mu_2: Tensor, var_2: Tensor) -> list[tuple[Tensor, str]]:
    sd_1, sd_2 = var_1.sqrt(), var_2.sqrt()
    numerator = mu_1 / var_1 + mu_2 / var_2
    return [
        ((var_1 * mu_1 + var_2 * mu_2) / (var_1 + var_2),
         "The means are weighted with variances: the less sure one has the larger say. Weight with 1 / var."),
        ((mu_1 / sd_1 + mu_2 / sd_2) / (1 / sd_1 + 1 / sd_2),
         "The weights are 1 / sigma; precisions are 1 / sigma^2, and the variance is given already."),
        ((mu_1 / var_1**2 + mu_2 / var_2**2) / (1 / var_1**2 + 1 / var_2**2),
         "The weights are 1 / var^2: var is the variance already, do not square it."),
        ((mu_1 + mu_2) / 2, "This is the plain mean of the means; the surer one should have the larger say."),
        (mu_1 + mu_2, "The means are added; they are to be averaged, with the precisions as weights."),
        (numerator, "The precision-weighted means are added, but not divided by the sum of the precisions."),
        (numerator / 2, "Divided by 2, not by the sum of the precisions."),
        (numerator * (1 / var_1 + 1 / var_2), "Multiplied by the sum of the precisions; divide by it."),
        (mu_1, "This is mu_1: the second Gaussian plays no part."),
        (mu_2, "This is mu_2: the first Gaussian plays no part."),
        (mu_2 * var_1 + mu_1 * var_2, "The weights do not add up to 1: divide by var_1 + var_2."),
    ]  # fmt: skip


def _wrong_merged_variances(mu_1: Tensor, var_1: Tensor, mu_2: Tensor, var_2: Tensor) -> list[tuple[Tensor, str]]:
    var = _merged(mu_1, var_1, mu_2, var_2)[1]
    return [
        (1 / var, "The mean is right. This is the precision; the variance is 1 over it."),
        (var.sqrt(), "The mean is right. This is sigma; the variance is wanted."),
        (var.log(), "The mean is right. This is log var; the variance is wanted."),
        (var_1 + var_2, "The mean is right. Variances are added; it is the precisions that add up."),
        ((var_1 + var_2) / 2, "The mean is right. This is the mean of the variances; precisions add up."),
        ((var_1 * var_2).sqrt(), "The mean is right. This averages the log-variances; precisions add up."),
        (2 * var, "The mean is right. The variance is that of an *average* of precisions; take their sum."),
        (var_1 * var_2, "The mean is right. The product of the variances still has to be divided by their sum."),
        (1 / var_1 + 1 / var_2, "The mean is right. This is the precision; the variance is 1 over it."),
        (torch.minimum(var_1, var_2), "The mean is right. Two together are surer than the surer one alone."),
    ]  # fmt: skip


@checker("11.b")
def layered_log_weights(answer: Callable) -> str:
    """answer(log_lik `[K, B]`, z, p, q), lists over layers of `[K, B, L_t]` and Normals -> log w `[K, B]`."""
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731
    for K, B, sizes in ((1, 1, [1, 1]), (2, 1, [2, 1]), (4, 3, [3, 2]), (5, 4, [4, 3, 2])):
        log_lik, shapes = 3 * draw(K, B) - 2, [(K, B, size) for size in sizes]
        z = [draw(*shape) for shape in shapes]
        q = [Normal(z_t + 0.7 * draw(*z_t.shape), (0.4 * draw(*z_t.shape)).exp()) for z_t in z]
        p = [Normal(0.5 * draw(*z_t.shape), (0.3 * draw(*z_t.shape)).exp()) for z_t in z]
        compare(answer(log_lik, list(z), list(p), list(q)), _joint(log_lik, z, p, q), _wrong_weights(log_lik, z, p, q))
    return "One weight for each sample of *all* layers: on average the weights are p(x), if q leaves nothing out."


def _vectors(d: Normal) -> MultivariateNormal:
    return MultivariateNormal(d.loc, torch.diag_embed(d.scale.square()))


def _joint(log_lik: Tensor, z: list, p: list, q: list) -> Tensor:
    """The same through densities of vectors."""
    terms = [_vectors(b).log_prob(a) - _vectors(c).log_prob(a) for a, b, c in zip(z, p, q, strict=True)]
    return log_lik + torch.stack(terms).sum(0)


def _wrong_weights(log_lik: Tensor, z: list, p: list, q: list) -> list[tuple[Tensor, str]]:
    log_p = torch.stack([d.log_prob(v).sum(-1) for v, d in zip(z, p, strict=True)])  # [T, K, B]
    log_q = torch.stack([d.log_prob(v).sum(-1) for v, d in zip(z, q, strict=True)])
    kl = torch.stack([kl_divergence(a, b).sum(-1) for a, b in zip(q, p, strict=True)])
    backward = torch.stack([kl_divergence(b, a).sum(-1) for a, b in zip(q, p, strict=True)])
    standard = torch.stack([Normal(0.0, 1.0).log_prob(v).sum(-1) for v in z])
    means = torch.stack([(b.log_prob(v) - c.log_prob(v)).mean(-1) for v, b, c in zip(z, p, q, strict=True)])
    right = log_lik + (log_p - log_q).sum(0)
    one = right.logsumexp(0) - torch.tensor(len(right)).log()
    layerwise = sum((t.logsumexp(0) - torch.tensor(len(right)).log()) for t in log_p - log_q)
    return [
        (log_lik - (log_p - log_q).sum(0), "p and q are interchanged: p on top, q below."),
        ((log_p - log_q).sum(0), "log_lik, the probability of x, is not in it."),
        (log_lik - log_q.sum(0), "The prior's densities are missing."),
        (log_lik + log_p.sum(0), "q's densities are missing: the weight is p(x, z) *over* q(z|x)."),
        (log_lik + log_p.sum(0) + log_q.sum(0), "log q is to be subtracted."),
        (log_lik + log_p[0] - log_q[0], "Only z_1 is in it; every layer counts."),
        (log_lik + log_p[-1] - log_q[-1], "Only the topmost layer is in it; every layer counts."),
        (log_lik + log_p[:-1].sum(0) - log_q.sum(0), "The topmost prior, p(z_T), is missing."),
        (log_lik + log_p.sum(0) - log_q[:-1].sum(0), "q of the topmost layer is missing."),
        (log_lik + log_p.sum(0) - log_q[0], "Only q of z_1 is subtracted; every layer's counts."),
        (log_lik + (standard - log_q).sum(0), "N(0, 1) is taken for every layer's prior; only the topmost has that."),
        (log_lik - kl.sum(0), "The KLs are subtracted: that is an ELBO. A weight takes the densities at the sample."),
        (log_lik - backward.sum(0), "KL(p || q) is subtracted. A weight takes the densities at the sample."),
        (log_lik + means.sum(0), "A mean over the codes of a layer is taken; log-densities add up."),
        (len(z) * log_lik + (log_p - log_q).sum(0), "log_lik is counted once for each layer."),
        (one, "It is averaged over the samples already; here the weights themselves are wanted, [K, B]."),
        (log_lik.logsumexp(0) - torch.tensor(len(right)).log() + layerwise,
         "Each layer is averaged over the samples by itself. The layers of one sample belong together."),
        (right - right.logsumexp(0), "These are normalised over the samples: their sum, and with it p(x), is lost."),
        (right.exp(), "These are the weights; their logarithms are wanted."),
        (log_lik + (log_p - log_q).mean(0), "This is the mean over the layers; their log-ratios add up."),
        (log_lik[None] + (log_p - log_q), "One number for each layer is returned: add the layers up."),
    ]  # fmt: skip


@checker("11.c")
def step_back(answer: Callable) -> str:
    """answer(z `[...]`, x `[...]`, a_s, a_t) -> mean and variance of q(z_s | z_t, x)."""
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731
    cases = [(torch.tensor([1.0], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64), 0.8, 0.6)]
    for shape, a_s, a_t in (((2,), 0.9, 0.3), ((3, 2), 0.99, 0.95), ((2, 3), 0.5, 0.1)):
        cases.append((draw(*shape), 1 + draw(*shape), a_s, a_t))
    got = [unpack(answer(*case), "mean, variance") for case in cases]
    for case, (mean, _) in zip(cases, got, strict=True):
        compare(mean, _conditioned(*case)[0], _wrong_steps(*case), name="the mean")
    for case, (_, variance) in zip(cases, got, strict=True):
        variance = torch.as_tensor(variance, dtype=torch.float64)
        if variance.shape == case[0].shape and (variance == variance.flatten()[0]).all():
            variance = variance.flatten()[0]  # the same number at every place
        compare(variance, torch.tensor(_conditioned(*case)[1]).double(), _wrong_step_variances(*case), name="variance")
    return "Diffusion goes back by the ladder's merge."


def _conditioned(z: Tensor, x: Tensor, a_s: float, a_t: float) -> tuple[Tensor, float]:
    """From the joint of z_s and z_t given x: mean + cov / var (z_t - mean)."""
    r, s_s, s_t = a_t / a_s, 1 - a_s**2, 1 - a_t**2
    return a_s * x + r * s_s / s_t * (z - a_t * x), s_s - (r * s_s) ** 2 / s_t


def _wrong_steps(z: Tensor, x: Tensor, a_s: float, a_t: float) -> list[tuple[Tensor, str]]:
    r, s_s, s_t = a_t / a_s, 1 - a_s**2, 1 - a_t**2
    v = s_t - r**2 * s_s

    def mixed(m_1, v_1, m_2, v_2):
        return (m_1 / v_1 + m_2 / v_2) / (1 / v_1 + 1 / v_2)

    return [
        (r * z, "This is where z_t's *next* value would lie, q(z_t | z_s) at z_t; going back needs x, too."),
        (z / r, "This is what z_t alone says about z_s; x has a say, too."),
        (a_s * x, "This is what x alone says about z_s; z_t has a say, too."),
        (a_t * x, "This is the mean of z_t given x; that of z_s given both is wanted."),
        (mixed(a_s * x, s_s, z, v), "z_t is r z_s + noise, so about z_s it says z_t / r, with variance v / r^2."),
        (mixed(a_s * x, s_s, z / r, v), "If z_t = r z_s + noise of variance v, z_t / r misses z_s by v / r^2, not v."),
        (mixed(a_s * x, s_s, z / r, s_t / r**2),
         "The noise from z_s to z_t is less than all of z_t's: 1 - a_t^2 holds z_s's share, r^2 (1 - a_s^2)."),
        (mixed(a_s * x, s_s, z / r, (s_t - s_s) / r**2),
         "z_s's noise is scaled by r on its way to z_t, so it counts r^2 (1 - a_s^2) there."),
        (mixed(a_s * x, s_s, z / a_t, s_t / a_t**2), "z_t is compared with x (z_t / a_t); from z_s it is a_t / a_s."),
        (mixed(x, s_s, z / r, v / r**2), "x is scaled by a_s in z_s: x says a_s x."),
        (mixed(a_t * x, s_t, z / r, v / r**2), "s and t: what x says about z_s has a_s and 1 - a_s^2."),
        (mixed(a_s * x, 1 / s_s, z / r, r**2 / v), "The means are weighted with variances; weight with precisions."),
        (mixed(a_s * x, s_s**0.5, z / r, v**0.5 / r), "Standard deviations stand where variances are needed."),
        (mixed(a_s * x, 1 - a_s, z / r, ((1 - a_t) - r**2 * (1 - a_s)) / r**2),
         "The variance of z_s given x is 1 - a_s^2, not 1 - a_s."),
    ]  # fmt: skip


def _wrong_step_variances(z: Tensor, x: Tensor, a_s: float, a_t: float) -> list[tuple[Tensor, str]]:
    r, s_s, s_t = a_t / a_s, 1 - a_s**2, 1 - a_t**2
    v, right = s_t - r**2 * s_s, _conditioned(z, x, a_s, a_t)[1]
    found = [
        (v, "The mean is right. This is the variance of the step *forward*, q(z_t | z_s), without x."),
        (right**0.5, "The mean is right. This is sigma; the variance is wanted."),
        (1 / right, "The mean is right. This is the precision; the variance is wanted."),
        (s_s, "The mean is right. This is the variance given x alone; z_t narrows it."),
        (v / r**2, "The mean is right. This is the variance given z_t alone; x narrows it."),
        (s_s + v / r**2, "The mean is right. Precisions add up, not variances."),
    ]
    return [(torch.as_tensor(value, dtype=torch.float64), message) for value, message in found]


@checker("11.d")
def residual_kl(answer: Callable) -> str:
    """answer(delta, log_ratio, log_var_p), each `[..., L]` -> KL of the moved and stretched from the prior, `[...]`."""
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731
    for shape in ((1, 1), (1, 2), (5, 3), (4, 3, 2)):
        delta, log_ratio, log_var_p = draw(*shape), 0.8 * draw(*shape), draw(*shape) - 0.5
        p = Normal(torch.zeros_like(delta), (0.5 * log_var_p).exp())
        q = Normal(delta, (0.5 * (log_var_p + log_ratio)).exp())
        wrong = _wrong_residuals(delta, log_ratio, log_var_p)
        compare(answer(delta, log_ratio, log_var_p), kl_divergence(q, p).sum(-1), wrong)
    small = torch.full((1, 2), 1e-3, dtype=torch.float64)
    if not same(answer(0 * small, 0 * small, small + 3), torch.zeros(1, dtype=torch.float64)):
        raise Mistake("Right for q away from the prior. Where delta and log_ratio are 0, q is the prior: KL = 0.")
    return "mu_p is not in it: only how far q is moved counts, in units of the prior's sigma."


def _wrong_residuals(delta: Tensor, log_ratio: Tensor, log_var_p: Tensor) -> list[tuple[Tensor, str]]:
    ratio, var_p = log_ratio.exp(), log_var_p.exp()
    terms = delta**2 / var_p + ratio - 1 - log_ratio
    # fmt: off
    return [
        (0.5 * (delta**2 / (var_p * ratio) + ratio - 1 - log_ratio).sum(-1),
         "delta^2 is divided by q's variance; the prior's is right: KL(q || p)."),
        (0.5 * (delta**2 / (var_p * ratio) + 1 / ratio - 1 + log_ratio).sum(-1), "This is KL(p || q), the other way."),
        (0.5 * (delta**2 + ratio - 1 - log_ratio).sum(-1), "delta^2 is not divided by the prior's variance."),
        (0.5 * (delta**2 / var_p.sqrt() + ratio - 1 - log_ratio).sum(-1),
         "delta^2 is divided by sigma_p; its square, exp(log_var_p), is right."),
        (0.5 * (delta**2 / var_p**2 + ratio - 1 - log_ratio).sum(-1),
         "delta^2 is divided by var_p^2: log_var_p is the logarithm of the variance already."),
        (0.5 * (delta**2 / log_var_p + ratio - 1 - log_ratio).sum(-1), "log_var_p is a logarithm: take its exp."),
        (0.5 * (delta.abs() / var_p + ratio - 1 - log_ratio).sum(-1), "delta is not squared."),
        (0.5 * (delta**2 / var_p).sum(-1), "The change of variance, log_ratio, costs too."),
        (0.5 * (ratio - 1 - log_ratio).sum(-1), "The shift, delta, costs too."),
        (0.5 * (delta**2 / var_p + ratio - log_ratio).sum(-1), "The -1 is missing: q = p must cost nothing."),
        (0.5 * (delta**2 / var_p + ratio - 1).sum(-1), "The term -log_ratio is missing."),
        (0.5 * (delta**2 / var_p + ratio - 1 + log_ratio).sum(-1), "log_ratio has the wrong sign."),
        (0.5 * (delta**2 / var_p + log_ratio - 1 - log_ratio.exp().log()).sum(-1),
         "The ratio of the variances is exp(log_ratio)."),
        (0.5 * (delta**2 / var_p + ratio**2 - 1 - 2 * log_ratio).sum(-1),
         "log_ratio is that of the variances, not of the sigmas: no square."),
        (0.5 * (delta**2 + var_p * ratio - 1 - log_var_p - log_ratio).sum(-1),
         "This is the KL to N(0, 1), with mu_p = 0; the prior has a sigma of its own."),
        (terms.sum(-1), "The factor 1/2 is missing."),
        (0.5 * terms.mean(-1), "This is the mean over the codes; their KLs add up."),
        (0.5 * terms.sum(), "Everything is added up: one number for each vector is wanted."),
        (0.5 * terms, "One number for each code is returned: add up the last dimension."),
        (-0.5 * terms.sum(-1), "The sign is wrong: a KL is not negative."),
    ]
    # fmt: on
