"""Classic mistakes in the exercises of notebook 12, and what the checker must say to each."""

import math

import torch
import torch.nn.functional as F


def compared(measure, pick=lambda d: d.argmin(-1), to_end=lambda z: z.movedim(1, -1)):
    """12.a with another measure of the differences `[B, H, W, K, C]`, another pick, or another layout."""
    return lambda z, codes: pick(measure(to_end(z)[..., None, :] - codes))


def squared(difference):
    return difference.square().sum(-1)


def cut(z):
    b, c, h, w = z.shape
    return z.reshape(b, h, w, c)


def by_products(z, codes):
    return (z.movedim(1, -1) @ codes.T).argmax(-1)


def expanded(z, codes):
    """Right near 0, and without digits far from it."""
    z, codes = z.float().movedim(1, -1), codes.float()
    return (z.square().sum(-1, keepdim=True) - 2 * z @ codes.T + codes.square().sum(1)).argmin(-1)


def priced(price, join=lambda log_lik, cost: log_lik + cost):
    """12.d with another price; price(log_p `[B, H, W, K]`, codes, logits)."""
    return lambda log_lik, logits, codes: join(log_lik, price(F.log_softmax(logits, -1), codes, logits))


def there(log_p, codes):
    """The entries of the symbols that are there, `[B, H, W]`."""
    return log_p.gather(-1, codes[..., None])[..., 0]


def right_price(log_p, codes, logits):
    return there(log_p, codes).sum((1, 2))


def by_softmax(log_lik, logits, codes):
    return log_lik + there(logits.softmax(-1), codes).log().sum((1, 2))


def kernel(before, middle=lambda itself: itself):
    """12.c with another order; before(row, column) from the middle, as tensors."""

    def answer(size, itself):
        row, column = torch.meshgrid(*[torch.arange(size) - size // 2] * 2, indexing="ij")
        mask = before(row, column).float()
        mask[size // 2, size // 2] = float(middle(itself))
        return mask

    return answer


def earlier(row, column):
    return (row < 0) | ((row == 0) & (column < 0))


MUTANTS = {
    "12.a": [
        (compared(squared, to_end=cut), "numbers of different places are mixed"),
        (compared(squared, lambda d: d.argmax(-1)), "farthest away"),
        (by_products, "largest product z e"),
        (lambda z, codes: (z.movedim(1, -1) @ codes.T).argmin(-1), "smallest product z e"),
        (compared(squared, lambda d: d.amin(-1)), "the squared distances to the nearest code"),
        (compared(squared, lambda d: d.amin(-1).sqrt()), "These are the distances to the nearest code"),
        (compared(squared, lambda d: d.argmin(-1) + 1), "begin at 1"),
        (compared(lambda d: d.abs().sum(-1)), "sum of absolute differences"),
        (compared(lambda d: d.abs().amax(-1)), "in the largest difference"),
        (compared(lambda d: d.sum(-1)), "The differences are not squared"),
        (lambda z, codes: by_products(z, F.normalize(codes)), "the nearest direction"),
        (lambda z, codes: by_products(z.mT.reshape(z.shape), codes), "is right, for"),
        (compared(squared, to_end=lambda z: z.permute(0, 3, 2, 1)), "Rows and columns of the image are exchanged"),
        (compared(squared, lambda d: d), "These are all distances"),
        (compared(squared, lambda d: d.argmin(-1).flatten()), "put them back into the places"),
        (expanded, "with 1000 added"),
    ],
    "12.b": [
        (lambda z, code: z + (code - z), "the gradient goes to the code, and none to z"),
        (lambda z, code: code, "the gradient goes to the code, and none to z"),
        (lambda z, code: code.detach(), "no gradient reaches z"),
        (lambda z, code: (z + code - z).detach(), "no gradient reaches z"),
        (lambda z, code: code + (z - z.detach()), "a gradient reaches the code (as well as z)"),
        (lambda z, code: z + code - z.detach(), "a gradient reaches the code (as well as z)"),
        (lambda z, code: z.detach() + (code - z), "z gets the gradient with a minus"),
        (lambda z, code: 2 * code - z + (z - code).detach(), "z gets the gradient with a minus"),
        (lambda z, code: code + 2 * (z - z.detach()), "a gradient reaches the code (as well as z)"),
        (lambda z, code: z, "This is z"),
        (lambda z, code: z + (z - code).detach(), "wrong way round"),
        (lambda z, code: z + code.detach(), "The code is added to z"),
        (lambda z, code: (code - z).detach(), "z itself is missing"),
        (lambda z, code: code.detach() + 2 * (z - z.detach()), "reaches z twice"),
        (lambda z, code: code.detach() - (z - z.detach()), "wrong sign"),
        (lambda z, code: z * (code / z).detach(), "stretched by code / z"),
    ],
    "12.c": [
        (kernel(earlier, lambda itself: not itself), "The middle is the wrong way round"),
        (kernel(earlier, lambda itself: True), "always 1 here"),
        (kernel(earlier, lambda itself: False), "always 0 here"),
        (kernel(lambda row, column: (row > 0) | ((row == 0) & (column > 0))), "the future"),
        (kernel(lambda row, column: earlier(column, row)), "down the columns"),
        (kernel(lambda row, column: row < 0), "to the left in the middle row are missing"),
        (kernel(lambda row, column: row <= 0), "The whole middle row is there"),
        (kernel(lambda row, column: row <= 0, lambda itself: True), "The whole middle row is there"),
        (kernel(lambda row, column: (row == 0) & (column < 0)), "The rows above are missing"),
        (kernel(lambda row, column: (row <= 0) & (column <= 0)), "those to the right as well"),
        (lambda size, itself: torch.ones(size, size).tril(0 if itself else -1), "This is a triangle"),
        (lambda size, itself: torch.ones(size, size), "nothing is masked"),
        (kernel(lambda row, column: ~earlier(row, column), lambda itself: not itself), "exchanged"),
        (lambda size, itself: kernel(earlier)(size, itself).bool(), "multiplied by floats"),
    ],
    "12.d": [
        (lambda log_lik, logits, codes: log_lik + 0, "the reconstruction alone"),
        (priced(right_price, lambda log_lik, cost: cost), "the price of the symbols alone"),
        (priced(right_price, lambda log_lik, cost: log_lik - cost), "log P is negative"),
        (priced(right_price, lambda log_lik, cost: -log_lik - cost), "This is minus the bound"),
        (priced(lambda log_p, codes, _: there(log_p, codes).mean((1, 2))), "The mean over places"),
        (priced(lambda _, codes, logits: there(logits, codes).sum((1, 2))), "normalise them with log_softmax"),
        (priced(lambda log_p, codes, _: -codes[0].numel() * math.log(log_p.shape[-1])), "uniform prior"),
        (priced(lambda log_p, codes, _: log_p.amax(-1).sum((1, 2))), "most probable symbols"),
        (priced(lambda log_p, codes, _: there(log_p, codes).exp().sum((1, 2))), "Probabilities are summed"),
        (priced(lambda log_p, codes, _: there(log_p, codes).exp().sum((1, 2)).log()), "after the sum over places"),
        (priced(lambda log_p, *_: (log_p.exp() * log_p).sum((1, 2, 3))), "the entropy of the prior"),
        (priced(lambda *args: right_price(*args) / math.log(2)), "in bits and log_lik in nats"),
        (priced(lambda log_p, codes, _: there(log_p, codes).sum()), "one number for each image"),
        (lambda a, logits, codes: a[:, None] + there(F.log_softmax(logits, -1), codes).sum(2), "Only the columns"),
        (lambda a, logits, codes: a[:, None, None] + there(F.log_softmax(logits, -1), codes), "at every place"),
        (lambda a, logits, codes: (a[:, None, None] + there(F.log_softmax(logits, -1), codes)).sum((1, 2)),
         "once for every place"),
        (by_softmax, "a probability underflows"),
    ],
}  # fmt: skip
