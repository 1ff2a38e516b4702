"""Classic mistakes in the exercises of notebook 02, and what the checker must say to each."""

import math

import torch

from .shared import changed


def ppca_elbo(x, W, b, sigma, mu, cov, trace=1.0, det=1.0, power=2):
    """The right answer to 02.a, with switches for what may go wrong."""
    spread = trace * torch.trace(W @ cov @ W.T)
    error = (x - b - mu @ W.T).square().sum(-1) + spread
    log_lik = -0.5 * x.shape[1] * math.log(2 * math.pi * sigma**2) - error / (2 * sigma**power)
    return log_lik - gaussian_kl(mu, cov, det)


def apart(combine):
    """A mutant of 02.a from its parts: squares, spread, half the constant, KL, and the inputs."""

    def mutant(x, W, b, sigma, mu, cov):
        squares, spread = (x - b - mu @ W.T).square().sum(-1), torch.trace(W @ cov @ W.T)
        half = 0.5 * x.shape[1] * math.log(2 * math.pi * sigma**2)
        return combine(squares, spread, half, gaussian_kl(mu, cov), sigma, mu, cov, W)

    return mutant


def sampled(x, W, b, sigma, mu, cov):
    z = torch.distributions.MultivariateNormal(mu, cov).sample((1000,))
    log_lik = torch.distributions.Normal(z @ W.T + b, sigma).log_prob(x).sum(-1).mean(0)
    return log_lik - gaussian_kl(mu, cov)


def detached(x, W, b, sigma, mu, cov):
    return ppca_elbo(x, W, b, sigma, mu, cov, det=0.0) + 0.5 * math.log(torch.linalg.det(cov).item())


def gaussian_kl(mu, cov, det=1.0):
    return 0.5 * (cov.trace() + mu.square().sum(-1) - len(cov) - det * torch.logdet(cov))


def m_step(x, mu, cov, n=None):
    """The right answer to 02.c; with n = 1, Sigma counted once."""
    n = len(x) if n is None else n
    W = torch.linalg.solve(mu.T @ mu + n * cov, mu.T @ x).T
    return W, ((x - mu @ W.T).square().sum() + len(x) * torch.trace(W @ cov @ W.T)) / x.numel()


def diagonal_price(cov):
    precision = torch.linalg.inv(cov)
    return 1 / precision.diagonal(), 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))


def reversed_price(cov):
    """KL(p || q) for the diagonal q that is best by KL(q || p)."""
    variances = diagonal_price(cov)[0]
    return 0.5 * ((cov.diagonal() / variances).sum() - len(cov) + variances.log().sum() - torch.logdet(cov))


def regressed(x, mu, second_moment):
    return torch.linalg.solve(second_moment, mu.T @ x).T


def variance_of(combine):
    """A mutant of 02.c with the right W: sigma^2 from the squares at the means, the spread, N, D, and Sigma."""

    def mutant(x, mu, cov):
        W = m_step(x, mu, cov)[0]
        return W, combine((x - mu @ W.T).square().sum(), torch.trace(W @ cov @ W.T), *x.shape, cov)

    return mutant


def information(A, cov, C):
    """The right answer to 02.d."""
    spread = A @ C @ A.T
    rate = 0.5 * ((cov + spread).trace() - len(cov) - torch.logdet(cov))
    info = 0.5 * (torch.logdet(spread + cov) - torch.logdet(cov))
    return rate, info, rate - info


def rated(error, which=0):
    """A mutant of 02.d: one entry is off by error(A, cov, C)."""

    def mutant(A, cov, C):
        entries = list(information(A, cov, C))
        entries[which] = entries[which] + error(A, cov, C)
        return tuple(entries)

    return mutant


MUTANTS = {
    "02.a": [
        (lambda *args: ppca_elbo(*args, trace=0.0), "spread of q is forgotten"),
        (lambda *args: ppca_elbo(*args) + gaussian_kl(*args[-2:]), "The KL is missing"),
        (lambda *args: ppca_elbo(*args) + 2 * gaussian_kl(*args[-2:]), "The KL is added"),
        (lambda *args: -ppca_elbo(*args), "This is the loss"),
        (lambda *args: ppca_elbo(*args, det=-1.0), "log det has the wrong sign"),
        (lambda *args: ppca_elbo(*args, power=1), "by sigma, not by sigma squared"),
        (lambda x, W, b, s, mu, cov: ppca_elbo(x, W, b, s**0.5, mu, cov), "read as the variance"),
        (lambda *args: ppca_elbo(*args) - gaussian_kl(*args[-2:]), "The KL lacks its factor"),
        (lambda *args: ppca_elbo(*args) - args[-1].shape[0] / 2, "L is missing"),
        (lambda x, W, b, s, mu, cov: ppca_elbo(x, W, 0 * b, s, mu, cov), "b is forgotten"),
        (lambda *args: ppca_elbo(*args).mean(), "one number for the batch"),
        (lambda *args: ppca_elbo(*args).sum(), "A sum over data points"),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov) + 0.5 * x.shape[1] * math.log(2 * math.pi * s**2)
            ),
            "The constant is missing",
        ),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov) + 0.5 * (x.shape[1] - 1) * math.log(2 * math.pi * s**2)
            ),
            "D is missing",
        ),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov) + 0.5 * x.shape[1] * math.log(2 * math.pi)
            ),
            "2 pi is missing",
        ),
        (
            lambda x, W, b, s, mu, cov: (
                ppca_elbo(x, W, b, s, mu, cov)
                + gaussian_kl(mu, cov)
                - 0.5
                * (
                    torch.linalg.inv(cov).trace()
                    + (mu @ torch.linalg.inv(cov) * mu).sum(-1)
                    - len(cov)
                    + torch.logdet(cov)
                )
            ),
            "the wrong way round",
        ),
        (sampled, "something is sampled"),
        (detached, "no true gradient reaches cov"),
        (lambda *args: ppca_elbo(*args[:4], args[4].detach(), args[5]), "no true gradient reaches mu"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c - (e + S.trace()) / (2 * s**2) - k), "taken for that of W z"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c - e / (2 * s**2) - t - k), "not divided by 2 sigma^2"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c - e / (2 * s**2) - t / 2 - k), "not divided by sigma^2"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c - (e - t) / (2 * s**2) - k), "trace has the wrong sign"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c - e / (2 * s**2) - t / s**2 - k), "trace lacks the factor 1/2"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c - (e + t / len(W)) / (2 * s**2) - k), "trace is averaged"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c - (e + t) / s**2 - k), "squares lack the factor"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c + (e + t) / (2 * s**2) - k), "squares have the wrong sign"),
        (apart(lambda e, t, c, k, s, mu, S, W: -c * len(S) / len(W) - (e + t) / (2 * s**2) - k), "L in place of D"),
        (apart(lambda e, t, c, k, s, mu, S, W: -2 * c - (e + t) / (2 * s**2) - k), "constant is -D log"),
        (apart(lambda e, t, c, k, s, mu, S, W: c - (e + t) / (2 * s**2) - k), "constant has the wrong sign"),
        (
            apart(lambda e, t, c, k, s, mu, S, W: -0.5 * len(W) * math.log(2 * math.pi) - (e + t) / (2 * s**2) - k),
            "sigma is missing from the constant",
        ),
        (
            apart(lambda e, t, c, k, s, mu, S, W: -0.5 * len(W) * math.log(2 * math.pi * s) - (e + t) / (2 * s**2) - k),
            "log sigma where log sigma^2",
        ),
        (lambda *args: ppca_elbo(*args, det=0.0), "log det of the covariance is missing"),
        (
            lambda *args: ppca_elbo(*args, det=0.0) + 0.5 * torch.linalg.det(args[5]),
            "the determinant, not its logarithm",
        ),
        (lambda *args: ppca_elbo(*args) + 0.5 * args[5].trace(), "the trace of the covariance is missing"),
        (lambda *args: ppca_elbo(*args) + 0.5 * args[4].square().sum(-1), "the mean of q is missing"),
        (
            lambda *args: ppca_elbo(*args) + 0.5 * (args[4].square().sum(-1) - args[4].norm(dim=-1)),
            "the length of mu",
        ),
        (
            lambda *args: ppca_elbo(*args) + 0.5 * (args[4].square().sum(-1) - args[4].square().sum()),
            "squares of mu are summed over the batch",
        ),
        (lambda *args: ppca_elbo(*args) + 0.5 * (len(args[5]) - len(args[1])), "D where L belongs"),
        (
            apart(lambda e, t, c, k, s, mu, S, W: -c - (e.sum() + t) / (2 * s**2) - k),
            "squared error is summed over the batch",
        ),
    ],
    "02.b": [
        (lambda cov: diagonal_price(cov)[::-1], "Return the variances first"),
        (
            lambda cov: (diagonal_price(cov)[0], 0.5 * (cov.diagonal().log().sum() - torch.logdet(cov))),
            "least price by the forward KL",
        ),
        (changed(diagonal_price, 0, lambda v: 1 / v), "diagonal of the precision"),
        (changed(diagonal_price, 0, torch.sqrt), "standard deviations"),
        (changed(diagonal_price, 0, torch.diag), "This is a matrix"),
        (lambda cov: (cov.diagonal(), diagonal_price(cov)[1]), "with the others unknown"),
        (lambda cov: (torch.linalg.eigvalsh(cov), diagonal_price(cov)[1]), "eigenvalues"),
        (lambda cov: (1 / cov.diagonal(), diagonal_price(cov)[1]), "Invert the matrix first"),
        (changed(diagonal_price, 1, lambda kl: -kl), "it is never negative"),
        (changed(diagonal_price, 1, lambda kl: 2 * kl), "the factor 1/2"),
        (
            lambda cov: (
                diagonal_price(cov)[0],
                0.5 * (torch.linalg.inv(cov).diagonal().log().sum() + torch.logdet(torch.linalg.inv(cov))),
            ),
            "opposite signs",
        ),
        (
            lambda cov: (
                diagonal_price(cov)[0],
                0.5 * (-torch.linalg.inv(cov).diagonal().log().sum() - torch.logdet(torch.linalg.inv(cov))),
            ),
            "the variances have the wrong sign",
        ),
        (
            lambda cov: (
                diagonal_price(cov)[0],
                0.5 * ((cov.diagonal() * torch.linalg.inv(cov).diagonal()).sum() - len(cov))
                - 0.5 * (cov.diagonal().log().sum() - torch.logdet(cov)),
            ),
            "KL of the marginal variances",
        ),
        (changed(diagonal_price, 1, lambda kl: kl.exp() ** 2 / 2), "logarithm of the ratio"),
        (lambda cov: (diagonal_price(cov)[0], diagonal_price(cov)[1] + len(cov) / 2), " L/2 is left over"),
        (lambda cov: (diagonal_price(cov)[0], diagonal_price(cov)[1] - len(cov) / 2), "-L/2 is left over"),
        (lambda cov: (diagonal_price(cov)[0], reversed_price(cov)), "the KL the other way round"),
        (lambda cov: (diagonal_price(cov)[0], -0.5 * diagonal_price(cov)[0].log().sum()), "log det is missing"),
        (lambda cov: (diagonal_price(cov)[0], 0.5 * torch.logdet(cov)), "the variances are missing"),
        (changed(diagonal_price, 0, torch.log), "logarithms of the variances"),
    ],
    "02.c": [
        (lambda *args: m_step(*args)[::-1], "Return W first"),
        (lambda x, mu, cov: m_step(x, mu, 0 * cov), "The covariance is forgotten"),
        (lambda x, mu, cov: m_step(x, mu, cov, n=1), "added once"),
        (changed(m_step, 0, lambda W: W.T), "W transposed"),
        (lambda x, mu, cov: (x.T @ mu @ (mu.T @ mu + len(x) * cov), 0), "multiplied, not inverted"),
        (lambda x, mu, cov: (x.T @ mu, 0), "second bracket is missing"),
        (
            lambda x, mu, cov: (m_step(x, mu, cov)[0], (x - mu @ m_step(x, mu, cov)[0].T).square().mean()),
            "spread of the codes is forgotten",
        ),
        (changed(m_step, 1, torch.sqrt), "This is sigma"),
        (lambda x, mu, cov: (m_step(x, mu, cov)[0], m_step(x, mu, cov)[1] * x.shape[1]), "divided by N only"),
        (lambda x, mu, cov: (m_step(x, mu, cov)[0], m_step(x, mu, cov)[1] * x.numel()), "sum of the squares"),
        (
            lambda x, mu, cov: (m_step(x, mu, cov)[0], m_step(x, mu, cov)[1] * len(x) / (len(x) - 1)),
            "divided by N - 1",
        ),
        (lambda x, mu, cov: (regressed(x, mu, mu.T @ mu / len(x) + len(x) * cov), 0), "One part of the second bracket"),
        (lambda x, mu, cov: (m_step(x, mu, cov)[0] / len(x), 0), "first bracket is a mean"),
        (lambda x, mu, cov: (m_step(x, mu, cov)[0] * len(x), 0), "first bracket is a sum"),
        (lambda x, mu, cov: (regressed(x, mu, len(x) * cov), 0), "means are missing"),
        (lambda x, mu, cov: m_step(x, mu - mu.mean(0), cov), "means mu are centred"),
        (lambda x, mu, cov: (regressed(x, mu, mu.T @ mu - len(x) * cov), 0), "covariance is subtracted"),
        (variance_of(lambda e, t, N, D, S: (e + N * S.trace()) / (N * D)), "taken for that of W z"),
        (variance_of(lambda e, t, N, D, S: (e + N * S.trace()) / N), "and the spread is that of z"),
        (variance_of(lambda e, t, N, D, S: e / (N * D) + t), "are mixed"),
        (variance_of(lambda e, t, N, D, S: e / N + t / D), "squares are divided by N only"),
        (variance_of(lambda e, t, N, D, S: (e - N * t) / (N * D)), "trace is subtracted"),
        (variance_of(lambda e, t, N, D, S: e / N), "and D in the division"),
        (variance_of(lambda e, t, N, D, S: (e + t) / (N * D)), "The trace is added once"),
        (variance_of(lambda e, t, N, D, S: (e + N * t) / D), "divided by D only"),
        (variance_of(lambda e, t, N, D, S: (e + N * t) / (N * len(S))), "divided by N L"),
        (changed(m_step, 1, lambda value: value.item()), "sigma^2 is a Python number"),
    ],
    "02.d": [
        (changed(information, 1, lambda value: -value), "knowing z can only"),
        (changed(information, 1, lambda value: 2 * value), "lacks the factor 1/2"),
        (lambda A, cov, C: (0, 0.5 * torch.logdet(A @ C @ A.T + cov), 0), "entropy of the aggregate"),
        (lambda *args: [information(*args)[i] for i in (0, 2, 1)], "Second comes the information"),
        (lambda *args: [information(*args)[i] for i in (1, 0, 2)], "First comes the rate"),
        (changed(information, 2, lambda value: 2 * value), "aggregate lacks the factor"),
        (
            lambda A, cov, C: (
                *information(A, cov, C)[:2],
                0.5 * ((A @ C @ A.T).trace() - len(cov) - torch.logdet(A @ C @ A.T)),
            ),
            "aggregate posterior lacks the noise",
        ),
        (
            lambda A, cov, C: (0, 0.5 * (torch.logdet(A @ C @ A.T) - torch.logdet(cov)), 0),
            "In the information, the aggregate lacks",
        ),
        (changed(information, 2, lambda value: value + 99), "is right, for"),
        (changed(information, 1, lambda value: value / math.log(2)), "in bits"),
        (lambda A, cov, C: (0, 0.5 * torch.logdet(A @ C @ A.T), 0), "In the information Sigma is missing twice"),
        (rated(lambda A, S, C: torch.logdet(S) / 2), "In the rate, log det of cov is missing"),
        (rated(lambda A, S, C: (C.trace() - (A @ C @ A.T).trace()) / 2), "the trace of C"),
        (rated(lambda A, S, C: (torch.logdet(S) - S.trace()) / 2), "In the rate Sigma is missing twice"),
        (rated(lambda A, S, C: (len(S) - len(C)) / 2), "In the rate stands D where L belongs"),
        (
            rated(lambda A, S, C: torch.logdet(A @ C @ A.T + S) / 2, which=2),
            "In the KL of the aggregate, log det is missing",
        ),
        (rated(lambda A, S, C: -S.trace() / 2, which=2), "the trace lacks Sigma"),
        (rated(lambda A, S, C: (len(S) - len(C)) / 2, which=2), "In the KL of the aggregate stands D"),
        (lambda *args: tuple(value.item() for value in information(*args)), "the rate is a Python number"),
        (changed(information, 1, lambda value: value.item()), "the information is a Python number"),
        (lambda *args: tuple(value.detach() for value in information(*args)), "no true gradient of the rate"),
        (changed(information, 2, torch.detach), "no true gradient of the KL of the aggregate"),
        (
            rated(lambda A, S, C: torch.logdet(S) / 2 - math.log(torch.linalg.det(S).item()) / 2),
            "no true gradient of the rate",
        ),
        (lambda A, cov, C: (*information(A, cov, C)[:2], information(A, cov, 0 * C)[0]), "at x = 0"),
        (
            lambda A, cov, C: (*information(A, cov, C)[:2], information(A, cov, C)[2] + len(cov) / 2),
            "L is missing",
        ),
        (lambda A, cov, C: (information(A, cov, 0 * C)[0], *information(A, cov, C)[1:]), "forgets the means"),
        (
            lambda A, cov, C: (information(A, cov, torch.eye(len(C)).to(C))[0], *information(A, cov, C)[1:]),
            "covariance of the data is forgotten",
        ),
        (
            lambda A, cov, C: (
                information(A, cov, C)[1] - information(A, cov, C)[2],
                *information(A, cov, C)[1:],
            ),
            "the two add up",
        ),
        (changed(information, 0, lambda value: 2 * value), "rate lacks the factor"),
        (lambda A, cov, C: (information(A, cov, C)[2], *information(A, cov, C)[1:]), "KL of the aggregate. The rate"),
        (
            lambda A, cov, C: (information(A, cov, C)[0] + torch.logdet(cov), *information(A, cov, C)[1:]),
            "In the rate, log det",
        ),
        (
            lambda A, cov, C: (information(A, cov, C)[0] - cov.trace() / 2, *information(A, cov, C)[1:]),
            "the trace of cov is missing",
        ),
        (lambda A, cov, C: (0, -0.5 * torch.logdet(cov), 0), "the aggregate's is missing"),
        (lambda A, cov, C: (0, 0.5 * torch.logdet(torch.eye(len(A)).to(C) + A @ C @ A.T), 0), "noise is taken for I"),
        (
            lambda A, cov, C: (0, 0.5 * (torch.logdet(A @ A.T + cov) - torch.logdet(cov)), 0),
            "In the information, the covariance",
        ),
        (
            lambda A, cov, C: (
                *information(A, cov, C)[:2],
                information(A, cov, C)[2] + torch.logdet(A @ C @ A.T + cov),
            ),
            "In the KL of the aggregate, log det",
        ),
        (
            lambda A, cov, C: (*information(A, cov, C)[:2], information(A, cov, torch.eye(len(C)).to(C))[2]),
            "In the aggregate, the covariance of the data",
        ),
    ],
}
