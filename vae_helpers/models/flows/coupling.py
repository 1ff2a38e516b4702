"""Affine coupling: one half stays, and says what happens to the other."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .conditioner import bounded, plain
from .transform import Transform


class AffineCoupling(Transform):
    """One part of the vector shifted and stretched by a network that sees the other. Dinh et al. (2017), Real NVP.

        y_a = z_a
        y_b = m(z_a, context) + exp(s(z_a, context)) z_b        log_det = sum s

    One pass in either direction. a is the first half of the entries (rounded down), or the rest if `flip`:
    take both in turn, else a is never changed.

    Args:
        dim: D, at least 2.
        hidden: the sizes of the network's hidden layers.
        context: C, the size of the context; 0 for none.
        flip: whether b comes first.

    Raises:
        ValueError: for D = 1, where there is no other half.
    """

    def __init__(self, dim: int, hidden: Sequence[int] = (64,), context: int = 0, flip: bool = False):
        super().__init__()
        if dim < 2:
            raise ValueError(f"a coupling needs at least 2 dimensions, got {dim}: take an Affine")
        self.flip, self.sizes = flip, (dim // 2, dim - dim // 2)
        a, b = reversed(self.sizes) if flip else self.sizes
        self.network = plain(a, 2 * b, hidden, context)

    def _split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        first, second = z.split(self.sizes, dim=-1)
        return (second, first) if self.flip else (first, second)

    def _join(self, a: Tensor, b: Tensor) -> Tensor:
        a = a.expand(*b.shape[:-1], a.shape[-1])  # b may have met a context with more leading dimensions
        return torch.cat([b, a] if self.flip else [a, b], dim=-1)

    def shift_and_log_scale(self, a: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """m and s of the other part, `[..., size of b]` each, for a `[..., size of a]`."""
        m, s = self.network(a, context).chunk(2, dim=-1)
        return m, bounded(s)

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z_a, z_b = self._split(z)
        m, s = self.shift_and_log_scale(z_a, context)
        return self._join(z_a, m + torch.exp(s) * z_b), s.sum(-1)

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y_a, y_b = self._split(y)
        m, s = self.shift_and_log_scale(y_a, context)
        return self._join(y_a, (y_b - m) * torch.exp(-s)), -s.sum(-1)
