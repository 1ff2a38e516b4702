"""Entries in another order."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .transform import Transform


class Permutation(Transform):
    """The entries in another order: between two steps, so that the last one is not always the last.

        y_i = z_order[i]        log_det = 0

    Args:
        order: each of 0 to D - 1 once.

    Raises:
        ValueError: for anything else.

    Example:
        >>> Permutation([2, 0, 1])(torch.tensor([10.0, 11.0, 12.0]))
        tensor([12., 10., 11.])
    """

    def __init__(self, order: Sequence[int]):
        super().__init__()
        order = torch.as_tensor(order)
        if not torch.equal(order.sort().values, torch.arange(len(order))):
            raise ValueError(f"order must hold each of 0 to {len(order) - 1} once, got {order.tolist()}")
        self.register_buffer("order", order)

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return z[..., self.order], z.new_zeros(z.shape[:-1])

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y[..., self.order.argsort()], y.new_zeros(y.shape[:-1])
