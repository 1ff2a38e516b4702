"""Solutions of the exercises in notebook 01; the notebook shows them folded."""

import math

import torch


def log_p_estimate(log_lik):
    return torch.logsumexp(log_lik, dim=0) - math.log(len(log_lik))


def effective_sample_size(log_w):
    return torch.exp(2 * torch.logsumexp(log_w, dim=0) - torch.logsumexp(2 * log_w, dim=0))


def expected_log_mean(a, c, K):
    terms = [math.comb(K, j) / 2**K * math.log((j * a + (K - j) * c) / K) for j in range(K + 1)]
    return math.fsum(terms)


def ppca_posterior(x, W, b, sigma):
    precision = torch.eye(W.shape[1], dtype=W.dtype) + W.T @ W / sigma**2
    covariance = torch.linalg.inv(precision)
    return (x - b) @ W @ covariance / sigma**2, covariance


SOLUTIONS = {"01.a": log_p_estimate, "01.b": effective_sample_size, "01.c": expected_log_mean, "01.d": ppca_posterior}
