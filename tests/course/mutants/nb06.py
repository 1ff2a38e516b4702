"""Classic mistakes in the exercises of notebook 06, and what the checker must say to each."""

import math

import torch


def gap(information, entropy, dim=0):
    """The right answer to 06.b, or over the wrong dimension."""
    best, second = information.topk(2, dim=dim).values.unbind(dim)
    return (best - second) / entropy


def places_for_values(information, entropy):
    best, second = information.topk(2, dim=0)  # values and indices
    return (best - second) / entropy


def places_for_values_by_sort(information, entropy):
    ordered, places = information.sort(dim=0, descending=True)
    return (ordered - places) / entropy


def two_smallest(information, entropy):
    ordered = information.sort(dim=0).values
    return (ordered[0] - ordered[1]) / entropy


def topk_without_dim(information, entropy):
    best, second = information.topk(2).values
    return (best - second) / entropy


def along_the_codes(information, entropy):
    return gap(information / entropy[:, None], 1.0)


def aggregate(log_q, n, own=None, others=None, dim=1):
    """The right answer to 06.d, with switches for what may go wrong."""
    m = len(log_q)
    weights = torch.full((m, m), (n - 1) / (n * (m - 1)) if others is None else others(m, n))
    weights.fill_diagonal_(1 / n if own is None else own(m, n))
    return torch.logsumexp(weights.log() + log_q, dim=dim)


def weights(log_q, n):
    m = len(log_q)
    return torch.full((m, m), (n - 1) / (n * (m - 1))).fill_diagonal_(1 / n)


def copied_aggregate(log_q, n):
    m = len(log_q)
    weights = torch.full((m, m), 1 / (m - 1))
    weights.view(-1)[::m] = 1 / n
    weights.view(-1)[1::m] = (n - m + 1) / (n * (m - 1))
    weights[m - 2, 0] = (n - m + 1) / (n * (m - 1))
    return torch.logsumexp(weights.log() + log_q, dim=1)


def one_maximum(log_q, n):
    """Right, but the largest number of all is taken out, not the largest of each row."""
    largest = log_q.max()
    return aggregate(log_q - largest, n).exp().log() + largest


def small_constant(log_q, n):
    largest = log_q.amax(1, keepdim=True).clamp(min=-1000)
    return (aggregate(log_q - largest, n).exp() + 1e-30).log() + largest[:, 0]


def logs_of_others(log_q, n):
    m, own = len(log_q), log_q.diagonal()
    others = (log_q.sum(1) - own) / (m - 1)
    return torch.logaddexp(own - math.log(n), others + math.log((n - 1) / n))


MUTANTS = {
    "06.a": [
        (lambda r, d: d.diff() / r.diff(), "This is the slope"),
        (lambda r, d: -r.diff() / d.diff(), "Upside down: this is rate"),
        (lambda r, d: r.diff() / d.diff(), "with the sign of the slope"),
        (lambda r, d: (d / r)[1:], "ratios of the points themselves"),
        (lambda r, d: (d / r)[:-1], "ratios of the points themselves"),
        (lambda r, d: d / r, "One ratio per model"),
        (lambda r, d: d.diff(), "differences of distortion only"),
        (lambda r, d: -d.diff(), "differences of distortion only"),
        (lambda r, d: -r.diff(), "differences of rate only"),
        (lambda r, d: (d + r).diff(), "differences of D + R"),
        (lambda r, d: -d.diff() / r[1:], "divided by the rate itself"),
        (lambda r, d: -d.diff() / r[:-1], "divided by the rate itself"),
        (lambda r, d: -d.log().diff() / r.log().diff(), "relative changes"),
        (lambda r, d: -torch.gradient(d, spacing=(r,))[0], "slopes at the models"),
        (lambda r, d: -((d - d[0]) / (r - r[0]))[1:], "taken from the first model"),
        (lambda r, d: -(d[-1] - d[0]) / (r[-1] - r[0]), "one price for the whole way"),
        (lambda r, d: -d.diff() / r.diff() + 1, "is right, for"),
        (lambda r, d: (d.diff() / r.diff()).abs(), "A price can be negative"),
        (lambda r, d: (-d.diff() / r.diff()).clamp(min=0), "A negative price is set to 0"),
        (lambda r, d: (-d.diff() / r.diff()).mean(), "The right prices, averaged"),
        (lambda r, d: d + r, "This is D + R of each model"),
        (lambda r, d: torch.cat([torch.zeros(1), -d.diff() / r.diff()]), "You return M numbers"),
        (lambda r, d: torch.cat([-d.diff() / r.diff(), torch.zeros(1)]), "You return M numbers"),
    ],
    "06.b": [
        (
            lambda i, h: (i.amax(0) - i.masked_fill(i == i.amax(0), -1).amax(0).clamp(min=0)) / h,
            "leave no gap",
        ),
        (
            lambda i, h: (i.amax(0) - i.masked_fill(i == i.amax(0), -1).amax(0)) / h,
            "leave no gap",
        ),
        (lambda i, h: gap(i, h, dim=1), "taken over factors"),
        (lambda i, h: gap(i, 1.0), "The entropies are not used"),
        (lambda i, h: gap(i, i.amax(0)), "divided by the largest information"),
        (lambda i, h: i.amax(0) / h, "the best code alone"),
        (lambda i, h: i.topk(2, dim=0).values[1] / h, "the second best code alone"),
        (lambda i, h: i.topk(2, dim=0).values / h, "the two best themselves"),
        (lambda i, h: (i.amax(0) - i.amin(0)) / h, "largest minus the smallest"),
        (two_smallest, "the two smallest of each factor"),
        (lambda i, h: -gap(i, h), "sign is wrong"),
        (lambda i, h: gap(i, h).mean(), "One number for all"),
        (lambda i, h: gap(i, 1 / h), "multiplied by the entropy"),
        (lambda i, h: gap(i, h.sum()), "divided by the sum of the entropies"),
        (lambda i, h: gap(i, h.mean()), "divided by the mean of the entropies"),
        (lambda i, h: gap(i, i.sum(0)), "divided by the sum over codes"),
        (lambda i, h: (i.amax(0) - i.mean(0)) / h, "minus the mean of the codes"),
        (lambda i, h: gap(i, 1.0, dim=1), "taken over factors"),
        (places_for_values, "the values and where they stood"),
        (places_for_values_by_sort, "the values and where they stood"),
        (along_the_codes, "divided along the codes"),
        (topk_without_dim, "go over the last dimension"),
        (lambda i, h: i.topk(2, dim=0).values.diff(dim=0) / h, "torch.diff subtracts"),
        (lambda i, h: gap(i, h.max()), "divided by the largest entropy"),
        (lambda i, h: (i[0] - i[1]) / h, "These are rows 0 and 1"),
        (lambda i, h: i[0] - i[1], "These are rows 0 and 1"),
        (lambda i, h: (i[0] - i[1]).abs() / h, "These are rows 0 and 1"),
        (lambda i, h: gap(i, h) ** 2, "is right, for"),
    ],
    "06.c": [
        (lambda kl, t: kl.clamp(min=t).sum(1).mean(), "applied to each image, and then averaged"),
        (lambda kl, t: kl.clamp(min=t).mean(0).sum(), "applied to each image, and then averaged"),
        (lambda kl, t: kl.mean(0).sum().clamp(min=t), "applied to the sum over dimensions: one"),
        (lambda kl, t: kl.mean(0).sum().clamp(min=t * kl.shape[1]), "L times the threshold"),
        (lambda kl, t: kl.sum(1).clamp(min=t).mean(), "sum over dimensions, image by image"),
        (lambda kl, t: kl.mean(0).clamp(max=t).sum(), "This is the minimum"),
        (lambda kl, t: (kl.mean(0) - t).clamp(min=0).sum(), "The threshold is subtracted: lower"),
        (lambda kl, t: (kl - t).clamp(min=0).sum(1).mean(), "subtracted, image by image"),
        (lambda kl, t: (kl.mean(0) + t).sum(), "The threshold is added"),
        (lambda kl, t: kl.mean(0).sum(), "There is no threshold"),
        (lambda kl, t: kl.mean(0).where(kl.mean(0) >= t, 0.0 * kl[0]).sum(), "not 0."),
        (lambda kl, t: kl.mean(0).clamp(min=t).mean(), "A mean over dimensions"),
        (lambda kl, t: kl.mean().clamp(min=t), "taken over everything"),
        (lambda kl, t: kl.mean(0).clamp(min=t), "wanted added up"),
        (lambda kl, t: kl.clamp(min=t).sum(), "A sum over the batch"),
        (lambda kl, t: kl.sum(0).clamp(min=t).sum(), "A sum over the batch"),
        (lambda kl, t: kl.mean(1).clamp(min=t).sum(), "The mean is taken over dimensions"),
        (lambda kl, t: kl.detach().mean(0).clamp(min=t).sum(), "but not its gradient"),
        (lambda kl, t: torch.max(kl.mean(0), t).sum(), "compare two tensors"),
        (lambda kl, t: torch.maximum(kl.mean(0), t).sum(), "compare two tensors"),
        (lambda kl, t: kl.mean(0).clamp(min=t).sum().item(), "but not its gradient"),
        (lambda kl, t: kl.mean(0).clamp(min=t).sum() + 1, "is right, for"),
    ],
    "06.d": [
        (lambda q, n: q.logsumexp(1) - math.log(n * len(q)), "All images of the batch weigh"),
        (lambda q, n: q.logsumexp(1) - math.log(len(q)), "as if the batch were the data set"),
        (lambda q, n: q.logsumexp(1) - math.log(n), "no images outside of it"),
        (lambda q, n: q.logsumexp(1), "no image is weighed"),
        (lambda q, n: aggregate(q, n, dim=0), "taken over samples, not over images"),
        (lambda q, n: aggregate(q, n, others=lambda m, n: 1 / (m - 1)), "as if they were all"),
        (lambda q, n: aggregate(q, n, others=lambda m, n: (n - 1) / (n * m)), "How many of the B"),
        (lambda q, n: aggregate(q, n, others=lambda m, n: (n - 1) / n), "The others are summed"),
        (
            lambda q, n: aggregate(
                q, n, lambda m, n: 1 / n + (n - 1) / (n * m), lambda m, n: (n - 1) / (n * m)
            ),
            "counts twice",
        ),
        (lambda q, n: aggregate(q, n, lambda m, n: 0.0, lambda m, n: 1 / (m - 1)), "is left out"),
        (
            lambda q, n: aggregate(q, n, lambda m, n: (n - 1) / n, lambda m, n: 1 / (n * (m - 1))),
            "stands for all the others",
        ),
        (copied_aggregate, "published fill"),
        (lambda q, n: q.diagonal() - math.log(n), "your own image only"),
        (
            lambda q, n: aggregate(q, n, others=lambda m, n: (n - m + 1) / (n * (m - 1))),
            "in the published weights only one",
        ),
        (lambda q, n: aggregate(q, n) + math.log(n), "N times the density"),
        (lambda q, n: aggregate(q, n, own=lambda m, n: 1.0), "Your own image weighs 1."),
        (lambda q, n: aggregate(q, n, others=lambda m, n: (n - 1) / (m - 1)), "lack their 1 / N"),
        (lambda q, n: -aggregate(q, n), "The sign is wrong"),
        (lambda q, n: (weights(q, n) + q).logsumexp(1), "are added to logarithms"),
        (lambda q, n: (weights(q, n) * q).logsumexp(1), "multiply logarithms"),
        (lambda q, n: aggregate(q, n).exp(), "the density, not its logarithm"),
        (
            lambda q, n: q.diagonal() / n + (q.sum(1) - q.diagonal()) * (n - 1) / (n * (len(q) - 1)),
            "The logarithms are averaged",
        ),
        (lambda q, n: q.mean(1), "The logarithms are averaged"),
        (logs_of_others, "The logarithms of the others are averaged"),
        (lambda q, n: aggregate(q, n).exp().log(), "too small or too large"),
        (one_maximum, "needs its own largest value"),
        (small_constant, "far from 0 something is lost or added"),
        (lambda q, n: aggregate(q, n) + 1, "is right, for"),
    ],
}
