"""The FactorVAE score. Kim and Mnih (2018)."""

import torch
from torch import Tensor

from .arrays import check_codes, counts


def factor_vae_score(
    codes: Tensor, classes: Tensor, votes: int = 800, batch: int = 64, threshold: float = 0.01
) -> Tensor:
    """How often the stillest code names the factor that was held fixed. Kim and Mnih (2018), section 4.

    A vote: draw a factor and a value of it, `batch` images that share the value, and take the code whose
    variance, over its variance on all images, is smallest. Half of the votes decide which factor each code
    stands for (the majority's), the other half are scored; chance is 1 / F.

    Args:
        codes: `[N, L]`.
        classes: `[N, F]`, whole numbers.
        votes: how many.
        batch: images in a vote.
        threshold: codes with a variance up to it take no part; without any, the score is chance.

    Returns:
        A tensor with one number, at most 1.

    Raises:
        ValueError, TypeError: as for `mutual_information`.

    Example:
        >>> classes = torch.randint(0, 4, (500, 2))
        >>> factor_vae_score(classes.float(), classes)
        tensor(1., dtype=torch.float64)
    """
    codes, classes = check_codes(codes, classes)
    rng = torch.Generator().manual_seed(0)
    alive = codes.var(0) > threshold
    factors = classes.shape[1]
    if not alive.any():
        return torch.tensor(1 / factors)
    z = codes[:, alive] / codes[:, alive].std(0)
    fixed = torch.randint(factors, (votes,), generator=rng)
    value = classes[torch.randint(len(z), (votes,), generator=rng), fixed]  # as often as it occurs
    shares = classes.T[fixed] == value[:, None]  # [votes, N]: the images that have it
    rows = torch.multinomial(shares.float(), batch, replacement=True, generator=rng)
    stillest = z[rows].var(1).argmin(1)  # [votes]
    table = counts(stillest[: votes // 2], fixed[: votes // 2], (z.shape[1], factors))
    return (table.argmax(1)[stillest[votes // 2 :]] == fixed[votes // 2 :]).double().mean()
