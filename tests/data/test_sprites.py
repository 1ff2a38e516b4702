"""Sprites: an exact grid of factors, and images that obey them."""

import math

import pytest
import torch

from vae_helpers.data.sprites import SPRITE_FACTORS, SPRITE_GRID, draw_sprites, sprite_classes, sprites

SQUARE, ELLIPSE, HEART = range(3)


def grid(*ranges):
    """All combinations of classes, int64 `[N, 5]`."""
    return torch.cartesian_prod(*(torch.as_tensor(r).reshape(-1) for r in ranges))


def centre_of_mass(images):
    """Centres of mass `[N, 2]` in pixels, x and y."""
    mass, at = images.sum((1, 2, 3)), torch.arange(images.shape[-1]) + 0.5
    return torch.stack([images.sum((1, 2)) @ at / mass, images.sum((1, 3)) @ at / mass], 1)


def test_the_grid_is_the_product_of_the_factors():
    assert SPRITE_GRID == (3, 6, 40, 32, 32) == tuple(map(len, SPRITE_FACTORS.values()))
    assert SPRITE_GRID.numel() == 3 * 6 * 40 * 32 * 32 == 737_280


def test_index_and_factors_are_one_to_one():
    everything = torch.arange(SPRITE_GRID.numel())
    classes = sprite_classes(everything)
    back = torch.zeros_like(everything)
    for column, n in zip(classes.unbind(1), SPRITE_GRID, strict=True):
        assert column.unique().tolist() == list(range(n))
        back = back * n + column
    assert torch.equal(back, everything)


def test_random_sprites_are_distinct_and_repeatable():
    first, again, other = sprites(300, seed=1), sprites(300, seed=1), sprites(300, seed=2)
    assert torch.equal(first.images, again.images) and torch.equal(first.values, again.values)
    assert not torch.equal(first.classes, other.classes)
    assert len(first.classes.unique(dim=0)) == 300
    assert first.images.shape == (300, 1, 64, 64) and first.values.shape == first.classes.shape == (
        300,
        5,
    )
    assert first.images.unique().tolist() == [0, 1]


def test_values_belong_to_the_classes():
    _, classes, values = sprites(torch.tensor([0, SPRITE_GRID.numel() - 1]))
    assert classes.tolist() == [[0, 0, 0, 0, 0], [2, 5, 39, 31, 31]]
    expected = torch.tensor([[0, 0.5, 0, 0, 0], [2, 1, 2 * math.pi * 39 / 40, 1, 1]])
    torch.testing.assert_close(values, expected)


@pytest.mark.parametrize("shape", [SQUARE, ELLIPSE, HEART])
def test_a_step_in_x_or_y_is_one_pixel(shape):
    along_x = draw_sprites(grid(shape, 3, 7, range(32), 9))
    along_y = draw_sprites(grid(shape, 3, 7, 9, range(32)))
    assert len(along_x.sum((1, 2, 3)).unique()) == 1  # nothing is cut off at the edges
    step = torch.tensor([[1.0, 0.0]]).expand(31, 2)
    torch.testing.assert_close(centre_of_mass(along_x).diff(dim=0), step, atol=1e-4, rtol=0)
    torch.testing.assert_close(centre_of_mass(along_y).diff(dim=0), step.flip(1), atol=1e-4, rtol=0)
    assert torch.equal(along_x[5].roll(11, 2), along_x[16])


def test_the_centre_of_mass_is_the_position():
    classes = grid(range(3), range(6), range(40), [0, 31], 20)
    expected = classes[:, 3:] + 16.5  # the middle of pixel 16 for class 0
    assert (centre_of_mass(draw_sprites(classes)) - expected).norm(dim=1).max() < 0.25  # of a pixel


@pytest.mark.parametrize(("shape", "full"), [(SQUARE, 20.6**2), (ELLIPSE, math.pi * 14.3 * 7.3), (HEART, 419.26)])
def test_area_grows_with_the_square_of_the_scale(shape, full):
    area = draw_sprites(grid(shape, range(6), range(40), 16, 16)).sum((1, 2, 3)).view(6, 40)
    expected = full * SPRITE_FACTORS["scale"] ** 2
    noise = 2 * expected.sqrt().sqrt()  # root of the edge's length: its pixels are in or out
    assert ((area.mean(1) - expected).abs() < noise).all()
    assert ((area - expected[:, None]).abs() < 3 * noise[:, None]).all()


def test_orientation_is_counter_clockwise():
    images = draw_sprites(grid(range(3), range(6), range(40), 16, 16)).view(3, 6, 40, 64, 64)
    window = images[..., 17:48, 17:48]  # about pixel 32, the centre of class 16
    assert torch.equal(window.rot90(1, (-2, -1)), window.roll(-10, 2))  # 10 classes are a right angle


def test_images_differ_but_for_the_symmetries():
    """A square is the same after a quarter of a turn, an ellipse after half of one."""
    images = draw_sprites(grid(range(3), range(6), range(40), [15, 16], 16), 32)
    distinct = [len(part.flatten(1).unique(dim=0)) for part in images.split(6 * 40 * 2)]
    assert distinct == [6 * 10 * 2, 6 * 20 * 2, 6 * 40 * 2]
    assert len(images.flatten(1).unique(dim=0)) == sum(distinct)
    stamps = draw_sprites(grid(range(3), range(6), range(40), 16, 16))
    assert len(stamps.flatten(1).unique(dim=0)) == 6 * (10 + 20 + 40)


def test_half_size_is_the_mean_of_blocks():
    large, small = sprites(20, size=64).images, sprites(20, size=32).images
    assert small.shape == (20, 1, 32, 32)
    assert torch.equal(small, large.view(20, 1, 32, 2, 32, 2).mean((3, 5)))


def test_none_at_all():
    assert sprites(0).images.shape == (0, 1, 64, 64)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: sprites(737_281), "737,281 were asked for"),
        (lambda: sprites(-1), "-1 were asked for"),
        (lambda: sprites(torch.tensor([0, 737_280])), "from 0 to 737,279"),
        (lambda: sprites(3, size=28), "at size 64 or 32, not 28"),
        (lambda: draw_sprites(torch.zeros(3, 4, dtype=torch.int64)), r"\[N, 5\].*\[3, 4\]"),
        (lambda: draw_sprites(torch.zeros(3, 5)), "float32"),
        (
            lambda: draw_sprites(torch.tensor([[3, 0, 0, 0, 0]])),
            "outside the grid, 3 x 6 x 40 x 32 x 32",
        ),
        (lambda: draw_sprites(torch.tensor([[0, 0, 0, -1, 0]])), "outside the grid"),
    ],
)
def test_wrong_input_is_named(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        wrong()
