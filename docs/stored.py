"""What the notebooks say and what they have stored, cell by cell: the one source of decks and handouts."""

import base64
import re
from functools import cache
from typing import NamedTuple

from tests.form import PATHS, is_further, read, source, tags
from vae_helpers.course.claims import CLAIM_LINE
from vae_helpers.files import ROOT

QUIET = re.compile(r"^(✓ \d+ checks? |Data: |○ |The notebook goes on |\d+ epochs in )")


class Claim(NamedTuple):
    """A claim as it was printed: "✓ 04.3 statement: measured, expected (because)"."""

    id: str
    statement: str
    measured: str
    expected: str
    because: str


class Figure(NamedTuple):
    """A stored picture, and what is seen in it, in words."""

    png: bytes
    alt: str


class Cell(NamedTuple):
    """A cell of a notebook with its stored outputs; `printed` is without claims and quiet checks."""

    notebook: str
    id: str
    kind: str
    tags: tuple[str, ...]
    text: str
    further: bool
    printed: str
    output: str
    claims: tuple[Claim, ...]
    figures: tuple[Figure, ...]


@cache
def cells(number: str) -> tuple[Cell, ...]:
    """All cells of a notebook.

    Args:
        number: its first two digits, as "04".

    Raises:
        KeyError: if there is no such notebook.
    """
    path = {path.name[:2]: path for path in PATHS}[number]
    raw = read(path)["cells"]
    return tuple(_cell(path.stem, one, further) for one, further in zip(raw, is_further(raw), strict=True))


@cache
def cell(address: str) -> Cell:
    """The cell with an address such as "04:7177755b": notebook and the cell's own id.

    Raises:
        KeyError: if there is no such cell; a cell keeps its id when it is edited.
    """
    number, _, id = address.partition(":")
    for found in cells(number):
        if found.id == id:
            return found
    raise KeyError(f"notebook {number} has no cell with the id {id!r}: was it removed? Name another cell")


@cache
def claims() -> dict[str, Claim]:
    """The claims of all notebooks by their ids, as stored."""
    numbers = (path.name[:2] for path in PATHS)
    return {claim.id: claim for number in numbers for one in cells(number) for claim in one.claims}


def picture_bytes(address: str) -> Figure:
    """A picture: the first one of a cell ("04:7177755b"), the second ("04:7177755b:1"), or a file ("docs/a.png|words").

    Raises:
        KeyError: if the cell has no such picture.
    """
    if "|" in address:
        path, words = address.split("|")
        return Figure((ROOT / path).read_bytes(), words)
    number, id, *which = address.split(":")
    figures, place = cell(f"{number}:{id}").figures, int(which[0]) if which else 0
    if place >= len(figures):
        raise KeyError(f"cell {address} has {len(figures)} stored pictures: run the notebook, or name another cell")
    return figures[place]


def _cell(notebook: str, raw: dict, further: bool) -> Cell:
    streams = ["".join(o["text"]) for o in raw.get("outputs", []) if o["output_type"] == "stream"]
    lines = [line for line in "".join(streams).splitlines() if line.strip()]
    found = [re.match(CLAIM_LINE, line) for line in lines]
    shown = [line for line, claim in zip(lines, found, strict=True) if not claim and not QUIET.match(line)]
    pictures = [o for o in raw.get("outputs", []) if "image/png" in o.get("data", {})]
    return Cell(
        notebook,
        raw["id"],
        raw["cell_type"],
        tuple(tags(raw)),
        source(raw),
        further,
        "\n".join(shown),
        "\n".join(lines),
        tuple(Claim(*(claim[name] or "" for name in Claim._fields)) for claim in found if claim),
        tuple(_figure(output) for output in pictures),
    )


def _figure(output: dict) -> Figure:
    words = output.get("metadata", {}).get("image/png", {}).get("alt", "")
    return Figure(base64.b64decode("".join(output["data"]["image/png"])), " ".join(words.split()))
