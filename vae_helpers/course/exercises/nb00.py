"""Checkers for notebook 00."""

import math
from collections.abc import Callable

import torch
from torch.distributions import Bernoulli, Binomial

from .checking import checker, compare


@checker("00.a")
def coin_log_prob(answer: Callable) -> str:
    """answer(x, heads): throws x `[B, D]` of 0 and 1, probabilities of a 1 `[D]` -> log p(x) `[B]` in nats."""
    # The last has as many coins as an image has pixels, some of them nearly certain.
    for seed, (throws, coins), extreme in ((0, (1, 2), 0.3), (1, (3, 4), 0.2), (2, (2, 784), 1e-4)):
        rng = torch.Generator().manual_seed(seed)
        x = torch.bernoulli(torch.full((throws, coins), 0.5), generator=rng)
        heads = torch.rand(coins, generator=rng).clamp(0.1, 0.9)
        heads[0], heads[-1] = extreme, 1 - extreme
        per_coin = Bernoulli(heads).log_prob(x)
        truth = per_coin.sum(-1)
        clamped = Bernoulli(heads.clamp(0.01, 0.99)).log_prob(x).sum(-1)
        compare(answer(x, heads), truth, [
            (per_coin.mean(-1),
             "This is the mean over coins. A joint probability is a product: what becomes of it under a logarithm?"),
            (truth / math.log(2), "This is in bits. The course counts in nats: which logarithm is that?"),
            (truth.exp(), "This is the probability, not its logarithm."),
            (per_coin.exp().prod(-1).log(),
             "Right for a few coins, but the product of 784 probabilities is smaller than any float, and its "
             "logarithm minus infinity. Take the logarithms first, then add."),
            (Bernoulli(1 - heads).log_prob(x).sum(-1),
             "Heads and tails are exchanged: `heads` holds the probabilities of a 1."),
            (-truth, "The sign is wrong. Can the logarithm of a probability be positive?"),
            ((x * heads.log()).sum(-1), "Only the ones are counted. What do the zeros contribute?"),
            (((1 - x) * (1 - heads).log()).sum(-1), "Only the zeros are counted. What do the ones contribute?"),
            ((x * heads + (1 - x) * (1 - heads)).sum(-1), "The probabilities are added up, not their logarithms."),
            (clamped, "Right for moderate probabilities; one of 0.0001 is a probability too, and was changed."),
            (truth.sum(), "This sums over everything. Which dimension holds the coins of one throw?"),
            (per_coin, "This is one number per coin. Which dimension must go?"),
            (per_coin.sum(0), "This sums over the throws. Which dimension holds the coins of one throw?"),
            (Bernoulli(heads.mean()).log_prob(x).sum(-1), "Each coin has a probability of its own."),
            (Binomial(coins, heads.mean()).log_prob(x.sum(-1)),
             "This is the number of ones, in any order. Here it is said which coin showed what."),
        ])
    return "A log-probability of many throws is a sum, one number per row, in nats."
