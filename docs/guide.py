"""The pages of the lecturer's guide: docs/pages/guide with its tables filled in, for the site and for the instructor.

    python -m docs.guide FOLDER      # the instructor's pages, with the answers to the exam's questions

A page says `<!-- guide: term -->` where a table of docs.plans belongs, and `<!-- guide: mistake 04.b The ... -->` for
what a checker says to a mistake, given by its first words. Questions are written `1. *Question?* Answer.`: on the site
the answers to `questions.md` are folded, and those to `exam.md` are left out.
"""

import re
import sys
import textwrap
import tomllib
from pathlib import Path

from vae_helpers.files import ROOT

from . import plans
from .misconceptions import misconceptions
from .stored import claims

PAGES = ROOT / "docs" / "pages" / "guide"
MARK = re.compile(r"<!-- guide: (\w+) ?(.*?) -->")
QUESTION = re.compile(r"^(\d+)\. \*(.+?)\* (.+?)(?=\n\d+\. \*|\n\n|\n*\Z)", flags=re.MULTILINE | re.DOTALL)


def mistake(words: str) -> str:
    """What a checker says to a mistake, and the code that it says it to.

    Args:
        words: an exercise, and the first words of the message.

    Raises:
        LookupError: if the checker has no such message, or several.
    """
    id, start = words.split(" ", 1)
    found = [(code, message) for code, message in misconceptions(id) if message.startswith(start)]
    if len(found) != 1:
        raise LookupError(f"of exercise {id}, {len(found)} messages begin with {start!r}, expected one")
    code, message = found[0]
    return f"> {id}: {message}\n\n```python\n{code}\n```"


def version() -> str:
    """The version of the course.

    Example:
        >>> version().count(".")
        2
    """
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


TABLES = {
    "lecture": lambda _: plans.lecture_table(),
    "workshop": lambda _: plans.workshop_table(),
    "term": lambda _: plans.term_table(),
    "cells": lambda _: plans.long_cells_table(),
    "memory": lambda _: plans.memory_table(),
    "most_memory": lambda _: plans.most_memory(),
    "hours": lambda words: plans.hours(*words.split()),
    "mistake": mistake,
    "version": lambda _: version(),
    "claim": lambda id: claims()[id].measured,
}


def filled(text: str) -> str:
    """A page with what its marks stand for.

    Args:
        text: of the page.

    Raises:
        KeyError: for a mark of another name.

    Example:
        >>> filled("no mark")
        'no mark'
    """
    return MARK.sub(lambda match: TABLES[match[1]](match[2]).rstrip(), text)


def folded(text: str) -> str:
    """A page of questions whose answers are folded.

    Args:
        text: of the page.

    Example:
        >>> print(folded("1. *Why?* Because."))
        1. *Why?*
        <BLANKLINE>
           <details>
           <summary>Answer</summary>
        <BLANKLINE>
           Because.
        <BLANKLINE>
           </details>
    """

    def fold(match: re.Match) -> str:
        number, question, answer = match.groups()
        inside = f"<details>\n<summary>Answer</summary>\n\n{textwrap.dedent(' ' * 3 + answer)}\n\n</details>"
        return f"{number}. *{question}*\n\n" + textwrap.indent(inside, " " * 3)

    return QUESTION.sub(fold, text)


def without_answers(text: str) -> str:
    """A page of questions, and only those.

    Args:
        text: of the page.

    Example:
        >>> without_answers("1. *Why?* Because.")
        '1. *Why?*'
    """
    return QUESTION.sub(lambda match: f"{match[1]}. *{match[2]}*", text)


def site_pages() -> dict[str, str]:
    """The guide as the site shows it, and where it runs: by path below docs/pages."""
    paths = [*sorted(PAGES.glob("*.md")), PAGES.parent / "where_it_runs.md"]
    shown = {"questions.md": folded, "exam.md": without_answers}
    found = {}
    for path in paths:
        text = filled(path.read_text(encoding="utf-8"))
        found[path.relative_to(PAGES.parent).as_posix()] = shown.get(path.name, str)(text)
    return found


def instructor_pages() -> dict[str, str]:
    """The pages with questions and all answers, for the instructor edition, by name of the file."""
    return {name: filled((PAGES / name).read_text(encoding="utf-8")) for name in ("questions.md", "exam.md")}


def main(arguments: list[str]) -> None:
    """Write the instructor's pages.

    Args:
        arguments: the folder.
    """
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    for name, text in instructor_pages().items():
        (Path(arguments[0]) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
