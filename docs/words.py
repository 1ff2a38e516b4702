"""Markdown of the notebooks: cut into blocks and sentences, counted, and turned into HTML. Formulas stay whole."""

import html
import re
from typing import NamedTuple

import mistune
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

FORMULA = re.compile(r"`[^`\n]*`|\$\$.+?\$\$|\$[^$]+?\$", re.DOTALL)  # or code, in which a dollar is a dollar
TOKEN = re.compile(r"⟦(\d+)⟧")
SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)(?<!\b[A-Z]\.)([)*]*)\s+(?=[A-Z*⟦\[(`\d-])")
DETAILS = re.compile(r"<details>.*?</details>", re.DOTALL)

_to_html = mistune.create_markdown(escape=False, plugins=["table"])


class Block(NamedTuple):
    """A paragraph, list, table ... of a text: its kind, and its markdown."""

    kind: str
    text: str


def mask(text: str) -> tuple[str, list[str]]:
    """The text with a token in place of every formula, and the formulas."""
    formulas: list[str] = []

    def token(match: re.Match) -> str:
        if match[0].startswith("`"):
            return match[0]
        formulas.append(match[0])
        return f"⟦{len(formulas) - 1}⟧"

    return FORMULA.sub(token, text), formulas


def unmask(text: str, formulas: list[str]) -> str:
    """The text with its formulas back in place."""
    return TOKEN.sub(lambda match: formulas[int(match[1])], text)


def plain(text: str) -> str:
    """Without links (their words stay), anchors and folded parts."""
    text = DETAILS.sub("", re.sub(r'<a id="[^"]*"></a>', "", text))
    return re.sub(r"(?<!!)\[([^\[\]]+)\]\([^()]*(?:\([^()]*\)[^()]*)*\)", r"\1", text).replace("&nbsp;", " ")


def as_html(text: str) -> str:
    r"""HTML of a markdown text; formulas become \(...\) and \[...\] for MathJax."""
    masked, formulas = mask(plain(text))
    return TOKEN.sub(lambda match: _tex(formulas[int(match[1])]), _to_html(masked)).strip()


def inline(text: str) -> str:
    """HTML of a line: without the paragraph around it."""
    return re.sub(r"^<p>(.*)</p>$", r"\1", as_html(text), flags=re.DOTALL)


def code_html(code: str) -> str:
    """Python code, coloured, as a <pre>."""
    return highlight(code, PythonLexer(stripall=True), HtmlFormatter(nowrap=False, cssclass="code"))


def count(text: str) -> int:
    """Words of a text, a formula counted as one."""
    return len(mask(plain(text))[0].split())


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph."""
    masked, formulas = mask(plain(text))
    cut = SENTENCE_END.sub("\\1\x00", " ".join(masked.split())).split("\x00")
    return [unmask(sentence, formulas) for sentence in cut if sentence]


def shortened(text: str, most: int) -> str:
    """The first sentences of a text, as many as fit into so many words; none if the first is longer."""
    taken: list[str] = []
    for sentence in sentences(text):
        if count(" ".join([*taken, sentence])) > most:
            break
        taken.append(sentence)
    if taken and taken[-1].endswith(":"):  # it announces what is left out
        taken.pop()
    return " ".join(taken)


def blocks(text: str) -> list[Block]:
    """A text, cut into blocks: heading, predict, pause, math, list, table, quote, code, or text."""
    found: list[Block] = []
    masked, formulas = mask(DETAILS.sub("", text))
    for fence in re.split(r"(^```.*?^```)", masked, flags=re.DOTALL | re.MULTILINE):
        if fence.startswith("```"):
            found.append(Block("code", unmask(fence, formulas)))
            continue
        fence = re.sub(r"(?<!^)(?<!\n)\s+(?=\*\*Predict)", "\n\n", fence)
        fence = re.sub(r"^(#+ .*)$", r"\n\1\n", fence, flags=re.MULTILINE)
        for part in re.split(r"\n\s*\n", fence):
            if part.strip():
                whole = unmask(part.strip(), formulas)
                found.append(Block(_kind(whole), whole))
    return found


def items(text: str) -> list[str]:
    """The items of a list."""
    masked, formulas = mask(text)
    cut = re.split(r"^(?:[-*]|\d+\.) +", masked, flags=re.MULTILINE)[1:]
    return [unmask(" ".join(item.split()), formulas) for item in cut]


def rows(text: str) -> list[str]:
    """The lines of a table, its two heading lines first."""
    return text.strip().splitlines()


def _kind(text: str) -> str:
    starts = {"#": "heading", "**Predict": "predict", "**Pause": "pause", "$$": "math", "|": "table", ">": "quote"}
    for start, kind in starts.items():
        if text.startswith(start):
            return kind
    return "list" if re.match(r"([-*]|1\.) ", text) else "text"


def _tex(formula: str) -> str:
    if formula.startswith("$$"):
        return rf"\[{html.escape(formula[2:-2].strip())}\]"
    return rf"\({html.escape(formula[1:-1].strip())}\)"
