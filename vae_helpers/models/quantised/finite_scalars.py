"""Finite scalars: every number is rounded to one of a few levels, and the codebook is the grid of all of them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .codebook import Quantised
from .gradients import straight_through


class FiniteScalars(nn.Module):
    """Finite scalar quantisation, FSQ (Mentzer et al., 2024).

    The d-th number of a vector is squeezed between its ends and rounded to one of L_d whole numbers:

        h = (L - 1) (1 + eps) / 2,    o = 1/2 if L is even, else 0
        n = round(h tanh(z + artanh(o / h)) - o),    value = n / (L // 2)

    so that z = 0 stays 0. An even number of levels lies unevenly: -L/2 ... L/2 - 1; without o it would have L + 1 or
    L - 1 of them. There is nothing to learn, nothing to commit to, and no code to die: both loss terms are 0.

    Args:
        levels: L_d for each of the C numbers, each at least 2.

    Raises:
        ValueError: for other levels.

    Example:
        >>> quantiser = FiniteScalars([4, 3])
        >>> quantiser.size, quantiser(torch.tensor([[0.0, 0.0], [9.0, -9.0]])).values
        (12, tensor([[ 0.0000,  0.0000],
                [ 0.5000, -1.0000]]))
    """

    eps = 1e-3

    def __init__(self, levels: Sequence[int]):
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"levels must be whole numbers of at least 2, one for each number, got {levels}")
        self.dim, self.size = len(levels), int(torch.tensor(levels).prod())
        basis = torch.tensor([1, *levels[:-1]]).cumprod(0)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("basis", basis, persistent=False)
        self.register_buffer("middle", (self.levels // 2).to(torch.get_default_dtype()), persistent=False)

    def forward(self, z: Tensor) -> Quantised:
        """z `[..., C]` -> `Quantised`, its terms 0; ValueError for another C."""
        if z.shape[-1] != self.dim:
            raise ValueError(f"there are levels for C = {self.dim} numbers, got shape {list(z.shape)}")
        bounded = self.bound(z)
        whole = bounded.detach().round()
        none = torch.zeros_like(z[..., 0])
        values = straight_through(bounded, whole) / self.middle
        return Quantised(values, self._to_indices(whole), none, none)

    def bound(self, z: Tensor) -> Tensor:
        """h tanh(z + artanh(o / h)) - o, what is rounded: `[..., C]`."""
        h = (self.levels - 1) * (1 + self.eps) / 2
        o = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        return (h * torch.tanh(z + torch.atanh(o / h)) - o).to(z)

    def lookup(self, indices: Tensor) -> Tensor:
        """The values `[..., C]` of indices `[...]` in [0, K)."""
        digits = indices[..., None] // self.basis % self.levels
        return (digits - self.middle) / self.middle

    def indices(self, values: Tensor) -> Tensor:
        """The indices `[...]` of values `[..., C]`: the digits of a number whose d-th has L_d of them."""
        return self._to_indices((values * self.middle).round())

    def extra_repr(self) -> str:
        return f"levels={self.levels.tolist()}"

    def _to_indices(self, whole: Tensor) -> Tensor:
        return ((whole + self.middle).long() * self.basis).sum(-1)
