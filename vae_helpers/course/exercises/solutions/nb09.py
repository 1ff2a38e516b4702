"""Solutions of the exercises in notebook 09; the notebook shows them folded."""

import torch


def auroc(normal, odd):
    # All pairs at once, [M, N]
    wins = (odd[:, None] > normal).float() + 0.5 * (odd[:, None] == normal).float()
    return wins.mean()


def restore(mean, cov, A, tau, y):
    # Cov(x, y) = cov A^T, Cov(y, y) = A cov A^T + tau^2 I, E[y] = A mean
    of_y = A @ cov @ A.T + tau**2 * torch.eye(len(A), dtype=A.dtype)
    gain = torch.linalg.solve(of_y, A @ cov).T
    return mean + (y - mean @ A.T) @ gain.T, cov - gain @ A @ cov


def pop(state, freqs):
    total = sum(freqs)
    rest = state % total
    # The symbol whose numbers contain the rest
    symbol, c = 0, 0
    while rest >= c + freqs[symbol]:
        c += freqs[symbol]
        symbol += 1
    return symbol, freqs[symbol] * (state // total) + rest - c


def initial_bits(popped, pushed):
    # What the images before have added, and what this one needs
    gained = torch.cumsum(pushed - popped, dim=0) - (pushed - popped)
    return (popped - gained).max()


SOLUTIONS = {"09.a": auroc, "09.b": restore, "09.c": pop, "09.d": initial_bits}
