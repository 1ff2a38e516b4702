"""Checkers for the further exercises of notebook 02: EM, and what the rate is made of."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from .checking import checker, compare, unpack
from .nb02 import cases, covariance


@checker("02.c")
def m_step(answer: Callable) -> str:
    """answer(x, mu, cov): x `[N, D]` centred, mu `[N, L]`, cov `[L, L]` -> W `[D, L]` and sigma^2 `[]`."""
    for rng, points, dim, latent in cases():
        points += 6 if points > 1 else 1
        x, mu = (torch.randn(s, generator=rng).double() for s in ((points, dim), (points, latent)))
        x = x - x.mean(0)
        cov = covariance(latent, rng)
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
            (variance * points / (points - 1), "It is divided by N - 1. Maximum likelihood divides by N."),
            (variance * points, "It is divided by D only: sigma^2 is a mean over the N data points too."),
            (variance * x.numel(), "This is the sum of the squares: divide by N and D."),
        ], name="sigma^2")
    return "A regression of x on codes that are only known up to q: the M-step of EM."


def _divided(x: Tensor, mu: Tensor, second_moment: Tensor) -> Tensor:
    """W from the two brackets of the M-step: `[D, L]`."""
    return torch.linalg.solve(second_moment, mu.T @ x).T


@checker("02.d")
def information_terms(answer: Callable) -> str:
    """answer(A, cov, C): `[L, D]`, `[L, L]`, `[D, D]` -> rate, information, KL(aggregate||p), each `[]`."""
    for rng, _, dim, latent in cases():
        A = torch.randn(latent, dim, generator=rng).double()
        cov, C = covariance(latent, rng), covariance(dim, rng)
        zero, eye = torch.zeros(latent).double(), torch.eye(latent).double()
        p, aggregate = MultivariateNormal(zero, eye), MultivariateNormal(zero, A @ C @ A.T + cov)
        aggregate_kl = kl_divergence(aggregate, p)
        # Truth for I: from the joint Gaussian of (x, z), a KL to the product of its marginals.
        top, bottom = torch.cat([C, C @ A.T], 1), torch.cat([A @ C, A @ C @ A.T + cov], 1)
        both = torch.cat([torch.zeros(dim).double(), zero])
        joint = MultivariateNormal(both, torch.cat([top, bottom]))
        product = MultivariateNormal(both, torch.block_diag(C, A @ C @ A.T + cov))
        information = kl_divergence(joint, product)
        rate = information + aggregate_kl
        at_zero = kl_divergence(MultivariateNormal(zero, cov), p)
        got = unpack(answer(A, cov, C), "rate, information, aggregate_kl")
        compare(got[1], information, [
            (-information, "The information has the wrong sign: knowing z can only narrow x down."),
            (2 * information, "The information lacks the factor 1/2."),
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
            (rate + torch.logdet(cov), "In the rate, log det has the wrong sign: a narrow q must have a high rate."),
            (rate - 0.5 * torch.trace(cov), "In the rate, the trace of cov is missing."),
            (aggregate_kl, "This is the KL of the aggregate. The rate is the mean of the KL of each q(z|x)."),
        ], name="the rate")
    return "The rate is information plus what does not fit the prior."
