"""Editions of the course, made from the notebooks: `make editions` writes them to build/editions.

    python -m docs.editions                       # all three, each also as a zip file
    python -m docs.editions student --execute     # only this one, and run it from end to end

student     no solutions; it runs to its end, as the course's own functions stand in for unsolved exercises
instructor  solutions open, and under each what students write and what the checker says to it
core        without the sections called Further; † stands where a link led to one
"""

import argparse
import copy
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

from docs.guide import instructor_pages, version
from docs.misconceptions import as_markdown
from docs.notebook_pages import slug
from tests import form
from vae_helpers.files import ROOT

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(((?:\d\d_\w+\.ipynb)?(?:#[^)\s]+)?)\)")
TEMPLATE = ROOT / "docs" / "edition_readme.md"


def without_solutions(cells: list[dict]) -> list[dict]:
    """The cells for students."""
    return [cell for cell in cells if "solution" not in form.tags(cell)]


def with_open_solutions(cells: list[dict]) -> list[dict]:
    """The cells for a lecturer: each solution unfolded, and below it the misconceptions."""
    found = []
    for cell in cells:
        if "solution" not in form.tags(cell):
            found.append(cell)
            continue
        id = re.search(r"Solution of (\d\d\.\w)", form.source(cell))[1]
        code = re.search(r"```python\n.*?```", form.source(cell), flags=re.DOTALL)[0]
        solution = copy.deepcopy(cell)
        form.set_source(solution, f"**Solution of {id}**\n\n{code}")
        below = {"cell_type": "markdown", "id": f"misconceptions-{id.replace('.', '-')}"}
        below["metadata"] = {"tags": ["misconceptions", *(tag for tag in form.tags(cell) if tag == "further")]}
        form.set_source(below, as_markdown(id))
        found += [solution, below]
    return found


def without_further(cells: list[dict]) -> list[dict]:
    """The cells of the core, with its reading time in the header."""
    core = [cell for cell, further in zip(cells, form.is_further(cells), strict=True) if not further]
    header = copy.deepcopy(core[0])
    line = form.reading_line(core)
    text = re.sub(r"\*\*Reading\*\* [^&\n]+?(?= *(&|\n|$))", line, form.source(header))
    note = (
        "*This is the core edition, without the sections called Further. What † points to is in the full course only.*"
    )
    form.set_source(header, f"{text}\n\n{note}" if len(core) < len(cells) else text)
    return [header, *core[1:]]


EDITIONS: dict[str, Callable[[list[dict]], list[dict]]] = {
    "student": without_solutions,
    "instructor": with_open_solutions,
    "core": without_further,
}


def make(edition: str, notebooks: dict[str, dict]) -> dict[str, dict]:
    """The notebooks of an edition.

    Args:
        edition: "student", "instructor" or "core".
        notebooks: those of the course, by name; they are not changed.

    Raises:
        KeyError: for another edition.
    """
    made = {name: {**notebook, "cells": EDITIONS[edition](notebook["cells"])} for name, notebook in notebooks.items()}
    targets = {name: anchors(notebook["cells"]) for name, notebook in made.items()}
    all_targets = {name: anchors(notebook["cells"]) for name, notebook in notebooks.items()}
    for name, notebook in made.items():
        gone = {f"#{anchor}" for anchor in all_targets[name] - targets[name]}
        gone |= {f"{other}.ipynb#{anchor}" for other in made for anchor in all_targets[other] - targets[other]}
        if gone:
            notebook["cells"] = [_without_links(cell, gone) for cell in notebook["cells"]]
    return made


def anchors(cells: list[dict]) -> set[str]:
    """What a link into a notebook can point to: its headings, and the entries of its literature."""
    text = "\n".join(form.source(cell) for cell in cells if cell["cell_type"] == "markdown")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ +(.+?) *$", text, flags=re.MULTILINE)
    return set(map(slug, headings)) | set(re.findall(r'<a id="(\w+)">', text))


def _without_links(cell: dict, gone: set[str]) -> dict:
    """The cell, with plain words and a dagger in place of links to what is not there."""
    if cell["cell_type"] != "markdown":
        return cell
    new = dict(cell)
    form.set_source(new, LINK.sub(lambda link: f"{link[1]}†" if link[2] in gone else link[0], form.source(cell)))
    return new


def write(edition: str, notebooks: dict[str, dict], out: Path) -> Path:
    """Write an edition into a folder of its own, made anew, and as a zip file beside it.

    Args:
        edition: its name.
        notebooks: those of the course, by name.
        out: the folder of all editions.

    Returns:
        The edition's folder.
    """
    folder = out / edition
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = make(edition, notebooks)
    for name, notebook in made.items():
        (folder / f"{name}.ipynb").write_text(form.as_json(notebook), encoding="utf-8")
    times = made if edition == "core" else notebooks
    (folder / "README.md").write_text(readme(edition, times), encoding="utf-8")
    for name, text in instructor_pages().items() if edition == "instructor" else ():
        (folder / name).write_text(text, encoding="utf-8")
    for path in (ROOT / "notebooks" / "references.bib", ROOT / "LICENSE"):
        shutil.copyfile(path, folder / path.name)
    shutil.make_archive(str(folder), "zip", out, edition)
    return folder


def readme(edition: str, notebooks: dict[str, dict]) -> str:
    """The README of an edition: what all have in common, and what is its own."""
    common, *own = re.split(r"^<!-- (\w+) -->\n", TEMPLATE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    own = dict(zip(own[::2], own[1::2], strict=True))
    rows = form.readme_rows(notebooks).replace("](notebooks/", "](")
    return common.format(edition=edition, version=version(), own=own[edition].strip(), notebooks=rows)


def execute(path: Path) -> float:
    """Run a notebook from top to bottom; nothing is stored.

    Returns:
        Seconds.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    resources = {"metadata": {"path": path.parent}}
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    return time.perf_counter() - start


def main() -> None:
    """Write the editions, and run them if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("editions", nargs="*", metavar="edition", help=f"{', '.join(EDITIONS)} (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "editions")
    parser.add_argument("--execute", nargs="?", const="*", metavar="NAME", help="run the notebooks, or those of a name")
    args = parser.parse_args()
    if unknown := set(args.editions) - set(EDITIONS):
        parser.error(f"there is no edition {unknown.pop()!r}; there are {', '.join(EDITIONS)}")
    notebooks, failed = {path.stem: form.read(path) for path in form.PATHS}, []
    for edition in args.editions or EDITIONS:
        folder = write(edition, notebooks, args.out)
        size = folder.with_suffix(".zip").stat().st_size / 1e6
        print(f"{edition}: {len(notebooks)} notebooks in {folder}; {folder.name}.zip has {size:.1f} MB", flush=True)
        for path in sorted(folder.glob(f"{args.execute}.ipynb")) if args.execute else []:
            try:
                print(f"  {path.stem} ran in {execute(path):.0f} s", flush=True)
            except (CellExecutionError, CellTimeoutError) as error:  # the others are run all the same
                failed.append(f"{edition} {path.stem}")
                print(f"  {path.stem} failed: {error}", flush=True)
    if failed:
        raise SystemExit(f"{len(failed)} failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
