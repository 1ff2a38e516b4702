"""Is each known factor found in a code of its own? Four published scores, from arrays.

All take codes `[N, L]`, a representation of N images (usually the posterior means), and classes
`[N, F]`, the factors that the images were drawn with, as whole numbers whose order means something
(DCI and SAP regress on them; for MIG and the FactorVAE score the order plays no part).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class DCI(NamedTuple):
    """Disentanglement `[]`, completeness `[]` and informativeness `[F]`, each at most 1."""

    disentanglement: Tensor
    completeness: Tensor
    informativeness: Tensor


def mutual_information(codes: Tensor, classes: Tensor, bins: int = 20) -> Tensor:
    """I(z_l; v_f) of every code with every factor: `[L, F]`, in nats, each code cut into `bins` equal shares.

    An estimate from counts: on independent data its mean is not 0 but about (bins - 1) (classes - 1) / (2 N),
    by the chi-squared law of the likelihood ratio.
    """
    _check(codes, classes)
    binned = [_bins(code, bins) for code in codes.T]
    rows = []
    for b in binned:
        joint = [_counts(b, v) / len(b) for v in classes.T]
        rows.append(
            torch.stack([entropy(p.sum(0)) + entropy(p.sum(1)) - entropy(p.flatten()) for p in joint])
        )
    return torch.stack(rows)


def entropy(p: Tensor) -> Tensor:
    """-sum p log p over the last dimension, in nats."""
    return torch.special.entr(p).sum(-1)


def mig(codes: Tensor, classes: Tensor, bins: int = 20) -> Tensor:
    """Mutual information gap of every factor: `[F]`; the published score is its mean.

    (largest - second largest I(z_l; v_f)) / H(v_f), over codes l. Chen et al. (2018), eq. 6.
    """
    gap = _gap(mutual_information(codes, classes, bins))
    return gap / torch.stack([entropy(v.unique(return_counts=True)[1] / len(v)) for v in classes.T])


def sap(codes: Tensor, classes: Tensor) -> Tensor:
    """Separated attribute predictability of every factor: `[F]`; the published score is its mean.

    The gap between the two codes that predict v_f best, by the R^2 of a line through each code alone.
    Kumar et al. (2018), section 3.
    """
    _check(codes, classes)
    z, v = _standardised(codes), _standardised(classes)
    return _gap((z.T @ v / len(z)).square())


def dci(codes: Tensor, classes: Tensor, bins: int = 20) -> DCI:
    """Disentanglement, completeness and informativeness. Eastwood and Williams (2018), section 2.

    The regressor is additive: v_f is fitted by least squares as a sum of one step function of each code,
    with `bins` steps. The importance of a code is the variance of its step function; informativeness is R^2,
    of each factor, on the half of the images that was not fitted. (The paper's regressors are a lasso and a
    random forest, and it quotes an error in place of R^2.)
    """
    _check(codes, classes)
    if min(codes.shape[1], classes.shape[1]) < 2:
        raise ValueError(
            f"at least two codes and two factors are needed, got {codes.shape[1]} and {classes.shape[1]}"
        )
    steps = torch.stack([torch.nn.functional.one_hot(_bins(code, bins), bins) for code in codes.T], 1)
    steps = steps.double() - steps.double().mean(0)  # [N, L, bins]
    v = _standardised(classes)
    order = torch.randperm(len(v), generator=torch.Generator().manual_seed(0)).to(v.device)
    fitted, held_out = order.tensor_split(2)
    X = steps[fitted].flatten(1)
    ridge = 1e-3 * len(X) * torch.eye(X.shape[1], dtype=X.dtype, device=X.device)  # steps are collinear
    weights = torch.linalg.solve(X.T @ X + ridge, X.T @ v[fitted]).unflatten(
        0, steps.shape[1:]
    )  # [L, bins, F]
    parts = torch.einsum("nlb,lbf->nlf", steps, weights)
    importance = parts.var(0)  # [L, F]
    rest = (v - parts.sum(1))[held_out].square().mean(0) / v[held_out].var(0, correction=0)
    weight = importance.sum(1) / importance.sum()
    return DCI((weight * _concentration(importance)).sum(), _concentration(importance.T).mean(), 1 - rest)


def factor_vae_score(
    codes: Tensor, classes: Tensor, votes: int = 800, batch: int = 64, threshold: float = 0.01
) -> Tensor:
    """How often the stillest code names the factor that was held fixed. Kim and Mnih (2018), section 4.

    A vote: draw a factor and a value of it, `batch` images that share the value, and take the code whose
    variance, over its variance on all images, is smallest. Half of the votes decide which factor each code
    stands for (the majority's), the other half are scored: a tensor with one number, chance is 1 / F.
    Codes with a variance up to `threshold` take no part; without any, the score is chance.
    """
    _check(codes, classes)
    rng = torch.Generator().manual_seed(0)
    alive = codes.var(0) > threshold
    factors = classes.shape[1]
    if not alive.any():
        return torch.tensor(1 / factors)
    z = codes[:, alive] / codes[:, alive].std(0)
    fixed = torch.randint(factors, (votes,), generator=rng).to(z.device)
    value = classes[
        torch.randint(len(z), (votes,), generator=rng).to(z.device), fixed
    ]  # as often as it occurs
    shares = classes.T[fixed] == value[:, None]  # [votes, N]: the images that have it
    rows = torch.multinomial(shares.float().cpu(), batch, replacement=True, generator=rng).to(z.device)
    stillest = z[rows].var(1).argmin(1)  # [votes]
    table = _counts(stillest[: votes // 2], fixed[: votes // 2], (z.shape[1], factors))
    return (table.argmax(1)[stillest[votes // 2 :]] == fixed[votes // 2 :]).double().mean()


def _check(codes: Tensor, classes: Tensor) -> None:
    if codes.ndim != 2 or classes.ndim != 2 or len(codes) != len(classes):
        raise ValueError(
            f"codes must be [N, L] and classes [N, F], of the same N images, got {list(codes.shape)} and "
            f"{list(classes.shape)}"
        )
    if classes.is_floating_point() or not codes.is_floating_point():
        raise TypeError(
            f"codes are real numbers and classes whole ones (the order is codes, classes), got {codes.dtype} "
            f"and {classes.dtype}"
        )
    if not codes.isfinite().all():
        raise ValueError("codes contain infinite or missing values (NaN)")
    if (constant := (classes == classes[0]).all(0)).any():
        raise ValueError(
            f"factor {int(constant.nonzero()[0])} has the same class in every image; leave it out"
        )


def _gap(scores: Tensor) -> Tensor:
    """The largest score of each factor less the second largest, over codes: `[L, F]` -> `[F]`."""
    if len(scores) < 2:
        raise ValueError("a gap needs at least two codes, got one")
    first, second = scores.topk(2, dim=0).values
    return first - second


def _bins(code: Tensor, bins: int) -> Tensor:
    """Which of `bins` shares of equal size each number of `[N]` is in; equal numbers share one."""
    code = code.double().contiguous()
    first = -(-torch.arange(1, bins, device=code.device) * len(code) // bins)  # rounded up
    edges = code.sort().values[first.clamp(max=len(code) - 1)]
    return torch.bucketize(code, edges, right=True)


def _counts(a: Tensor, b: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """How often each pair of values occurs: `[values of a, values of b]`, float64."""
    if size is None:
        a, b = (x.unique(return_inverse=True)[1] for x in (a, b))
        size = (int(a.max()) + 1, int(b.max()) + 1)
    return torch.bincount(a * size[1] + b, minlength=size[0] * size[1]).reshape(size).double()


def _standardised(x: Tensor) -> Tensor:
    """Every column with mean 0 and variance 1; a constant column stays at 0."""
    x = x.double() - x.double().mean(0)
    scale = x.std(0, correction=0)
    return x / torch.where(scale > 1e-12, scale, torch.ones_like(scale))


def _concentration(rows: Tensor) -> Tensor:
    """1 - entropy / log n of each row of importances `[m, n]`, as shares; 0 for a row of zeros."""
    totals = rows.sum(1)
    shares = rows / totals.clamp(min=1e-12)[:, None]
    return torch.where(totals > 1e-12, 1 - entropy(shares) / math.log(rows.shape[1]), 0.0)
