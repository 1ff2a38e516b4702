"""Figures carry alternative text."""

import matplotlib.pyplot as plt
import pytest
import torch
from ipywidgets import FloatSlider
from ipywidgets.widgets.widget import _instances

from vae_helpers.course import figures


def test_show_stores_the_text_with_the_picture(monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "display", lambda *args, **kwargs: shown.append((args, kwargs)))
    fig, _ = plt.subplots()
    figures.show(fig, alt="An empty pair of axes,\n    from 0 to 1.")
    (bundle,), options = shown[0]
    assert bundle["text/plain"] == "An empty pair of axes, from 0 to 1."
    assert options["metadata"]["image/png"]["alt"] == bundle["text/plain"]
    assert bundle["image/png"].startswith("iVBORw0KGgo")  # a PNG in base64
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["", "a plot", "  \n  "])
def test_a_figure_without_a_description_is_refused(alt):
    with pytest.raises(ValueError, match="what is seen"):
        figures.show(plt.figure(), alt=alt)
    plt.close("all")


def test_image_grid():
    fig, ax = plt.subplots()
    figures.image_grid(torch.rand(6, 1, 5, 4), ax, columns=3, title="six")
    rows, columns = ax.images[0].get_array().shape
    assert (rows, columns) == (2 * 5 + 3, 3 * 4 + 4) and ax.get_title() == "six"
    figures.image_grid(torch.rand(6, 3, 5, 4).double(), ax, columns=3)
    assert ax.images[1].get_array().shape == (2 * 5 + 3, 3 * 4 + 4, 3)
    with pytest.raises(ValueError, match=r"\[N, 3, H, W\], got \[6, 5, 4\]"):
        figures.image_grid(torch.rand(6, 5, 4), ax)
    plt.close(fig)


def test_explore_draws_anew_when_a_slider_moves(monkeypatch):
    shown, drawn = [], []
    monkeypatch.setattr(figures, "display", lambda data, raw: shown.append(data))

    def draw(a, b):
        drawn.append((a, b))
        fig, ax = plt.subplots(figsize=(1, 1))
        ax.plot([a, b])
        return fig

    sliders = {name: FloatSlider(value=0.5, min=0, max=1, step=0.1) for name in ("a", "b")}
    figures.explore(draw, **sliders)
    (data,) = shown
    assert "need a running kernel" in data["text/plain"]
    box = _instances[data["application/vnd.jupyter.widget-view+json"]["model_id"]]
    image = box.children[-1]
    before = bytes(image.value)
    sliders["b"].value = 1.0
    assert drawn == [(0.5, 0.5), (0.5, 1.0)] and bytes(image.value) != before
    assert bytes(image.value).startswith(b"\x89PNG") and not plt.get_fignums()
