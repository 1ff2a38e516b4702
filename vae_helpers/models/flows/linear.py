"""A linear autoregressive step: what makes a diagonal Gaussian a correlated one."""

import torch
from torch import Tensor, nn

from .conditioner import given
from .transform import Transform


class LinearAutoregressive(Transform):
    """Each entry moved by a linear function of those before it.

        y_i = z_i + sum_{j < i} L_ij z_j        log_det = 0

    A Gaussian with diagonal covariance S becomes one with covariance (I + L) S (I + L)^T: any covariance at all,
    since that is its LDL decomposition. Kingma et al. (2016), "linear IAF".
    Either direction is one pass: the inverse solves a triangular system.

    Args:
        dim: D.
        context: C; with one, L is linear in it.
    """

    def __init__(self, dim: int, context: int = 0):
        super().__init__()
        self.dim, entries = dim, dim * (dim - 1) // 2
        self.from_context = nn.Linear(context, entries) if context and entries else None
        if self.from_context is None:
            self.below = nn.Parameter(torch.zeros(entries))
        else:
            nn.init.zeros_(self.from_context.weight)
            nn.init.zeros_(self.from_context.bias)

    def matrix(self, context: Tensor | None = None) -> Tensor:
        """I + L, `[..., D, D]`: the entries below the diagonal, row by row."""
        if self.from_context is None:
            below = self.below
        else:
            below = self.from_context(given(context, self.from_context.in_features))
        rows, columns = torch.tril_indices(self.dim, self.dim, -1, device=below.device)
        matrix = torch.eye(self.dim, dtype=below.dtype, device=below.device).repeat(*below.shape[:-1], 1, 1)
        matrix[..., rows, columns] = below
        return matrix

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y = (self.matrix(context) @ z[..., None])[..., 0]
        return y, y.new_zeros(y.shape[:-1])

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z = torch.linalg.solve_triangular(self.matrix(context), y[..., None], upper=False, unitriangular=True)[..., 0]
        return z, z.new_zeros(z.shape[:-1])
