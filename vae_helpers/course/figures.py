"""Figures: one look for the whole course, and alternative text for every one of them."""

import base64
import html
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..training.history import History

if TYPE_CHECKING:
    from ipywidgets import FloatSlider

BLUE, ORANGE, GREEN, RED, PURPLE = "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"
"""Colours that colour-blind readers can tell apart, seaborn's "colorblind"; every figure takes its from these."""


def use_style() -> None:
    """The course's look: colour-blind-safe palette, light grid, sizes readable in print.

    Example:
        >>> use_style()
    """
    import seaborn as sns  # slow to import: only where it is asked for

    sns.set_theme(context="notebook", style="ticks", palette="colorblind", font_scale=0.9)
    plt.rcParams.update(
        {
            "figure.constrained_layout.use": True,
            "figure.dpi": 100,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "legend.frameon": False,
            "image.cmap": "gray_r",
        }
    )


def as_png(fig: Figure) -> bytes:
    """A figure as PNG bytes; the figure is closed.

    Args:
        fig: to be drawn.

    Example:
        >>> as_png(plt.figure())[1:4]
        b'PNG'
    """
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png")
    plt.close(fig)
    return buffer.getvalue()


def show(fig: Figure, alt: str) -> None:
    """Display a figure and, folded below it, what is seen in words; then close it.

    A screen reader meets the words in JupyterLab, in exported HTML and on the site, which leave out the picture's
    own `alt`; that is stored as well.

    Args:
        fig: the figure.
        alt: what is seen, in a sentence or more.

    Raises:
        ValueError: for a text too short to say anything (under 20 characters).

    Example:
        >>> show(plt.figure(), alt="")
        Traceback (most recent call last):
        ValueError: alt must say in a sentence what is seen, got ''
    """
    alt = " ".join(alt.split())
    if len(alt) < 20:
        raise ValueError(f"alt must say in a sentence what is seen, got {alt!r}")
    picture = base64.b64encode(as_png(fig)).decode()
    display({"image/png": picture, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)
    folded = f"<details><summary>The figure in words</summary><p>{html.escape(alt)}</p></details>"
    display({"text/html": folded, "text/plain": ""}, raw=True)


def explore(draw: Callable[..., Figure], **sliders: "FloatSlider") -> None:
    """Show sliders above a figure, which is drawn anew when one is moved.

    Not `interact`: its output widget makes nbconvert and papermill wait for ever now and then
    (github.com/jupyter/nbclient/issues/312). Draw the same thing static as well, with alternative text.

    Args:
        draw: from draw(name=value, ...) to the figure.
        sliders: by the names that `draw` knows.

    Example:
        >>> explore(lambda t: plt.figure(), t=slider)  # doctest: +SKIP
    """
    import ipywidgets as widgets  # slow to import: only where it is asked for

    def picture() -> bytes:
        return as_png(draw(**{name: slider.value for name, slider in sliders.items()}))

    image = widgets.Image(value=picture(), format="png")
    for slider in sliders.values():
        slider.observe(lambda change: setattr(image, "value", picture()), names="value")
    natural_size = {"align_items": "flex-start"}  # the default would stretch the picture
    box = widgets.VBox([*sliders.values(), image], layout=natural_size)
    # In words where there is no kernel, or the notebook is not trusted: else the picture would stand there as bytes.
    words = {"text/plain": "Sliders, which need a running kernel. Below, the same figure for some of their settings."}
    display(box._repr_mimebundle_() | words, raw=True)


def image_grid(images: Tensor, ax: Axes, columns: int = 10, title: str = "") -> None:
    """Draw images row by row; those of one channel ink dark on white, those of three in colour.

    Args:
        images: `[N, 1, H, W]` or `[N, 3, H, W]` in [0, 1].
        ax: to draw on.
        columns: images in a row.
        title: of the axes.

    Raises:
        ValueError: for another shape.

    Example:
        >>> import torch
        >>> fig, ax = plt.subplots()
        >>> image_grid(torch.rand(20, 1, 28, 28), ax, title="Noise"); plt.close(fig)
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images must be [N, 1, H, W] or [N, 3, H, W], got {list(images.shape)}")
    from torchvision.utils import make_grid  # slow to import: only where images are drawn

    grid = make_grid(images.detach().cpu().float(), nrow=columns, padding=1)
    grid = grid[0].numpy() if images.shape[1] == 1 else grid.clamp(0, 1).permute(1, 2, 0).numpy()
    ax.imshow(grid, vmin=0, vmax=1, cmap="gray_r", interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title)


def plot_history(history: History) -> Figure:
    """One panel per term of the objective: every batch, the epochs' means, the validation images.

    The ELBO's terms are drawn as distortion = -reconstruction and rate = KL.

    Args:
        history: of `fit`.

    Raises:
        ValueError: if there is no completed epoch.

    Example:
        >>> fig = plot_history(History(train=[{"value": -1.0}] * 2, steps={"value": [-1.5, -0.5]}))
        >>> fig.axes[0].get_ylabel(); plt.close(fig)
        'objective (nats per image)'
    """
    if not history.train:
        raise ValueError("there is no completed epoch to plot")
    labels = {"value": ("objective", 1), "reconstruction": ("distortion", -1), "kl": ("rate", 1)}
    fig, axes = plt.subplots(1, len(history.steps), figsize=(3.6 * len(history.steps), 3), squeeze=False)
    epochs = np.arange(1, len(history.train) + 1)
    for ax, (name, batches) in zip(axes[0], history.steps.items(), strict=True):
        label, sign = labels.get(name, (name, 1))
        ax.plot(
            np.linspace(0, len(epochs), len(batches)),
            sign * np.array(batches),
            lw=0.5,
            alpha=0.4,
            label="training (each batch)",
        )
        mean, held_out = [sign * means[name] for means in history.train], []
        ax.plot(epochs - 0.5, mean, "o-", label="training (mean over the epoch)")
        if history.validation:
            held_out = [sign * means[name] for means in history.validation]
            ax.plot(epochs, held_out, "s-", label="validation (after the epoch)")
        # The first steps would set the scale; no marker is cut.
        shown = np.concatenate([sign * np.array(batches[len(batches) // 10 :]), mean, held_out])
        if shown.min() < shown.max():
            ax.set_ylim(shown.min(), shown.max())
        ax.set(title=label, xlabel="epoch", ylabel=f"{label} (nats per image)")
    axes[0, 0].legend(loc="lower right", fontsize="small")
    return fig
