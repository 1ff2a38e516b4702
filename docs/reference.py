"""The pages of the site that are made from the package, the notebooks and what was measured: claims, API, times."""

import json
import pkgutil
import re

import vae_helpers
from tests.benchmarks.training import RESULTS, measured_on
from tests.form import PATHS, read, spoken, times
from vae_helpers.course.claims import stored_claims
from vae_helpers.files import ROOT

from .notebook_pages import claim_anchor

NAMES = {  # of the notebooks, as the README calls them
    name: title
    for title, name in re.findall(r"\[(\d\d [^\]]+)\]\(notebooks/(\w+)\.ipynb\)", (ROOT / "README.md").read_text())
}
ROOMS = {
    "models": "p and q: densities, likelihoods, networks, the VAE, flows, hierarchies, discrete codes.",
    "objectives": "What is maximised: each takes a model and images, and gives `[B]` in nats.",
    "measures": "What a trained model is worth.",
    "training": "`fit`, and what surrounds it.",
    "data": "Images, read or drawn.",
    "course": "What makes a notebook a lesson: claims, exercises, figures.",
    "": "Small things that all rooms use.",
}
TITLES = {"": "Device, contexts, files"}
NO_PAGE = re.compile(r"exercises\.(solutions|nb\d\d)|__main__$")


def readme_table(name: str) -> str:
    """A table that the README has between two marks, such as that of the notebooks.

    Args:
        name: in the marks.

    Example:
        >>> readme_table("paths").splitlines()[0]
        '| path | what to read | reading and exercises |'
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split(f"<!-- {name}: begin -->\n")[1].split(f"<!-- {name}: end -->")[0]


def claims_page() -> str:
    """Every claim that the notebooks print: what it says, what was measured, and where.

    Example:
        >>> claims_page().startswith("# Claims")
        True
    """
    found = {path.stem: stored_claims(path) for path in PATHS}
    lines = [
        "# Claims",
        "",
        f"A claim is a finding worth remembering. {sum(map(len, found.values()))} of them stand in the notebooks; each",
        "is measured where it stands and stops its notebook if it does not hold. The numbers are those of the stored",
        "run, and the link leads to the place. The claims hold for other seeds, and on drawn digits as on MNIST.",
    ]
    for notebook, claims in found.items():
        lines += ["", f"## {NAMES[notebook]}", ""]
        lines += ["| claim | what it says | measured | expected |", "|---|---|---|---|"]
        for row in claims:
            row = {key: escaped(value) for key, value in row.items()}
            link = f'<a href="notebooks/{notebook}.html#{claim_anchor(row["id"])}">{row["id"]}</a>'
            because = f" ({row['because']})" * bool(row["because"])
            lines.append(f"| {link} | {row['statement']} | {row['measured']} | {row['expected']}{because} |")
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text as markdown that shows just these characters, in a cell of a table.

    Args:
        text: of one line.

    Example:
        >>> print(escaped("x_1 * |z| < $2"))
        x\\_1 \\* \\|z\\| \\< \\$2
    """
    return re.sub(r"([\\`*_{}\[\]<>()#+!|$~^])", r"\\\1", text)


def times_page() -> str:
    """How long each notebook takes to read and to run, and how much memory.

    Example:
        >>> "| all |" in times_page()
        True
    """
    report = json.loads((RESULTS / "course.json").read_text())
    rows = ["| notebook | core | everything | seconds to run | peak memory |", "|---|---|---|---|---|"]
    for path in PATHS:
        core, everything, _ = times(read(path)["cells"])
        cost = report["notebooks"][path.stem]
        link = f"[{NAMES[path.stem]}](notebooks/{path.name})"
        measured = f"{cost['wall']:.0f} | {cost['memory'] / 1000:.1f} GB"
        rows.append(f"| {link} | {spoken(core)} | {spoken(everything)} | {measured} |")
    total = sum(cost["wall"] for cost in report["notebooks"].values())
    memory = max(cost["memory"] for cost in report["notebooks"].values())
    rows.append(f"| all | | | {total / 60:.1f} min | {memory / 1000:.1f} GB |")
    return (
        "# Times and memory\n\n"
        "Reading times come from a count of words, code, formulas and exercises, fitted to what readers took;\n"
        "exercises are included, and *core* is what the next notebook needs. Seconds and memory were measured with\n"
        "start and end of the notebook, on two cores without a GPU; the seconds of a shared machine vary.\n\n"
        + "\n".join(rows)
        + f"\n\n{measured_on(report)}\n"
    )


def api_pages() -> dict[str, str]:
    """A page for each room of the package, and on it every module that is not a list of exercises.

    Example:
        >>> "automodule:: vae_helpers.objectives.elbo" in api_pages()["api/objectives.md"]
        True
    """
    pages = {}
    found = list(pkgutil.walk_packages(vae_helpers.__path__, "vae_helpers."))
    for room, words in ROOMS.items():
        lines = [f"# {TITLES.get(room, room.capitalize())}", "", words]
        for module in found:
            place = module.name.removeprefix("vae_helpers.")
            empty = module.ispkg and place != "course.exercises"
            if empty or NO_PAGE.search(place) or room != (place.split(".")[0] if "." in place else ""):
                continue
            lines += ["", f"## {place}", "", f"```{{eval-rst}}\n.. automodule:: {module.name}\n```"]
        pages[f"api/{room or 'everywhere'}.md"] = "\n".join(lines) + "\n"
    return pages
