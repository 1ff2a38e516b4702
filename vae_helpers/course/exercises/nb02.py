"""Checkers for notebook 02."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from ...models.densities import LOG_2PI
from .checking import Mistake, checker, compare, same, unpack


def _covariance(size: int, rng: torch.Generator) -> Tensor:
    root = torch.randn(size, size, generator=rng).double()
    return root @ root.T / size + 0.3 * torch.eye(size).double()


def _cases() -> Iterator[tuple[torch.Generator, int, int, int]]:
    """(generator, B, D, L): non-square, three seeds."""
    for seed, sizes in enumerate(((3, 5, 2), (2, 4, 3), (4, 6, 1))):
        yield torch.Generator().manual_seed(seed), *sizes


@checker("02.a")
def ppca_elbo(answer: Callable) -> str:
    """answer(x, W, b, sigma, mu, cov) -> exact ELBO `[B]` in nats; x `[B, D]`, mu `[B, L]`, cov `[L, L]`."""
    for rng, points, dim, latent in _cases():
        x, W, b, mu = (
            torch.randn(s, generator=rng).double()
            for s in ((points, dim), (dim, latent), (dim,), (points, latent))
        )
        cov, sigma = _covariance(latent, rng), 0.6 + 0.3 * latent
        # Truth: a quadratic function of a Gaussian is integrated exactly by its mean and 2 L points at
        # mu +- sqrt(L) times the columns of a root of cov (the unscented rule).
        root = latent**0.5 * torch.linalg.cholesky(cov)
        nodes = mu + torch.cat([root.T, -root.T])[:, None]  # [2 L, B, L]
        log_lik = Independent(Normal(nodes @ W.T + b, sigma), 1).log_prob(x).mean(0)
        at_mean = Independent(Normal(mu @ W.T + b, sigma), 1).log_prob(x)
        standard = MultivariateNormal(torch.zeros_like(mu), torch.eye(latent).double())
        q = MultivariateNormal(mu, cov)
        kl = kl_divergence(q, standard)
        without_b = Independent(Normal(nodes @ W.T, sigma), 1).log_prob(x).mean(0)
        half_dim = 0.5 * dim * (LOG_2PI + 2 * math.log(sigma))
        constant = 0.5 * dim * LOG_2PI
        compare(answer(x, W, b, sigma, mu, cov), log_lik - kl, [
            (at_mean - kl,
             "The spread of q is forgotten: this is log p(x|z) at the mean of q. Which trace is missing?"),
            (log_lik, "The KL is missing."),
            (log_lik + kl, "The KL is added. Which way does it push the bound?"),
            (kl - log_lik, "This is the loss, -ELBO. Return the bound itself."),
            (log_lik - kl_divergence(standard, q), "The KL is the wrong way round, KL(p(z) || q)."),
            (log_lik - kl - torch.logdet(cov),
             "In the KL, log det has the wrong sign: for a very narrow q the KL must be large."),
            (Independent(Normal(nodes @ W.T + b, sigma**0.5), 1).log_prob(x).mean(0) - kl,
             "sigma is read as the variance."),
            (log_lik - 2 * kl, "The KL lacks its factor 1/2."),
            (log_lik - kl - latent / 2, "L is missing from the KL: it must be 0 for the prior itself."),
            (sigma * (log_lik + half_dim) - half_dim - kl,
             "The squares are divided by sigma, not by sigma squared."),
            (log_lik - kl - ((x - b - mu @ W.T).square().sum() - (x - b - mu @ W.T).square().sum(-1))
             / (2 * sigma**2),
             "The squared error is summed over the batch; each data point has its own."),
            (without_b - kl, "b is forgotten."),
            (log_lik - kl + half_dim * (1 - 1 / dim),
             "D is missing: the constant is -1/2 log(2 pi sigma^2) for each of the D dimensions."),
            (log_lik - kl + half_dim,
             "The constant is missing: all constants of the Gaussian density belong to a bound in nats."),
            (log_lik - kl + constant, "2 pi is missing from the constant."),
            ((log_lik - kl).mean(), "This is one number for the batch. Return one per data point."),
            ((log_lik - kl).sum(), "A sum over data points. Return one ELBO for each."),
        ])
    return "Exact for every Gaussian q: the laboratory is open."


@checker("02.b")
def mean_field(answer: Callable) -> str:
    """answer(cov): posterior covariance `[L, L]` -> variances `[L]` of the best diagonal q, KL(q||p) `[]`."""
    for seed, size in enumerate((2, 3, 5)):
        cov = _covariance(size, torch.Generator().manual_seed(seed))
        p = MultivariateNormal(torch.zeros(size).double(), cov)

        def price(variances: Tensor, p=p) -> Tensor:
            return kl_divergence(MultivariateNormal(p.mean, torch.diag(variances)), p)

        # 1 / precision_ll is the variance of z_l given all the others: condition one by one.
        best = torch.stack([_conditional_variance(cov, i) for i in range(size)])
        variances, kl = unpack(answer(cov), "variances, kl")
        if same(variances, price(best)):
            raise Mistake("Return the variances first, then the KL.")
        compare(variances, best, [
            (cov.diagonal(),
             "These are the variances of each code with the others unknown, best by the forward KL(p || q). "
             "Which matrix holds the variances with the others known?"),
            (1 / best, "This is the diagonal of the precision. A variance is one over it."),
            (best.sqrt(), "These are standard deviations."),
            (torch.linalg.eigvalsh(cov),
             "These are the eigenvalues of the covariance, the variances along its own axes: q cannot turn."),
            (1 / cov.diagonal(),
             "This is 1 over the diagonal of the covariance. Invert the matrix first, then take the diagonal."),
            (torch.diag(best), "This is a matrix; the variances are its diagonal, `[L]`."),
        ])
        truth = price(best)
        compare(kl, truth, [
            (-truth, "The KL has the wrong sign: it is never negative."),
            (2 * truth, "The KL lacks the factor 1/2."),
            (truth + best.log().sum(), "In the KL, the logarithms of the variances have the wrong sign."),
            (0.5 * (cov.diagonal().log().sum() - torch.logdet(cov)),
             "This is the least price by the forward KL. By the reverse KL the precision takes the place of the "
             "covariance."),
            (price(cov.diagonal()), "This is the KL of the marginal variances, the diagonal of cov."),
            (kl_divergence(p, MultivariateNormal(p.mean, torch.diag(best))),
             "This is the KL the other way round, KL(p || q)."),
            (truth - torch.logdet(cov),
             "In the KL, log det of the covariance and of the precision have opposite signs. Which one does the "
             "formula have?"),
        ])
    return "The best independent q keeps each code as narrow as if it knew all the others."


def _conditional_variance(cov: Tensor, i: int) -> Tensor:
    others = [j for j in range(len(cov)) if j != i]
    cross = cov[others, i]
    return cov[i, i] - cross @ torch.linalg.solve(cov[others][:, others], cross)


@checker("02.c")
def m_step(answer: Callable) -> str:
    """answer(x, mu, cov): x `[N, D]` centred, mu `[N, L]`, cov `[L, L]` -> W `[D, L]` and sigma^2 `[]`."""
    for rng, points, dim, latent in _cases():
        points += 6
        x, mu = (torch.randn(s, generator=rng).double() for s in ((points, dim), (points, latent)))
        cov = _covariance(latent, rng)
        # Truth: least squares on the nodes of the unscented rule, each data point with each of its nodes.
        root = latent**0.5 * torch.linalg.cholesky(cov)
        nodes = (mu + torch.cat([root.T, -root.T])[:, None]).flatten(0, 1)  # [2 L * N, L]
        repeated = x.repeat(2 * latent, 1)
        W = torch.linalg.lstsq(nodes, repeated).solution.T
        variance = (repeated - nodes @ W.T).square().mean()

        got_W, got_variance = unpack(answer(x, mu, cov), "W, variance")
        if same(got_W, variance):
            raise Mistake("Return W first, then sigma^2.")
        second_moment = mu.T @ mu + points * cov
        once = torch.linalg.solve(mu.T @ mu + cov, mu.T @ x).T
        compare(got_W, W, [
            (torch.linalg.lstsq(mu, x).solution.T,
             "The covariance is forgotten: this regresses x on the means alone, as if the codes were known."),
            (once, "The covariance is added once. Every data point has its own."),
            (W.T, "This is W transposed: `[D, L]` is wanted."),
            (x.T @ mu @ second_moment, "The second bracket is multiplied, not inverted."),
            (x.T @ mu, "The second bracket is missing."),
        ])
        at_means = (x - mu @ W.T).square()
        spread = torch.trace(W @ cov @ W.T)
        compare(got_variance, variance, [
            (at_means.mean(),
             "The spread of the codes is forgotten in sigma^2: it is a mean over q, not the error at the means."),
            ((at_means.sum() + spread) / x.numel(), "The trace is added once. Every data point has its own."),
            (variance.sqrt(), "This is sigma; sigma^2 is wanted."),
            (variance * dim, "It is divided by N only: sigma^2 is a mean over the D dimensions too."),
            (variance * points / (points - 1), "It is divided by N - 1. Maximum likelihood divides by N."),
            (variance * x.numel(), "This is the sum of the squares: divide by N and D."),
        ])
    return "A regression of x on codes that are only known up to q: the M-step of EM."


@checker("02.d")
def information_terms(answer: Callable) -> str:
    """answer(A, cov, C): `[L, D]`, `[L, L]`, `[D, D]` -> rate, information, KL(aggregate||p), each `[]`."""
    for rng, _, dim, latent in _cases():
        A = torch.randn(latent, dim, generator=rng).double()
        cov, C = _covariance(latent, rng), _covariance(dim, rng)
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
        ])
        compare(got[2], aggregate_kl, [
            (kl_divergence(MultivariateNormal(zero, A @ C @ A.T), p),
             "The aggregate posterior lacks the noise: its covariance is A C A^T + cov."),
            (2 * aggregate_kl, "The KL of the aggregate lacks the factor 1/2."),
            (at_zero, "This is the KL of q(z|x) at x = 0, not of the aggregate."),
            (kl_divergence(p, aggregate), "The KL is the wrong way round, KL(p(z) || aggregate)."),
            (aggregate_kl + latent / 2, "L is missing from the KL: it must be 0 for the prior itself."),
        ])
        compare(got[0], rate, [
            (at_zero, "The rate forgets the means: they differ from x to x, and E[|A x|^2] is a trace."),
            (at_zero + 0.5 * torch.trace(A @ A.T),
             "In the rate, the covariance of the data is forgotten: E[x x^T] is C, not I."),
            (information - aggregate_kl, "The rate is the information less the KL; the two add up."),
            (rate + latent / 2, "L is missing from the rate: it must be 0 if q(z|x) is the prior."),
        ])
    return "The rate is information plus what does not fit the prior."
