"""Solutions of the exercises in notebook 12; the notebook shows them folded."""

import torch
import torch.nn.functional as F


def nearest_codes(z, codes):
    # Vectors last, then from each vector to each code: [B, H, W, K]
    distance = (z.movedim(1, -1)[..., None, :] - codes).square().sum(-1)
    return distance.argmin(-1)


def straight_through(z, code):
    # The value of the code, and 0 with the gradient of z
    return code.detach() + (z - z.detach())


def masked_kernel(size, itself):
    # In reading order: what comes before the middle, and the middle if wanted
    kernel = torch.zeros(size * size)
    kernel[: size * size // 2 + itself] = 1.0
    return kernel.view(size, size)


def bound(log_lik, logits, codes):
    # The log-probability of each symbol that is there, and the sum over places
    log_p = F.log_softmax(logits, -1).gather(-1, codes[..., None])[..., 0]
    return log_lik + log_p.sum((1, 2))


SOLUTIONS = {"12.a": nearest_codes, "12.b": straight_through, "12.c": masked_kernel, "12.d": bound}
