"""Checkers for the further exercise of notebook 06: the batch estimator of the aggregate posterior."""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal

from .checking import Mistake, checker, compare


@checker("06.d")
def log_aggregate_density(answer: Callable) -> str:
    """answer(log_q, n): log q(z_i|x_j) `[B, B]`, N -> log of an unbiased estimate of q(z_i): `[B]`."""
    for seed, (size, n) in enumerate(((3, 5), (2, 4), (4, 5), (4, 4))):
        rng = torch.Generator().manual_seed(seed)
        q = Normal(2 * torch.randn(n, generator=rng).double(), 0.4 + torch.rand(n, generator=rng).double())
        z = q.loc + 0.3
        log_q = q.log_prob(z[:, None])  # [N, N]: sample i under image j
        first = log_q[:size, :size]
        got = answer(first, n)
        if isinstance(got, Tensor) and got.shape == (size,) and _unbiased(answer, log_q, size, n):
            continue  # other weights than ours may be right on average, too
        own, others = first.diagonal().exp(), first.exp().sum(1) - first.diagonal().exp()
        log_others = (first.sum(1) - first.diagonal()) / (size - 1)
        truth = torch.log(own / n + others * (n - 1) / (n * (size - 1)))
        weights = torch.full((size, size), (n - 1) / (n * (size - 1))).double().fill_diagonal_(1 / n)
        copied = torch.full((size, size), 1 / (size - 1)).double()
        copied.view(-1)[::size] = 1 / n
        copied.view(-1)[1::size] = copied[size - 2, 0] = (n - size + 1) / (n * (size - 1))
        compare(answer(first, n), truth, [
            (first.logsumexp(1) - math.log(n * size),
             "All images of the batch weigh 1 / (N B). Your own is there for certain: it weighs 1 / N."),
            (first.logsumexp(1) - math.log(size),
             "This is the mean over the batch, as if the batch were the data set: your own image weighs 1 / B, and "
             "stands for only one of N."),
            (first.logsumexp(1) - math.log(n),
             "This is the sum over the batch divided by N, as if there were no images outside of it."),
            (first.logsumexp(1), "This is the sum over the batch: no image is weighed at all."),
            (torch.log(own / n + (first.exp().sum(0) - own) * (n - 1) / (n * (size - 1))),
             "The average is taken over samples, not over images: row i belongs to sample i."),
            (torch.log(own / n + others / (size - 1)),
             "The others weigh 1 / (B - 1), as if they were all. They stand for N - 1 of N."),
            (torch.log(own / n + others * (n - 1) / (n * size)),
             "The others weigh (N - 1) / (N B) each. How many of the B in the batch are others?"),
            (torch.log(own / n + others * (n - 1) / n),
             "The others are summed. (N - 1) / N goes with their average, over the B - 1 that you have."),
            (torch.log(own / n + first.exp().sum(1) * (n - 1) / (n * size)),
             "Your own image counts twice: it is among the others too."),
            (torch.log(others / (size - 1)), "Your own image is left out: it is one of the N."),
            (torch.log(own / n), "This is your own image only. Where are the other N - 1?"),
            (torch.log(own / n + others * (n - size + 1) / (n * (size - 1))),
             "The others weigh (N - B + 1) / (N (B - 1)), each: in the published weights only one does, and the "
             "rest 1 / (B - 1)."),
            (torch.log(own * (n - 1) / n + others / (n * (size - 1))),
             "Your own image stands for all the others, and the others for one image."),
            ((copied.log() + first).logsumexp(1),
             "This is the published fill: 1 / N stands in the first column, not on the diagonal."),
            (truth + math.log(n), "This is N times the density: both terms have a 1 / N."),
            (torch.log(own + others * (n - 1) / (n * (size - 1))),
             "Your own image weighs 1. It is one of the N: 1 / N."),
            (torch.log(own / n + others * (n - 1) / (size - 1)),
             "The others lack their 1 / N: N - 1 of N is the share that they stand for."),
            ((weights + first).logsumexp(1),
             "The weights are added to logarithms. In logarithms a weight is a summand log w: weights.log() + log_q."),
            ((weights * first).logsumexp(1),
             "The weights multiply logarithms. In logarithms a weight is a summand log w: weights.log() + log_q."),
            (-truth, "The sign is wrong: log q(z) is wanted, not -log q(z)."),
            (truth.exp(), "This is the density, not its logarithm."),
            (first.diagonal() / n + log_others * (n - 1) / n,
             "The logarithms are averaged. A mixture averages densities."),
            (first.mean(1), "The logarithms are averaged. A mixture averages densities."),
            (torch.logaddexp(first.diagonal() - math.log(n), log_others + math.log((n - 1) / n)),
             "The logarithms of the others are averaged. A mixture averages densities."),
        ])
    # Rows far from each other, and numbers far from each other in a row: no exponential stands that.
    for far in (
        torch.tensor([[-300.0, -310.0, -305.0], [-5020.0, -5000.0, -5009.0], [-9350.0, -19360.0, -9340.0]]),
        torch.tensor([[800.0, 790.0, 700.0], [20.0, 900.0, 895.0], [0.0, 3.0, 1.0]]),
    ):
        largest = far.amax(1)
        with_own = answer(far - largest[:, None], 10)  # what is right, whatever the weights
        got = answer(far, 10)
        bad = ~torch.isfinite(got)
        if bad.any() and torch.isfinite(got[largest.argmax()]):
            raise Mistake(
                "Right where all rows are of one size, but infinite in rows far below the largest of all. Each row "
                "needs its own largest value."
            )
        if bad.any():
            raise Mistake(
                "Right where the densities can be represented, but infinite where they are too small or too large "
                "for that, as with many codes. Which function adds in logarithms?"
            )
        compare(answer(far, 10), with_own + largest, [
            (got, "Right where the numbers are of ordinary size; far from 0 something is lost or added. Is there a "
             "small constant, a clamp or a rounding in it?"),
        ])
    return "Right on average, for any batch size; only its logarithm is still too low."


def _unbiased(answer: Callable, log_q: Tensor, size: int, n: int) -> bool:
    """Whether exp(answer) averages to q(z_i) over all batches in all orders, for every i."""
    truth = log_q.exp().mean(1)
    totals, counts = torch.zeros(n).double(), torch.zeros(n)
    for batch in itertools.permutations(range(n), size):
        rows = torch.tensor(batch)
        totals[rows] += answer(log_q[rows][:, rows], n).exp().double()
        counts[rows] += 1
    return torch.allclose(totals / counts, truth, rtol=1e-4)
