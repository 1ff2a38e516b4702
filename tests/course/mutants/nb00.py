"""Classic mistakes in the exercises of notebook 00, and what the checker must say to each."""

import math

from torch.distributions import Bernoulli, Binomial

MUTANTS = {
    "00.a": [
        (lambda x, p: Bernoulli(p).log_prob(x).mean(-1), "mean over coins"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(-1) / math.log(2), "in bits"),
        (lambda x, p: Bernoulli(p).log_prob(x).exp().prod(-1), "the probability, not its logarithm"),
        (lambda x, p: Bernoulli(p).log_prob(x).exp().prod(-1).log(), "Take the logarithms first"),
        (lambda x, p: Bernoulli(1 - p).log_prob(x).sum(-1), "exchanged"),
        (lambda x, p: -Bernoulli(p).log_prob(x).sum(-1), "sign is wrong"),
        (lambda x, p: (x * p.log()).sum(-1), "Only the ones"),
        (lambda x, p: ((1 - x) * (1 - p).log()).sum(-1), "Only the zeros"),
        (lambda x, p: (x * p + (1 - x) * (1 - p)).sum(-1), "not their logarithms"),
        (lambda x, p: Bernoulli(p.clamp(0.01, 0.99)).log_prob(x).sum(-1), "one of 0.0001 is a probability too"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(), "sums over everything"),
        (lambda x, p: Bernoulli(p).log_prob(x), "one number per coin"),
        (lambda x, p: Bernoulli(p).log_prob(x).sum(0), "sums over the throws"),
        (lambda x, p: Bernoulli(p.mean()).log_prob(x).sum(-1), "a probability of its own"),
        (lambda x, p: Binomial(x.shape[1], p.mean()).log_prob(x.sum(-1)), "in any order"),
    ],
}
