"""Checkers for notebook 07."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from .checking import Mistake, checker, compare, gradients, same


@checker("07.a")
def normalised_weights(answer: Callable) -> str:
    """answer(log_w): log-weights `[K, B]` in nats -> normalised weights `[K, B]`."""
    for seed, (k, points) in enumerate(((4, 3), (6, 2), (2, 5))):
        log_w = 1.5 * torch.randn(k, points, generator=torch.Generator().manual_seed(seed)) - 1
        w = log_w.double().exp()
        truth = w / w.sum(0)
        wrong = [
            (w / w.sum(1, keepdim=True),
             "The sum is over data points. Each data point has a set of K weights of its own: `[K, B]`."),
            ((1 / w) / (1 / w).sum(0),
             "This gives the largest share to the worst sample: a softmax of the losses, -log w."),
            (truth.log(), "These are the logarithms of the shares."),
            (log_w / log_w.sum(0), "This treats the log-weights as if they were the weights."),
            (w, "The weights are not normalised: for each data point they should add up to one."),
            (w / w.mean(0), "They are divided by their mean, not by their sum."),
            (w / w.amax(0), "They are divided by the largest, not by their sum."),
            (w / w.sum(), "One sum for everything. Each data point has its own."),
            (w**2 / (w**2).sum(0), "These are the squares, normalised: the exponent is doubled."),
        ]
        compare(answer(log_w), truth, wrong)
        shift = torch.linspace(800, 4000, points).double()  # exp(-800) is 0 even in float64
        got = answer(log_w.double() - shift)
        if not isinstance(got, Tensor) or not same(got, truth):
            raise Mistake(
                "Right for moderate numbers, but for log-weights near -1000 each exponential is 0, and 0 / 0 "
                "is not a number. (Each data point may need another scale.) Which function is made for this?"
            )
        far = log_w.double()
        far[0] -= 4000  # its share is 0; the others are far above the mean of the logarithms
        got = answer(far)
        if not isinstance(got, Tensor) or not same(got, torch.cat([0 * w[:1], w[1:] / w[1:].sum(0)])):
            raise Mistake(
                "Right where the weights are alike, but not where one is e^4000 times smaller than the rest. "
                "If you subtract something before the exponential, subtract the largest, not the mean."
            )
    return "The gradient of the bound sees each sample by its share."


@checker("07.b")
def variance_of_ratio(answer: Callable) -> str:
    """answer(m, S, mu, V) -> Var_q[p / q] `[]` for p = N(m, S), q = N(mu, V); m, mu `[L]`, S, V `[L, L]`."""
    for seed, size in enumerate((2, 1, 3)):
        rng = torch.Generator().manual_seed(seed)
        draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731, B023
        root = draw(size, size)
        S = root @ root.T / size + 0.3 * torch.eye(size).double()
        root = draw(size, size)
        V = 1.3 * S + 0.2 * root @ root.T / size
        m, mu = draw(size), draw(size)
        mu = m + 0.3 * (mu - m)
        square = _second_moment(m, S, mu, V)
        truth = square - 1
        P, Q, d = torch.linalg.inv(S), torch.linalg.inv(V), m - mu
        A, b = 2 * P - Q, Q @ d
        exponent = 0.5 * (b @ torch.linalg.solve(A, b) + d @ b)
        plus = 2 * P + Q
        kl = torch.distributions.kl_divergence(MultivariateNormal(m, S), MultivariateNormal(mu, V))
        wrong = [
            (square, "This is E[r^2], the second moment. Take off the square of the mean, which is 1."),
            (square.log(), "This is its logarithm."),
            (kl, "This is KL(p || q), the mean of log r under p."),
            (exponent.exp() - 1,
             "The determinants are missing: two Gaussians of different width differ even at the same mean."),
            (square * torch.exp(-exponent) - 1, "The exponential is missing: only the determinants are there."),
            (torch.exp(0.5 * torch.logdet(V) - torch.logdet(S) - 0.5 * torch.logdet(plus)
                       + 0.5 * (b @ torch.linalg.solve(plus, b) + d @ b)) - 1,
             "The sign of V^-1 is wrong: 1 / q turns its exponent around, so A = 2 S^-1 - V^-1."),
            (square * torch.exp(-0.5 * d @ b) - 1,
             "The term d^T V^-1 d is missing: it is left over when the square is completed."),
            (square * torch.exp(-0.5 * b @ torch.linalg.solve(A, b)) - 1,
             "The term b^T A^-1 b is missing: it comes from completing the square."),
            (square * exponent.exp() - 1, "The factor 1/2 in the exponent is missing."),
            (square * torch.exp(0.5 * torch.logdet(S)) - 1,
             "det S stands with a square root too many: p is squared."),
            (truth / 2, "This is half the variance, the constant of the gap. The variance itself is wanted."),
            (torch.distributions.kl_divergence(MultivariateNormal(mu, V), MultivariateNormal(m, S)),
             "This is KL(q || p)."),
            (square * torch.exp(0.5 * torch.logdet(A)) - 1, "The determinant of A is missing."),
            (square * torch.exp(0.5 * torch.logdet(V)) - 1,
             "The determinant of V has the exponent 1; the square root is enough."),
            (square * torch.exp(-torch.logdet(V)) - 1,
             "The determinant of V has the wrong sign in the exponent: 1 / q has it on top."),
            (square * torch.exp(-b @ torch.linalg.solve(A, b)) - 1, "The term b^T A^-1 b has the wrong sign."),
            (square * torch.exp(-d @ b) - 1, "The term d^T V^-1 d has the wrong sign."),
            (square * (2 * math.pi) ** (size / 2) - 1,
             "A factor (2 pi)^(L/2) is left over: two Gaussians on top, one below, and one from the integral cancel "
             "it."),
            (square * torch.exp(torch.logdet(A)) - 1,
             "The determinant of A has the wrong sign: the integral is det(A)^(-1/2)."),
        ]
        _exchanged(wrong, m, S, mu, V)
        compare(answer(m, S, mu, V), truth, wrong)
    return "The chi-square divergence: the constant of the gap, for any two Gaussians."


def _second_moment(m: Tensor, S: Tensor, mu: Tensor, V: Tensor) -> Tensor:
    """E_q[(p / q)^2], found another way: p^2 / q is a factor times a Gaussian, so divide at any z."""
    p, q = MultivariateNormal(m, S), MultivariateNormal(mu, V)
    A = 2 * p.precision_matrix - q.precision_matrix
    mean = torch.linalg.solve(A, 2 * p.precision_matrix @ m - q.precision_matrix @ mu)
    product = MultivariateNormal(mean, precision_matrix=(A + A.T) / 2)
    z = m + 0.1
    return torch.exp(2 * p.log_prob(z) - q.log_prob(z) - product.log_prob(z))


def _exchanged(wrong: list[tuple[Tensor, str]], m: Tensor, S: Tensor, mu: Tensor, V: Tensor) -> None:
    """Add the answer with p and q exchanged, where that is finite."""
    if torch.linalg.eigvalsh(2 * torch.linalg.inv(V) - torch.linalg.inv(S)).min() > 0:
        wrong.append((_second_moment(mu, V, m, S) - 1, "p and q are exchanged: the codes are drawn from q."))


@checker("07.c")
def dreg(answer: Callable) -> str:
    """answer(log_weight, z) -> bound `[B]` whose gradient is doubly reparameterised.

    z `[K, B, L]`; log_weight(z) -> log w `[K, B]`.
    """
    for seed, (k, points, latent) in enumerate(((4, 3, 2), (2, 5, 3), (6, 2, 1))):
        rng = torch.Generator().manual_seed(seed)
        eps = torch.randn(k, points, latent, generator=rng).double()
        start = torch.randn(points, latent, generator=rng).double()
        slope = torch.randn(latent, generator=rng).double()

        phi, theta = start.requires_grad_(), slope.requires_grad_()

        def log_weight(z: Tensor, theta=theta) -> Tensor:
            return (torch.sin(theta * z) - 0.3 * z**2 - 2).sum(-1)

        z = phi + eps
        log_w = log_weight(z)
        share = torch.softmax(log_w.detach(), 0)
        (path,) = torch.autograd.grad(log_w.sum(), z, retain_graph=True)  # [K, B, L], and dz/dphi = 1
        by_power = [(share[..., None] ** power * path).sum(0) for power in range(4)]
        once, twice = ((share**power * log_weight(eps + phi.detach())).sum() for power in (1, 2))
        standard, squared = (torch.autograd.grad(value, theta)[0] for value in (once, twice))

        got = answer(log_weight, phi + eps)
        log_w = log_w.detach()
        bound = log_w.logsumexp(0) - math.log(k)
        compare(got.detach() if isinstance(got, Tensor) else got, bound, [
            ((share * log_w).sum(0),
             "The value is the surrogate, the weighted sum of log w. It flatters: return the value of the "
             "bound."),
            ((share**2 * log_w).sum(0),
             "The value is that of a surrogate with squared weights. Return the value of the bound."),
            (bound + math.log(k), "log K is missing: the bound is the logarithm of a mean, not of a sum."),
            (log_w.mean(0), "The value is the mean of log w: the logarithm belongs outside of the mean."),
            (-bound, "The sign is wrong: return the bound, not the loss."),
            (bound.mean(), "One number for all data points: return one for each, `[B]`."),
        ])
        encoder, decoder = gradients(got, phi, theta)
        if encoder is None or decoder is None:
            missing = "encoder" if encoder is None else "decoder"
            raise Mistake(
                f"The value is right, but no gradient reaches the {missing}. Was too much detached?"
            )
        compare(encoder, by_power[2], [
            (by_power[1],
             "The value is right. For the encoder the weights come in once, not squared: that is STL. (With a "
             "hook: does it return the new gradient?)"),
            (by_power[3],
             "The value is right. The weights come in with the third power: the bound gives one of them, so "
             "multiply by one more."),
            (by_power[0], "The value is right. The encoder's gradient has no weights at all."),
        ])
        compare(decoder, standard, [
            (squared,
             "The encoder's gradient is right, but the decoder's has squared weights too. Only what passes "
             "through z gets the second factor."),
        ])
        far = answer(lambda z, log_weight=log_weight: log_weight(z) - 2000, phi + eps)
        if not torch.isfinite(torch.cat([gradients(far, phi)[0].flatten(), far.flatten()])).all():
            raise Mistake(
                "Right for moderate numbers, but for log-weights near -2000 the value or the gradient is not "
                "finite. Which functions add up and normalise exponentials safely?"
            )
    return "Squared weights for the encoder, plain ones for the decoder, and an honest value."


@checker("07.d")
def annealed_log_w(answer: Callable) -> str:
    """answer(log_lik, t): `[T, C, B]`, `[T + 1]` -> log-weights of annealed importance sampling `[C, B]`."""
    for seed, (steps, chains, points) in enumerate(((5, 4, 3), (2, 3, 4), (7, 2, 5))):
        rng = torch.Generator().manual_seed(seed)
        log_lik = torch.randn(steps, chains, points, generator=rng).double() - 2
        t = torch.cat(
            [torch.zeros(1), torch.rand(steps - 1, generator=rng).sort().values, torch.ones(1)]
        ).double()
        truth, shifted = torch.zeros(chains, points).double(), torch.zeros(chains, points).double()
        for j in range(steps):
            truth = truth + t[j + 1] * log_lik[j] - t[j] * log_lik[j]
        for j in range(steps - 1):
            shifted = shifted + (t[j + 1] - t[j]) * log_lik[j + 1]
        wrong = [
            (shifted,
             "The steps are shifted by one: each weight is taken at the code after its move. Weigh first, then "
             "move."),
            (torch.einsum("j,jcb->cb", t[1:], log_lik),
             "The likelihoods are multiplied by t itself. How much does t grow at each step?"),
            (torch.einsum("j,jcb->cb", t[:-1], log_lik),
             "The likelihoods are multiplied by t before the step. How much does t grow at each step?"),
            (log_lik.mean(0), "All steps count alike here; they should count by how much t grows."),
            (log_lik.sum(0), "The growth of t is missing: this is a plain sum."),
            (-truth, "The sign is wrong."),
            (truth.exp(), "This is the weight itself; its logarithm is wanted."),
            (truth.logsumexp(0) - math.log(chains),
             "One weight for each data point: the chains have not been kept apart."),
            (truth / steps, "The weighted likelihoods are averaged over the steps. They add up."),
            (torch.einsum("j,jcb->cb", t.diff()[1:], log_lik[:-1]),
             "The growth of t is taken one step too late: the first code gets t_1 - t_0."),
            (torch.einsum("j,jcb->cb", t.diff().flip(0), log_lik),
             "The steps are in the wrong order: the first code comes first."),
            (t.diff()[:, None, None] * log_lik, "One increment for each step: add them up."),
        ]
        compare(answer(log_lik, t), truth, wrong)
    return "Small steps in t, each weighed where the chain stands."
