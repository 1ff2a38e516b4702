"""From the prototypes' control points to smooth curves: the tables that `strokes` looks things up in."""

from functools import lru_cache

import torch
from torch import Tensor

from .stroke_prototypes import PROTOTYPES

POINTS = 112  # points per image, spread evenly along its strokes
CONTROLS = 16  # control points per image; prototypes with fewer leave the rest unused


@lru_cache
def curves() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The tables, by label and prototype.

    Returns:
        Control points `[10, P, C, 2]`, bases `[10, P, POINTS, C]`, cumulative weights `[10, P]`, and how many
        prototypes each label has, `[10]`.

    Example:
        >>> controls, bases, cumulative, count = curves()
        >>> bases.shape[2:]
        torch.Size([112, 16])
    """
    most = max(len(rows) for rows in PROTOTYPES.values())
    prototypes = torch.zeros(10, most, CONTROLS, 2, dtype=torch.float64)
    bases = torch.zeros(10, most, POINTS, CONTROLS, dtype=torch.float64)
    cumulative = torch.ones(10, most, dtype=torch.float64)
    for label, rows in PROTOTYPES.items():
        weights = torch.tensor([weight for _, weight, _ in rows], dtype=torch.float64)
        cumulative[label, : len(rows) - 1] = (weights.cumsum(0) / weights.sum())[:-1]
        for k, (_, _, path) in enumerate(rows):
            controls, pieces = _parse(path)
            prototypes[label, k, : len(controls)] = controls
            bases[label, k] = _basis(prototypes[label, k], pieces)
    return prototypes, bases, cumulative, torch.tensor([len(PROTOTYPES[c]) for c in range(10)])


def _parse(path: str) -> tuple[Tensor, list[list[int]]]:
    """Read a path: control points `[C, 2]` in heights, and its smooth pieces as lists of indices."""
    controls, pieces = [], [[]]
    for token in path.split():
        if token in "/|":  # a corner goes on from the point before it, a lifted pen does not
            pieces.append([len(controls) - 1] if token == "/" else [])
        else:
            pieces[-1].append(len(controls))
            controls.append([float(v) / 100 for v in token.split(",")])
    return torch.tensor(controls, dtype=torch.float64), pieces


def _basis(controls: Tensor, pieces: list[list[int]]) -> Tensor:
    """Matrix `[POINTS, C]` from control points to points evenly spaced along Catmull-Rom curves."""
    t = (torch.arange(64, dtype=torch.float64) / 63)[:, None]
    a, b, c, d = (
        -t + 2 * t**2 - t**3,
        2 - 5 * t**2 + 3 * t**3,
        t + 4 * t**2 - 3 * t**3,
        -(t**2) + t**3,
    )
    rows, starts = [], []
    unit = torch.eye(len(controls), dtype=torch.float64)
    for piece in pieces:
        p = unit[piece]
        p = torch.cat([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])  # straight on beyond both ends
        starts.append(sum(len(r) for r in rows))
        rows += [(a * p[k] + b * p[k + 1] + c * p[k + 2] + d * p[k + 3]) / 2 for k in range(len(p) - 3)]
    dense = torch.cat(rows)
    steps = (dense @ controls).diff(dim=0, prepend=torch.zeros(1, 2, dtype=torch.float64)).norm(dim=1)
    steps[starts] = 0  # no ink between strokes
    length = steps.cumsum(0)
    wanted = torch.linspace(0, 1, POINTS, dtype=torch.float64) * length[-1]
    return dense[torch.searchsorted(length, wanted).clamp(max=len(dense) - 1)]
