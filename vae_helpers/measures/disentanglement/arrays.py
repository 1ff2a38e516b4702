"""What the scores share: their checks, cuts and counts of codes and classes."""

import torch
from torch import Tensor


def check_codes(codes: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Both arrays on the CPU, where there is float64, if a score can be taken of them.

    Args:
        codes: `[N, L]`, real and finite.
        classes: `[N, F]`, whole numbers, no column constant.

    Raises:
        ValueError: for shapes that do not fit, values that are not finite, or a constant factor.
        TypeError: for codes and classes in the wrong order.

    Example:
        >>> codes, classes = check_codes(torch.zeros(2, 3), torch.tensor([[0], [1]]))
    """
    if codes.ndim != 2 or classes.ndim != 2 or len(codes) != len(classes):
        raise ValueError(
            f"codes must be [N, L] and classes [N, F], of the same N images, got {list(codes.shape)} and "
            f"{list(classes.shape)}"
        )
    codes, classes = codes.cpu(), classes.cpu()
    if classes.is_floating_point() or not codes.is_floating_point():
        raise TypeError(
            f"codes are real numbers and classes whole ones (the order is codes, classes), got {codes.dtype} "
            f"and {classes.dtype}"
        )
    if not codes.isfinite().all():
        raise ValueError("codes contain infinite or missing values (NaN)")
    if (constant := (classes == classes[0]).all(0)).any():
        raise ValueError(f"factor {int(constant.nonzero()[0])} has the same class in every image; leave it out")
    return codes, classes


def gap(scores: Tensor) -> Tensor:
    """The largest score of each factor less the second largest, over codes.

    Args:
        scores: `[L, F]`.

    Returns:
        `[F]`.

    Raises:
        ValueError: for a single code.

    Example:
        >>> gap(torch.tensor([[3.0], [2.5], [0.0]]))
        tensor([0.5000])
    """
    if len(scores) < 2:
        raise ValueError("a gap needs at least two codes, got one")
    first, second = scores.topk(2, dim=0).values
    return first - second


def cut(code: Tensor, bins: int) -> Tensor:
    """Which of `bins` shares of equal size each number is in; equal numbers share one.

    Args:
        code: `[N]`.
        bins: how many.

    Returns:
        Whole numbers `[N]`, from 0 to bins - 1.

    Example:
        >>> cut(torch.tensor([0.1, 5.0, 0.2, 9.0]), bins=2)
        tensor([0, 1, 0, 1])
    """
    code = code.double().contiguous()
    first = -(-torch.arange(1, bins) * len(code) // bins)  # rounded up
    edges = code.sort().values[first.clamp(max=len(code) - 1)]
    return torch.bucketize(code, edges, right=True)


def counts(a: Tensor, b: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """How often each pair of values occurs.

    Args:
        a: whole numbers `[N]`.
        b: whole numbers `[N]`.
        size: how many values each may have; by default as many as it has.

    Returns:
        `[values of a, values of b]`, float64.

    Example:
        >>> counts(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]))
        tensor([[0., 2.],
                [1., 0.]], dtype=torch.float64)
    """
    if size is None:
        a, b = (x.unique(return_inverse=True)[1] for x in (a, b))
        size = (int(a.max()) + 1, int(b.max()) + 1)
    return torch.bincount(a * size[1] + b, minlength=size[0] * size[1]).reshape(size).double()


def standardised(x: Tensor) -> Tensor:
    """Every column with mean 0 and variance 1; a constant column stays at 0.

    Args:
        x: `[N, n]`.

    Returns:
        `[N, n]`, float64.

    Example:
        >>> standardised(torch.tensor([[1.0], [3.0]])).T
        tensor([[-1.,  1.]], dtype=torch.float64)
    """
    x = x.double() - x.double().mean(0)
    scale = x.std(0, correction=0)
    return x / torch.where(scale > 1e-12, scale, torch.ones_like(scale))


def entropy(p: Tensor) -> Tensor:
    """-sum p log p over the last dimension.

    Args:
        p: probabilities `[..., n]`.

    Returns:
        `[...]`, in nats.

    Example:
        >>> entropy(torch.tensor([0.5, 0.5]))
        tensor(0.6931)
    """
    return torch.special.entr(p).sum(-1)
