"""Disentanglement, completeness and informativeness. Eastwood and Williams (2018)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .arrays import check_codes, cut, entropy, standardised


class DCI(NamedTuple):
    """Disentanglement `[]`, completeness `[]` and informativeness `[F]`, each at most 1."""

    disentanglement: Tensor
    completeness: Tensor
    informativeness: Tensor


def dci(codes: Tensor, classes: Tensor, bins: int = 20) -> DCI:
    """Disentanglement, completeness and informativeness. Eastwood and Williams (2018), section 2.

    The regressor is additive: v_f is fitted by least squares as a sum of one step function of each code,
    with `bins` steps. The importance of a code is the variance of its step function; informativeness is R^2,
    of each factor, on the half of the images that was not fitted. (The paper's regressors are a lasso and a
    random forest, and it quotes an error in place of R^2.)

    Args:
        codes: `[N, L]`, L of at least 2.
        classes: `[N, F]`, whole numbers, F of at least 2.
        bins: the steps of each step function.

    Returns:
        `DCI`.

    Raises:
        ValueError, TypeError: as for `mutual_information`; ValueError for a single code or factor.

    Example:
        >>> classes = torch.randint(0, 4, (500, 2))
        >>> dci(classes.float(), classes, bins=4).disentanglement > 0.99
        tensor(True)
    """
    codes, classes = check_codes(codes, classes)
    if min(codes.shape[1], classes.shape[1]) < 2:
        raise ValueError(f"at least two codes and two factors are needed, got {codes.shape[1]} and {classes.shape[1]}")
    steps = torch.stack([torch.nn.functional.one_hot(cut(code, bins), bins) for code in codes.T], 1)
    steps = steps.double() - steps.double().mean(0)  # [N, L, bins]
    v = standardised(classes)
    order = torch.randperm(len(v), generator=torch.Generator().manual_seed(0))
    fitted, held_out = order.tensor_split(2)
    X = steps[fitted].flatten(1)
    ridge = 1e-3 * len(X) * torch.eye(X.shape[1], dtype=X.dtype)  # steps are collinear
    solved = torch.linalg.solve(X.T @ X + ridge, X.T @ v[fitted])
    weights = solved.unflatten(0, steps.shape[1:])  # [L, bins, F]
    parts = torch.einsum("nlb,lbf->nlf", steps, weights)
    importance = parts.var(0)  # [L, F]
    rest = (v - parts.sum(1))[held_out].square().mean(0) / v[held_out].var(0, correction=0)
    weight = importance.sum(1) / importance.sum().clamp(min=1e-12)  # codes that tell nothing weigh nothing
    return DCI((weight * _concentration(importance)).sum(), _concentration(importance.T).mean(), 1 - rest)


def _concentration(rows: Tensor) -> Tensor:
    """1 - entropy / log n of each row of importances `[m, n]`, as shares; 0 for a row of zeros."""
    totals = rows.sum(1)
    shares = rows / totals.clamp(min=1e-12)[:, None]
    return torch.where(totals > 1e-12, 1 - entropy(shares) / math.log(rows.shape[1]), 0.0)
