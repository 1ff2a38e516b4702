"""Checkers for notebook 06."""

import math
import re
from collections.abc import Callable

import torch
from torch import Tensor

from .checking import Mistake, checker, compare, gradients


@checker("06.a")
def prices(answer: Callable) -> str:
    """answer(rate, distortion): `[M]` each -> -(D' - D) / (R' - R) between neighbours, `[M - 1]`."""
    for seed, models in enumerate((4, 2, 3, 7)):
        rng = torch.Generator().manual_seed(seed)
        rate = (20 * torch.rand(models, generator=rng)).sort(descending=True).values + 1
        distortion = 60 * torch.rand(models, generator=rng).sort().values + 5
        if models > 2:  # the last model is better in both than the one before: a negative price
            distortion[-1] = distortion[-2] - 2
        # Truth, one by one.
        r, d = rate.tolist(), distortion.tolist()
        truth = torch.tensor([-(d[i + 1] - d[i]) / (r[i + 1] - r[i]) for i in range(models - 1)])
        d_rate, d_distortion = torch.diff(rate), torch.diff(distortion)
        got = answer(rate, distortion)
        one_per_model = isinstance(got, Tensor) and got.shape == rate.shape
        compare(got, truth, [
            (-truth, "This is the slope; the price is minus the slope."),
            (truth.abs(),
             "A price can be negative, where the next model is better in both. That is news: do not hide it."),
            (truth.clamp(min=0),
             "A negative price is set to 0. It says that the next model is better in both: do not hide it."),
            (1 / truth, "Upside down: this is rate per nat of distortion."),
            (-1 / truth, "Upside down, and with the sign of the slope."),
            ((distortion / rate)[1:], "These are ratios of the points themselves. A price is paid for a change."),
            ((distortion / rate)[:-1], "These are ratios of the points themselves. A price is paid for a change."),
            (distortion / rate,
             "One ratio per model, `[M]`. A price is paid for a change, from each model to the next."),
            (d_distortion, "These are differences of distortion only. Per nat of rate?"),
            (-d_distortion, "These are differences of distortion only. Per nat of rate?"),
            (-d_rate, "These are differences of rate only. How much distortion was paid for them?"),
            (torch.diff(distortion + rate),
             "These are differences of D + R, the loss at a price of 1. How much distortion for a nat of rate?"),
            (-d_distortion / rate[1:],
             "It is divided by the rate itself; the price is per nat by which the rate changed."),
            (-d_distortion / rate[:-1],
             "It is divided by the rate itself; the price is per nat by which the rate changed."),
            (-torch.diff(distortion.log()) / torch.diff(rate.log()),
             "These are relative changes, of the logarithms. A price is in nats per nat."),
            (-torch.gradient(distortion, spacing=(rate,))[0],
             "These are the slopes at the models, `[M]`. Between M models there are M - 1 prices."),
            (-((distortion - distortion[0]) / (rate - rate[0]))[1:],
             "Every price is taken from the first model. It is wanted from each model to the next."),
            (-(distortion[-1] - distortion[0]) / (rate[-1] - rate[0]),
             "This is one price for the whole way, not one per step."),
            (truth.mean(), "The right prices, averaged. One is wanted for each step."),
            (distortion + rate,
             "This is D + R of each model, the loss at a price of 1, `[M]`. A price is paid for a change: there are "
             "M - 1."),
            *[(got, "You return M numbers: M models have M - 1 steps, each with one price.")] * one_per_model,
        ])
    return "For optimal models, each lies between the two betas."


@checker("06.b")
def information_gap(answer: Callable) -> str:
    """answer(information, entropy): `[L, F]`, `[F]` -> (largest - second) / entropy, over codes: `[F]`."""
    over_factors = (
        "The gap is taken over factors, in each code. Take the two best codes of each factor: codes are rows, `[L, F]`."
    )
    both = (
        "topk and sort return two tensors, the values and where they stood. Here the places were subtracted from "
        "the values: only the values are wanted."
    )
    for seed, (codes, factors) in enumerate(((4, 4), (5, 3), (3, 4), (2, 2), (2, 1))):
        rng = torch.Generator().manual_seed(seed)
        entropy = 1 + 2 * torch.rand(factors, generator=rng)
        information = entropy * torch.rand(codes, factors, generator=rng)
        ranked = [sorted(column, reverse=True) for column in information.T.tolist()]
        best, second = (torch.tensor([column[i] for column in ranked]) for i in (0, 1))
        lowest, next_lowest = (torch.tensor([column[-1 - i] for column in ranked]) for i in (0, 1))
        truth = (best - second) / entropy
        top, order = information.topk(2, dim=0), information.sort(dim=0, descending=True)
        mistakes = [
            (best - second, "The entropies are not used: the gap is a share of what could be known."),
            ((best - second) / best,
             "It is divided by the largest information: then chance alone scores, for a factor that no code tells."),
            (best / entropy, "There is no gap: this is the best code alone."),
            (second / entropy, "There is no gap: this is the second best code alone."),
            ((best - information.amin(0)) / entropy,
             "It is the largest minus the smallest. Which code comes second?"),
            ((next_lowest - lowest) / entropy, "These are the two smallest of each factor, not the two largest."),
            ((lowest - next_lowest) / entropy, "These are the two smallest of each factor, not the two largest."),
            (-truth, "The sign is wrong: the best is at least the second best."),
            *[(sign * (information[0] - information[1]) / divisor,
               "These are rows 0 and 1, not the two best of each factor: which codes know most may differ from factor "
               "to factor.")
              for sign in (1, -1) for divisor in (entropy, 1)],
            ((information[0] - information[1]).abs() / entropy,
             "These are rows 0 and 1, not the two best of each factor: which codes know most may differ from factor "
             "to factor."),
            (truth.mean(), "One number for all. Return one gap per factor; the score is their mean."),
            ((best - second) * entropy, "It is multiplied by the entropy."),
            ((best - second) / information.sum(0), "It is divided by the sum over codes, not by the entropy."),
            ((best - second) / entropy.sum(), "It is divided by the sum of the entropies: each factor has its own."),
            ((best - second) / entropy.mean(), "It is divided by the mean of the entropies: each factor has its own."),
            ((best - second) / entropy.amax(), "It is divided by the largest entropy: each factor has its own."),
            (-truth[None],
             "torch.diff subtracts the best from the second best, and leaves a dimension of 1: the gap is at least 0, "
             "`[F]`."),
            ((best - information.mean(0)) / entropy,
             "It is the best minus the mean of the codes. Which code comes second?"),
            ((top.values - top.indices) / entropy, both),
            ((order.values - order.indices) / entropy, both),
            (top.values / entropy, "These are the two best themselves, `[2, F]`. What is the gap between them?"),
        ]
        if factors > 1:
            by_code = information.topk(2, dim=1).values
            wrong_way = by_code[:, 0] - by_code[:, 1]
            mistakes.append((wrong_way, over_factors))
            if codes == factors:
                along_codes = (information / entropy[:, None]).topk(2, dim=0).values
                mistakes += [
                    (wrong_way / entropy, over_factors),
                    (along_codes[0] - along_codes[1],
                     "The entropies are divided along the codes. They belong to the factors, the columns."),
                ]
        try:
            got = answer(information, entropy)
        except ValueError as error:
            if "unpack" not in str(error):
                raise
            raise Mistake(
                f"It stopped: {error}. topk and sort go over the last dimension, the factors, unless `dim` says "
                "otherwise."
            ) from None
        compare(got, truth, mistakes)
    tied = torch.tensor([[2.0, 0.5, 0.0], [2.0, 0.1, 0.0], [0.5, 0.3, 0.0]])
    compare(answer(tied, torch.ones(3)), torch.tensor([0.0, 0.2, 0.0]), [
        (torch.tensor([1.5, 0.2, below]),
         "Two codes that know equally much leave no gap; here the second is taken to be the largest value below "
         "the best.")
        for below in (0.0, 1.0, math.inf)
    ])
    return "1 if one code knows the factor and no other knows anything of it; 0 if two know equally much."


@checker("06.c")
def free_bits_cost(answer: Callable) -> str:
    """answer(kl, threshold): KL of images and dimensions `[B, L]` -> sum_l max(threshold, mean_B): `[]`."""
    cases = []
    shapes = (((6, 4), 0.5), ((3, 5), 1.0), ((5, 2), 0.8), ((2, 2), 0.5), ((1, 3), 0.7))
    for seed, (shape, threshold) in enumerate(shapes):
        rng = torch.Generator().manual_seed(seed)
        scale = torch.linspace(0.2, 4, shape[1]) * threshold
        cases.append((torch.rand(shape, generator=rng) * scale, threshold))
    # In all, this costs 0.6 on average: less than the threshold of 1, but not for every image.
    little = torch.tensor([[0.1, 0.2, 0.0], [0.5, 0.4, 0.3], [0.1, 0.1, 0.1], [0.2, 0.1, 0.3]])
    cases += [(little, 1.0), (torch.tensor([[0.0, 3000.0], [0.0, 1000.0]]), 0.1), (cases[0][0], 0.0)]
    for kl, threshold in cases:
        columns = kl.T.tolist()
        truth = torch.tensor(sum(max(threshold, sum(column) / len(column)) for column in columns))
        mean, size = kl.mean(0), kl.shape[1]
        try:
            got = answer(kl, threshold)
        except TypeError as error:
            if not re.search(r"max.*(not float|\(Tensor, float\))", str(error), re.DOTALL):
                raise
            raise Mistake(
                f"It stopped: {str(error).splitlines()[0]}. torch.max and torch.maximum compare two tensors; for a "
                "tensor and a number there is clamp."
            ) from None
        compare(got, truth, [
            (kl.clamp(min=threshold).sum(1).mean(),
             "The threshold is applied to each image, and then averaged. Average over the batch first, so that "
             "a dimension may spend more on one image than on another."),
            (mean.sum().clamp(min=threshold),
             "The threshold is applied to the sum over dimensions: one expensive dimension lets all others collapse."),
            (mean.sum().clamp(min=size * threshold),
             "L times the threshold is applied to the sum over dimensions: one expensive dimension lets all others "
             "collapse."),
            (kl.sum(1).clamp(min=threshold).mean(), "It is applied to the sum over dimensions, image by image."),
            (mean.clamp(max=threshold).sum(), "This is the minimum: the cost may not fall below the threshold."),
            ((mean - threshold).clamp(min=0).sum(),
             "The threshold is subtracted: lower by it in every dimension, with the same gradient. Here the cost "
             "itself is wanted, max(threshold, KL)."),
            ((kl - threshold).clamp(min=0).sum(1).mean(),
             "The threshold is subtracted, image by image. Average over the batch first; and the cost itself is "
             "wanted, max(threshold, KL)."),
            ((mean + threshold).sum(), "The threshold is added. A dimension costs the larger of the two."),
            (mean.sum(), "There is no threshold in it: this is the rate."),
            (mean.where(mean >= threshold, torch.zeros_like(mean)).sum(),
             "Below the threshold the cost is the threshold, not 0."),
            (mean.clamp(min=threshold).mean(), "A mean over dimensions: costs add up."),
            (kl.mean().clamp(min=threshold),
             "The mean is taken over everything: a threshold for each dimension, and then a sum."),
            (mean.clamp(min=threshold), "Each dimension's cost is wanted added up: one number."),
            (kl.clamp(min=threshold).sum(), "A sum over the batch: the mean over images is wanted."),
            (kl.sum(0).clamp(min=threshold).sum(), "A sum over the batch: the mean over images is wanted."),
            (kl.mean(1).clamp(min=threshold).sum(),
             "The mean is taken over dimensions, and the threshold applied to images."),
        ])
    for kl, threshold in cases[:3]:
        kl = kl.clone().requires_grad_()
        got = answer(kl, threshold)
        gradient = gradients(got, kl)[0] if isinstance(got, Tensor) else None
        expected = ((kl.mean(0) > threshold) / len(kl)).expand_as(kl)
        if gradient is None or not torch.allclose(gradient, expected, atol=1e-5):
            raise Mistake(
                "The value is right, but not its gradient: dimensions above the threshold must be charged, "
                "those below must not. Was something detached?"
            )
    return "Up to the threshold a dimension is paid for in any case, so there is no gain in giving it up."
