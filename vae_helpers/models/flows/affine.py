"""Every entry shifted and stretched by itself."""

import torch
from torch import Tensor, nn

from .conditioner import bounded, given
from .transform import Transform


class Affine(Transform):
    """Each entry shifted and stretched, by numbers that are learned, or that a context gives.

        y = m + exp(s) z        log_det = sum s

    Args:
        dim: D.
        context: C; with one, m and s are linear in it, s within +-6.9.
    """

    def __init__(self, dim: int, context: int = 0):
        super().__init__()
        self.from_context = nn.Linear(context, 2 * dim) if context else None
        if self.from_context is None:
            self.shift, self.log_scale = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))
        else:
            nn.init.zeros_(self.from_context.weight)
            nn.init.zeros_(self.from_context.bias)

    def _shift_and_log_scale(self, context: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.from_context is None:
            return self.shift, self.log_scale
        m, s = self.from_context(given(context, self.from_context.in_features)).chunk(2, dim=-1)
        return m, bounded(s)

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        m, s = self._shift_and_log_scale(context)
        y = m + torch.exp(s) * z
        return y, s.sum(-1).expand(y.shape[:-1])

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        m, s = self._shift_and_log_scale(context)
        z = (y - m) * torch.exp(-s)
        return z, -s.sum(-1).expand(z.shape[:-1])
