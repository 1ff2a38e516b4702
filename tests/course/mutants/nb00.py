"""Classic mistakes in the exercises of notebook 00, and what the checker must say to each."""

import math

import torch
from torch.distributions import Bernoulli, Binomial

MUTANTS = {
    "00.a": [
        (lambda x, p: Bernoulli(p).log_prob(x).mean(-1), "mean over tosses"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(-1) / math.log(2), "in bits"),
        (lambda x, p: Bernoulli(p).log_prob(x).exp().prod(-1), "the probability, not its logarithm"),
        (lambda x, p: Bernoulli(1 - p).log_prob(x).sum(-1), "exchanged"),
        (lambda x, p: -Bernoulli(p).log_prob(x).sum(-1), "sign is wrong"),
        (lambda x, p: (x * math.log(p)).sum(-1), "Only the ones"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(), "sums over everything"),
        (lambda x, p: Bernoulli(p).log_prob(x), "one number per toss"),
        (lambda x, p: Binomial(x.shape[1], torch.tensor(p)).log_prob(x.sum(-1)), "in any order"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(0), "The shape is [4], expected [5]"),
    ],
}
