"""Checker for the further exercise of notebook 01: the bias of the logarithm of a mean."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .checking import Mistake, checker, compare, same


@checker("01.c")
def expected_log_mean(answer: Callable) -> str:
    """answer(a, c, K): exact E[log mean of K weights], each a or c at even odds -> a number, in nats."""
    cases = ((0.5, 3.0, 1), (3.0, 0.2, 2), (0.4, 5.0, 7), (1.9, 0.1, 10), (1e-6, 2e3, 3), (1.9, 0.1, 100))
    for a, c, k in cases:
        ways = [math.comb(k, j) / 2**k for j in range(k + 1)]
        means = [(j * a + (k - j) * c) / k for j in range(k + 1)]
        truth = math.fsum(p * math.log(m) for p, m in zip(ways, means, strict=True))
        variance = (a - c) ** 2 / 4
        wrong = [
            (math.log((a + c) / 2), "This is log E[w], what the estimate would give for infinitely many weights."),
            ((math.log(a) + math.log(c)) / 2,
             "This is E[log w], right for one weight only. Which means can K weights have?"),
            (math.fsum(math.log(m) for m in means) / (k + 1),
             "Every count j is taken as equally probable. In how many ways can j of K coins show heads?"),
            (math.fsum(math.comb(k, j) * math.log(m) for j, m in enumerate(means)),
             "The probabilities do not add up to 1: there are 2^K outcomes."),
            (truth + math.log(k),
             "This is the expectation for the sum of the weights: divide by K inside the logarithm."),
            (truth + math.log(k / 2), "The sum of the K weights is divided by 2; their mean is the sum over K."),
            (math.fsum(p * m for p, m in zip(ways, means, strict=True)),
             "This is the expected mean itself. The logarithm of each mean is to be averaged."),
            (math.exp(truth), "This is the exponential of the expectation: leave it in nats."),
            (truth / math.log(2), "The logarithm is to base 2; nats are natural."),
            (math.log((a + c) / 2) - variance / (2 * k * ((a + c) / 2) ** 2),
             "This is the Taylor approximation. The exact value is a finite sum."),
            (math.fsum(p * math.log(m) for p, m in zip(ways[1:], means[1:], strict=True)),
             "j runs from 1, so that the case in which all weights are c is missing."),
            (math.fsum(p * math.log(m) for p, m in zip(ways[:-1], means[:-1], strict=True)),
             "j stops at K - 1, so that the case in which all weights are a is missing."),
            (truth - math.log((a + c) / 2),
             "The expectation is right; from it the truth was subtracted: that is the bias."),
            (math.fsum(p * math.log(j * a + (k - j) * c / k) for j, p in enumerate(ways)),
             "Only (K - j) c is divided by K, and not j a: brackets."),
            (math.fsum(math.comb(k, j) // 2**k * math.log(m) for j, m in enumerate(means)),
             "It is always 0. If you wrote `//`: that drops what is behind the decimal point. Divide by `/`."),
            (math.fsum(math.log(m) for m in means) / 2**k,
             "Each j has the probability 2^-K of *one* outcome. In how many ways can j of K coins show heads?"),
        ]
        got, again = (torch.as_tensor(y) if isinstance(y, (int, float)) else y for y in (answer(a, c, k) for _ in "12"))
        if isinstance(got, Tensor) and isinstance(again, Tensor):
            if got.shape == again.shape and not torch.equal(got.nan_to_num(), again.nan_to_num()):
                raise Mistake("It gives another answer each time. The exact expectation needs no sampling.")
            spread = math.fsum(p * (math.log(m) - truth) ** 2 for p, m in zip(ways, means, strict=True)) ** 0.5
            if got.ndim == 0 and not same(got, torch.tensor(truth)) and abs(got.item() - truth) < 0.1 * spread:
                wrong.append((got.item(), "Near, but not exact. If you sample: a finite sum over j needs no samples."))
        compare(got, torch.tensor(truth), [(torch.tensor(value), message) for value, message in wrong])
    return "A finite sum over how many weights are large: the bias without any sampling error."
