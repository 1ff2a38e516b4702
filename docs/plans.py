"""Plans of the lecturer's guide, with minutes from the notebooks: the lecture, a day, a term, what runs long, memory.

Nothing here is typed that can be counted: minutes of sections and exercises come from tests.form, slides from
docs/decks/ninety, seconds and memory from tests/benchmarks/results. docs/workshop.toml says only what comes when.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import NamedTuple

from tests.benchmarks.training import RESULTS
from tests.form import PATHS, is_further, minutes, read, source, times
from vae_helpers.files import ROOT

from . import cell_times, lecture
from .words import plain

EXERCISE = re.compile(r"^### Exercise (\d\d\.\w) · \w+ · (\d+) minutes", flags=re.MULTILINE)
SECTION = re.compile(r"^##+ (?!Exercise )(.+)", flags=re.MULTILINE)
CLOSING = ("Summary", "From equation to code", "Further reading")
SITTING = 90  # minutes between two breaks, at most
LONG = 5  # seconds of a cell that a class would notice


class Section(NamedTuple):
    """Part of a notebook under one heading: reading without exercises, and the minutes of each exercise."""

    heading: str
    further: bool
    reading: float
    exercises: dict[str, int]


def sections(number: str) -> list[Section]:
    """The sections of a notebook, in order; the first is what stands above them.

    Args:
        number: its first two digits.

    Example:
        >>> [section.heading for section in sections("00")][1]
        'Your machine'
    """
    found, place, before = [Section("Opening", False, 0.0, {})], 0, False
    for cell, further in _pieces(_cells(number)):
        text = source(cell) if cell["cell_type"] == "markdown" else ""
        heading = re.match(r"## (.+)" if further == before else r"##+ (.+)", text)
        if heading and (further or heading[0].startswith("## ")):
            found.append(Section(heading[1].strip(), further, 0.0, {}))
            place = len(found) - 1
        elif before and not further:  # back in the core, under the heading that had a further part
            place = max(n for n, section in enumerate(found) if not section.further)
        before = further
        last, exercises = found[place], {id: int(minutes) for id, minutes in EXERCISE.findall(text)}
        reading = last.reading + minutes(cell) - sum(exercises.values())
        found[place] = last._replace(reading=reading, exercises={**last.exercises, **exercises})
    return found


def _pieces(cells: list[dict]) -> Iterator[tuple[dict, bool]]:
    """The cells and whether they are further, texts cut at headings: one may end a section and begin another."""
    for cell, further in zip(cells, is_further(cells), strict=True):
        texts = re.split(r"^(?=## )", source(cell), flags=re.MULTILINE) if cell["cell_type"] == "markdown" else [""]
        for text in texts if len(texts) > 1 else [source(cell)]:
            if text:
                yield {**cell, "source": text}, further


def _cells(number: str) -> list[dict]:
    return read(_path(number))["cells"]


def _path(number: str):
    return next(path for path in PATHS if path.name.startswith(number))


def clock(total: float, start: str = "00:00") -> str:
    """A time of day, so many minutes after another.

    Example:
        >>> clock(95, "09:00")
        '10:35'
    """
    hours, rest = map(int, start.split(":"))
    return "{:02}:{:02}".format(*divmod(hours * 60 + rest + round(total), 60))


def lecture_table() -> str:
    """The lecture minute by minute, from its slides."""
    now, rows = 0.0, []
    written = [(part["title"], one.get("questions", 0)) for part in lecture.parts() for one in part["slide"]]
    for (part, asked), slide in zip(written, lecture.lecture(), strict=True):
        if not rows or part != rows[-1][0]:
            rows.append((part, f"\n### {part}\n\n| at | minutes | slide | |\n|---|---|---|---|\n"))
        kind = {"poll": "**poll**", "answer": "answer", "code": "code"}.get(slide.kind, "")
        kind = f"{asked:g} of them for questions" if asked else kind
        line = f"| {now:g} | {slide.minutes:g} | {plain(slide.title)} | {kind} |\n"
        rows[-1] = (part, rows[-1][1] + line)
        now += slide.minutes
    polls = sum(slide.kind == "poll" for slide in lecture.lecture())
    asked = sum(asked for _, asked in written)
    sums = f"{len(written)} slides, {polls} polls, {now:g} minutes, {asked:g} of them for questions.\n"
    return sums + "".join(text for _, text in rows)


def workshop() -> list[tuple[str, float, str]]:
    """The day as rows of (kind, minutes, what): "work", "talk" or "break".

    Raises:
        LookupError: if docs/workshop.toml names a section or an exercise that is not there.
    """
    rows = []
    for item in tomllib.loads((ROOT / "docs" / "workshop.toml").read_text(encoding="utf-8"))["item"]:
        if "section" not in item:
            rows.append((item["kind"], item["minutes"], item["what"]))
            continue
        number, heading = item["section"].split(" ", 1)
        found = [one for one in sections(number) if one.heading == heading]
        if len(found) != 1:
            known = "; ".join(one.heading for one in sections(number))
            raise LookupError(f"docs/workshop.toml: notebook {number} has no section {heading!r}; it has {known}")
        left_out = item.get("without", [])
        if wrong := set(left_out) - set(found[0].exercises):
            raise LookupError(f"docs/workshop.toml: {heading!r} has no exercise {wrong}, but {found[0].exercises}")
        ids = {id: time for id, time in found[0].exercises.items() if id not in left_out}
        exercises = f"; exercise {', '.join(f'{id} ({time} min)' for id, time in ids.items())}" * bool(ids)
        rows.append(("work", found[0].reading + sum(ids.values()), f"{number}, *{heading}*{exercises}"))
    return rows


def sittings(rows: list[tuple[str, float, str]]) -> list[float]:
    """Minutes of each stretch between two breaks.

    Example:
        >>> sittings([("talk", 10, ""), ("work", 20, ""), ("break", 15, ""), ("work", 5, "")])
        [30, 5]
    """
    found = [0]
    for kind, long, _ in rows:
        found = [*found, 0] if kind == "break" else [*found[:-1], found[-1] + long]
    return found


def workshop_table(start: str = "09:00") -> str:
    """The day, with times of day."""
    lines, now = ["| from | minutes | what |", "|---|---|---|"], 0.0
    for kind, long, what in workshop():
        what = f"**{what}**" if kind == "break" else what
        lines.append(f"| {clock(now, start)} | {long:.0f} | {what} |")
        now += long
    lines.append(f"| {clock(now, start)} | | end |")
    work = sum(sittings(workshop()))
    return "\n".join(lines) + f"\n\n{work / 60:.1f} hours of work, {len(sittings(workshop()))} sittings.\n"


class Week(NamedTuple):
    """What a class does with one notebook: two sittings, and homework."""

    number: str
    first: list[Section]
    second: list[Section]
    homework: list[Section]

    @property
    def minutes(self) -> tuple[float, float]:
        """Of the two sittings: the first is told and read, the second has the rest and the core's exercises."""
        told = sum(section.reading for section in self.first)
        rest = sum(section.reading for section in self.second)
        return told, rest + sum(sum(section.exercises.values()) for section in self.first + self.second)


def week(number: str) -> Week:
    """The core of a notebook in two sittings; what would make the first one too long moves to the second."""
    core = [section for section in sections(number) if not section.further]
    cut = next((n for n in range(len(core) + 1) if sum(s.reading for s in core[: n + 1]) > SITTING), len(core))
    return Week(number, core[:cut], core[cut:], [section for section in sections(number) if section.further])


def term_table() -> str:
    """Thirteen weeks, a notebook each."""
    lines = [
        "| week | notebook | first sitting | second sitting: exercises | homework (further) |",
        "|---|---|---|---|---|",
    ]
    for place, path in enumerate(PATHS, start=1):
        one = week(path.name[:2])
        told, worked = one.minutes
        exercises = ", ".join(id for section in one.first + one.second for id in section.exercises)
        rest = [section.heading for section in one.second if section.heading not in CLOSING]
        rest = f"; before them *{'*, *'.join(rest)}*" * bool(rest)
        homework = {id: time for section in one.homework for id, time in section.exercises.items()}
        given = ", ".join(f"{id} ({time} min)" for id, time in homework.items()) or "none"
        first, second = f"{told:.0f} min", f"{worked:.0f} min: {exercises}{rest}"
        if place == 1:  # 00 is short: the lecture comes before it
            first = f"the lecture, {sum(slide.minutes for slide in lecture.lecture()):g} min"
            second = f"{told + worked:.0f} min: 00, with {exercises}"
        title = f"[{path.name[:2]}](../notebooks/{path.name})"
        lines.append(f"| {place} | {title} | {first} | {second} | {given} |")
    return "\n".join(lines) + "\n| 14 | | projects | projects | |\n"


def long_cells_table() -> str:
    """Cells that take longer than a few seconds with one thread, by notebook and section."""
    stored = json.loads(cell_times.STORED.read_text())
    lines = ["| notebook | all cells | longest cells, by section |", "|---|---|---|"]
    for path in PATHS:
        if path.stem not in stored:
            continue
        seconds, heading, long = stored[path.stem]["cells"], "Opening", []
        cells = read(path)["cells"]
        for cell, further in zip(cells, is_further(cells), strict=True):
            if cell["cell_type"] == "markdown" and (found := SECTION.findall(source(cell))):
                heading = plain(found[-1])
            elif not further and seconds.get(cell["id"], 0) >= LONG:
                long.append(f"{heading} ({seconds[cell['id']]:.0f} s)")
        lines.append(f"| {path.name[:2]} | {sum(seconds.values()):.0f} s | {', '.join(long) or 'none'} |")
    return "\n".join(lines) + "\n"


def memory_table(people: int = 30) -> str:
    """What a class takes that opens one notebook each."""
    report = json.loads((RESULTS / "course.json").read_text())["notebooks"]
    lines = [f"| notebook | one person | {people} people |", "|---|---|---|"]
    for name, cost in report.items():
        lines.append(f"| {name[:2]} | {cost['memory'] / 1000:.1f} GB | {people * cost['memory'] / 1000:.0f} GB |")
    return "\n".join(lines) + "\n"


def hours(first: str, last: str) -> str:
    """Hours of the core of some notebooks.

    Example:
        >>> float(hours("00", "07")) > 10
        True
    """
    chosen = [path for path in PATHS if first <= path.name[:2] <= last]
    return f"{round(sum(times(read(path)['cells'])[0] for path in chosen) / 30) / 2:g}"


def most_memory() -> str:
    """Of the notebook that needs most."""
    report = json.loads((RESULTS / "course.json").read_text())["notebooks"]
    return f"{max(cost['memory'] for cost in report.values()) / 1000:.1f} GB"
