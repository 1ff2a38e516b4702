"""Checkers for the further exercises of notebook 02: EM, and what the rate is made of."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from .checking import Mistake, checker, compare, gradients, same, unpack
from .nb02 import cases, covariance


@checker("02.c")
def m_step(answer: Callable) -> str:
    """answer(x, mu, cov): x `[N, D]` centred, mu `[N, L]`, cov `[L, L]` -> W `[D, L]` and sigma^2 `[]`."""
    drawn = [_em_case(*case) for case in cases()]
    for x, mu, cov in drawn:
        (points, dim), latent = x.shape, len(cov)
        # Truth: least squares on the nodes of the unscented rule, each data point with each of its nodes.
        root = latent**0.5 * torch.linalg.cholesky(cov)
        nodes = (mu + torch.cat([root.T, -root.T])[:, None]).flatten(0, 1)  # [2 L * N, L]
        repeated = x.repeat(2 * latent, 1)
        W = torch.linalg.lstsq(nodes, repeated).solution.T
        variance = (repeated - nodes @ W.T).square().mean()

        got_W, got_variance = unpack(answer(x, mu, cov), "W, variance")
        second_moment, centred = mu.T @ mu + points * cov, mu - mu.mean(0)
        compare(got_W, W, [
            (variance, "Return W first, then sigma^2."),
            (torch.linalg.lstsq(mu, x).solution.T,
             "The covariance is forgotten: this regresses x on the means alone, as if the codes were known."),
            (_divided(x, mu, mu.T @ mu + cov), "The covariance is added once. Every data point has its own."),
            (_divided(x, mu, mu.T @ mu / points + points * cov),
             "One part of the second bracket is a mean over the data, the other a sum."),
            (W / points, "The first bracket is a mean over the data, the second a sum."),
            (W * points, "The first bracket is a sum over the data, the second a mean."),
            (_divided(x, mu, points * cov), "In the second bracket the means are missing: E[z z^T] has two parts."),
            (_divided(x, centred, centred.T @ centred + points * cov),
             "The means mu are centred; with b = 0 they are to be taken as they are."),
            (_divided(x, mu, mu.T @ mu - points * cov), "The covariance is subtracted: E[z z^T] is a sum."),
            (W.T, "This is W transposed: `[D, L]` is wanted."),
            (x.T @ mu @ second_moment, "The second bracket is multiplied, not inverted."),
            (x.T @ mu, "The second bracket is missing."),
        ], name="W")
        at_means = (x - mu @ W.T).square()
        spread = torch.trace(W @ cov @ W.T)
        compare(got_variance, variance, [
            (at_means.mean(),
             "The spread of the codes is forgotten in sigma^2: it is a mean over q, not the error at the means."),
            (at_means.sum() / points, "The spread of the codes is forgotten in sigma^2, and D in the division."),
            ((at_means.sum() + spread) / x.numel(), "The trace is added once. Every data point has its own."),
            (at_means.mean() + torch.trace(cov) / dim,
             "The spread of z is taken for that of W z: the covariance of W z is W Sigma W^T."),
            (at_means.mean() + spread,
             "A mean over N D numbers and a sum over D are mixed: the trace runs over the D dimensions, so divide it."),
            (at_means.sum() / points + spread / dim, "The squares are divided by N only, the trace by D."),
            (2 * at_means.mean() - variance, "The trace is subtracted: the spread of the codes adds to the error."),
            ((at_means.sum() + points * torch.trace(cov)) / points,
             "It is divided by N only, and the spread is that of z: the covariance of W z is W Sigma W^T."),
            (variance.sqrt(), "This is sigma; sigma^2 is wanted."),
            (variance * dim, "It is divided by N only: sigma^2 is a mean over the D dimensions too."),
            (variance * dim / latent, "It is divided by N L: the squares run over the D dimensions of x."),
            (variance * points / (points - 1), "It is divided by N - 1. Maximum likelihood divides by N."),
            (variance * points, "It is divided by D only: sigma^2 is a mean over the N data points too."),
            (variance * x.numel(), "This is the sum of the squares: divide by N and D."),
        ], name="sigma^2")
    for case in drawn:
        if not isinstance(answer(*case)[1], Tensor):
            raise Mistake(
                "The numbers are right, but sigma^2 is a Python number, and the notebook takes its .sqrt(): return a "
                "tensor, without float or .item()."
            )
    return "A regression of x on codes that are only known up to q: the M-step of EM."


def _em_case(rng: torch.Generator, points: int, dim: int, latent: int) -> tuple[Tensor, Tensor, Tensor]:
    """x, mu, cov for 02.c."""
    points += 6 if points > 1 else 1
    x, mu = (torch.randn(size, generator=rng).double() for size in ((points, dim), (points, latent)))
    return x - x.mean(0), mu, covariance(latent, rng)


def _divided(x: Tensor, mu: Tensor, second_moment: Tensor) -> Tensor:
    """W from the two brackets of the M-step: `[D, L]`."""
    return torch.linalg.solve(second_moment, mu.T @ x).T


@checker("02.d")
def information_terms(answer: Callable) -> str:
    """answer(A, cov, C): `[L, D]`, `[L, L]`, `[D, D]` -> rate, information, KL(aggregate||p), each `[]`."""
    drawn = [_coding(*case) for case in cases()]
    for A, cov, C in drawn:
        latent, dim = A.shape
        zero, eye = torch.zeros(latent).double(), torch.eye(latent).double()
        p, aggregate = MultivariateNormal(zero, eye), MultivariateNormal(zero, A @ C @ A.T + cov)
        rate, information, aggregate_kl = _information(A, cov, C)
        means, log_det = torch.trace(A @ C @ A.T), torch.logdet(cov)
        at_zero = kl_divergence(MultivariateNormal(zero, cov), p)
        got = unpack(answer(A, cov, C), "rate, information, aggregate_kl")
        compare(got[1], information, [
            (-information, "The information has the wrong sign: knowing z can only narrow x down."),
            (2 * information, "The information lacks the factor 1/2."),
            (information / math.log(2), "The information is in bits; nats are wanted."),
            (0.5 * torch.logdet(A @ C @ A.T),
             "In the information Sigma is missing twice: in the aggregate, and in what is subtracted."),
            (0.5 * torch.logdet(A @ C @ A.T + cov),
             "This is the entropy of the aggregate, up to a constant. What must be subtracted?"),
            (0.5 * (torch.logdet(A @ C @ A.T) - torch.logdet(cov)),
             "In the information, the aggregate lacks the noise: its covariance is A C A^T + cov."),
            (rate, "First comes the rate, second the information."),
            (aggregate_kl, "Second comes the information, third the KL of the aggregate."),
            (-0.5 * torch.logdet(cov), "Only the entropy of the codes of one x is here: the aggregate's is missing."),
            (0.5 * torch.logdet(torch.eye(latent).double() + A @ C @ A.T),
             "The noise is taken for I: its covariance is cov."),
            (0.5 * (torch.logdet(A @ A.T + cov) - torch.logdet(cov)),
             "In the information, the covariance of the data is forgotten: that of the means is A C A^T."),
        ], name="the information")
        compare(got[2], aggregate_kl, [
            (kl_divergence(MultivariateNormal(zero, A @ C @ A.T), p),
             "The aggregate posterior lacks the noise: its covariance is A C A^T + cov."),
            (2 * aggregate_kl, "The KL of the aggregate lacks the factor 1/2."),
            (aggregate_kl + 0.5 * torch.logdet(A @ C @ A.T + cov), "In the KL of the aggregate, log det is missing."),
            (aggregate_kl - 0.5 * torch.trace(cov),
             "In the KL of the aggregate, the trace lacks Sigma: the covariance is A C A^T + cov."),
            (aggregate_kl + 0.5 * (latent - dim),
             "In the KL of the aggregate stands D where L belongs: codes have L dimensions."),
            (at_zero, "This is the KL of q(z|x) at x = 0, not of the aggregate."),
            (kl_divergence(p, aggregate), "The KL is the wrong way round, KL(p(z) || aggregate)."),
            (aggregate_kl + latent / 2, "L is missing from the KL: it must be 0 for the prior itself."),
            (aggregate_kl + torch.logdet(A @ C @ A.T + cov), "In the KL of the aggregate, log det has the wrong sign."),
            (kl_divergence(MultivariateNormal(zero, A @ A.T + cov), p),
             "In the aggregate, the covariance of the data is forgotten: that of the means is A C A^T."),
        ], name="the KL of the aggregate")
        compare(got[0], rate, [
            (at_zero, "The rate forgets the means: they differ from x to x, and E[|A x|^2] is a trace."),
            (at_zero + 0.5 * torch.trace(A @ A.T),
             "In the rate, the covariance of the data is forgotten: E[x x^T] is C, not I."),
            (information - aggregate_kl, "The rate is the information less the KL; the two add up."),
            (rate + latent / 2, "L is missing from the rate: it must be 0 if q(z|x) is the prior."),
            (2 * rate, "The rate lacks the factor 1/2."),
            (rate + 0.5 * log_det, "In the rate, log det of cov is missing: a narrow q must have a high rate."),
            (rate + 0.5 * (torch.trace(C) - means),
             "In the rate stands the trace of C; the means are A x, and their covariance is A C A^T."),
            (rate - 0.5 * (torch.trace(cov) - log_det),
             "In the rate Sigma is missing twice: its trace, and its log det."),
            (rate + 0.5 * (latent - dim), "In the rate stands D where L belongs: codes have L dimensions."),
            (rate + log_det, "In the rate, log det has the wrong sign: a narrow q must have a high rate."),
            (rate - 0.5 * torch.trace(cov), "In the rate, the trace of cov is missing."),
            (aggregate_kl, "This is the KL of the aggregate. The rate is the mean of the KL of each q(z|x)."),
        ], name="the rate")
    for A, cov, C in drawn:
        A, cov = A.requires_grad_(), cov.requires_grad_()
        for i, name in enumerate(("the rate", "the information", "the KL of the aggregate")):
            value, truth = answer(A, cov, C)[i], _information(A, cov, C)[i]
            if not isinstance(value, Tensor):
                raise Mistake(
                    f"The numbers are right, but {name} is a Python number: return tensors, with torch's functions, "
                    "without math.log, float or .item()."
                )
            for right, grad in zip(gradients(truth, A, cov), gradients(value, A, cov), strict=True):
                if grad is None or not _same_slope(grad, right):
                    raise Mistake(
                        f"The numbers are right, but no true gradient of {name} comes back, and the notebook takes it: "
                        "stay with torch's functions, without math.log, float, .item() or .detach()."
                    )
    return "The rate is information plus what does not fit the prior."


def _same_slope(grad: Tensor, right: Tensor) -> bool:
    """Whether two gradients are the same; of a symmetric matrix only the symmetric part counts."""
    if grad.shape[0] == grad.shape[1]:
        grad, right = grad + grad.mT, right + right.mT
    return same(grad, right)


def _coding(rng: torch.Generator, _: int, dim: int, latent: int) -> tuple[Tensor, Tensor, Tensor]:
    """A, cov, C for 02.d."""
    A = torch.randn(latent, dim, generator=rng).double()
    return A, covariance(latent, rng), covariance(dim, rng)


def _information(A: Tensor, cov: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rate, information, KL of the aggregate; I from the joint Gaussian of (x, z), a KL to the product of its parts."""
    zero, spread = torch.zeros(len(cov)).double(), A @ C @ A.T + cov
    standard = MultivariateNormal(zero, torch.eye(len(cov)).double())
    aggregate_kl = kl_divergence(MultivariateNormal(zero, spread), standard)
    top, bottom = torch.cat([C, C @ A.T], 1), torch.cat([A @ C, spread], 1)
    both = torch.cat([torch.zeros(len(C)).double(), zero])
    joint = MultivariateNormal(both, torch.cat([top, bottom]))
    information = kl_divergence(joint, MultivariateNormal(both, torch.block_diag(C, spread)))
    return information + aggregate_kl, information, aggregate_kl
