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


def information(A, cov, C):
    """The right answer to 02.d."""
    spread = A @ C @ A.T
    rate = 0.5 * ((cov + spread).trace() - len(cov) - torch.logdet(cov))
    info = 0.5 * (torch.logdet(spread + cov) - torch.logdet(cov))
    return rate, info, rate - info


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
    ],
}
