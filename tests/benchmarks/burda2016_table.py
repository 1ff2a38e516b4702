"""Tables and figure from stored results, for docs/pages/published.md, the README and notebook 07.

    python -m tests.benchmarks.burda2016_table

tests/test_burda2016.py fails when they are out of date.
"""

from pathlib import Path
from statistics import fmean

import matplotlib.pyplot as plt

from tests.benchmarks.burda2016 import ROWS, STORED, Row, is_of, named, results
from tests.benchmarks.measuring import markdown
from tests.form import as_json, read, set_source, source, with_table
from vae_helpers import BLUE, ORANGE, PURPLE, use_style
from vae_helpers.files import ROOT

PAGE = ROOT / "docs" / "pages" / "published.md"
README = ROOT / "README.md"
NOTEBOOK = ROOT / "notebooks" / "07_iwae.ipynb"
FIGURE = STORED.with_suffix(".png")
COLOURS = {(1, "VAE"): BLUE, (1, "IWAE"): ORANGE, (2, "IWAE"): PURPLE}


def of(row: Row) -> list[dict]:
    """The results of a row as it is trained now, one for each seed that is done."""
    return [found for found in results() if is_of(found, row, found["seed"])]


def mean(found: list[dict], what: str) -> float:
    return fmean(one[what] for one in found)


def done() -> list[tuple[Row, list[dict]]]:
    """Rows with a result, and their results."""
    return [(row, found) for row in ROWS if (found := of(row))]


def nll(found: list[dict]) -> str:
    return f"{mean(found, 'nll'):.2f} ± {mean(found, 'standard error'):.2f}"


def units(found: list[dict]) -> str:
    return ", ".join(one["active"] for one in found)


def epochs(row: Row) -> int:
    """Of training, with those of the rows that it begins from."""
    return row.epochs + (epochs(named(row.start)) if row.start else 0)


def minutes(row: Row) -> float:
    """Of training, likewise."""
    return mean(of(row), "seconds") / 60 + (minutes(named(row.start)) if row.start else 0)


def whole_table() -> str:
    """Markdown for the page: with seeds, the ELBO, the recipe and its time."""
    head = ["", "published", "here", "seeds", "units in use (published)", "-ELBO", "begins with", "epochs (in all)",
            "batch", "peak rate", "training, in all"]  # fmt: skip
    lines = []
    for row, found in done():
        in_all = f" ({epochs(row)})" if row.start else ""
        cycles, peaks = " + ".join(str(n) for n, _ in row.cycles), ", ".join(f"{lr:g}" for _, lr in row.cycles)
        lines.append([row.name, f"{row.published:.2f}", nll(found), str(len(found)),
                      f"{units(found)} ({row.published_units})", f"{-mean(found, 'elbo'):.2f}",
                      row.start or "new weights", f"{cycles}{in_all}", str(row.batch_size), peaks,
                      f"{minutes(row):.0f} min"])  # fmt: skip
    missing = ", ".join(f"{row.name} (published: {row.published:.2f})" for row in ROWS if not of(row))
    machine = results()[-1]["machine"]
    text = (
        f"Measured on {machine['date']}: {machine['processor']}, {machine['threads']} thread, torch {machine['torch']}."
    )
    return markdown(head, lines) + f"\n{text}\n" + (f"\nNot trained yet: {missing}.\n" if missing else "")


def short_table() -> str:
    """Markdown for the README and notebook 07."""
    head = ["trained with", "published, 3,280 epochs", "here", "epochs here", "units in use, published", "here"]
    lines = [[row.name, f"{row.published:.2f}", nll(found), str(epochs(row)), row.published_units, units(found)]
             for row, found in done()]  # fmt: skip
    return markdown(head, lines)


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
        curve, before = [-value for value in found[0]["bound while training"]], epochs(row) - row.epochs
        right.plot(range(before + 1, before + len(curve) + 1), curve, color=COLOURS[row.layers, row.bound],
                   ls="-" if row.k == 1 else "--" if row.k == 5 else ":", label=row.name)  # fmt: skip
    near = sum(abs(mean(found, "nll") - row.published) <= 0.3 for row, found in rows)
    left.set(yticks=range(len(rows)), yticklabels=[row.name for row, _ in rows], xlabel="−log p(x), nats per image",
             title=f"{near} of {len(rows)} numbers within 0.3 nats of the published")  # fmt: skip
    left.margins(y=0.2)
    left.invert_yaxis()
    left.legend()
    first = [-value for value in of(ROWS[0])[0]["bound while training"]]
    peak = int(0.3 * len(first))  # where the rate is highest
    told = f"VAE: {min(first[:peak]):.1f}, at the peak rate {first[peak]:.1f}, then {first[-1]:.1f}"
    right.set(xlabel="epoch", ylabel="negative bound on training images, nats", ylim=(84, 105), title=told)
    right.legend()
    fig.savefig(path)


def pages() -> dict[Path, str]:
    """The page, the README and notebook 07 as they should be."""
    notebook = read(NOTEBOOK)
    for cell in notebook["cells"]:
        if "<!-- burda2016: begin -->" in source(cell):
            set_source(cell, with_table(source(cell), "burda2016", short_table()))
    return {
        PAGE: with_table(PAGE.read_text(encoding="utf-8"), "burda2016", whole_table()),
        README: with_table(README.read_text(encoding="utf-8"), "burda2016", short_table()),
        NOTEBOOK: as_json(notebook),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    draw(FIGURE)
