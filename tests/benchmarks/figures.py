"""Two figures of what was measured: how costs grow, and what a step is made of."""

import math
from pathlib import Path

import matplotlib.pyplot as plt

from vae_helpers import BLUE, ORANGE, use_style

BF16 = " (bfloat16)"


def plot_growth(found: dict, path: Path) -> None:
    """How the cost grows, a panel each, both axes logarithmic; the title has the slope at the end."""
    use_style()
    curves = {}
    for name, value in found.items():
        if name.startswith("growth: "):
            what, n = name.removeprefix("growth: ").rsplit(" = ", 1)
            curves.setdefault(what, []).append((int(n), value))
    panels = [what for what in curves if not what.endswith(BF16)]
    fig, axes = plt.subplots(2, math.ceil(len(panels) / 2), figsize=(12, 5.5), layout="constrained")
    for ax, what in zip(axes.flat, panels, strict=False):
        cost, label = what.rsplit(", ", 1)
        points = sorted(curves[what])
        n, y = zip(*points, strict=True)
        ax.loglog(n, y, "o-", color=BLUE, label="float32")
        if what + BF16 in curves:
            ax.loglog(*zip(*sorted(curves[what + BF16]), strict=True), "s-", color="0.4", label="bfloat16")
        ax.loglog(n, [y[0] * m / n[0] for m in n], "--", color=ORANGE, label="in proportion")
        power = math.log(y[-1] / y[-2]) / math.log(n[-1] / n[-2])
        ax.set(xlabel=label, ylabel=cost, title=f"power {power:.1f} at the end")
        ax.set_xticks(n, [f"{m:,}" for m in n])
        ax.minorticks_off()
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    axes.flat[0].legend()
    fig.savefig(path)
    plt.close(fig)


def plot_parts(found: dict, path: Path) -> None:
    """A step of `fit` built up part by part, and others beside it, in units of the floor; whiskers are quartiles."""
    use_style()
    built = {k.removeprefix("parts: "): v for k, v in found.items() if k.startswith("parts: ")}
    others = {f"step: {name} / floor": name for name in ("plain loop", "compiled", "bfloat16", "bfloat16 compiled")}
    other = {name: found[key] for key, name in others.items() if key in found}
    names = [("" if i == 0 else "+ ") + name.removesuffix(" / floor") for i, name in enumerate(built)]
    bars = [*built.values(), *other.values()]
    medians = [bar["median"] for bar in bars]
    whiskers = [[bar["median"] - bar["low"] for bar in bars], [bar["high"] - bar["median"] for bar in bars]]
    fig, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
    places = [*range(len(built)), *(i + 0.5 for i in range(len(built), len(bars)))]
    colors = [BLUE] * len(built) + ["0.6"] * len(other)
    ax.barh(places, medians, xerr=whiskers, color=colors, error_kw={"linewidth": 1})
    ax.axvline(1, color=ORANGE, linestyle="--")
    ax.set_yticks(places, [*names, *other])
    network = built["biases, ReLU, autograd / floor"]["median"]
    ax.set(
        xlabel="time of a step / its floor (matrix products and Adam)",
        ylim=(places[-1] + 0.6, -0.6),
        title=f"Networks and Adam alone take {network:.2f} floors, a step {medians[len(built) - 1]:.2f}",
    )
    fig.savefig(path)
    plt.close(fig)
