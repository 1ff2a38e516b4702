"""Checkers for notebook 08."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Categorical

from .checking import Mistake, checker, compare, same


@checker("08.a")
def slerp(answer: Callable) -> str:
    """answer(a, b, t): codes `[B, L]` and a number in [0, 1] -> the point on the arc from a to b, `[B, L]`."""
    cases = [(torch.tensor([[3.0, 0.0]]), torch.tensor([[3.0, 4.0]]), 0.25)]
    for seed, (b, dim, t) in enumerate(((3, 2, 0.5), (5, 4, 0.3), (1, 20, 0.8), (2, 3, 0.0), (2, 3, 1.0))):
        rng = torch.Generator().manual_seed(seed)
        cases.append((2 * torch.randn(b, dim, generator=rng), 1.5 * torch.randn(b, dim, generator=rng), t))
    for a, b, t in cases:
        x, y = a.double(), b.double()
        unit_a, unit_b = (v / v.square().sum(1, keepdim=True).sqrt() for v in (x, y))
        dot = (unit_a * unit_b).sum(1, keepdim=True)
        w = torch.acos(dot)
        arc = lambda p, q, t, w: ((1 - t) * w).sin() / w.sin() * p + (t * w).sin() / w.sin() * q  # noqa: E731
        truth, line = arc(x, y, t, w), (1 - t) * x + t * y
        raw = torch.acos((x * y).sum(1, keepdim=True))
        length_a, length_b = x.norm(dim=1, keepdim=True), y.norm(dim=1, keepdim=True)
        compare(answer(a, b, t), truth.float(), [
            (arc(y, x, t, w).float(), "The ends have changed places: at t = 0 it must be a, and at t = 1 b."),
            (line.float(), "This is the straight line. Half way it loses half of |z|^2; the arc does not."),
            (line / line.norm(dim=1, keepdim=True),
             "This is the straight line, scaled to length 1. Codes have a length of their own, near sqrt(L)."),
            (line / line.norm(dim=1, keepdim=True) * length_a,
             "This is the straight line, scaled to the length of a: uneven steps in angle, and b may not be reached."),
            (line / line.norm(dim=1, keepdim=True) * ((1 - t) * length_a + t * length_b),
             "This is the straight line with its length mended: the steps are uneven in angle. Use the two sines."),
            (arc(x, y, t, raw).float(),
             "The angle comes from a product of codes that are not divided by their lengths: that is no cosine."),
            (arc(unit_a, unit_b, t, w).float(),
             "The ends are scaled to length 1, too. The lengths are divided out for the angle only."),
            (arc(x, y, t, dot).float(), "The cosine is used as if it were the angle: take acos of it."),
            ((((1 - t) * w).sin() * x + (t * w).sin() * y).float(), "It is not divided by the sine of the angle."),
            ((((1 - t) * w).cos() * x + (t * w).cos() * y).float(), "These are cosines; the formula has sines."),
            ((((1 - t) * w).sin() / w.sin() * x + (t * w).sin() / w.sin() * x).float(), "b plays no part."),
            (((1 - t) * w.sin() / w.sin() * x + t * w.sin() / w.sin() * y).float(),
             "t multiplies the sine; it belongs inside, with the angle."),
            (arc(x, y, t, w.mean()).float(), "All pairs share one angle. Each row is a pair of its own."),
        ])
    a = torch.tensor([[1.0, 2.0, -1.0], [0.3, -0.7, 0.2], [0.1, 0.2, 0.7]])
    got = answer(a, a, 0.3)
    if not isinstance(got, Tensor) or not torch.isfinite(got).all():
        raise Mistake("Right for different codes, but not a number if both are the same: there the angle is 0, or acos "
                      "is asked for a little more than 1. What is the arc then?")  # fmt: skip
    compare(got, a)
    compare(answer(a, 2 * a, 0.5), 1.5 * a, [
        (a, "For codes in one direction the way from a to b is the straight line.")])  # fmt: skip
    return "Half way between two codes of equal length and at a right angle |z|^2 is kept, where the line halves it."


@checker("08.b")
def directions(answer: Callable) -> str:
    """answer(codes, factors): `[N, L]` and `[N, F]` -> least-squares change of the code per unit of each, `[F, L]`."""
    cases = [(torch.tensor([[1.0], [2.0], [4.0], [7.0]]), torch.tensor([[0.0], [1.0], [1.0], [2.0]]))]
    for seed, (n, dim, f) in enumerate(((12, 3, 2), (30, 5, 3), (40, 4, 1), (25, 1, 2))):
        rng = torch.Generator().manual_seed(seed)
        factors = torch.randn(n, f, generator=rng)
        if f > 1:  # confounded
            factors[:, 1] = factors[:, 1] * 0.6 + 0.8 * factors[:, 0]
        factors = factors + torch.arange(f) + 0.5
        codes = factors @ torch.randn(f, dim, generator=rng) + 0.3 * torch.randn(n, dim, generator=rng) + 1
        cases.append((codes, factors))
    for codes, factors in cases:
        z, f = codes.double(), factors.double()
        zc, fc = z - z.mean(0), f - f.mean(0)
        truth = torch.linalg.solve(fc.T @ fc, fc.T @ zc)
        alone = torch.stack([(fc[:, [k]] * zc).sum(0) / fc[:, k].square().sum() for k in range(f.shape[1])])
        split = [f[:, k] > f[:, k].mean() for k in range(f.shape[1])]
        means = torch.stack([z[s].mean(0) - z[~s].mean(0) for s in split])
        back = torch.linalg.lstsq(zc, fc).solution.T
        whole = torch.linalg.lstsq(torch.cat([torch.ones(len(f), 1).double(), f], 1), z).solution
        compare(answer(codes, factors), truth.float(), [
            (torch.linalg.lstsq(f, z).solution.float(),
             "There is no constant: the mean of the codes is blamed on the factors. Centre both, or add a column of "
             "ones."),
            (torch.linalg.lstsq(f, zc).solution.float(),
             "The codes are centred and the factors are not. Centre both, or add a column of ones."),
            (torch.linalg.lstsq(fc, zc).solution.float() if f.shape[1] == 1 else alone.float(),
             "One factor at a time: a factor that goes along with it is counted as its effect. Take all into one "
             "regression."),
            (means.float(),
             "These are differences of means, above and below average. They carry what goes along with the factor."),
            (back.float(),
             "This regresses the factors on the codes. Wanted is how the *code* changes with a factor."),
            (torch.linalg.pinv(torch.linalg.lstsq(zc, fc).solution).float(),
             "This regresses the factors on the codes and inverts the result. Regress the codes on the factors."),
            (whole.float(), "The row of the constant is still there: `[F + 1, L]`. It is no factor."),
            (whole[:-1].float(), "The last factor's row was cut off, not that of the constant."),
            ((fc.T @ zc / len(f)).float(),
             "These are covariances. Divide by what the factors share among themselves: their covariance matrix."),
            ((fc.T @ zc / (len(f) - 1)).float(),
             "These are covariances. Divide by what the factors share among themselves: their covariance matrix."),
            ((truth / truth.norm(dim=1, keepdim=True)).float(),
             "The directions are scaled to length 1: then one step no longer stands for one unit of the factor."),
            ((truth * fc.std(0)[:, None]).float(),
             "This is per standard deviation of the factor; wanted is per unit."),
            (-truth.float(), "The sign is wrong: these lead to less of the factor."),
        ])
    return "With all factors in one regression, what goes along with a factor is not taken for its effect."


@checker("08.c")
def nearest_centroid(answer: Callable) -> str:
    """answer(codes, labels, new_codes): `[N, L]`, `[N]`, `[M, L]` -> the class of each new code, `[M]`."""
    cases = []
    for seed, (n, dim, classes, m) in enumerate(((6, 1, 2, 4), (30, 3, 4, 60), (40, 2, 10, 80), (60, 6, 3, 90))):
        rng = torch.Generator().manual_seed(seed)
        scales = 10.0 ** torch.linspace(-0.5, 0.5, dim)
        labels = torch.cat([torch.arange(classes), torch.randint(classes, (n - classes,), generator=rng)])
        # Two of each at least, and classes of different sizes
        labels = torch.cat([labels, torch.arange(classes)])
        centres = torch.randn(classes, dim, generator=rng)
        codes = (centres[labels] + 0.8 * torch.randn(len(labels), dim, generator=rng)) * scales + 0.3
        new = (centres[torch.randint(classes, (m,), generator=rng)] + 1.2 * torch.randn(m, dim, generator=rng)) * scales
        # New codes are spread otherwise: a scale taken from them shows
        new[:, 0] = 8 * new[:, 0]
        new = new + 0.3
        # No ties: rounding must not decide
        spread = torch.stack([codes[labels == k].mean(0) for k in range(classes)]) / codes.std(0)
        two = torch.cdist(new.double() / codes.std(0).double(), spread.double()).topk(2, largest=False).values
        cases.append((codes, labels, new[two[:, 1] - two[:, 0] > 0.02]))
    for codes, labels, new in cases:
        z, x, classes = codes.double(), new.double(), int(labels.max()) + 1

        def nearest(scale, middle=lambda rows: rows.mean(0), z=z, x=x, labels=labels, classes=classes, p=2):
            c = torch.stack([middle(z[labels == k]) for k in range(classes)])
            return ((x[:, None] - c) / scale).abs().pow(p).sum(-1).argmin(1)

        truth, both = nearest(z.std(0)), torch.cat([z, x])
        c = torch.stack([z[labels == k].mean(0) for k in range(classes)])
        own_a = (z - z.mean(0)) / z.std(0)
        own_b = (x - x.mean(0)) / x.std(0) if len(x) > 1 else x * 0
        own_c = torch.stack([own_a[labels == k].mean(0) for k in range(classes)])
        distance = ((x[:, None] - c) / z.std(0)).square().sum(-1)
        got = answer(codes, labels, new)
        compare(got.double() if isinstance(got, Tensor) and not got.is_floating_point() else got, truth.double(), [
            (nearest(both.std(0)).double(),
             "The scale comes from all codes together. That is leakage: the new codes have a say in how they are "
             "judged."),
            (nearest(x.std(0)).double(),
             "The scale is that of the new codes. That is leakage: take it from the labelled codes."),
            ((own_b[:, None] - own_c).square().sum(-1).argmin(1).double(),
             "The new codes are standardised by their own mean and spread. That is leakage: the answer for one code "
             "would depend on which others come with it."),
            (nearest(torch.ones(z.shape[1]).double()).double(),
             "Nothing is scaled, or all dimensions by one number: those of large numbers decide alone. Each has a "
             "standard deviation of its own, `std(dim=0)`."),
            (nearest(z.var(0)).double(), "It is divided by the variance. Divide by the standard deviation."),
            (nearest(1 / z.std(0)).double(), "It is multiplied by the standard deviation. Divide by it."),
            (distance.argmax(1).double(), "This is the class of the farthest centroid."),
            (labels[((x[:, None] - z) / z.std(0)).square().sum(-1).argmin(1)].double(),
             "This is the class of the nearest code, 1-NN. Average the codes of each class first."),
            (nearest(z.std(0), lambda rows: rows.sum(0)).double(),
             "The codes of a class are added up. A centroid is their mean."),
            (nearest(z.std(0), lambda rows: rows.median(0).values).double(),
             "The centroid is a median here; the mean is wanted."),
            (nearest(z.std(0), p=1).double(), "This is the sum of absolute differences. Take the Euclidean distance."),
            (distance.min(1).values.double(), "These are distances. Return which class is the nearest."),
            (distance.min(1).values.sqrt().double(), "These are distances. Return which class is the nearest."),
        ])
    for codes, labels, new in cases:
        if not same(answer(codes, labels, new[:1]).double(), answer(codes, labels, new)[:1].double()):
            raise Mistake("The answer for a code changes when the others are taken away. That is leakage: use numbers "
                          "of the labelled codes only.")  # fmt: skip
    return "Each new code is judged alone, with numbers that were there before it came."


@checker("08.d")
def unlabelled_bound(answer: Callable) -> str:
    """answer(bounds, log_prior, logits): L(x, y) `[B, C]`, log p(y) `[C]`, of q(y|x) `[B, C]` -> U(x) `[B]`, nats."""
    for seed, (b, c) in enumerate(((1, 2), (3, 2), (4, 5), (2, 3))):
        rng = torch.Generator().manual_seed(seed)
        bounds, logits = -5 + 3 * torch.randn(b, c, generator=rng), 2 * torch.randn(b, c, generator=rng) + 1
        log_prior = torch.log_softmax(torch.randn(c, generator=rng), 0)
        joint, q = bounds.double() + log_prior.double(), Categorical(logits=logits.double())
        entropy, mean = q.entropy(), (q.probs * joint).sum(1)
        right, raw = mean + entropy, logits.double()
        compare(answer(bounds, log_prior, logits), right.float(), [
            ((mean - entropy).float(),
             "The entropy of q(y|x) is subtracted. A guess that is sure must not be rewarded: it is added."),
            (mean.float(), "The entropy of q(y|x) is missing: then the best guess is always a sure one."),
            (((q.probs * bounds).sum(1) + entropy).float(), "log p(y) is missing: the label costs something, too."),
            (((q.probs * bounds).sum(1) - mean + (q.probs * bounds).sum(1) + entropy).float(),
             "log p(y) is subtracted. It is part of the joint probability: it is added."),
            (torch.logsumexp(joint, 1).float(),
             "This is log sum_y p(y) e^L, the best that U can be. q(y|x) plays no part in it."),
            ((joint.mean(1) + entropy).float(), "The classes are averaged evenly; the weights are q(y|x)."),
            (joint.gather(1, q.probs.argmax(1, keepdim=True))[:, 0].float(),
             "Only the likeliest class counts. Sum over all classes, weighted by q(y|x)."),
            ((joint - q.logits).sum(1).float(), "The weights q(y|x) are missing from the sum over classes."),
            ((raw.exp() * (joint - raw)).sum(1).float(),
             "The logits are taken for log q(y|x). They are not normalised: log_softmax."),
            ((raw.softmax(0) * (joint - raw.log_softmax(0))).sum(1).float(),
             "q(y|x) is normalised over the images. Classes are the columns, dim 1."),
            ((q.probs * (joint - raw)).sum(1).float(), "The logits are taken for log q(y|x) inside the bracket."),
            (-right.float(), "This is the loss, -U. Return the bound."),
            ((right / c).float(), "This is a mean over classes. Sum: the weights q(y|x) add up to 1 already."),
            ((mean + entropy / math.log(2)).float(), "The entropy is in bits, and the bound in nats."),
        ])
    bounds, sure = torch.tensor([[-90.0, -95.0, -99.0]]), torch.tensor([[300.0, 0.0, -300.0]])
    got = answer(bounds, torch.full((3,), -math.log(3)), sure)
    if not isinstance(got, Tensor) or not torch.isfinite(got).all():
        raise Mistake("Right for moderate logits, but not a number where q(y|x) is sure: 0 * log(0). Which function "
                      "gives log q without going through q?")  # fmt: skip
    compare(got, torch.tensor([-90 - math.log(3)]))
    return "It is at most log p(x), and equal where q(y|x) is the true posterior of the label and each L is log p(x|y)."
