"""The lecture of 90 minutes: the order and the words are written by hand, its numbers and figures are the notebooks'.

docs/decks/ninety/*.toml are its parts. A part has a `title`, `[numbers]`, and slides:

    [numbers]
    gap = "claim 04.4"                             # what a claim measured
    prior = ["02:fc0695d6", 'prior .*: (\\S+),']   # or the group of a pattern in what a cell printed

    [[slide]]
    kind = "answer"          # text, title, poll, answer, figure, code
    minutes = 1.5
    questions = 2            # minutes for the class, after the last slide of a part
    title = "The ELBO lies <<gap:.1f>> nats below"
    words = "..."            # markdown, at most 40 words; <<name>>, <<name:.1f>> and <<-name:.0f>> are filled in
    figure = "04:7177755b"   # of a stored output; figure = "docs/latent_space.png|words" for a file
    code = "04:5f8dcc25 forward"                   # a cell's function, a method of its class, or "solution 04.a"
    printed = "04:de84610d"                        # what a cell printed
    say = "..."              # aloud; *what is in italics* is done, not said
    text = ["04:396776e9"]   # cells whose text goes to the notes as well, for who wants to say more

`given` names the numbers that are typed into words because they are chosen, not measured.
"""

import ast
import inspect
import re
import textwrap
import tomllib
from functools import cache

from docs.slides import SOURCES, Slide, printed_html
from docs.stored import cell, claims, picture_bytes
from docs.words import as_html, code_html
from vae_helpers.course.exercises.solutions import SOLUTIONS

PARTS = SOURCES / "ninety"
PLACEHOLDER = re.compile(r"<<(-?)(\w+)(?::([^>]+))?>>")
OPTIONS = re.compile(r"<p>(<strong>A</strong>.*?)</p>", re.DOTALL)
KEYS = {"kind", "minutes", "questions", "title", "words", "figure", "code", "printed", "say", "text"}


def as_lines(options: re.Match) -> str:
    """The answers to choose from, "A ... · B ...", each on a line."""
    return "".join(f'<p class="option">{option}</p>' for option in options[1].split(" · "))


@cache
def parts() -> tuple[dict, ...]:
    """The parts of the lecture, as written.

    Raises:
        ValueError: if a slide has a key that means nothing.
    """
    found = tuple(tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(PARTS.glob("*.toml")))
    for part in found:
        for slide in part["slide"]:
            if wrong := set(slide) - KEYS:
                raise ValueError(f"the slide {slide.get('title')!r} has {sorted(wrong)}, expected only {sorted(KEYS)}")
    return found


def number(source: str | list[str]) -> str:
    """A stored number, as it was printed.

    Args:
        source: "claim 04.3", or [address of a cell, pattern with one group].

    Raises:
        LookupError: if the claim, the cell or the pattern is not there.
    """
    if isinstance(source, str):
        return claims()[source.removeprefix("claim ")].measured
    address, pattern = source
    if not (found := re.search(pattern, cell(address).output)):
        raise LookupError(f"{pattern!r} is not in what cell {address} printed: {cell(address).output!r}")
    return found[1]


def filled(text: str, numbers: dict) -> str:
    """A text with stored numbers in place of its placeholders.

    Args:
        text: with <<name>>, <<name:format>> or <<-name:format>>.
        numbers: name -> source, as in `number`.
    """

    def fill(match: re.Match) -> str:
        minus, name, shape = match.groups()
        found = number(numbers[name])
        if not (minus or shape):
            return found
        value = float(found.replace(",", ""))
        return format(-value if minus else value, shape or "g")

    return PLACEHOLDER.sub(fill, text)


def code_of(address: str) -> str:
    """The code that a slide shows.

    Args:
        address: of a cell and, after a space, the name of a function or method in it; or "solution 04.a".

    Raises:
        LookupError: if the cell defines no such thing.
    """
    where, _, name = address.partition(" ")
    if where == "solution":
        return inspect.getsource(SOLUTIONS[name]).rstrip()
    text = cell(where).text
    if not name:
        return text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return textwrap.dedent("\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno]))
    raise LookupError(f"cell {where} defines no {name!r}")


def lecture() -> list[Slide]:
    """All slides of the lecture, with minutes."""
    slides = []
    for part in parts():
        numbers = part.get("numbers", {})
        for written in part["slide"]:
            body = [as_html(filled(written.get("words", ""), numbers))]
            if "printed" in written:
                body.append(printed_html(cell(written["printed"]).printed))
            if "code" in written:
                body.append(code_html(code_of(written["code"])))
            said = [f"*{part['title']}*", filled(written.get("say", ""), numbers)]
            asked = written.get("questions", 0)
            said += [f"*Then {asked:g} min for questions.*"] * bool(asked)
            said += ["*More, from the notebook:*"] * bool(written.get("text"))
            said += [cell(address).text for address in written.get("text", [])]
            if written["kind"] == "poll":
                body[0] = f'<div class="question">{OPTIONS.sub(as_lines, body[0])}</div>'
            figures = [picture_bytes(written["figure"])] if "figure" in written else []
            title = filled(written["title"], numbers)
            minutes = written["minutes"] + asked
            slides.append(Slide(written["kind"], title, [b for b in body if b], said, figures, minutes))
    return slides
