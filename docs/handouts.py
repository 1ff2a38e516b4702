"""Handouts as PDF: each deck, and two pages on each notebook, with its numbers and with gaps to fill.

    python -m docs.handouts        # all, into build/decks/handouts
    python -m docs.handouts 04     # only those of notebook 04 (ninety: only the lecture's deck)

Needs a Chromium of the system's and Playwright (`pip install -e '.[browser]'`), and makes the decks first.
"""

import argparse
import html
import re
import time
from itertools import pairwise
from pathlib import Path

from docs.chromium import browser
from docs.decks import all_decks
from docs.selection import Rules, escaped
from docs.slides import DECKS, image_name, write_assets, write_deck
from docs.stored import Cell, Claim, cells
from docs.words import as_html, blocks, inline, items, plain, rows, shortened

HANDOUTS = DECKS / "handouts"
CLAIMS, EQUATIONS, TABLE = 10, 7, 8
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="assets/handout.css"></head>
<body>{body}
<script src="assets/handout.js"></script><script src="assets/mathjax/tex-svg.js"></script>
<script>startHandout();</script></body></html>
"""


def summary_html(number: str, gaps: bool) -> str:
    """The two pages on a notebook.

    Args:
        number: its first two digits, as "04".
        gaps: leave out numbers and some code, and print them upside down at the end.
    """
    all_cells = cells(number)
    core = [cell for cell in all_cells if not cell.further and "solution" not in cell.tags]
    head, *rest = blocks(core[0].text)
    question = re.match(r"# \d\d (.+)", head.text)[1]
    goals = items(next(block.text for block in rest if block.kind == "list"))
    first = "".join(f'<li data-spare="{10 + n}">{inline(goal.rstrip(";."))}</li>' for n, goal in enumerate(goals))
    one = _section("After this you can", f"<ul>{first}</ul>") + _section("Equations", _equations(core))
    one += _section("From equation to code", _table(core, gaps)) + _section("In five lines", _lines(core, gaps))
    one += _section("In code", _code(number))
    two = _figures(core) + _section("What was measured", _claims(core, gaps))
    name = f"Variational autoencoders, from the ground up · notebook {number}{' · to fill in' * gaps}"
    header = f'<header><p class="small">{name}</p><h1>{inline(question)}</h1></header>'
    last = '<p class="answers"></p>' if gaps else ""
    body = f'<div class="page">{header}{one}</div><div class="page"><p class="small">{name}</p>{two}{last}</div>'
    return PAGE.format(title=html.escape(f"{number} {plain(question)}"), body=body)


def _section(title: str, body: str) -> str:
    return f'<div class="section"><h2>{title}</h2>{body}</div>' if body else ""


def _gap(answer: str, gaps: bool) -> str:
    """A number, or a line to write it on."""
    if gaps:
        return f'<span class="gap" data-answer="{html.escape(answer)}">&nbsp;</span>'
    return f'<strong class="number">{html.escape(answer)}</strong>'


def _equations(core: list[Cell]) -> str:
    """The displayed formulas, each under its heading."""
    found, heading = [], ""
    for cell in core[1:]:
        for block in blocks(cell.text) if cell.kind == "markdown" else ():
            if block.kind == "heading":
                heading = heading if "# Exercise" in block.text else plain(block.text.lstrip("# "))
            elif block.kind == "math":
                spare = 60 + len(found)
                label = f'<span class="from">{inline(heading)}</span>'
                found.append(f'<div class="equation" data-spare="{spare}">{label}{as_html(block.text)}</div>')
    return "".join(found[:EQUATIONS])


def _table(core: list[Cell], gaps: bool) -> str:
    """The notebook's own table; with gaps, every second line of code is left out."""
    text = next((cell.text for cell in core if cell.text.startswith("## From equation to code")), "")
    lines = [] if not text else rows(next(block.text for block in blocks(text) if block.kind == "table"))[2:]
    found = []
    for place, line in enumerate(lines[:TABLE]):
        left, right = (part.strip() for part in re.split(r"(?<!\\)\|", line.strip().strip("|"), maxsplit=1))
        code = _gap(plain(right).replace("`", "").replace("$", ""), True) if gaps and place % 2 else inline(right)
        found.append(f'<tr data-spare="{40 + place}"><td>{inline(left)}</td><td>{code}</td></tr>')
    return f"<table><tbody>{''.join(found)}</tbody></table>" if found else ""


def _code(number: str) -> str:
    """The first two pieces of code that the deck shows."""
    found = [body for slide in Rules(number).walk() if slide.kind == "code" for body in slide.body]
    return "".join(f'<div data-spare="{80 + n}">{code}</div>' for n, code in enumerate(found[:2]))


def _figures(core: list[Cell]) -> str:
    """Two figures: first those of cells with a claim, then answers to a Predict, then the others."""
    asked = {after.id for before, after in pairwise(core) if "**Predict" in before.text}
    with_figures = [one for one in core if one.figures]
    with_figures = sorted(with_figures, key=lambda one: (not one.claims, one.id not in asked))[:2]
    found = [
        f'<figure><img src="figures/{image_name(cell.figures[0])}" alt="{html.escape(cell.figures[0].alt)}">'
        f"<figcaption>{html.escape(cell.claims[0].statement) if cell.claims else ''}</figcaption></figure>"
        for cell in with_figures
    ]
    return f'<div class="figures">{"".join(found)}</div>' if found else ""


def _claims(core: list[Cell], gaps: bool) -> str:
    """The claims of the core: sentence, number, bound."""

    def line(claim: Claim, place: int) -> str:
        bound = claim.expected if not gaps else ""
        return (
            f'<li data-spare="{20 + place}">{inline(escaped(claim.statement))}: {_gap(claim.measured, gaps)} '
            f'<span class="small">{html.escape(bound)}</span></li>'
        )

    found = [claim for cell in core for claim in cell.claims][:CLAIMS]
    return f"<ul>{''.join(line(claim, place) for place, claim in enumerate(found))}</ul>" if found else ""


def _lines(core: list[Cell], gaps: bool) -> str:
    """The summary; with gaps, room for one's own."""
    if gaps:
        return f"<ol>{'<li class=line></li>' * 5}</ol>"
    text = next((cell.text for cell in core if cell.text.startswith("## Summary")), "")
    listed = [block.text for block in blocks(text) if block.kind == "list"]
    points = [shortened(item, 40) or item for item in items(listed[0])] if listed else []
    return f"<ol>{''.join(f'<li>{inline(point)}</li>' for point in points)}</ol>" if points else ""


def write_summaries(number: str, folder: Path = DECKS) -> list[Path]:
    """Write both versions as HTML, with and without gaps, beside the decks.

    Args:
        number: the first two digits of a notebook.
        folder: where its deck lies.
    """
    name = cells(number)[0].notebook
    paths = [folder / f"{name}-summary.html", folder / f"{name}-fill-in.html"]
    for path, gaps in zip(paths, (False, True), strict=True):
        path.write_text(summary_html(number, gaps), encoding="utf-8")
    return paths


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("decks", nargs="*", help="two digits of a notebook, or ninety; all, if left out")
    began = time.monotonic()
    decks = all_decks(parser.parse_args().decks)
    write_assets()
    HANDOUTS.mkdir(parents=True, exist_ok=True)
    with browser() as chromium:
        for name, slides in decks.items():
            deck = write_deck(name, slides[0].title, slides)
            jobs = [(deck, "?view=print", "window.deckReady")]
            if name[:2].isdigit():
                jobs += [(path, "", "window.handoutReady") for path in write_summaries(name[:2])]
            for path, query, ready in jobs:
                page = chromium.new_page(viewport={"width": 1280, "height": 720})
                page.goto(path.as_uri() + query)
                page.wait_for_function(ready, timeout=120_000)
                made = HANDOUTS / f"{path.stem}{'-slides' * bool(query)}.pdf"
                page.pdf(path=made, print_background=True, prefer_css_page_size=True)
                page.close()
                print(f"{made.relative_to(DECKS.parents[1])}: {made.stat().st_size / 1e6:.1f} MB", flush=True)
    print(f"handouts in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
