"""Sprites: white shapes on a full grid of known factors, after dSprites (Matthey et al. 2017).

Every combination of shape, scale, orientation, x and y is an image, drawn on demand. One class
of x or y is exactly one pixel, so each shape is rendered once per scale and orientation, and then
put in its place.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

# The values of each factor, by class. dSprites has the orientations 0 and 2 pi; here they are one.
SPRITE_FACTORS = {
    "shape": torch.tensor([0.0, 1.0, 2.0]),  # square, ellipse, heart
    "scale": torch.linspace(0.5, 1, 6),
    "orientation": torch.arange(40) * (2 * math.pi / 40),  # radians, counter-clockwise
    "x": torch.linspace(0, 1, 32),  # to the right
    "y": torch.linspace(0, 1, 32),  # downwards
}
SPRITE_GRID = torch.Size(len(values) for values in SPRITE_FACTORS.values())
SIDE, RADIUS = 64, 15  # pixels: the image, and how far a sprite reaches from its central pixel


class Sprites(NamedTuple):
    """Images float32 `[N, 1, size, size]`; their factors `[N, 5]` as classes (int64) and values."""

    images: Tensor
    classes: Tensor
    values: Tensor


def sprites(which: int | Tensor, seed: int = 0, size: int = SIDE) -> Sprites:
    """Sprites of the grid.

    Args:
        which: indices `[N]`, counted in the order of `SPRITE_FACTORS`, y fastest; or how many to pick, at random
            without repeats.
        seed: of the choice.
        size: 64 or 32 pixels.

    Raises:
        ValueError: outside the grid.

    Example:
        >>> sprites(3).images.shape
        torch.Size([3, 1, 64, 64])
    """
    if isinstance(which, int):
        if not 0 <= which <= SPRITE_GRID.numel():
            raise ValueError(f"the grid has {SPRITE_GRID.numel():,} sprites, and {which:,} were asked for")
        which = torch.randperm(SPRITE_GRID.numel(), generator=torch.Generator().manual_seed(seed))[:which]
    classes = sprite_classes(which)
    values = [column[i] for column, i in zip(SPRITE_FACTORS.values(), classes.unbind(1), strict=True)]
    return Sprites(draw_sprites(classes, size), classes, torch.stack(values, 1))


def sprite_classes(indices: Tensor) -> Tensor:
    """The classes of the five factors.

    Args:
        indices: into the grid, `[N]`.

    Returns:
        int64 `[N, 5]`.

    Raises:
        ValueError: outside the grid.

    Example:
        >>> sprite_classes(torch.tensor([0, 33]))
        tensor([[0, 0, 0, 0, 0],
                [0, 0, 0, 1, 1]])
    """
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < SPRITE_GRID.numel():
        raise ValueError(f"indices run from 0 to {SPRITE_GRID.numel() - 1:,}")
    return torch.stack(torch.unravel_index(indices, SPRITE_GRID), 1)


def draw_sprites(classes: Tensor, size: int = SIDE) -> Tensor:
    """Draw sprites. At size 64 every pixel is 0 or 1; size 32 is the mean of that over blocks of 2 x 2.

    Args:
        classes: of the five factors, int64 `[N, 5]`.
        size: 64 or 32 pixels.

    Returns:
        float32 `[N, 1, size, size]`.

    Raises:
        ValueError: for another size, or classes of another form or outside the grid.

    Example:
        >>> draw_sprites(torch.zeros(1, 5, dtype=torch.long)).unique()
        tensor([0., 1.])
    """
    if size not in (SIDE, SIDE // 2):
        raise ValueError(f"sprites are drawn at size {SIDE} or {SIDE // 2}, not {size}")
    if classes.dtype != torch.int64 or classes.ndim != 2 or classes.shape[1] != len(SPRITE_GRID):
        raise ValueError(f"expected int64 classes [N, 5], not {classes.dtype} {list(classes.shape)}")
    if (classes < 0).any() or (classes >= torch.tensor(SPRITE_GRID)).any():
        raise ValueError(f"a class is outside the grid, {' x '.join(map(str, SPRITE_GRID))}")
    shape, scale, orientation, x, y = classes.unbind(1)
    window = torch.arange(2 * RADIUS + 1) + 1  # of class 0: pixels 1 to 31
    images = torch.zeros(len(classes), 1, SIDE, SIDE)
    n = torch.arange(len(classes))[:, None, None]
    rows, columns = (y[:, None] + window)[:, :, None], (x[:, None] + window)[:, None, :]
    images[n, 0, rows, columns] = _stamps()[shape, scale, orientation]
    return images if size == SIDE else torch.nn.functional.avg_pool2d(images, 2)


@lru_cache(maxsize=1)
def _stamps() -> Tensor:
    """Each shape at each scale and orientation, about its central pixel: `[3, 6, 40, 31, 31]`."""
    _, scale, orientation, _, _ = (values.double() for values in SPRITE_FACTORS.values())
    offsets = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    up, right = torch.meshgrid(-offsets, offsets, indexing="ij")
    cos, sin = orientation.cos()[:, None, None], orientation.sin()[:, None, None]
    u = (cos * right + sin * up) / scale[:, None, None, None]  # the pixel's place on the unturned shape
    v = (cos * up - sin * right) / scale[:, None, None, None]
    inside = [_square(u, v), _ellipse(u, v), _heart(u, v)]
    return torch.stack(inside).float()


# Whether (u, v), pixels from the middle at scale 1 with v upwards, is inside. The odd sizes keep
# edges off the pixels' centres, so that rounding decides nothing.


def _square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) <= 10.3


def _ellipse(u: Tensor, v: Tensor) -> Tensor:
    return (u / 14.3).square() + (v / 7.3).square() <= 1


def _heart(u: Tensor, v: Tensor) -> Tensor:
    u, v = u / 10.7, v / 10.7 + 0.2935  # about its centre of mass
    return (u**2 + v**2 - 1) ** 3 <= u**2 * v**3
