"""The slides of a notebook, chosen by rules: nobody keeps a second version of it.

A heading begins a slide with the first sentences below it, its formulas, list or table. "Predict" is a poll, and what
the next cell shows is the answer: its figure or what it printed, under the sentence of its claim. Exercises, pauses and
the summary have slides of their own. Code is shown where the text announces it and it is a few lines. All text goes
into the notes. Further sections are only named.
"""

import ast
import re

from docs.slides import Slide, claim_html, printed_html
from docs.stored import Cell, Claim, cells
from docs.words import as_html, blocks, code_html, count, inline, items, plain, rows, shortened

WORDS = 44  # of running text on a slide; with a list or a poll below it, MOST
MOST, ITEM, TAKEAWAY = 80, 26, 24
CODE_LINES, CODE_WIDTH = 12, 76
PRINTED_LINES = 9
ROWS = 7  # of a table, without its heading
SKIPPED = ("The set-up", "Further reading", "Keep the model", "Your machine")
TEACHES = re.compile(r"\b(by hand|in code|loop|one line|lines)\b", re.IGNORECASE)  # said before code that is shown
DRAWS = re.compile(r"\b(plt|ax|axes|fig|show)\b")


class Rules:
    """Walks through a notebook and collects slides."""

    def __init__(self, number: str) -> None:
        self.cells = cells(number)
        self.slides: list[Slide] = []
        self.heading = ""
        self.polled = self.coded = False

    def add(self, kind: str, title: str, cell: Cell, *body: str, notes: str = "") -> Slide:
        """A new slide at the end."""
        where = f"{cell.notebook[:2]}:{cell.id}"
        self.slides.append(Slide(kind, title, [part for part in body if part], [notes] * bool(notes), from_cell=where))
        return self.slides[-1]

    def walk(self) -> list[Slide]:
        """All slides of the notebook."""
        self.title(self.cells[0])
        for cell in self.cells[1:]:
            if cell.further or {"parameters", "solution", "check", "exercise"} & set(cell.tags):
                continue
            if cell.kind == "markdown":
                self.markdown(cell)
            elif self.heading not in SKIPPED or cell.figures:
                self.code(cell)
        return [slide for slide in self.slides if slide.body or slide.figures]

    def title(self, cell: Cell) -> None:
        """The question, and what one can do afterwards."""
        head, *rest = blocks(cell.text)
        goals = next(block for block in rest if block.kind == "list")
        needs = next((block.text for block in rest if block.text.startswith("**Needs")), "")
        number, question = re.match(r"# (\d\d) (.+)", head.text).groups()
        core = f"Variational autoencoders, from the ground up · notebook {number}"
        self.add("title", question, cell, f'<p class="course">{core}</p>', notes=needs)
        points = "".join(f"<li>{inline(item.rstrip(';.'))}</li>" for item in items(goals.text))
        self.add("text", "After this you can", cell, f"<ul>{points}</ul>", notes=needs)

    def markdown(self, cell: Cell) -> None:
        """A text: as many slides as it has headings, polls, pauses and lists."""
        parts = blocks(cell.text)
        before = next((n for n, part in enumerate(parts) if part.kind == "heading"), len(parts))
        if before and all(part.kind in ("text", "code") for part in parts[:before]):
            self.notice(cell, parts[0].text)
            parts = parts[before:]
        slide = None
        for part in parts:
            if part.kind == "heading":
                if part.text.startswith("### Exercise"):
                    return self.exercise(cell, part.text)
                self.heading, slide, self.coded = plain(part.text.lstrip("# ")), None, False
            elif self.heading in SKIPPED or part.kind == "code":
                continue
            elif part.kind == "predict":
                self.poll(slide, cell, part.text)
                slide = None
            elif part.kind == "pause":
                self.add("pause", "Five minutes", cell, as_html(part.text.replace("**Pause.**", "")), notes=cell.text)
                slide = None
            elif part.kind == "table" and (slide is None or len(rows(part.text)) > 6):
                self.table(cell, part.text)
                slide = None
            else:
                slide = self.extend(slide, cell, part)

    def poll(self, slide: Slide | None, cell: Cell, text: str) -> None:
        """A question; what was said right before it stands above it, if there is room."""
        words = re.sub(r"\*\*Predict(?P<mark>[:,.]?)\*\*(?(mark)[:,.]?)", "", text).strip()
        words = f'<div class="question">{as_html(words[:1].upper() + words[1:])}</div>'
        if slide and length(slide) + count(text) <= MOST:
            slide.kind = "poll"
            slide.body.append(words)
        else:
            self.add("poll", self.heading, cell, words, notes=cell.text)
        self.polled = True

    def extend(self, slide: Slide | None, cell: Cell, part) -> Slide:
        """Add a part to a slide, or begin one, if there is room."""
        used = length(slide) if slide else 0
        if part.kind == "math":
            new = as_html(part.text)
            full = slide and (used > WORDS or sum(r"\[" in body for body in slide.body) > 1)
        elif part.kind in ("table", "quote") and count(part.text) <= MOST:
            new, full = as_html(part.text), used + count(part.text) > MOST + WORDS
        elif part.kind == "list":
            tag = "ol" if part.text.startswith("1.") else "ul"
            all_items = [shortened(item, ITEM) or shortened(item, WORDS) for item in items(part.text)]
            points = "".join(f"<li>{inline(item.rstrip(';,'))}</li>" for item in all_items if item)
            new, full = f"<{tag}>{points}</{tag}>" if points else "", used + sum(map(count, all_items)) > MOST
        else:
            text = re.sub(r"^> ?", "", part.text, flags=re.MULTILINE)
            new = as_html(shortened(text, max(0, WORDS - used)))
            full = False
        if slide is None or full:
            slide = self.add("text", self.heading, cell, notes=cell.text)
        slide.body += [new] * bool(new)
        return slide

    def table(self, cell: Cell, text: str) -> None:
        """A table, a few rows on each slide."""
        head, body = rows(text)[:2], rows(text)[2:]
        for start in range(0, len(body), ROWS + 1 if len(body) == ROWS + 1 else ROWS):
            part = body[start : start + (ROWS + 1 if len(body) == ROWS + 1 else ROWS)]
            self.add("text", self.heading, cell, as_html("\n".join(head + part)), notes=cell.text)

    def exercise(self, cell: Cell, heading: str) -> None:
        """An exercise: its prompt; the hints go to the notes."""
        text = cell.text[cell.text.index(heading) + len(heading) :]
        if not cell.text.startswith(heading):
            self.notice(cell, blocks(cell.text)[0].text)
        prompt = shortened(" ".join(b.text for b in blocks(text) if b.kind == "text"), 2 * WORDS)
        self.add("exercise", heading.lstrip("# "), cell, as_html(prompt), notes=text.replace("<details>", ""))

    def notice(self, cell: Cell, text: str) -> None:
        """What is said after a result: its first sentence stands on the slide of the result, the rest in the notes."""
        last = self.slides[-1]
        last.notes.append(cell.text)
        takeaway = shortened(text, TAKEAWAY)
        leads_on = takeaway.endswith("?") or takeaway.startswith("Now ")
        if takeaway and not leads_on and last.kind in ("answer", "figure") and "takeaway" not in "".join(last.body):
            last.body.append(f'<p class="takeaway">{inline(takeaway)}</p>')

    def code(self, cell: Cell) -> None:
        """A definition worth reading, and what the cell shows."""
        before = self.cells[self.cells.index(cell) - 1].text
        announced = TEACHES.search(self.heading + " " + before) and not self.polled
        if announced and not self.coded and (code := definition(cell.text)):
            self.add("code", self.heading, cell, code_html(code))
            self.coded = True
        lines = cell.printed.splitlines()
        fits = lines and len(lines) <= PRINTED_LINES and max(map(len, lines)) <= CODE_WIDTH
        for place, figure in enumerate(cell.figures):
            slide = self.result(cell, cell.claims[1:] if place == 0 else ())
            slide.figures.append(figure)
            if cell.claims and place == 0:
                first = cell.claims[0]
                slide.title, slide.section = f"{escaped(first.statement)}: {first.measured}", self.heading
        if cell.figures:
            return
        last = self.slides[-1]
        if fits and len(lines) < 3 and not cell.claims and not self.polled:  # too little for a slide of its own
            if last.kind == "text" and last.title == self.heading and length(last) < WORDS:
                last.body.append(printed_html(cell.printed))
        elif cell.claims or fits:
            slide = self.result(cell, cell.claims)
            if fits:
                slide.body.insert(0, printed_html(cell.printed))

    def result(self, cell: Cell, found: tuple[Claim, ...]) -> Slide:
        """A slide for what a cell found: an answer, if there was a poll."""
        kind = "answer" if self.polled else "figure"
        self.polled = False
        return self.add(kind, self.heading, cell, *map(claim_html, found[:2]), notes=f"Printed: `{cell.output}`")


def escaped(text: str) -> str:
    """A line of plain text as markdown."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def length(slide: Slide) -> int:
    """Words on a slide, a formula counted as one."""
    text = re.sub("</?(li|ul|ol|p)>", " ", " ".join(slide.body))
    return count(re.sub(r"\\[(\[].*?\\[)\]]|<[^>]+>", " x ", text))


def definition(text: str) -> str:
    """The first function or class of a cell that fits on a slide and draws nothing, without its docstring; else ""."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            lines = text.splitlines()[node.lineno - 1 : node.end_lineno]
            first = node.body[0]
            if ast.get_docstring(node, clean=False) is not None and len(node.body) > 1:
                del lines[first.lineno - node.lineno : first.end_lineno - node.lineno + 1]
            lines = [line for line in lines if line.strip()]
            code = "\n".join(lines)
            if 2 < len(lines) <= CODE_LINES and max(map(len, lines)) <= CODE_WIDTH and not DRAWS.search(code):
                return code
    return ""


def slides_of(number: str) -> list[Slide]:
    """The slides of a notebook, by rules.

    Args:
        number: its first two digits, as "04".
    """
    found = Rules(number).walk()
    further = [re.match(r"#+ Further: (.+)", cell.text) for cell in cells(number) if cell.further]
    names = "".join(f"<li>{inline(match[1])}</li>" for match in further[:40] if match)
    if names:
        found.append(Slide("text", "Further, in the notebook", [f'<ul class="columns">{names}</ul>']))
    return found
