"""Affine autoregressive steps: IAF, and read backwards, MAF."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .conditioner import bounded, made
from .transform import Transform

GATE = 2.0  # the gate starts at sigmoid(2) = 0.88: Kingma et al. (2016) advise 1 to 2, as for an LSTM's forget gate


class AffineAutoregressive(Transform):
    """Each entry shifted and stretched by a masked network (MADE) that sees the entries before it.

        y_i = m_i + exp(s_i) z_i,    m_i, s_i = functions of z_1 ... z_{i-1} and the context        log_det = sum s_i

    Forward it is one pass of the network. Backward, z_1 must be known before the network can say how y_2 came
    about, and so on: D passes. As it stands it is an inverse autoregressive flow (Kingma et al., 2016), quick to
    sample, as a posterior wants it; `Inverse` of it is a masked autoregressive flow (Papamakarios et al., 2017),
    quick to score any point, as a prior wants it.

    With `gated`, the step of the IAF paper's Algorithm 1, which can shrink volumes, not stretch them:

        y_i = g_i z_i + (1 - g_i) m_i,    g_i = sigmoid(2 + a_i)        log_det = sum log g_i

    It starts at g = 0.88 and m = 0; the other form at the identity.

    Args:
        dim: D.
        hidden: the sizes of the network's hidden layers.
        context: C, the size of the context; 0 for none.
        gated: which of the two forms.
    """

    def __init__(self, dim: int, hidden: Sequence[int] = (64,), context: int = 0, gated: bool = False):
        super().__init__()
        self.gated, self.network = gated, made(dim, 2, hidden, context)

    def shift_and_log_scale(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """m and s of every entry, `[..., D]` each, from the entries before it. With a gate, m is (1 - g) m."""
        m, a = self.network(z, context).chunk(2, dim=-1)
        if not self.gated:
            return m, bounded(a)
        return torch.sigmoid(-GATE - a) * m, logsigmoid(GATE + a)  # 1 - g = sigmoid of minus its logit

    def forward_and_log_det(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        m, s = self.shift_and_log_scale(z, context)
        return m + torch.exp(s) * z, s.sum(-1)

    def inverse_and_log_det(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        leading = y.shape[:-1] if context is None else torch.broadcast_shapes(y.shape[:-1], context.shape[:-1])
        y = y.expand(*leading, y.shape[-1])
        z = torch.zeros_like(y)
        for i in range(y.shape[-1]):  # the entries before i are right already, so m_i and s_i are
            m, s = self.shift_and_log_scale(z, context)
            right = (y[..., i] - m[..., i]) * torch.exp(-s[..., i])
            z = torch.cat([z[..., :i], right[..., None], z[..., i + 1 :]], dim=-1)
        return z, -s.sum(-1)
