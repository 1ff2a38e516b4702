"""Separated attribute predictability. Kumar et al. (2018)."""

from torch import Tensor

from .arrays import check_codes, gap, standardised


def sap(codes: Tensor, classes: Tensor) -> Tensor:
    """Separated attribute predictability of every factor; the published score is its mean.

    The gap between the two codes that predict v_f best, by the R^2 of a line through each code alone.
    Kumar et al. (2018), section 3.

    Args:
        codes: `[N, L]`, L of at least 2.
        classes: `[N, F]`, whole numbers.

    Returns:
        `[F]`, at most 1.

    Raises:
        ValueError, TypeError: as for `mutual_information`; ValueError for a single code.

    Example:
        >>> classes = torch.arange(100)[:, None] % 5
        >>> sap(torch.cat([classes, torch.zeros(100, 1)], 1), classes)
        tensor([1.], dtype=torch.float64)
    """
    codes, classes = check_codes(codes, classes)
    z, v = standardised(codes), standardised(classes)
    return gap((z.T @ v / len(z)).square())
