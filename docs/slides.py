"""Slides, and the page of a deck: HTML for reveal.js, which lies beside it."""

import hashlib
import html
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from docs.stored import Claim, Figure
from docs.vendor import vendored
from docs.words import as_html, inline
from vae_helpers.files import ROOT

DECKS = ROOT / "build" / "decks"
SOURCES = ROOT / "docs" / "decks"
BESIDE = 1.45  # a figure less wide than this, over its height, has its words beside it
KINDS = {"poll": "Predict", "answer": "Answer", "exercise": "Now you", "pause": "Pause", "code": "In code"}


@dataclass
class Slide:
    """A slide.

    Args:
        kind: "text", "title", "poll", "answer", "figure", "code", "exercise", "pause": its look, and a word above it.
        title: one line of markdown.
        body: pieces of HTML, in order.
        notes: markdown for the speaker.
        figures: pictures, which take the room that is left.
        minutes: how long it takes, 0 if nobody said.
        from_cell: the address of the cell that it was made from.
        section: the heading under which it stands, if that is not the title.
    """

    kind: str
    title: str
    body: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    minutes: float = 0
    from_cell: str = ""
    section: str = ""


def claim_html(claim: Claim) -> str:
    """A claim as a line: sentence, number, bound."""
    bound = f"{claim.expected}{f' ({claim.because})' if claim.because else ''}"
    number = f'<strong class="number">{html.escape(claim.measured)}</strong>'
    return (
        f'<p class="claim"><span class="id">{claim.id}</span> {html.escape(claim.statement)}: {number} '
        f'<span class="bound">{html.escape(bound)}</span></p>'
    )


def printed_html(text: str) -> str:
    """What a cell printed, as it stands there."""
    return f'<pre class="printed" tabindex="0">{html.escape(text)}</pre>'


def image_name(figure: Figure) -> str:
    """The name of the file of a picture: the same picture has the same name in every deck."""
    return hashlib.sha256(figure.png).hexdigest()[:16] + ".png"


def aspect(figure: Figure) -> float:
    """Width over height of a PNG, from its header."""
    width, height = struct.unpack(">II", figure.png[16:24])
    return width / height


def slide_html(slide: Slide, begins: float | None = None) -> str:
    """The <section> of a slide.

    Args:
        slide: the slide.
        begins: the minute at which it begins; None if the deck has no clock.
    """
    words = [KINDS.get(slide.kind, ""), inline(slide.section)]
    above = f'<p class="kind">{" · ".join(word for word in words if word)}</p>' if any(words) else ""
    level = "h1" if slide.kind == "title" else "h2"
    figures = "".join(
        f'<img src="figures/{image_name(figure)}" alt="{html.escape(figure.alt)}">' for figure in slide.figures
    )
    figures = f'<div class="figures">{figures}</div>' if figures else ""
    beside = len(slide.figures) == 1 and slide.body and aspect(slide.figures[0]) < BESIDE
    body = f'<div class="words">{"".join(slide.body)}</div>' if beside else "".join(slide.body)
    clock = "" if begins is None else f"**Minute {begins:g} to {begins + slide.minutes:g}.** "
    notes = as_html(clock + "\n\n".join(slide.notes))
    timing = f' data-timing="{round(60 * slide.minutes)}"' if slide.minutes else ""
    kind = f"{slide.kind} beside" if beside else slide.kind
    head = f"{above}<{level}>{inline(slide.title)}</{level}>"
    notes = f'<aside class="notes">{notes}</aside>'
    return (
        f'<section class="{kind}" data-cell="{slide.from_cell}"{timing}>\n'
        f"{head}\n{body}\n{figures}\n{notes}\n</section>\n"
    )


def write_deck(name: str, title: str, slides: list[Slide], folder: Path = DECKS) -> Path:
    """Write a deck and its pictures.

    Args:
        name: of the file, without .html.
        title: of the page.
        slides: in order; if the first has minutes, all are timed.
        folder: where decks lie; `assets/` is beside them.

    Returns:
        The file.
    """
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for figure in (figure for slide in slides for figure in slide.figures):
        (folder / "figures" / image_name(figure)).write_bytes(figure.png)
    minute, sections = 0.0, []
    for slide in slides:
        sections.append(slide_html(slide, minute if slides[0].minutes else None))
        minute += slide.minutes
    page = Template((SOURCES / "deck.html").read_text(encoding="utf-8"))
    path = folder / f"{name}.html"
    text = page.substitute(title=html.escape(title), slides="".join(sections), minutes=f"{minute:g}")
    path.write_text(text, encoding="utf-8")
    return path


def write_assets(folder: Path = DECKS) -> None:
    """Copy what every deck needs into `assets/`: reveal.js, MathJax, and the look of this course."""
    assets = folder / "assets"
    shutil.rmtree(assets, ignore_errors=True)
    shutil.copytree(vendored("reveal.js") / "dist", assets / "reveal")
    shutil.copytree(vendored("mathjax") / "es5", assets / "mathjax")
    for name in ("deck.css", "deck.js", "handout.css", "handout.js"):
        shutil.copy(SOURCES / name, assets / name)
