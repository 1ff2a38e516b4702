"""Checkers for notebook 02."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from ...models.densities import LOG_2PI
from .checking import Mistake, checker, compare, gradients, same, unpack


def covariance(size: int, rng: torch.Generator) -> Tensor:
    root = torch.randn(size, size, generator=rng).double()
    return root @ root.T / size + 0.3 * torch.eye(size).double()


def cases() -> Iterator[tuple[torch.Generator, int, int, int]]:
    """(generator, B, D, L): non-square; the second is small enough to be worked by hand."""
    for seed, sizes in enumerate(((3, 5, 2), (1, 2, 1), (2, 4, 3), (4, 6, 1))):
        yield torch.Generator().manual_seed(seed), *sizes


@checker("02.a")
def ppca_elbo(answer: Callable) -> str:
    """answer(x, W, b, sigma, mu, cov) -> exact ELBO `[B]` in nats; x `[B, D]`, mu `[B, L]`, cov `[L, L]`."""
    drawn = [_ppca_case(*case) for case in cases()]
    once, again = answer(*drawn[0]), answer(*drawn[0])
    if isinstance(once, Tensor) and isinstance(again, Tensor) and not same(once, again):
        raise Mistake("Two calls with the same numbers differ, so something is sampled. Everything has a closed form.")
    for x, W, b, sigma, mu, cov in drawn:
        dim, latent = W.shape
        log_lik, at_mean, kl, swapped = _ppca_terms(x, W, b, sigma, mu, cov)
        without_b, *_ = _ppca_terms(x, W, 0 * b, sigma, mu, cov)
        as_variance, *_ = _ppca_terms(x, W, b, sigma**0.5, mu, cov)
        truth = log_lik - kl
        # The likelihood apart: a constant, the squares at the mean, the spread of q
        half, per_square = 0.5 * dim * (LOG_2PI + 2 * math.log(sigma)), 1 / (2 * sigma**2)
        squares, spread = (x - b - mu @ W.T).square().sum(-1), torch.trace(W @ cov @ W.T)
        per_dim = half / dim
        log_det, squared_mean = torch.logdet(cov), mu.square().sum(-1)
        compare(answer(x, W, b, sigma, mu, cov), truth, [
            (at_mean - kl,
             "The spread of q is forgotten: this is log p(x|z) at the mean of q. Which trace is missing?"),
            (at_mean - per_square * torch.trace(cov) - kl,
             "The spread of z is taken for that of W z: the covariance of W z is W Sigma W^T."),
            (at_mean - spread - kl,
             "The trace is not divided by 2 sigma^2: it belongs to the square, inside the same bracket."),
            (at_mean - 0.5 * spread - kl,
             "The trace is not divided by sigma^2: it belongs to the square, inside the same bracket."),
            (at_mean + per_square * spread - kl,
             "The trace has the wrong sign: a wide q reconstructs worse, not better."),
            (at_mean - 2 * per_square * spread - kl, "The trace lacks the factor 1/2 of the Gaussian's exponent."),
            (at_mean - per_square * spread / dim - kl, "The trace is averaged over the D dimensions; it is a sum."),
            (truth - per_square * (squares + spread), "The squares lack the factor 1/2 of the Gaussian's exponent."),
            (truth + 2 * per_square * (squares + spread), "The squares have the wrong sign: far from x is improbable."),
            (log_lik, "The KL is missing."),
            (log_lik + kl, "The KL is added. Which way does it push the bound?"),
            (-truth, "This is the loss, -ELBO. Return the bound itself."),
            (log_lik - swapped, "The KL is the wrong way round, KL(p(z) || q)."),
            (truth - log_det, "In the KL, log det has the wrong sign: for a very narrow q the KL must be large."),
            (truth - 0.5 * log_det, "In the KL, log det of the covariance is missing."),
            (truth - 0.5 * log_det + 0.5 * torch.exp(log_det), "In the KL stands the determinant, not its logarithm."),
            (truth + 0.5 * torch.trace(cov), "In the KL, the trace of the covariance is missing."),
            (truth + 0.5 * squared_mean, "In the KL, the mean of q is missing: a q far from the prior must pay."),
            (truth + 0.5 * squared_mean - 0.5 * squared_mean.sqrt(),
             "In the KL stands the length of mu; its square is wanted."),
            (truth + 0.5 * squared_mean - 0.5 * squared_mean.sum(),
             "In the KL, the squares of mu are summed over the batch; each data point has its own."),
            (truth + 0.5 * latent - 0.5 * dim, "In the KL stands D where L belongs: q lives in the space of codes."),
            (as_variance - kl, "sigma is read as the variance."),
            (log_lik - 2 * kl, "The KL lacks its factor 1/2."),
            (truth - latent / 2, "L is missing from the KL: it must be 0 for the prior itself."),
            (sigma * (log_lik + half) - half - kl, "The squares are divided by sigma, not by sigma squared."),
            (truth - per_square * (squares.sum() - squares),
             "The squared error is summed over the batch; each data point has its own."),
            (without_b - kl, "b is forgotten."),
            (truth + half - latent * per_dim, "The constant has L in place of D: x has D dimensions."),
            (truth + half - per_dim,
             "D is missing: the constant is -1/2 log(2 pi sigma^2) for each of the D dimensions."),
            (truth - half, "The constant is -D log(2 pi sigma^2): it lacks the factor 1/2."),
            (truth + 2 * half, "The constant has the wrong sign: a wide density is a low one."),
            (truth + half,
             "The constant is missing: all constants of the Gaussian density belong to a bound in nats."),
            (truth + 0.5 * dim * LOG_2PI, "2 pi is missing from the constant."),
            (truth + half - 0.5 * dim * LOG_2PI, "sigma is missing from the constant."),
            (truth + 0.5 * dim * math.log(sigma), "The constant has log sigma where log sigma^2 belongs."),
            (truth.mean(), "This is one number for the batch. Return one per data point."),
            (truth.sum(), "A sum over data points. Return one ELBO for each."),
        ], name="ELBO")
    for x, W, b, sigma, mu, cov in drawn:
        mu, cov = mu.requires_grad_(), cov.requires_grad_()
        log_lik, _, kl, _ = _ppca_terms(x, W, b, sigma, mu, cov)
        wanted, got = gradients(log_lik - kl, mu, cov), gradients(answer(x, W, b, sigma, mu, cov), mu, cov)
        for name, right, grad in zip(("mu", "cov"), wanted, got, strict=True):
            if grad is not None and name == "cov":  # of a symmetric matrix only the symmetric part counts
                right, grad = right + right.mT, grad + grad.mT
            if grad is None or not same(grad, right):
                raise Mistake(
                    f"The numbers are right, but no true gradient reaches {name}, and the notebook climbs by it: stay "
                    "with torch's functions, without math.log, float, .item() or .detach()."
                )
    return "Exact for every Gaussian q: the laboratory is open."


def _ppca_case(rng: torch.Generator, points: int, dim: int, latent: int) -> tuple:
    """x, W, b, sigma, mu, cov for 02.a."""
    sizes = (points, dim), (dim, latent), (dim,), (points, latent)
    x, W, b, mu = (torch.randn(size, generator=rng).double() for size in sizes)
    return x, W, b, 0.6 + 0.3 * latent, mu, covariance(latent, rng)


def _ppca_terms(x: Tensor, W: Tensor, b: Tensor, sigma: float, mu: Tensor, cov: Tensor) -> tuple[Tensor, ...]:
    """E_q[log p(x|z)], log p(x|z) at the mean of q, KL(q||p) and KL(p||q): each `[B]`.

    A quadratic function of a Gaussian is integrated exactly by its mean and 2 L points at mu +- sqrt(L) times the
    columns of a root of cov (the unscented rule).
    """
    root = len(cov) ** 0.5 * torch.linalg.cholesky(cov)
    nodes = mu + torch.cat([root.T, -root.T])[:, None]  # [2 L, B, L]
    log_lik = Independent(Normal(nodes @ W.T + b, sigma), 1).log_prob(x).mean(0)
    at_mean = Independent(Normal(mu @ W.T + b, sigma), 1).log_prob(x)
    standard = MultivariateNormal(torch.zeros_like(mu), torch.eye(len(cov)).double())
    q = MultivariateNormal(mu, cov)
    return log_lik, at_mean, kl_divergence(q, standard), kl_divergence(standard, q)


@checker("02.b")
def mean_field(answer: Callable) -> str:
    """answer(cov): posterior covariance `[L, L]` -> variances `[L]` of the best diagonal q, KL(q||p) `[]`."""
    for cov in _posterior_covariances():
        size = len(cov)
        p = MultivariateNormal(torch.zeros(size).double(), cov)

        def price(variances: Tensor, p=p) -> Tensor:
            return kl_divergence(MultivariateNormal(p.mean, torch.diag(variances)), p)

        # 1 / precision_ll is the variance of z_l given all the others: condition one by one.
        best = torch.stack([_conditional_variance(cov, i) for i in range(size)])
        truth, log_det = price(best), torch.logdet(cov)
        variances, kl = unpack(answer(cov), "variances, kl")
        compare(variances, best, [
            (truth, "Return the variances first, then the KL."),
            (cov.diagonal(),
             "These are the variances of each code with the others unknown, best by the forward KL(p || q). "
             "Which matrix holds the variances with the others known?"),
            (1 / best, "This is the diagonal of the precision. A variance is one over it."),
            (best.sqrt(), "These are standard deviations."),
            (best.log(), "These are the logarithms of the variances."),
            (torch.linalg.eigvalsh(cov),
             "These are the eigenvalues of the covariance, the variances along its own axes: q cannot turn."),
            (torch.linalg.eigvalsh(cov).flip(0),
             "These are the eigenvalues of the covariance, the variances along its own axes: q cannot turn."),
            (1 / cov.diagonal(),
             "This is 1 over the diagonal of the covariance. Invert the matrix first, then take the diagonal."),
            (torch.diag(best), "This is a matrix; the variances are its diagonal, `[L]`."),
        ], name="variances")
        compare(kl, truth, [
            (-truth, "The KL has the wrong sign: it is never negative."),
            (2 * truth, "The KL lacks the factor 1/2."),
            (truth + size / 2,
             "L/2 is left over: for the best variances the sum of Lambda_ll v_l is L, and cancels the -L."),
            (truth - size / 2,
             "-L/2 is left over: for the best variances the sum of Lambda_ll v_l is L, and cancels the -L."),
            (truth + best.log().sum(), "In the KL, the logarithms of the variances have the wrong sign."),
            (kl_divergence(p, MultivariateNormal(p.mean, torch.diag(best))),
             "This is the KL the other way round, KL(p || q)."),
            (price(cov.diagonal()), "This is the KL of the marginal variances, the diagonal of cov."),
            (0.5 * (cov.diagonal().log().sum() - log_det),
             "This is the least price by the forward KL. By the reverse KL the precision takes the place of the "
             "covariance."),
            (truth - log_det,
             "In the KL, log det of the covariance and of the precision have opposite signs. Which one does the "
             "formula have?"),
            (truth - 0.5 * log_det, "In the KL, log det is missing."),
            (truth + 0.5 * best.log().sum(), "In the KL, the logarithms of the variances are missing."),
            (0.5 * (2 * truth).exp(), "The logarithm of the ratio is missing."),
        ], name="the KL")
    return "The best independent q keeps each code as narrow as if it knew all the others."


def _posterior_covariances() -> Iterator[Tensor]:
    """Of two codes, round numbers first; of three and five; of one; two that are nearly the same."""
    yield torch.tensor([[1.0, 0.6], [0.6, 1.0]]).double()
    for seed, size in enumerate((2, 3, 5, 1)):
        yield covariance(size, torch.Generator().manual_seed(seed))
    yield torch.tensor([[4.0, 1.99], [1.99, 1.0]]).double()


def _conditional_variance(cov: Tensor, i: int) -> Tensor:
    others = [j for j in range(len(cov)) if j != i]
    cross = cov[others, i]
    return cov[i, i] - cross @ torch.linalg.solve(cov[others][:, others], cross)
