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
    tiny = torch.tensor([[1.0], [9.0]]).log()
    drawn = [1.5 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) - 1
             for seed, shape in enumerate(((2, 3), (4, 3), (6, 2), (2, 5)))]  # fmt: skip
    for log_w in (tiny, *drawn):
        w = log_w.double().exp()
        truth = w / w.sum(0)
        compare(answer(log_w), truth, [
            (w / w.sum(1, keepdim=True), "The sum is over data points. Each of them has K weights, `[K, B]`."),
            ((1 / w) / (1 / w).sum(0), "The largest share goes to the worst sample: a softmax of the losses, -log w."),
            (truth.log(), "These are the logarithms of the shares."),
            (log_w / log_w.sum(0), "This treats the log-weights as if they were the weights."),
            (w, "The weights are not normalised: for each data point they should add up to one."),
            (w / len(w), "They are divided by K, not by their sum."),
            (w / w.mean(0), "They are divided by their mean, not by their sum."),
            (w / w.amax(0), "They are divided by the largest, not by their sum."),
            (w / w.norm(dim=0), "They are divided by the root of the sum of their squares, not by their sum."),
            (w / w.sum(), "One sum for everything. Each data point has its own."),
            (w**2 / (w**2).sum(0), "These are the squares, normalised: the exponent is doubled."),
            (truth.amax(0), "This is the largest share of each data point; all K are wanted."),
        ])  # fmt: skip
    for log_w in drawn:  # all weights of a data point tiny together, each data point on a scale of its own
        got = answer(log_w.double() - torch.linspace(800, 10_000, log_w.shape[1]).double())
        if not isinstance(got, Tensor) or not same(got, torch.softmax(log_w.double(), 0)):
            zeros = isinstance(got, Tensor) and (got == 0).all(0).any()
            then = "something small in the denominator hides it: all shares are 0." if zeros else (
                "0 / 0 is not a number. (Each data point may need another scale.)")  # fmt: skip
            raise Mistake("Right for moderate numbers, but for log-weights near -1000 each exponential is 0, and "
                          f"{then} Which function is made for this?")  # fmt: skip
    for log_w in drawn:  # and e^10000 apart within a data point: only the largest has a share
        far = log_w.double() - 10_000 * torch.arange(len(log_w)).flip(0)[:, None].double()
        got = answer(far)
        if not isinstance(got, Tensor) or not same(got, torch.softmax(far, 0)):
            raise Mistake("Right where the weights are alike, but not where they are e^10000 apart. If you subtract "
                          "something before the exponential, subtract the largest of each data point.")  # fmt: skip
    return "The gradient of the bound sees each sample by its share."


@checker("07.b")
def variance_of_ratio(answer: Callable) -> str:
    """answer(m, S, mu, V) -> Var_q[p / q] `[]` for p = N(m, S), q = N(mu, V); m, mu `[L]`, S, V `[L, L]`."""
    one, zero = torch.ones(1, 1).double(), torch.zeros(1).double()
    cases = [(zero, one, zero, 1.5 * one), (zero + 1, one, zero, 1.5 * one), (zero + 2, 3 * one, zero + 1, 4 * one)]
    for seed, size in enumerate((2, 1, 3, 2)):
        rng = torch.Generator().manual_seed(seed)
        draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731, B023
        root, other, m, mu = draw(size, size), draw(size, size), draw(size), draw(size)
        S = root @ root.T / size + 0.3 * torch.eye(size).double()
        cases.append((m, S, m + 0.3 * (mu - m), 1.3 * S + 0.2 * other @ other.T / size))
    twice = [answer(*cases[3]) for _ in range(2)]
    if isinstance(twice[0], Tensor) and twice[0].isfinite().all() and not same(twice[1], twice[0]):
        raise Mistake("Two calls with the same arguments differ: a closed form is wanted, without samples.")
    for m, S, mu, V in cases:
        compare(answer(m, S, mu, V), _second_moment(m, S, mu, V) - 1, _wrong_variances(m, S, mu, V))
    return "The chi-square divergence: the constant of the gap, for any two Gaussians."


def _wrong_variances(m: Tensor, S: Tensor, mu: Tensor, V: Tensor) -> list[tuple[Tensor, str]]:
    """What mistakes in 07.b give."""
    size, square = len(m), _second_moment(m, S, mu, V)
    P, Q, d = torch.linalg.inv(S), torch.linalg.inv(V), m - mu
    A, b = 2 * P - Q, Q @ d
    linear, rest = b @ torch.linalg.solve(A, b), d @ b
    dets = square * torch.exp(-(exponent := 0.5 * (linear + rest)))  # the factor before the exponential
    det_A, det_S, det_V = A.det(), S.det(), V.det()
    p, q = MultivariateNormal(m, S), MultivariateNormal(mu, V)
    kl, two_pi = torch.distributions.kl_divergence, 2 * math.pi
    diagonal_S, diagonal_V = (torch.diag(M.diag()) for M in (S, V))
    by_diagonals = _by_formula(diagonal_S.inverse(), diagonal_V.inverse(), diagonal_S, diagonal_V, d)
    wrong = [
        (square, "This is E[r^2], the second moment. Take off the square of the mean, which is 1."),
        (square.log(), "This is its logarithm."),
        (kl(p, q), "This is KL(p || q), the mean of log r under p."), (kl(q, p), "This is KL(q || p)."),
        ((square - 1) / 2, "This is half the variance, the constant of the gap. The variance itself is wanted."),
        ((square - 1).sqrt(), "This is the standard deviation; the variance is its square."),
        (_by_formula(1 / S, 1 / V, S, V, d), "1 / S takes the reciprocal of every entry: use torch.linalg.inv."),
        (by_diagonals, "Only the diagonals of S and V play a part: what of the entries beside them?"),
        (_by_formula(P, Q, S, V, d, A=P - Q), "A is S^-1 - V^-1 here, but p is squared: S^-1 counts twice."),
        (_by_formula(P, Q, S, V, d, A=2 * S - V), "A is made of the inverses, 2 S^-1 - V^-1."),
        (_by_formula(P, Q, S, V, d, A=2 * P + Q), "The sign of V^-1 is wrong: 1 / q turns its exponent around."),
        (exponent.exp() - 1, "The determinants are missing: Gaussians of different width differ also at one mean."),
        (dets - 1, "The exponential is missing: only the determinants are there."),
        (dets**2 * exponent.exp() - 1, "Square roots are missing: each determinant has twice its exponent."),
        (square * torch.exp(-0.5 * rest) - 1, "The term d^T V^-1 d is missing: it stays when the square is completed."),
        (square * torch.exp(-0.5 * linear) - 1, "The term b^T A^-1 b is missing: completing the square gives it."),
        (square * torch.exp(0.5 * (b @ A @ b - linear)) - 1, "It is b^T A^-1 b, with the inverse of A, not b^T A b."),
        (square * exponent.exp() - 1, "The factor 1/2 in the exponent is missing."),
        (square * torch.exp(0.5 * rest) - 1, "The factor 1/2 before d^T V^-1 d is missing."),
        (square * torch.exp(0.5 * linear) - 1, "The factor 1/2 before b^T A^-1 b is missing."),
        (square * torch.exp(-linear) - 1, "The term b^T A^-1 b has the wrong sign."),
        (square * torch.exp(-rest) - 1, "The term d^T V^-1 d has the wrong sign."),
        (square * det_S**0.5 - 1, "det S stands with a square root too many: p is squared."),
        (square * det_S - 1, "The determinant of S is missing."),
        (square * det_A**0.5 - 1, "The determinant of A is missing."),
        (square * det_A - 1, "The determinant of A has the wrong sign: it is det(A)^(-1/2)."),
        (square / det_V**0.5 - 1, "The determinant of V is missing."),
        (square * det_V**0.5 - 1, "The determinant of V has the exponent 1, not 1/2."),
        (square / det_V - 1, "The determinant of V has the wrong sign: 1 / q has it on top."),
    ]  # fmt: skip
    for power, name in ((1, "(2 pi)^(L/2)"), (-1, "(2 pi)^(-L/2)"), (2, "(2 pi)^L"), (-2, "(2 pi)^-L")):
        text = f"A factor {name} is left over: p^2 has (2 pi)^-L, 1 / q and the integral (2 pi)^(L/2) each."
        wrong.append((square * two_pi ** (power * size / 2) - 1, text))
    return [*wrong, (_by_formula(Q, P, V, S, d), "p and q are exchanged: the codes are drawn from q.")]


def _by_formula(P: Tensor, Q: Tensor, S: Tensor, V: Tensor, d: Tensor, A: Tensor | None = None) -> Tensor:
    """07.b with something else in place of the inverses P and Q, of S and V or of A; perhaps not a number."""
    A, b = 2 * P - Q if A is None else A, Q @ d
    log_det = 0.5 * torch.logdet(V) - torch.logdet(S) - 0.5 * torch.logdet(A)
    return torch.exp(log_det + 0.5 * (b @ torch.linalg.pinv(A) @ b + d @ b)) - 1


def _second_moment(m: Tensor, S: Tensor, mu: Tensor, V: Tensor) -> Tensor:
    """E_q[(p / q)^2], found another way: p^2 / q is a factor times a Gaussian, so divide at any z."""
    p, q = MultivariateNormal(m, S), MultivariateNormal(mu, V)
    A = 2 * p.precision_matrix - q.precision_matrix
    mean = torch.linalg.solve(A, 2 * p.precision_matrix @ m - q.precision_matrix @ mu)
    product = MultivariateNormal(mean, precision_matrix=(A + A.T) / 2)
    z = m + 0.1
    return torch.exp(2 * p.log_prob(z) - q.log_prob(z) - product.log_prob(z))


class _Bound:
    """A log-weight with known gradients, for 07.c: `phi` moves z `[K, B, L]`, `theta` is the decoder's."""

    def __init__(self, seed: int, k: int, points: int, latent: int):
        rng = torch.Generator().manual_seed(seed)
        self.eps = torch.randn(k, points, latent, generator=rng).double()
        self.phi = torch.randn(points, latent, generator=rng).double().requires_grad_()
        self.theta = torch.randn(latent, generator=rng).double().requires_grad_()
        log_w = self.log_weight(z := self.phi + self.eps)
        self.log_w, self.share = log_w.detach(), torch.softmax(log_w.detach(), 0)
        (self.path,) = torch.autograd.grad(log_w.sum(), z)  # [K, B, L], and dz/dphi = 1

    def log_weight(self, z: Tensor) -> Tensor:
        return (torch.sin(self.theta * z) - 0.3 * z**2 - 2).sum(-1)

    def decoders(self, power: int) -> Tensor:
        """The decoder's gradient, with a power of the weights."""
        return gradients(self.share**power * self.log_weight(self.eps + self.phi.detach()), self.theta)[0]

    def weighted(self, factor: Tensor) -> Tensor:
        """The encoder's gradient, if the paths have these weights `[K, B]`."""
        return (factor[..., None] * self.path).sum(0)


@checker("07.c")
def dreg(answer: Callable) -> str:
    """answer(log_weight, z) -> bound `[B]`, doubly reparameterised; z `[K, B, L]`, log_weight(z) -> log w `[K, B]`."""
    cases = [_Bound(seed, *shape) for seed, shape in enumerate(((2, 1, 1), (4, 3, 2), (2, 5, 3), (6, 2, 1)))]
    results = [answer(case.log_weight, case.phi + case.eps) for case in cases]
    for case, got in zip(cases, results, strict=True):
        k, points = case.log_w.shape
        bound = case.log_w.logsumexp(0) - math.log(k)
        compare(got, bound, [
            ((case.share * case.log_w).sum(0),
             "The value is the surrogate, the weighted sum of log w. It flatters: return the value of the bound."),
            ((case.share**2 * case.log_w).sum(0), "The value is a surrogate with squared weights: return the bound's."),
            (bound + math.log(k), "log K is missing: the bound is the logarithm of a mean, not of a sum."),
            (bound + math.log(k / points), "The logarithm of B is taken off; it is the K samples that are averaged."),
            (case.log_w.mean(0), "The value is the mean of log w: the logarithm belongs outside of the mean."),
            (-bound, "The sign is wrong: return the bound, not the loss."),
            (bound.mean(), "One number for all data points: return one for each, `[B]`."),
            (case.log_w, "These are the log-weights of all samples: average the weights under the logarithm."),
        ])  # fmt: skip
    found = [gradients(got, case.phi, case.theta) for case, got in zip(cases, results, strict=True)]
    for encoder, decoder in found:
        if encoder is None or decoder is None:
            missing = "encoder" if encoder is None else "decoder"
            raise Mistake(f"The value is right, but no gradient reaches the {missing}. Was too much detached?")
    for case, (encoder, _) in zip(cases, found, strict=True):
        once, w, ones = case.share, case.log_w.exp(), torch.ones_like(case.path)
        wrong = [
            (case.weighted(once),
             "For the encoder the weights come in once, not squared: that is STL. (With a hook: does it return the new "
             "gradient?)"),
            (case.weighted(once**3),
             "The weights come in with the third power: the bound gives one of them, so multiply by one more."),
            (case.weighted(once**0), "The encoder's gradient has no weights at all."),
            ((once[..., None] ** 2 * ones).sum(0), "The hook returns the squared weights; it should multiply."),
            ((once[..., None] * ones).sum(0), "The hook returns the weights; it should multiply by them."),
            (case.weighted(once * torch.softmax(case.log_w, 1)), "The hook's shares add up over data points to one."),
            (case.weighted(once * w), "The hook multiplies by w itself, not by its share."),
            (case.weighted(once * case.log_w), "The hook multiplies by log w, not by the share."),
            (case.weighted(once**2) / len(w), "The encoder's gradient is divided by K."),
        ]  # fmt: skip
        wrong = [(value, f"The value is right. {text}") for value, text in wrong]
        compare(encoder, case.weighted(once**2), wrong, name="the encoder's gradient")
    for case, (_, decoder) in zip(cases, found, strict=True):
        compare(decoder, case.decoders(1), [
            (case.decoders(2), "The encoder's gradient is right, but the decoder's has squared weights too. Only what "
                               "passes through z gets the second factor."),
        ], name="the decoder's gradient")  # fmt: skip
    for case in cases:
        far = answer(lambda z, case=case: case.log_weight(z) - 2000, case.phi + case.eps)
        if not torch.isfinite(torch.cat([gradients(far, case.phi)[0].flatten(), far.flatten()])).all():
            raise Mistake("Right for moderate numbers, but for log-weights near -2000 the value or the gradient is not "
                          "finite. Which functions add up and normalise exponentials safely?")  # fmt: skip
    return "Squared weights for the encoder, plain ones for the decoder, and an honest value."


@checker("07.d")
def annealed_log_w(answer: Callable) -> str:
    """answer(log_lik, t): `[T, C, B]`, `[T + 1]` -> log-weights of annealed importance sampling `[C, B]`."""
    grown_by = lambda growth, log_lik: torch.einsum("j,jcb->cb", growth, log_lik)  # noqa: E731
    cases = [(torch.tensor([[[-10.0]], [[-4.0]]]).double(), torch.tensor([0, 0.25, 1]).double())]
    for seed, (steps, chains, points) in enumerate(((5, 4, 3), (2, 3, 4), (3, 1, 2), (7, 2, 5))):
        rng = torch.Generator().manual_seed(seed)
        log_lik = torch.randn(steps, chains, points, generator=rng).double() - 2
        cases.append((log_lik, torch.cat([torch.zeros(1), torch.rand(steps - 1, generator=rng), torch.ones(1)])))
    for log_lik, t in ((log_lik, t.sort().values.double()) for log_lik, t in cases):
        steps, chains, _ = log_lik.shape
        truth = sum(t[j + 1] * log_lik[j] - t[j] * log_lik[j] for j in range(steps))
        grown = t.diff()[:, None, None] * log_lik
        compare(answer(log_lik, t), truth, [
            (grown_by(t.diff()[:-1], log_lik[1:]),
             "The steps are shifted by one: each weight is taken at the code after its move. Weigh first, then move."),
            (grown_by(t[1:], log_lik), "The likelihoods are multiplied by t itself. How much does t grow at a step?"),
            (grown_by(t[:-1], log_lik), "The likelihoods are multiplied by t before the step. How much does t grow?"),
            (log_lik.mean(0), "All steps count alike here; they should count by how much t grows."),
            (log_lik.sum(0), "The growth of t is missing: this is a plain sum."),
            (log_lik[-1], "This is the likelihood of the last code alone; every step adds its part."),
            (-truth, "The sign is wrong."), (truth.exp(), "This is the weight itself; its logarithm is wanted."),
            (truth.logsumexp(0) - math.log(chains), "One weight for each data point: the chains are to be kept apart."),
            (truth.mean(0), "The log-weights are averaged over the chains; they are kept apart here."),
            (truth / steps, "The weighted likelihoods are averaged over the steps. They add up."),
            (grown.logsumexp(0), "Weights are added up. A weight is a *product* over steps: its logarithm is a sum."),
            (grown_by(t.diff(), log_lik.exp()), "The likelihoods are added up; their logarithms are wanted."),
            (grown_by(t.diff()[1:], log_lik[:-1]), "The growth of t is taken one step too late: begin with t_1 - t_0."),
            (grown_by(t.diff().flip(0), log_lik), "The steps are in the wrong order: the first code comes first."),
            (torch.trapezoid(log_lik, t[:-1], dim=0),
             "This is the trapezoid rule. A step is weighed at one code, the one before the move."),
            (grown, "One increment for each step: add them up."),
            (grown.cumsum(0), "These are the log-weights after every step; those after the last are wanted."),
        ])  # fmt: skip
    return "Small steps in t, each weighed where the chain stands."
