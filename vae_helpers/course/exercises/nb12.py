"""Checkers for notebook 12."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Categorical

from .checking import Mistake, checker, compare, gradients, same


@checker("12.a")
def nearest_codes(answer: Callable) -> str:
    """answer(z, codes): `[B, C, H, W]`, `[K, C]` -> the index of the nearest code at every place, `[B, H, W]`."""
    cases = [(torch.tensor([2.0, 0.0]).view(1, 2, 1, 1), torch.tensor([[0.0, 0.0], [3.0, 1.0]])),
             (torch.tensor([[1.0, 0.0], [0.0, 3.0]]).view(1, 2, 1, 2),
              torch.tensor([[0.0, 4.0], [3.0, 0.0], [0.5, 0.5]]))]  # fmt: skip
    for seed, (b, c, h, w, k) in enumerate(((2, 3, 4, 5, 6), (1, 4, 3, 2, 7), (3, 1, 2, 4, 5), (4, 2, 5, 3, 9))):
        rng = torch.Generator().manual_seed(seed)
        codes = torch.randn(k, c, generator=rng, dtype=torch.float64) * torch.linspace(0.3, 2, k)[:, None]
        cases.append((torch.randn(b, c, h, w, generator=rng, dtype=torch.float64), codes))
    for z, codes in cases:
        compare(answer(z, codes), _one_by_one(z, codes, _euclidean).argmin(-1), _wrong_indices(z, codes))
    for z, codes in cases[2:]:  # far from 0, where only the differences count
        if not torch.equal(torch.as_tensor(answer(z + 1e3, codes + 1e3)).long(),
                           _one_by_one(z, codes, _euclidean).argmin(-1)):  # fmt: skip
            raise Mistake("Right near 0, but not with 1000 added to vectors and codes, which changes no distance.")
    return "An image of symbols: all that the decoder will get."


def _euclidean(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum()


def _one_by_one(z: Tensor, codes: Tensor, distance: Callable) -> Tensor:
    """The distance from every vector to every code, place by place: `[B, H, W, K]`."""
    b, _, h, w = z.shape
    found = [distance(z[i, :, y, x], e) for i in range(b) for y in range(h) for x in range(w) for e in codes]
    return torch.stack(found).view(b, h, w, len(codes))


def _wrong_indices(z: Tensor, codes: Tensor) -> list[tuple[Tensor, str]]:
    b, c, h, w = z.shape
    distance = _one_by_one(z, codes, _euclidean)
    cut = _one_by_one(z.reshape(b, h, w, c).movedim(-1, 1), codes, _euclidean).argmin(-1)
    truth, dot = distance.argmin(-1), _one_by_one(z, codes, torch.dot)
    flattened = "The numbers are right; put them back into the places of the image, [B, H, W]."
    return [
        (cut, "The numbers of different places are mixed: reshape does not move the channels to the end. Use "
              "movedim(1, -1) first."),
        (distance.argmax(-1), "This is the code that is farthest away: argmin for argmax."),
        (dot.argmax(-1), "This is the code with the largest product z e. A long code wins then; the distance has "
                         "|e|^2 in it as well."),
        (dot.argmin(-1), "This is the code with the smallest product z e. Distances are wanted."),
        (distance.amin(-1), "These are the squared distances to the nearest code; which code it is is wanted: argmin."),
        (distance.amin(-1).sqrt(), "These are the distances to the nearest code; which code it is is wanted: argmin."),
        (truth + 1, "The indices begin at 1 here. The first code has the index 0."),
        (_one_by_one(z, codes, lambda a, e: (a - e).abs().sum()).argmin(-1),
         "This is nearest in the sum of absolute differences; square them."),
        (_one_by_one(z, codes, lambda a, e: (a - e).abs().amax()).argmin(-1),
         "This is nearest in the largest difference; sum the squares."),
        (_one_by_one(z, codes, lambda a, e: (a - e).sum()).argmin(-1),
         "The differences are not squared: negative ones count as very near."),
        (_one_by_one(z, codes, lambda a, e: -torch.cosine_similarity(a, e, dim=0)).argmin(-1),
         "This is the code of the nearest direction; in a distance the lengths count, too."),
        (truth.mT, "Rows and columns of the image are exchanged."),
        (distance, "These are all distances; the index of the smallest is wanted: argmin over the codes."),
        (truth.flatten(), flattened),
        (truth.flatten(1), flattened),
    ]  # fmt: skip


@checker("12.b")
def straight_through(answer: Callable) -> str:
    """answer(z, code): two tensors of one shape -> the value of code, the gradient of z, and none for code."""
    cases = [(torch.tensor([1.0]), torch.tensor([3.0]))]
    for seed, shape in enumerate(((2, 3), (4, 3, 2))):
        rng = torch.Generator().manual_seed(seed)
        cases.append(tuple(torch.randn(2, *shape, generator=rng, dtype=torch.float64)))
    cases = [(z.requires_grad_(), code.requires_grad_()) for z, code in cases]
    for z, code in cases:
        compare(answer(z, code), code, [
            (z, "This is z: the decoder would never see a code."),
            (2 * z - code, "The difference is the wrong way round: from z to the code it is code - z."),
            (z + code, "The code is added to z here. What has the gradient of z must have the value 0."),
            (z - code, "This is the difference of the two."),
            ((z + code) / 2, "This is half-way between z and the code."),
            (code - z, "This is the step from z to the code; z itself is missing."),
        ], name="the value")  # fmt: skip
    found = []
    for z, code in cases:  # with a loss that weights the entries
        weight = torch.linspace(-1, 2, z.numel(), dtype=z.dtype).view(z.shape)
        found.append((weight, z, code, gradients(weight * answer(z, code), z, code)))
    leaks = any(of_code is not None and of_code.abs().sum() > 0 for *_, (_, of_code) in found)
    lost = all(of_z is None or of_z.abs().sum() == 0 for *_, (of_z, _) in found)
    if lost and leaks:
        raise Mistake("The value is right, but the gradient goes to the code, and none to z: detach the code instead.")
    if lost:
        raise Mistake("The value is right, but no gradient reaches z: the encoder would never learn.")
    if leaks and all(torch.allclose(of_z, -weight) for weight, *_, (of_z, _) in found):
        raise Mistake(
            "The value is right, but z gets the gradient with a minus, and the code gets it with a plus: "
            "what is detached here should carry it, and what carries it should be detached."
        )
    if leaks:
        raise Mistake("The value is right, but a gradient reaches the code (as well as z): detach it.")
    for weight, z, code, (of_z, _) in found:
        compare(of_z, weight, [
            (2 * weight, "The gradient reaches z twice."),
            (-weight, "The gradient of z has the wrong sign: it would climb where it should descend."),
            ((weight * code / z).detach(), "The gradient is stretched by code / z. That of the identity is wanted."),
        ], name="the gradient of z")  # fmt: skip
    return "Forward the code, backward the identity: one line that every quantised network contains."


@checker("12.c")
def masked_kernel(answer: Callable) -> str:
    """answer(size, itself): odd number, bool -> ones before the middle in reading order, `[size, size]`."""
    for size in (3, 5, 7, 1):
        for itself in (False, True):
            compare(answer(size, itself), _mask(size, lambda y, x: y < 0 or (y == 0 and x < 0), itself),
                    _wrong_masks(size, itself))  # fmt: skip
    if not answer(3, False).is_floating_point():
        raise Mistake("The right places, but as whole numbers or True and False; a kernel is multiplied by floats.")
    return "Behind the first layer each place may see itself: it holds only what came before."


def _mask(size: int, before: Callable, middle: bool) -> Tensor:
    """Ones where before(row, column), counted from the middle, is true; and the middle."""
    half = range(-(size // 2), size // 2 + 1)
    return torch.tensor([[float(middle if y == x == 0 else before(y, x)) for x in half] for y in half])


def _wrong_masks(size: int, itself: bool) -> list[tuple[Tensor, str]]:
    return [
        (_mask(size, lambda y, x: y < 0 or (y == 0 and x < 0), not itself),
         "The middle is the wrong way round: it is 1 only if `itself` is True."),
        (_mask(size, lambda y, x: y < 0 or (y == 0 and x < 0), True),
         "The middle is always 1 here: without mask A the network is shown what it has to predict."),
        (_mask(size, lambda y, x: y < 0 or (y == 0 and x < 0), False),
         "The middle is always 0 here; `itself` plays no part."),
        (_mask(size, lambda y, x: y > 0 or (y == 0 and x > 0), itself),
         "This is what comes *after* the middle: the future."),
        (_mask(size, lambda y, x: x < 0 or (x == 0 and y < 0), itself),
         "Here reading goes down the columns; it goes along the rows."),
        (_mask(size, lambda y, x: y < 0, itself), "The places to the left in the middle row are missing."),
        (_mask(size, lambda y, x: y <= 0, itself),
         "The whole middle row is there: what lies to the right of the middle comes later."),
        (_mask(size, lambda y, x: y <= 0, True),
         "The whole middle row is there: what lies to the right of the middle comes later."),
        (_mask(size, lambda y, x: y == 0 and x < 0, itself), "The rows above are missing."),
        (_mask(size, lambda y, x: y <= 0 and x <= 0, itself),
         "Above the middle every place was read before, those to the right as well."),
        (torch.ones(size, size).tril(0 if itself else -1),
         "This is a triangle (tril), as for a sequence against itself. A kernel is read row by row."),
        (_mask(size, lambda y, x: True, True), "All ones: nothing is masked."),
        (_mask(size, lambda y, x: not (y < 0 or (y == 0 and x < 0)), not itself),
         "Zeros and ones are exchanged."),
    ]  # fmt: skip


@checker("12.d")
def bound(answer: Callable) -> str:
    """answer(log_lik, logits, codes): `[B]`, `[B, H, W, K]`, `[B, H, W]` -> the bound on log p(x), `[B]`."""
    cases = [
        (torch.tensor([-2.0]), torch.zeros(1, 1, 1, 2), torch.tensor([[[1]]])),
        (torch.tensor([-1.0]), torch.tensor([[[[0.0, 1.0]], [[2.0, -1.0]]]]), torch.tensor([[[0], [0]]])),
    ]
    for seed, (b, h, w, k) in enumerate(((3, 2, 4, 5), (2, 3, 2, 6), (1, 7, 5, 64))):
        rng = torch.Generator().manual_seed(seed)
        logits = 3 * torch.randn(b, h, w, k, generator=rng, dtype=torch.float64) + 2
        codes = torch.randint(k, (b, h, w), generator=rng)
        cases.append((-50 * torch.rand(b, generator=rng, dtype=torch.float64), logits, codes))
    for log_lik, logits, codes in cases:
        truth = log_lik + Categorical(logits=logits).log_prob(codes).sum((1, 2))
        compare(answer(log_lik, logits, codes), truth, _wrong_bounds(log_lik, logits, codes))
    for log_lik, logits, codes in cases[2:]:
        for far in (1e3, 1e4):  # probabilities that underflow
            truth = log_lik + Categorical(logits=far * logits).log_prob(codes).sum((1, 2))
            got = torch.as_tensor(answer(log_lik, far * logits, codes))
            if not same(got, truth):
                raise Mistake("Right for moderate logits; for large ones a probability underflows to 0. Stay with "
                              "logarithms: log_softmax, not log of softmax.")  # fmt: skip
    return "A number that may be compared with any other bound on log p(x)."


def _wrong_bounds(log_lik: Tensor, logits: Tensor, codes: Tensor) -> list[tuple[Tensor, str]]:
    law = Categorical(logits=logits)
    each = law.log_prob(codes)  # [B, H, W]
    raw = torch.stack([row[c] for row, c in zip(logits.flatten(0, 2), codes.flatten(), strict=True)]).view(codes.shape)
    size, places = logits.shape[-1], codes[0].numel()
    total = lambda t: t.sum((1, 2))  # noqa: E731
    return [
        (log_lik, "This is the reconstruction alone: here symbols cost nothing, and it is no lower bound."),
        (total(each), "This is the price of the symbols alone; log_lik plays no part."),
        (log_lik - total(each), "The price is added here: log P is negative, and belongs into the sum as it is."),
        (-log_lik - total(each), "This is minus the bound."),
        (log_lik + each.mean((1, 2)), "The mean over places is taken; a map needs all its symbols: sum."),
        (log_lik + total(raw), "The logits are taken for log-probabilities: normalise them with log_softmax."),
        (log_lik - places * math.log(size), "This is the price under a uniform prior; the logits play no part."),
        (log_lik + total(law.logits.amax(-1)),
         "This is the price of the most probable symbols, not of those that are there."),
        (log_lik + total(each.exp()), "Probabilities are summed; of a product take the sum of logarithms."),
        (log_lik + total(each.exp()).log(),
         "The logarithm comes after the sum over places; the probabilities of places multiply."),
        (log_lik - total(law.entropy()),
         "This is the entropy of the prior at every place; the price of *these* symbols is wanted."),
        (log_lik + total(each) / math.log(2), "The price is in bits and log_lik in nats."),
        (log_lik + each.sum(), "The sum runs over the images as well: one number for each image."),
        (log_lik[:, None] + each.sum(2), "Only the columns are summed; the rows belong to the same map."),
        (log_lik[:, None, None] + each, "log_lik is added at every place; sum over the places first."),
        (total(log_lik[:, None, None] + each),
         "log_lik is counted once for every place; it belongs to the image, once."),
    ]  # fmt: skip
