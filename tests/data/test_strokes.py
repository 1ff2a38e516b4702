"""Strokes: reproducible to the byte, laid out as MNIST is, and the factors do what they say."""

import hashlib
import os
import subprocess
import sys

import pytest
import torch

from vae_helpers.data import strokes
from vae_helpers.data.stroke_prototypes import PROTOTYPES
from vae_helpers.data.strokes import FACTORS, draw_strokes, render_strokes, sample_factors, trace_strokes

HASH = """
import hashlib
from vae_helpers import draw_strokes
images, factors = draw_strokes(3000, seed=5)
print(hashlib.sha256(images.numpy().tobytes()).hexdigest(), int(factors["label"].sum()))
"""


@pytest.fixture(scope="module")
def drawn():
    return draw_strokes(3000, seed=5)


def sha256(images):
    return hashlib.sha256(images.numpy().tobytes()).hexdigest()


def ink(images):
    return images.double().sum((1, 2, 3)) / 255


def test_shapes_and_dtypes(drawn):
    images, factors = drawn
    assert images.shape == (3000, 1, 28, 28) and images.dtype == torch.uint8
    assert set(factors) == {"label", "prototype", *FACTORS}
    for name in ("label", "prototype"):
        assert factors[name].shape == (3000,) and factors[name].dtype == torch.int64
    for name, factor in FACTORS.items():
        assert factors[name].shape == (3000, *factor.shape) and factors[name].dtype == torch.float32
        assert factors[name].isfinite().all()
    assert images.max() == 255 and images.min() == 0


def test_grey_levels_resemble_mnist(drawn):
    values = drawn[0].double()
    assert 31 < values.mean() < 37  # MNIST 33.3
    assert 76 < values.std() < 83  # MNIST 78.6
    assert 0.79 < (values == 0).double().mean() < 0.84  # MNIST 0.81


def test_zero_images():
    images, factors = draw_strokes(0)
    assert images.shape == (0, 1, 28, 28) and images.dtype == torch.uint8
    assert len(factors["label"]) == 0


def test_same_seed_same_bytes_other_seed_other_images(drawn):
    images, _ = drawn
    assert torch.equal(images, draw_strokes(3000, seed=5)[0])
    other = draw_strokes(200, seed=6)[0]
    assert (images[:200] != other).flatten(1).any(1).all()


def test_leaves_the_global_generator_and_the_threads_alone():
    threads = torch.get_num_threads()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    draw_strokes(5)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("n", [1, 7, 65, 1000])
def test_an_image_does_not_depend_on_how_many_are_drawn(drawn, n):
    assert torch.equal(draw_strokes(n, seed=5)[0], drawn[0][:n])


def test_does_not_depend_on_the_chunk(drawn, monkeypatch):
    monkeypatch.setattr(strokes, "IMAGES_AT_ONCE", 17)
    assert torch.equal(draw_strokes(500, seed=5)[0], drawn[0][:500])


@pytest.mark.parametrize(("threads", "simd"), [("1", {"ATEN_CPU_CAPABILITY": "default"}), ("2", {})])
def test_does_not_depend_on_threads_or_simd(drawn, threads, simd):
    env = os.environ | {"OMP_NUM_THREADS": threads} | simd
    done = subprocess.run(
        [sys.executable, "-c", HASH, os.path.dirname(strokes.__file__)],
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [sha256(drawn[0]), str(int(drawn[1]["label"].sum()))]


def test_every_label_and_prototype_appears(drawn):
    label, prototype = drawn[1]["label"], drawn[1]["prototype"]
    expected = {(digit, k) for digit, rows in PROTOTYPES.items() for k in range(len(rows))}
    assert set(zip(label.tolist(), prototype.tolist(), strict=True)) == expected
    assert label.bincount().min() > 3000 / 10 - 5 * (3000 * 0.09) ** 0.5  # 5 standard errors


def test_prototypes_follow_their_weights():
    prototype = sample_factors(20_000, label=1)["prototype"]
    weights = torch.tensor([weight for _, weight, _ in PROTOTYPES[1]], dtype=torch.float64)
    expected = weights / weights.sum()
    error = (prototype.bincount() / 20_000 - expected).abs()
    assert (error < 5 * (expected * (1 - expected) / 20_000).sqrt()).all()


def test_ink_fills_a_20_pixel_box_centred_by_mass(drawn):
    grey = drawn[0][:, 0].double()
    inked = grey > 0
    tall, wide = inked.any(2).sum(1), inked.any(1).sum(1)
    assert torch.maximum(tall, wide).max() == 20
    assert (torch.maximum(tall, wide) == 20).double().mean() > 0.99
    centres = torch.arange(28).double() + 0.5
    for axis in (1, 2):
        middle = (grey.sum(3 - axis) @ centres) / grey.sum((1, 2))
        assert ((middle - 14).abs() <= 0.5 + 1e-9).all()


def test_a_line_is_drawn_where_geometry_says():
    """An upright line of width 4 is 4 pixels wide and 20 long, less what its round ends miss."""
    still = {name: 0 for name in ("slant", "rotation", "pressure", "jitter", "wobble", "warp")}
    images, _ = draw_strokes(1, label=1, prototype=0, stretch=1, thickness=4, **still)
    area = 4 * 16 + torch.pi * 2**2
    assert ink(images).item() == pytest.approx(area, rel=0.02)
    assert (images[0, 0, 10] == 255).sum() == 4


@pytest.mark.parametrize("label", range(10))
def test_thickness_increases_ink(label):
    _, factors = draw_strokes(40, seed=1, label=label)
    amounts = [ink(render_strokes(factors | {"thickness": torch.full((40,), t)})) for t in (1.2, 2.0, 3.0, 4.5)]
    assert (torch.stack(amounts).diff(dim=0) > 0).all()


def test_slant_shears_the_image():
    images, factors = draw_strokes(1000, seed=2, label=1, prototype=0, rotation=0)
    grey, at = images[:, 0].double(), torch.arange(28).double() - 13.5
    total = grey.sum((1, 2))
    x, y = (grey.sum(1) @ at) / total, (grey.sum(2) @ at) / total
    xy = torch.einsum("nij,i,j->n", grey, at, at) / total - x * y
    yy = (grey.sum(2) @ at**2) / total - y**2
    measured = -xy / yy  # y points down
    assert torch.corrcoef(torch.stack([measured, factors["slant"].double()]))[0, 1] > 0.9


def test_stretch_widens_and_rotation_turns():
    """Stretch changes the ratio of width to height of a 0; rotation is the angle of a 1."""
    still = {name: 0 for name in ("slant", "pressure", "jitter", "wobble", "warp")}
    z = sample_factors(2, label=0, prototype=0, stretch=torch.tensor([1.0, 1.5]), rotation=0, **still)
    width, height = (trace_strokes(z).amax(1) - trace_strokes(z).amin(1)).T
    torch.testing.assert_close(width / height / (width[0] / height[0]), z["stretch"].double())
    path = trace_strokes(sample_factors(1, label=1, prototype=0, stretch=1, rotation=0.3, **still))[0]
    down = path[-1] - path[0]
    assert torch.atan2(-down[0], down[1]).item() == pytest.approx(0.3, abs=1e-6)


def test_fixing_a_factor_leaves_the_others_as_they_were():
    free, fixed = sample_factors(50, seed=3), sample_factors(50, seed=3, slant=0.2)
    assert (fixed["slant"] == 0.2).all()
    assert all(torch.equal(free[name], fixed[name]) for name in free if name != "slant")
    thickness = torch.linspace(1.5, 4.0, 50)
    assert torch.equal(sample_factors(50, thickness=thickness)["thickness"], thickness)


def test_images_are_a_function_of_the_factors(drawn):
    images, factors = drawn
    some = torch.tensor([2999, 4, 4, 17])
    assert torch.equal(render_strokes({name: z[some] for name, z in factors.items()}), images[some])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"n": -1}, r"n must be 0 or more, got -1"),
        ({"n": 3, "slent": 0.2}, r"unknown factors \['slent'\]; fix any of .*'slant'"),
        ({"n": 3, "label": 10}, r"label must be 0 to 9, got 10"),
        ({"n": 3, "label": 2.5}, r"label must be an integer, got torch.float32"),
        ({"n": 3, "label": -1}, r"label must be 0 to 9, got -1"),
        ({"n": 3, "label": 1, "prototype": 5}, r"prototype must be 0 to 4, got 5"),
        (
            {"n": 3, "slant": torch.zeros(4)},
            r"slant must be a number or broadcast to \[3\], got shape \[4\]",
        ),
        ({"n": 3, "thickness": 0.0}, r"thickness must be above 0 and at most 10, got 0.0"),
        ({"n": 3, "slant": float("nan")}, r"slant must be finite, got nan"),
    ],
)
def test_errors_say_what_was_expected(arguments, says):
    with pytest.raises(ValueError, match=says):
        draw_strokes(**arguments)
