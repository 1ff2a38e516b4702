"""Solutions of the exercises in notebook 03; the notebook shows them folded."""

import math

import torch


def score_gradient(values, score):
    # For each sample, the mean of all but itself
    others = (values.sum(dim=0) - values) / (len(values) - 1)
    return ((values - others) * score).mean(dim=0)


def sample_gaussian(mu, log_var, k):
    eps = torch.randn(k, *mu.shape, dtype=mu.dtype)
    # log sigma is half of log sigma^2
    return mu + torch.exp(0.5 * log_var) * eps


def sample_kumaraswamy(u, a, b):
    return (1 - (1 - u) ** (1 / b)) ** (1 / a)


def logit_normal_log_prob(z, mu, log_var):
    y = torch.log(z) - torch.log1p(-z)
    log_normal = -0.5 * (math.log(2 * math.pi) + log_var + (y - mu) ** 2 / torch.exp(log_var))
    # log dz/dy
    log_det = torch.log(z) + torch.log1p(-z)
    return (log_normal - log_det).sum(dim=1)


SOLUTIONS = {"03.a": score_gradient, "03.b": sample_gaussian, "03.c": sample_kumaraswamy, "03.d": logit_normal_log_prob}
