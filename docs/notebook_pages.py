"""A notebook as a page of the site: the same cells and stored outputs, in a form that Sphinx and a browser read well.

A figure's stored words become its alternative text, a claim's printed line becomes a box that can be linked to, and a
slider, which would need a kernel, becomes a sentence.
"""

import copy
import html
import re

from vae_helpers.course.claims import CLAIM_LINE

ENTRY = re.compile(r'<a id="(\w+)"></a>')
WIDGET = "application/vnd.jupyter.widget-view+json"


def slug(title: str) -> str:
    """The anchor of a heading as JupyterLab makes it, which is how the notebooks link to each other.

    Args:
        title: of the heading.

    Example:
        >>> slug("Further: what a budget should buy")
        'Further:-what-a-budget-should-buy'
    """
    return re.sub(r"\s+", "-", title.strip())


def claim_anchor(id: str) -> str:
    """The anchor of a claim on the page of its notebook.

    Args:
        id: "NN.M", as in `claim`.

    Example:
        >>> claim_anchor("02.1")
        'claim-02-1'
    """
    return f"claim-{id.replace('.', '-')}"


def page(notebook: dict) -> dict:
    """The notebook with every cell in the form that the site needs; the one that is given stays as it is.

    Args:
        notebook: as read from its file.

    Example:
        >>> page({"cells": [], "metadata": {"widgets": {}}})
        {'cells': [], 'metadata': {}}
    """
    new = copy.deepcopy(notebook)
    new["metadata"].pop("widgets", None)
    entries = {key for cell in new["cells"] for key in ENTRY.findall("".join(cell["source"]))}
    for cell in new["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = with_citations("".join(cell["source"]), entries)
        else:
            described(cell)
            cell["outputs"] = [new for output in cell["outputs"] for new in as_shown(output)]
    return new


def with_citations(text: str, entries: set[str]) -> str:
    """Markdown in which a citation is a link to its entry on the same page; Sphinx knows no anchors made in HTML.

    Args:
        text: of a cell.
        entries: the keys that have an entry in this notebook.

    Example:
        >>> with_citations("by [Burda et al. (2016)](#burda2016)", {"burda2016"})
        'by <a class="citation-link" href="#burda2016">Burda et al. (2016)</a>'
    """

    def link(match: re.Match) -> str:
        words, key = match.groups()
        return f'<a class="citation-link" href="#{key}">{words}</a>' if key in entries else match[0]

    return re.sub(r"\[([^\][]+)\]\(#(\w+)\)", link, text)


def described(cell: dict) -> None:
    """Put the words that a figure carries where myst-nb looks for them.

    Args:
        cell: a code cell; it is changed.

    Raises:
        ValueError: if a figure has no words, or a cell two figures with different ones.

    Example:
        >>> cell = {"outputs": [{"data": {"image/png": ""}, "metadata": {"image/png": {"alt": "A hill."}}}]}
        >>> described({**cell, "id": "a", "metadata": (metadata := {})}); metadata
        {'mystnb': {'image': {'alt': 'A hill.'}}}
    """
    pictures = [output for output in cell["outputs"] if "image/png" in output.get("data", {})]
    words = {output.get("metadata", {}).get("image/png", {}).get("alt", "") for output in pictures}
    if len(words) > 1 or "" in words:
        raise ValueError(f"cell {cell['id']}: figures need alternative text, one for a cell, got {words}")
    if words:
        cell["metadata"]["mystnb"] = {"image": {"alt": words.pop()}}


def as_shown(output: dict) -> list[dict]:
    """What an output becomes: itself, a sentence for sliders, or text with its claims taken out into boxes.

    Args:
        output: as stored.

    Example:
        >>> [new["output_type"] for new in as_shown({"output_type": "stream", "name": "stdout", "text": "a\\nb\\n"})]
        ['stream']
    """
    if WIDGET in output.get("data", {}):
        words = html.escape("".join(output["data"]["text/plain"]))
        return [as_html(f'<p class="needs-kernel">{words}</p>')]
    if output["output_type"] != "stream":
        return [output]
    shown, text = [], []
    for line in "".join(output["text"]).splitlines(keepends=True):
        if match := CLAIM_LINE.match(line.rstrip("\n")):
            shown += [{**output, "text": "".join(text)}] if "".join(text).strip() else []
            shown, text = [*shown, as_html(claim_box(match.groupdict()))], []
        else:
            text.append(line)
    return shown + ([{**output, "text": "".join(text)}] if "".join(text).strip() else [])


def as_html(text: str) -> dict:
    return {"output_type": "display_data", "data": {"text/html": text}, "metadata": {}}


def claim_box(found: dict[str, str | None]) -> str:
    """A claim in HTML.

    Args:
        found: its id, statement, measured, expected and because.

    Example:
        >>> claim_box({"id": "00.1", "statement": "One is one", "measured": "1", "expected": "at most 1"})[:35]
        '<div class="claim" id="claim-00-1">'
    """
    said = {key: html.escape(value or "") for key, value in found.items()}
    because = f" <span>({said['because']})</span>" if said.get("because") else ""
    return (
        f'<div class="claim" id="{claim_anchor(said["id"])}">'
        f"<p><strong>✓ Claim {said['id']}.</strong> {said['statement']}</p>"
        f"<p><strong>{said['measured']}</strong>, {said['expected']}{because}</p></div>"
    )
