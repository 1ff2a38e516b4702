"""Solutions of the exercises in notebook 02; the notebook shows them folded."""

import math

import torch


def ppca_elbo(x, W, b, sigma, mu, cov):
    squared = (x - b - mu @ W.T).square().sum(-1) + torch.trace(W @ cov @ W.T)
    reconstruction = (-0.5 * x.shape[-1] * math.log(2 * math.pi * sigma**2)
                      - squared / (2 * sigma**2))
    kl = 0.5 * (torch.trace(cov) + mu.square().sum(-1) - mu.shape[-1] - torch.logdet(cov))
    return reconstruction - kl


def mean_field(cov):
    precision = torch.linalg.inv(cov)
    variances = 1 / precision.diagonal()
    return variances, 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))


def m_step(x, mu, cov):
    # The sum of E[z z^T]
    second_moment = mu.T @ mu + len(x) * cov
    # second_moment is symmetric
    W = torch.linalg.solve(second_moment, mu.T @ x).T
    squared = (x - mu @ W.T).square().sum() + len(x) * torch.trace(W @ cov @ W.T)
    return W, squared / x.numel()


def information_terms(A, cov, C):
    # The covariance of the means
    spread = A @ C @ A.T
    L = len(cov)
    rate = 0.5 * (torch.trace(cov) + torch.trace(spread) - L - torch.logdet(cov))
    information = 0.5 * (torch.logdet(spread + cov) - torch.logdet(cov))
    aggregate_kl = 0.5 * (torch.trace(spread + cov) - L - torch.logdet(spread + cov))
    return rate, information, aggregate_kl


SOLUTIONS = {"02.a": ppca_elbo, "02.b": mean_field, "02.c": m_step, "02.d": information_terms}
