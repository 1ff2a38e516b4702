"""Table and figure of docs/pages/published.md, from stored results: python -m tests.benchmarks.burda2016_table"""

from pathlib import Path

import matplotlib.pyplot as plt

from tests.benchmarks.burda2016 import ROWS, STORED, Row, results
from tests.form import with_table
from vae_helpers import BLUE, ORANGE, use_style
from vae_helpers.files import ROOT

PAGE = ROOT / "docs" / "pages" / "published.md"
FIGURE = STORED.with_suffix(".png")


def of(row: Row) -> list[dict]:
    """The results of a row, one for each seed that is done."""
    return [found for found in results() if found["name"] == row.name]


def mean(found: list[dict], what: str) -> float:
    return sum(one[what] for one in found) / len(found)


def done() -> list[tuple[Row, list[dict]]]:
    """Rows with a result, and their results."""
    return [(row, found) for row in ROWS if (found := of(row))]


def table() -> str:
    """Markdown: with the error over images, seeds, units in use, the recipe and its time."""
    head = [
        "",
        "published",
        "here",
        "seeds",
        "units in use (published)",
        "ELBO",
        "epochs",
        "batch",
        "training, on a shared machine",
    ]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row, found in done():
        nll = f"{mean(found, 'nll'):.2f} ± {mean(found, 'standard error'):.2f}"
        units = ", ".join(one["active"] for one in found)
        took = f"{mean(found, 'seconds') / 60:.0f} min"
        cells = [row.name, f"{row.published:.2f}", nll, str(len(found)), f"{units} ({row.active})",
                 f"{-mean(found, 'elbo'):.2f}", str(found[0]["epochs"]), str(found[0]["batch_size"]), took]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    missing = ", ".join(f"{row.name} (published: {row.published:.2f})" for row in ROWS if not of(row))
    machine = results()[-1]["machine"]
    text = f"Measured on {machine['date']}: {machine['processor']}, torch {machine['torch']}."
    return "\n".join([*lines, "", text, *(["", f"Not trained yet: {missing}."] if missing else [])]) + "\n"


def draw(path: Path) -> None:
    """Left: published and ours. Right: the bound on training images while the models were trained."""
    use_style()
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    rows = done()
    for y, (row, found) in enumerate(rows):
        left.plot(row.published, y, "D", color="0.4", label="published" if not y else None)
        for one in found:
            left.errorbar(one["nll"], y, xerr=one["standard error"], fmt="o", color=BLUE,
                          label="here" if not y and one is found[0] else None)  # fmt: skip
        curve = [-value for value in found[0]["bound while training"]]
        right.plot(range(1, len(curve) + 1), curve, color=BLUE if row.bound == "VAE" else ORANGE,
                   ls="-" if row.k == 1 else "--" if row.k == 5 else ":", label=row.name)  # fmt: skip
    near = sum(abs(mean(found, "nll") - row.published) <= 0.3 for row, found in rows)
    left.set(yticks=range(len(rows)), yticklabels=[row.name for row, _ in rows], xlabel="−log p(x), nats per image",
             title=f"{near} of {len(rows)} numbers within 0.3 nats of the published")  # fmt: skip
    left.invert_yaxis()
    left.legend()
    right.set(xlabel="epoch", ylabel="negative bound on training images, nats", xscale="log", ylim=(80, 110),
              title="the bound that each is trained on")  # fmt: skip
    right.legend()
    fig.savefig(path)


def page() -> str:
    """The page as it should be."""
    return with_table(PAGE.read_text(encoding="utf-8"), "burda2016", table())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    draw(FIGURE)
