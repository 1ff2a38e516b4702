"""Classic mistakes in the exercises of notebook 07, and what the checker must say to each."""

import math

import torch


def chi_square(m, S, mu, C, power=1, det=1.0, offset=1.0, half=0.5, minus=1.0, sign=-1.0):
    """The right answer to 07.b, with switches for what may go wrong."""
    P, Q, d = torch.linalg.inv(S), torch.linalg.inv(C), m - mu
    A, b = 2 * P + sign * Q, Q @ d
    log_det = det * (0.5 * torch.logdet(C) - power * torch.logdet(S) - 0.5 * torch.logdet(A))
    return torch.exp(log_det + half * (b @ torch.linalg.solve(A, b) + offset * d @ b)) - minus


def with_inverse(m, S, mu, C, inverse=torch.linalg.inv, matrix=lambda S: S, A=lambda P, Q, S, C: 2 * P - Q):
    """The right answer to 07.b with other inverses, other matrices, or another A."""
    S, C = matrix(S), matrix(C)
    P, Q, d = inverse(S), inverse(C), m - mu
    a, b = A(P, Q, S, C), Q @ d
    scale = torch.linalg.det(C).sqrt() / torch.linalg.det(S) / torch.linalg.det(a).sqrt()
    return scale * torch.exp(0.5 * (b @ torch.linalg.solve(a, b) + d @ b)) - 1


def scaled(factor):
    """The right answer to 07.b with a factor left over in E[r^2]; factor(S, C, A, b, d)."""

    def answer(m, S, mu, C):
        P, Q, d = torch.linalg.inv(S), torch.linalg.inv(C), m - mu
        return (chi_square(m, S, mu, C) + 1) * factor(S, C, 2 * P - Q, Q @ d, d) - 1

    return answer


def by_samples(m, S, mu, C):
    """07.b by Monte Carlo."""
    p, q = torch.distributions.MultivariateNormal(m, S), torch.distributions.MultivariateNormal(mu, C)
    z = q.sample((100,))
    return (p.log_prob(z) - q.log_prob(z)).exp().var()


def hooked(replace):
    """07.c with another hook; replace(gradient, log_w, share)."""

    def answer(log_weight, z):
        log_w = log_weight(z)
        share = torch.softmax(log_w.detach(), 0)
        z.register_hook(lambda gradient: replace(gradient, log_w.detach(), share))
        return log_w.logsumexp(0) - math.log(len(z))

    return answer


def dreg(log_weight, z, power=1, path_only=True, value=None, detach=False):
    """The right answer to 07.c, with another power of the weights, or for all of log w, or another value."""
    if not path_only:  # squared for the decoder as well
        log_w = log_weight(z)
        share = torch.softmax(log_w.detach(), 0)
        surrogate = (share ** (power + 1) * log_w).sum(0)
        return log_w.detach().logsumexp(0) - math.log(len(z)) + surrogate - surrogate.detach()
    log_w = log_weight(z.detach() if detach else z)
    share = torch.softmax(log_w.detach(), 0)[..., None]
    if not detach:
        z.register_hook(lambda gradient: share**power * gradient)
    bound = log_w.logsumexp(0) - math.log(len(z))
    return bound if value is None else value(log_w)


def dreg_by_a_second_pass(log_weight, z):
    """07.c without a hook: the encoder's part through a scaled copy of z."""
    share = torch.softmax(log_weight(z).detach(), 0)[..., None]
    scaled = z.detach() + share * (z - z.detach())
    log_w = log_weight(scaled)
    return torch.logsumexp(log_w, 0) - math.log(len(log_w))


MUTANTS = {
    "07.a": [
        (lambda a: torch.softmax(a, 1), "The sum is over data points"),
        (lambda a: torch.softmax(-a, 0), "a softmax of the losses"),
        (lambda a: torch.log_softmax(a, 0), "logarithms of the shares"),
        (lambda a: a / a.sum(0), "as if they were the weights"),
        (lambda a: a.exp(), "not normalised"),
        (lambda a: a.exp() / a.exp().mean(0), "by their mean"),
        (lambda a: a.exp() / a.exp().amax(0), "by the largest"),
        (lambda a: torch.softmax(a.flatten(), 0).reshape(a.shape), "One sum for everything"),
        (lambda a: torch.softmax(2 * a, 0), "the exponent is doubled"),
        (lambda a: a.exp() / a.exp().sum(0), "Which function is made for this?"),
        (
            lambda a: (a - a.max()).exp() / (a - a.max()).exp().sum(0),
            "Which function is made for this?",
        ),
        (lambda a: torch.softmax(a, 0).sum(0), "The shape is"),
        (
            lambda a: (a - a.mean(0)).exp() / (a - a.mean(0)).exp().sum(0),
            "subtract the largest of each data point",
        ),
        (lambda a: a.exp() / (a.exp().sum(0) + 1e-12), "something small in the denominator hides it"),
        (lambda a: a.exp() / len(a), "divided by K"),
        (lambda a: torch.nn.functional.normalize(a.exp(), dim=0), "the root of the sum of their squares"),
        (lambda a: torch.softmax(a, 0).amax(0), "the largest share of each data point"),
        (lambda a: torch.softmax(a.clamp(min=-700), 0), "Which function is made for this?"),
        (lambda a: torch.softmax(a.mT, 1), "This is the transpose: the shape is [1, 2]"),
    ],
    "07.b": [
        (lambda *a: chi_square(*a, minus=0.0), "This is E[r^2]"),
        (lambda *a: chi_square(*a, minus=0.0).log(), "This is its logarithm"),
        (lambda *a: chi_square(*a, det=0.0), "The determinants are missing"),
        (lambda *a: chi_square(*a, half=0.0), "The exponential is missing"),
        (lambda *a: chi_square(*a, sign=1.0), "The sign of V^-1 is wrong"),
        (lambda *a: chi_square(*a, offset=0.0), "The term d^T V^-1 d is missing"),
        (lambda *a: chi_square(*a, half=1.0), "The factor 1/2 in the exponent"),
        (lambda *a: chi_square(*a, power=0.5), "a square root too many"),
        (lambda m, S, mu, C: chi_square(mu, C, m, S), "p and q are exchanged"),
        (lambda *a: chi_square(*a) / 2, "half the variance"),
        (lambda *a: (chi_square(*a) + 1) * (2 * math.pi) ** (len(a[0]) / 2) - 1, "(2 pi)^(L/2) is left over"),
        (lambda *a: (chi_square(*a) + 1) * torch.exp(torch.logdet(a[3]) / 2) - 1, "V has the exponent 1, not"),
        (lambda *a: (chi_square(*a) + 1) * torch.exp(-torch.logdet(a[3])) - 1, "V has the wrong sign"),
        (lambda *a: chi_square(*a, offset=-1.0), "d^T V^-1 d has the wrong sign"),
        (lambda *a: chi_square(*a)[None], "The numbers are right; the shape is [1]"),
        (lambda *a: chi_square(*a) + 1e-2, "is right, for"),
        (lambda *a: chi_square(*a).sqrt(), "This is the standard deviation"),
        (lambda *a: with_inverse(*a, inverse=lambda M: 1 / M), "the reciprocal of every entry"),
        (lambda *a: with_inverse(*a, matrix=lambda M: torch.diag(M.diag())), "Only the diagonals of S and V"),
        (lambda *a: with_inverse(*a, A=lambda P, Q, S, C: P - Q), "S^-1 counts twice"),
        (lambda *a: with_inverse(*a, A=lambda P, Q, S, C: 2 * S - C), "A is made of the inverses"),
        (lambda *a: (chi_square(*a, half=0.0) + 1) * (chi_square(*a) + 1) - 1, "Square roots are missing"),
        (scaled(lambda S, C, A, b, d: (2 * math.pi) ** -(len(d) / 2)), "(2 pi)^(-L/2) is left over"),
        (scaled(lambda S, C, A, b, d: (2 * math.pi) ** len(d)), "(2 pi)^L is left over"),
        (scaled(lambda S, C, A, b, d: (2 * math.pi) ** -len(d)), "(2 pi)^-L is left over"),
        (scaled(lambda S, C, A, b, d: (b @ (A - A.inverse()) @ b / 2).exp()), "not b^T A b"),
        (scaled(lambda S, C, A, b, d: (-b @ A.inverse() @ b / 2).exp()), "b^T A^-1 b is missing"),
        (scaled(lambda S, C, A, b, d: (-b @ A.inverse() @ b).exp()), "b^T A^-1 b has the wrong sign"),
        (scaled(lambda S, C, A, b, d: (b @ A.inverse() @ b / 2).exp()), "1/2 before b^T A^-1 b is missing"),
        (scaled(lambda S, C, A, b, d: (d @ b / 2).exp()), "1/2 before d^T V^-1 d is missing"),
        (scaled(lambda S, C, A, b, d: S.det()), "determinant of S is missing"),
        (scaled(lambda S, C, A, b, d: A.det().sqrt()), "determinant of A is missing"),
        (scaled(lambda S, C, A, b, d: A.det()), "determinant of A has the wrong sign"),
        (scaled(lambda S, C, A, b, d: C.det() ** -0.5), "determinant of V is missing"),
        (by_samples, "without samples"),
    ],
    "07.c": [
        (lambda f, z: dreg(f, z, power=0), "not squared: that is STL"),
        (lambda f, z: dreg(f, z, power=2), "with the third power"),
        (lambda f, z: dreg(f, z, power=-1), "no weights at all"),
        (lambda f, z: dreg(f, z, path_only=False), "the decoder's has squared weights too"),
        (lambda f, z: dreg(f, z, detach=True), "no gradient reaches the encoder"),
        (lambda f, z: dreg(f, z).detach(), "no gradient reaches the encoder"),
        (
            lambda f, z: dreg(f, z, value=lambda a: (torch.softmax(a, 0).detach() * a).sum(0)),
            "is the surrogate",
        ),
        (
            lambda f, z: dreg(f, z, value=lambda a: (torch.softmax(a, 0).detach() ** 2 * a).sum(0)),
            "a surrogate with squared weights",
        ),
        (lambda f, z: dreg(f, z, value=lambda a: a.logsumexp(0)), "log K is missing"),
        (lambda f, z: dreg(f, z, value=lambda a: a.mean(0)), "the mean of log w"),
        (lambda f, z: -dreg(f, z), "return the bound, not the loss"),
        (lambda f, z: dreg(f, z).mean(), "One number for all data points"),
        (lambda f, z: dreg(lambda z: f(z).exp().log(), z), "near -2000 the value"),
        (lambda f, z: dreg(f, z) + math.log(len(z) / z.shape[1]), "The logarithm of B"),
        (lambda f, z: f(z), "the log-weights of all samples"),
        (hooked(lambda g, a, share: None), "not squared: that is STL"),
        (hooked(lambda g, a, share: (share**2)[..., None].expand_as(g)), "The hook returns the squared weights"),
        (hooked(lambda g, a, share: share[..., None].expand_as(g)), "The hook returns the weights; it"),
        (hooked(lambda g, a, share: torch.softmax(a, 1)[..., None] * g), "shares add up over data points"),
        (hooked(lambda g, a, share: a.exp()[..., None] * g), "by w itself"),
        (hooked(lambda g, a, share: a[..., None] * g), "by log w, not by the share"),
        (hooked(lambda g, a, share: share[..., None] * g / len(g)), "divided by K"),
    ],
    "07.d": [
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff()[:-1], a[1:]), "shifted by one"),
        (lambda a, t: torch.einsum("j,jcb->cb", t[1:], a), "multiplied by t itself"),
        (lambda a, t: torch.einsum("j,jcb->cb", t[:-1], a), "by t before the step"),
        (lambda a, t: a.mean(0), "All steps count alike"),
        (lambda a, t: a.sum(0), "a plain sum"),
        (lambda a, t: -torch.einsum("j,jcb->cb", t.diff(), a), "The sign is wrong"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a).exp(), "the weight itself"),
        (
            lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a).logsumexp(0) - math.log(a.shape[1]),
            "chains are to be kept apart",
        ),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a) / len(a), "averaged over the steps"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff()[1:], a[:-1]), "one step too late"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a.flip(0)), "in the wrong order"),
        (lambda a, t: t.diff()[:, None, None] * a, "add them up"),
        (lambda a, t: (t.diff()[:, None, None] * a).cumsum(0), "after every step"),
        (lambda a, t: (t.diff()[:, None, None] * a).logsumexp(0), "a *product* over steps"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a.exp()), "their logarithms are wanted"),
        (lambda a, t: torch.trapezoid(a, t[:-1], dim=0), "the trapezoid rule"),
        (lambda a, t: torch.einsum("j,jcb->cb", t.diff(), a).mean(0), "averaged over the chains"),
        (lambda a, t: a[-1], "the last code alone"),
        (lambda a, t: torch.einsum("j,jcb->cb", (t[1:] - t[:-1]) ** 2, a), "is right, for"),
    ],
}
