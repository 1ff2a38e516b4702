"""Checkers for notebook 00."""

import math
from collections.abc import Callable

import torch
from torch.distributions import Bernoulli, Binomial

from .checking import checker, compare


@checker("00.a")
def coin_log_prob(answer: Callable) -> str:
    """answer(x, p): tosses x `[B, D]` of 0 and 1, probability p of a 1 -> log p(x) `[B]` in nats."""
    for seed, (rows, tosses), p in ((0, (3, 7), 0.3), (1, (5, 4), 0.85)):
        x = torch.bernoulli(torch.full((rows, tosses), 0.5), generator=torch.Generator().manual_seed(seed))
        per_toss = Bernoulli(p).log_prob(x)
        truth = per_toss.sum(-1)
        compare(answer(x, p), truth, [
            (per_toss.mean(-1),
             "This is the mean over tosses. A joint probability is a product: what becomes of it under a "
             "logarithm?"),
            (truth / math.log(2), "This is in bits. The course counts in nats: which logarithm is that?"),
            (truth.exp(), "This is the probability, not its logarithm."),
            (Bernoulli(1 - p).log_prob(x).sum(-1), "Heads and tails are exchanged: p is the probability of a 1."),
            (-truth, "The sign is wrong. Can the logarithm of a probability be positive?"),
            ((x * math.log(p)).sum(-1), "Only the ones are counted. What do the zeros contribute?"),
            (truth.sum(), "This sums over everything. Which dimension holds the tosses of one row?"),
            (per_toss, "This is one number per toss. Which dimension must go?"),
            (Binomial(tosses, torch.tensor(p)).log_prob(x.sum(-1)),
             "This is the number of ones, in any order. Here the order is given."),
        ])
    return "A log-probability of many tosses is a sum, one number per row, in nats."
