"""Solutions of the exercises in notebook 07; the notebook shows them folded."""

import math

import torch


def normalised_weights(log_w):
    # Over samples; one set of weights for each data point
    return torch.softmax(log_w, dim=0)


def variance_of_ratio(m, S, mu, V):
    P, Q, d = torch.linalg.inv(S), torch.linalg.inv(V), m - mu
    # A must be positive definite, or the integral is infinite
    A = 2 * P - Q
    b = Q @ d
    log_det = 0.5 * torch.logdet(V) - torch.logdet(S) - 0.5 * torch.logdet(A)
    return torch.exp(log_det + 0.5 * (b @ torch.linalg.solve(A, b) + d @ b)) - 1


def dreg(log_weight, z):
    log_w = log_weight(z)
    share = torch.softmax(log_w.detach(), dim=0)
    # Once more, for the encoder
    z.register_hook(lambda gradient: share[..., None] * gradient)
    return torch.logsumexp(log_w, dim=0) - math.log(len(log_w))


def annealed_log_w(log_lik, t):
    # The prior cancels in log f_j - log f_{j-1}
    return torch.einsum("j,jcb->cb", t.diff(), log_lik)


SOLUTIONS = {"07.a": normalised_weights, "07.b": variance_of_ratio, "07.c": dreg, "07.d": annealed_log_w}
