"""Checkers for notebook 01."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .checking import Mistake, checker, compare, same, unpack

SIZES = ((5, 3), (2, 1), (40, 2), (1, 4))


@checker("01.a")
def log_p_estimate(answer: Callable) -> str:
    """answer(log_lik): log p(x|z) `[K, B]` in nats -> log of the Monte-Carlo estimate of p(x), `[B]`."""
    for seed, (k, points) in enumerate(SIZES):
        log_lik = 3 * torch.randn(k, points, generator=torch.Generator().manual_seed(seed)) - 2
        truth = log_lik.double().exp().mean(0).log()
        wrong = [
            (log_lik.mean(0),
             "This is the mean of the logarithms, and p(x) is a mean of probabilities: it is far too low. On which "
             "side of the logarithm does the average belong?"),
            (truth + math.log(k), "A sum over samples is not yet a mean: what divides by K under a logarithm?"),
            (truth + 2 * math.log(k), "log K is added. To divide by K is to subtract its logarithm."),
            (truth + math.log(k) - k, "K itself is subtracted, not its logarithm."),
            ((truth + math.log(k)) / k,
             "The logarithm of the sum is divided by K. Divide before the logarithm, or subtract log K."),
            (truth.exp(), "This is p(x) itself; its logarithm is wanted."),
            (log_lik.double().exp().mean(1).log(), "The average is over data points. Samples come first: `[K, B]`."),
            (-truth, "The sign is wrong: this is the negative log-likelihood."),
            (log_lik.max(0).values, "This is the best of the samples, not their average."),
            (log_lik.double().exp().mean().log(),
             "This is one number for all data points. Each x has a p(x) of its own."),
            (truth + math.log(k / points), "log B is subtracted; the mean is over the K samples."),
            (truth - log_lik.max(0).values, "The maximum was taken out and not put back."),
        ]
        wrong += [
            (torch.full_like(truth, -math.log(k)),
             "This is -log K whatever the data: `softmax` divides by the sum, and the sum is what is wanted."),
            (truth - math.log(points), "log(K B) is subtracted, the count of all numbers; the mean is over K samples."),
        ]
        got = answer(log_lik)
        if isinstance(got, tuple) and hasattr(got, "indices"):
            raise Mistake("`max` returns values and their indices: take `.values`. Is the maximum what is wanted?")
        compare(got, truth, wrong)
    _far(answer, lambda a: torch.logsumexp(a, 0) - math.log(len(a)), lambda a, e=0: (a.exp().mean(0) + e).log(), 1,
         "exp(-1000) is 0 and exp(1000) infinite, and so are their logarithms")
    return "An average of probabilities, taken without ever leaving the logarithms."


@checker("01.b")
def effective_sample_size(answer: Callable) -> str:
    """answer(log_w): log-weights `[K, B]` in nats -> effective sample size `[B]`, from 1 to K."""
    for seed, (k, points) in enumerate(SIZES):
        log_w = 1.5 * torch.randn(k, points, generator=torch.Generator().manual_seed(seed)) - 1
        w = log_w.double().exp()
        truth = w.sum(0).square() / w.square().sum(0)
        log_sum, log_squares = w.sum(0).log(), w.square().sum(0).log()
        wrong = [
            (truth.log(), "This is its logarithm: return the number of samples."),
            (truth / k, "This is the share of the samples that is effective; their number is wanted."),
            (1 / truth, "Upside down: sum of squares over square of sum. For equal weights it should give K."),
            (k / (1 + (w - w.mean(0)).square().sum(0) / (k - 1) / w.mean(0).square()),
             "`torch.var` divides by K - 1. K / (1 + Var / mean^2) is the ESS if it divides by K: `correction=0`."),
            (1 / w.square().sum(0),
             "The weights are not normalised: multiply all of them by two, and the answer must not change."),
            (w.sum(0) / w.amax(0),
             "This is the sum of the weights over the largest: another measure, at most the ESS."),
            (w.sum(1).square() / w.square().sum(1), "The sums are over data points. Samples come first: `[K, B]`."),
            (1 / log_w.double().softmax(1).square().sum(0),
             "The weights are normalised over data points. Samples come first: `[K, B]`."),
            (w.sum(0) / w.square().sum(0),
             "The square of the sum is missing: in logarithms, twice the first logsumexp."),
            (log_w.sum(0).square() / log_w.square().sum(0),
             "This treats the log-weights as if they were the weights."),
            (w.sum().square() / w.square().sum(), "This is one number for everything. Each data point has its own."),
            ((2 * log_w.logsumexp(0) - log_w.square().logsumexp(0)).exp(),
             "The square of a weight is taken as the square of its logarithm. What is log(w^2)?"),
            ((log_sum.square() - log_squares).exp(),
             "The square of the sum is taken as the square of its logarithm. What is log(s^2)?"),
            (2 * log_sum / log_squares, "Two logarithms are divided: the logarithm of a quotient is a difference."),
            (log_sum.square() / log_squares, "Two logarithms are divided; the sums themselves are to be."),
            (torch.special.entr(w / w.sum(0)).sum(0).exp(),
             "This is the exponential of the entropy of the shares: another measure, larger than the ESS."),
            (k * truth, "K times too large: 1 over the *sum* of the squared shares, not over their mean."),
            ((log_sum.square() - log_w.square().logsumexp(0)).exp(),
             "Both squares are taken of logarithms. What is log(s^2), and what log(w^2)?"),
            *[(shifted.sum(0).square() / shifted.square().sum(0),
               "The largest is taken out of the log-weights, but they are never exponentiated.")
              for shifted in (log_w - log_w.amax(0), log_w - log_w.max())],
        ]
        compare(answer(log_w), truth, wrong)
    _far(answer, lambda a: torch.exp(2 * torch.logsumexp(a, 0) - torch.logsumexp(2 * a, 0)),
         lambda a, e=0: (a.exp().sum(0).square() + e) / (a.exp().square().sum(0) + e), 0,
         "all weights become 0, and 0 / 0 is not a number")
    return "It is K for equal weights and 1 if one weight is all, whatever the scale of the weights."


def _far(answer: Callable, right: Callable, plain: Callable, back: int, what_happens: str) -> None:
    """Compare on log-weights near -1000 and 1000, and on some that differ by thousands as an image's do.

    Args:
        answer: the reader's.
        right: the truth, for float64.
        plain: the formula without logarithms; its second argument is a constant added against zeros.
        back: 1 if what was taken out of the logarithms is to be added to the result, else 0.
        what_happens: to `plain`.
    """
    near = torch.tensor([[0.0, 1.0, -1.0], [2.0, 0.5, -3.0], [-1.0, 1.5, -1.0], [1.0, -4.0, -2.0]]).double()
    far, less_far = torch.tensor([[-800.0, -1700.0, -4000.0], [-300.0, -450.0, -600.0]]).double()
    image = torch.tensor([[-8461.0, -6000.0], [-418.0, -7300.0], [-2500.0, -419.0], [-419.5, -420.0]]).double()
    limits = [1000.0, 700.0, 500.0, 100.0, 88.0, 80.0, 50.0]
    beyond = (
        "Right for moderate numbers; but all that lies beyond some limit comes out as if it were the limit. A clamp or "
        "a small constant added somewhere only hides what is there: take out the largest instead."
    )
    overflow = (
        "Right for moderate numbers; but where the logarithms of one data point differ by thousands, an exponential "
        "becomes infinite. Take out the largest, and none exceeds 1."
    )

    def without(a: Tensor, out: Tensor) -> Tensor:
        return plain(a - out) + back * out

    for a in (near + far, near - far, near + less_far, image):
        got = answer(a)
        if isinstance(got, Tensor) and got.numel() and torch.isfinite(got).all():
            limits.append(got.flatten()[0].item())  # the limit itself, it may be
        wrong = [
            (plain(a), f"Right for moderate numbers, but for log-weights near -1000 or 1000 {what_happens}. (Each data "
             "point may need another scale.) Which function adds up exponentials safely?"),
            (without(a, a.max()),
             "The largest logarithm of all data points is taken out, and for the others all weights still become 0. "
             "Take out each data point's own."),
            (without(a, a.mean()),
             "The mean over everything is taken out. Each data point has a scale of its own, set by its largest "
             "logarithm."),
            (without(a, a.mean(0)), overflow),
        ]
        clamped = [a.clamp(low, high) for x in limits for low, high in ((-x, None), (None, x), (-x, x), (x, None))]
        wrong += [(formula(b), beyond) for b in clamped for formula in (right, plain)]
        wrong += [(plain(a, 10.0**-digits), beyond) for digits in (*range(4, 17), 20, 30, 300)]
        compare(got, right(a), wrong)


@checker("01.d")
def ppca_posterior(answer: Callable) -> str:
    """answer(x, W, b, sigma): `[B, D]`, `[D, L]`, `[D]` -> mean `[B, L]`, covariance `[L, L]` of p(z|x)."""
    for x, W, b, sigma in _models():
        eye = torch.eye(W.shape[1]).double()
        # Truth: condition the joint Gaussian of (z, x), in which Cov[z, x] = W^T.
        C = W @ W.T + sigma**2 * torch.eye(len(b)).double()
        gain = torch.linalg.solve(C, W).T  # W^T C^-1
        mean, covariance = (x - b) @ gain.T, eye - gain @ W
        try:
            got = unpack(answer(x, W, b, sigma), "mean, covariance")
        except RuntimeError as error:
            if "size" not in str(error) and "shapes" not in str(error):
                raise
            raise RuntimeError(f"{error}\n(I is [L, L], with L = W.shape[1], here {W.shape[1]}.)") from error
        if same(got[0], covariance) and same(got[1], mean):
            raise Mistake("Return the mean first, then the covariance.")
        if isinstance(got[1], Tensor) and got[1].ndim == 3:
            raise Mistake("The covariance does not depend on x: return one, [L, L], for all data points.")
        precision, squares, inv = torch.linalg.inv(covariance), W.T @ W, torch.linalg.inv
        least_squares = inv(squares)
        compare(got[1], covariance, [
            (precision, "This is the precision; the covariance is its inverse."),
            (1 / precision, "Each entry of the precision is inverted: the inverse of a matrix is `torch.linalg.inv`."),
            (torch.linalg.pinv(1 + squares / sigma**2),
             "1 is added to every entry: I has ones on its diagonal only, `torch.eye`."),
            (1 + squares / sigma**2, "1 is added to every entry, where I has ones on its diagonal only; and this is a "
             "precision, to be inverted."),
            (inv(eye + squares / sigma), "It is divided by sigma, not by sigma squared."),
            (sigma**2 * least_squares, "The prior is missing: where is the identity?"),
            (covariance / sigma**2,
             "A factor sigma^2 is missing: (W^T W + sigma^2 I)^-1 is not yet the covariance."),
            (sigma**2 * inv(squares / sigma**2 + eye),
             "sigma^2 is in two places: multiply through, and only one is left."),
            (sigma**2 * inv(squares + eye), "sigma^2 is taken out of the inverse, but not from I, which becomes "
             "sigma^2 I."),
            (torch.diag(covariance.diagonal()), "This is its diagonal only: given x, the codes are correlated."),
            (covariance.diagonal(), "This is its diagonal as a vector: return the matrix, [L, L]."),
            (torch.diag(1 / precision.diagonal()),
             "Only the precision's diagonal is inverted. Given x, the codes are correlated: invert the matrix."),
            (torch.linalg.cholesky(covariance), "This is a Cholesky factor of the covariance."),
            (inv(torch.eye(len(b)).double() + W @ W.T / sigma**2),
             "W W^T is [D, D], a matrix of the data. For the codes, [L, L], it is W^T W."),
            (inv(eye + squares), "The noise is missing: there is no sigma in it."),
            (inv(eye - squares / sigma**2), "The sign is wrong: precisions add up, I + W^T W / sigma^2."),
            (inv(eye + sigma**2 * squares),
             "W^T W is multiplied by sigma^2. Less noise should make the posterior narrower."),
            (squares + sigma**2 * eye, "This is W^T W + sigma^2 I: neither divided by sigma^2 nor inverted."),
        ], name="covariance")
        projected = (x - b) @ W
        compare(got[0], mean, [
            (x @ gain.T, "The mean forgets b: x is compared with W z + b."),
            ((x + b) @ gain.T, "b is added to x; it is to be subtracted, as x is compared with W z + b."),
            (mean * sigma**2, "In the mean, 1 / sigma^2 is missing."),
            (mean * sigma, "In the mean, it is divided by sigma, not by sigma squared."),
            (mean / sigma**2, "In the mean, it is divided by sigma squared twice."),
            (projected @ least_squares,
             "The mean is the least-squares code, as if there were no prior. Which matrix must be inverted?"),
            (projected @ precision / sigma**2,
             "The mean is multiplied by the precision, where the covariance, its inverse, belongs."),
            (projected @ precision,
             "The mean is multiplied by the precision, not by the covariance, and 1 / sigma^2 is missing."),
            (projected / sigma**2, "In the mean, the covariance is missing: this is W^T (x - b) / sigma^2."),
            (projected, "This is (x - b) W: the covariance and 1 / sigma^2 are still missing."),
            (-mean, "The mean has the wrong sign: is it x - b or b - x?"),
            (mean.mean(0), "This is the average over data points; each x has a mean of its own."),
        ], name="mean")
    return "The posterior is Gaussian; only its mean depends on x, and that linearly."


def _models() -> list[tuple[Tensor, Tensor, Tensor, float]]:
    """x, W, b and sigma: a case to be worked by hand, and random ones of different shapes."""
    by_hand = ([[6.0, 0.0]], [[3.0], [1.0]], [0.0, 1.0])
    models = [(*(torch.tensor(value).double() for value in by_hand), 2.0)]
    sizes = ((3, 5, 2, 0.6), (2, 4, 3, 1.7), (4, 3, 1, 0.9))
    for seed, (points, dim, latent, sigma) in enumerate(sizes):
        rng = torch.Generator().manual_seed(seed)
        shapes = (points, dim), (dim, latent), (dim,)
        models.append((*(torch.randn(shape, generator=rng).double() for shape in shapes), sigma))
    return models
