"""Strokes: handwriting-like digits drawn from a generative model that is known exactly.

    label -> prototype -> control points -> path on the page -> ink -> 28 x 28 grey levels
                               ^                  ^              ^
                        warp, jitter,      stretch, slant,   thickness,
                           wobble             rotation        pressure

Everything random is in the factors z, drawn by `sample_factors`; `render_strokes` is x = f(z), with
no randomness left. Nothing is learned and nothing is read from disk. The last steps are those of
MNIST (LeCun et al. 1998): the ink is scaled into a 20 x 20 box, its aspect ratio kept, and the box is
put into 28 x 28 pixels so that the centre of mass of the ink is at the centre.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .stroke_curves import CONTROLS, POINTS, curves

SIZE, BOX = 28, 20  # pixels: the image, and the box that the ink is scaled into
IMAGES_AT_ONCE = 64  # rendered; it changes speed and memory, not the result
WARP_MODES = [(i, j) for i in range(3) for j in range(3) if i + j > 0]


class Factor(NamedTuple):
    """A continuous factor: `centre + spread * e`, or its exp if `log`, with e ~ N(0, 1) of `shape`."""

    centre: float
    spread: float
    shape: tuple[int, ...] = ()
    log: bool = False
    low: float = -math.inf
    high: float = math.inf


FACTORS = {
    "slant": Factor(0.18, 0.23),  # x moves to the right by slant * height
    "stretch": Factor(0.0, 0.16, log=True),  # the width is multiplied by it
    "rotation": Factor(0.0, 0.10),  # radians, clockwise
    "thickness": Factor(0.90, 0.28, log=True, low=1.2, high=5.5),  # pen width, in pixels
    "pressure": Factor(0.0, 0.06, (6,)),  # relative pen width along the strokes: 6 cosines
    "jitter": Factor(-3.7, 0.4, log=True),  # size of the wobble, in heights of the digit
    "wobble": Factor(0.0, 1.0, (CONTROLS, 2)),  # each control point's own displacement / jitter
    "warp": Factor(0.0, 0.04, (len(WARP_MODES), 2)),  # smooth displacement of the page, in heights
}


def draw_strokes(n: int, seed: int = 0, **fixed) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw digits, and say which factors z they are rendered from.

    Args:
        n: how many.
        seed: of the factors.
        fixed: factors to set, by name; see `sample_factors`.

    Returns:
        Images x, uint8 `[N, 1, 28, 28]`, and the factors, `[N, ...]` by name.

    Raises:
        ValueError: as `sample_factors`.

    Example:
        >>> images, factors = draw_strokes(8, label=3, slant=0.2)
        >>> images.shape, factors["label"].unique()
        (torch.Size([8, 1, 28, 28]), tensor([3]))
    """
    factors = sample_factors(n, seed, **fixed)
    return render_strokes(factors), factors


def sample_factors(n: int, seed: int = 0, **fixed) -> dict[str, Tensor]:
    """Sample the factors of digits, z ~ p(z). Image i does not depend on n.

    Args:
        n: how many digits.
        seed: of all random numbers.
        fixed: factors to set, by name, each a number or a tensor that broadcasts to `[N, ...]`. The others stay as
            they would have been (an intervention; only the meaning of `prototype` depends on `label`).

    Returns:
        `label` and `prototype`, int64 `[N]`, and all of `FACTORS`, float32 `[N, ...]`.

    Raises:
        ValueError: for n < 0, an unknown factor, or a value that it cannot take.

    Example:
        >>> sample_factors(3, label=7)["thickness"].shape
        torch.Size([3])
    """
    if n < 0:
        raise ValueError(f"n must be 0 or more, got {n}; pass how many images to draw")
    names = ["label", "prototype", *FACTORS]
    if unknown := sorted(set(fixed) - set(names)):
        raise ValueError(f"unknown factors {unknown}; fix any of {names}")
    widths = [math.prod(f.shape) for f in FACTORS.values()]
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(n, 2 + sum(widths), generator=generator, dtype=torch.float64)
    z = {"label": _fix(fixed, "label", (uniform[:, 0] * 10).long())}
    _check_range("label", z["label"], torch.full((n,), 10))
    _, _, cumulative, count = curves()
    chosen = (uniform[:, 1, None] >= cumulative[z["label"]]).sum(1)
    z["prototype"] = _fix(fixed, "prototype", chosen)
    _check_range("prototype", z["prototype"], count[z["label"]])
    normal = torch.special.ndtri(uniform[:, 2:].clamp(1e-12, 1 - 1e-12))
    for (name, f), e in zip(FACTORS.items(), normal.split(widths, dim=1), strict=True):
        value = f.centre + f.spread * e.reshape(n, *f.shape)
        value = (value.exp() if f.log else value).clamp(f.low, f.high)
        z[name] = _fix(fixed, name, value.float())
    return z


def render_strokes(factors: dict[str, Tensor]) -> Tensor:
    """Render x = f(z), without any randomness.

    Args:
        factors: as from `sample_factors`.

    Returns:
        uint8 `[N, 1, 28, 28]`, ink 255, paper 0.

    Example:
        >>> render_strokes(sample_factors(3)).shape
        torch.Size([3, 1, 28, 28])
    """
    images = [torch.zeros(0, 1, SIZE, SIZE, dtype=torch.uint8)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the steps are short: on a busy machine, threads wait for each other
    try:
        for start in range(0, len(factors["label"]), IMAGES_AT_ONCE):
            z = {name: value[start : start + IMAGES_AT_ONCE] for name, value in factors.items()}
            images.append(_centre(_ink(*_fit_to_box(trace_strokes(z), z))))
    finally:
        torch.set_num_threads(threads)
    return torch.cat(images)


def trace_strokes(factors: dict[str, Tensor]) -> Tensor:
    """The pen's path on the page.

    Args:
        factors: as from `sample_factors`.

    Returns:
        float64 `[N, POINTS, 2]`, (x, y) in heights, y down.

    Example:
        >>> trace_strokes(sample_factors(3)).shape
        torch.Size([3, 112, 2])
    """
    z = {name: value.double() if value.is_floating_point() else value for name, value in factors.items()}
    prototypes, bases, _, _ = curves()
    controls, basis = prototypes[z["label"], z["prototype"]], bases[z["label"], z["prototype"]]
    i, j = torch.tensor(WARP_MODES, dtype=torch.float64).T
    x, y = controls[..., None].unbind(2)
    modes = torch.cos(math.pi * i * x) * torch.cos(math.pi * j * y) / (i**2 + j**2).sqrt()
    controls = controls + modes @ z["warp"] + z["jitter"][:, None, None] * z["wobble"]
    x, y = (basis @ (controls - 0.5)).unbind(-1)
    stretch, slant, angle = (z[name][:, None] for name in ("stretch", "slant", "rotation"))
    x = stretch * x - slant * y
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)


def _fit_to_box(points: Tensor, z: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Scale the path to the box: points `[N, POINTS, 2]` and the pen's radius at each, in pixels."""
    pressure = z["pressure"].double()
    waves = torch.arange(1, pressure.shape[1] + 1, dtype=torch.float64)
    cosines = torch.cos(waves[:, None] * torch.linspace(0, math.pi, POINTS, dtype=torch.float64))
    radius = z["thickness"].double()[:, None] / 2
    low, high = points.amin(1), points.amax(1)
    scale = (BOX - 2 * radius) / (high - low).amax(1, keepdim=True)
    middle = (low + high) / 2
    pixels = BOX / 2 + scale[:, :, None] * (points - middle[:, None])
    return pixels, radius * (1 + pressure @ cosines).clamp(0.5, 1.5)


def _ink(points: Tensor, radius: Tensor) -> Tensor:
    """Antialiased ink `[N, 20, 20]` in [0, 1]: 1 inside the discs of the pen, falling over a pixel.

    Float32 takes only products, sums and minima of single numbers, which round alike on every machine.
    """
    mean = radius.mean(1)
    weight = (mean[:, None] / radius).square().float()[:, :, None]
    centres = torch.arange(BOX) + 0.5
    dx, dy = ((centres - points[..., k, None].float()).square() * weight for k in (0, 1))
    nearest = (dy[..., :, None] + dx[..., None, :]).amin(1).double().sqrt()
    return (mean[:, None, None] - nearest + 0.5).clamp(0, 1)


def _centre(ink: Tensor) -> Tensor:
    """Grey levels uint8 `[N, 1, 28, 28]`: the box, moved by whole pixels to centre its mass."""
    grey = (255 * ink).round().long()
    total = grey.sum((1, 2))
    at = torch.arange(SIZE)
    index = []
    for axis in (1, 2):
        moment = (grey.sum(3 - axis) * (2 * at[:BOX] + 1)).sum(1)  # twice the first moment
        corner = SIZE // 2 - (moment + total) // (2 * total)
        index.append(at - corner[:, None])
    row, column = index[0][:, :, None], index[1][:, None, :]
    inside = (row >= 0) & (row < BOX) & (column >= 0) & (column < BOX)
    flat = row.clamp(0, BOX - 1) * BOX + column.clamp(0, BOX - 1)
    moved = grey.flatten(1).gather(1, flat.flatten(1)).reshape(-1, SIZE, SIZE) * inside
    return moved.to(torch.uint8)[:, None]


def _fix(fixed: dict, name: str, sampled: Tensor) -> Tensor:
    """The sampled factor, or the fixed one in its shape and dtype."""
    if name not in fixed:
        return sampled
    value = torch.as_tensor(fixed[name])
    if value.is_floating_point() and not sampled.is_floating_point():
        raise ValueError(f"{name} must be an integer, got {value.dtype}; pass an int or an int64 tensor")
    shape = list(sampled.shape)
    try:
        value = value.broadcast_to(shape).to(sampled.dtype, copy=True)
    except RuntimeError:
        came = list(value.shape)
        raise ValueError(f"{name} must be a number or broadcast to {shape}, got shape {came}") from None
    if not value.isfinite().all():
        raise ValueError(f"{name} must be finite, got {value[~value.isfinite()][0].item()}")
    if name == "thickness" and ((value <= 0) | (value > BOX / 2)).any():
        wrong = value[(value <= 0) | (value > BOX / 2)][0].item()
        raise ValueError(f"thickness must be above 0 and at most {BOX // 2}, got {wrong}; it is in pixels")
    return value


def _check_range(name: str, index: Tensor, count: Tensor) -> None:
    wrong = (index < 0) | (index >= count)
    if wrong.any():
        got, most = index[wrong][0].item(), count[wrong][0].item() - 1
        raise ValueError(f"{name} must be 0 to {most}, got {got}; stroke_prototypes.py lists them")
