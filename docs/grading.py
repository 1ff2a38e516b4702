"""Marks for handed-in notebooks: each student's functions are checked again, whatever the notebook shows.

    python -m docs.grading submissions/                       # folders of students, or files such as anna.ipynb
    python -m docs.grading submissions/*.ipynb --out marks --seconds 10 --jobs 2

What students hand in is code that nobody has read. It runs in processes of its own, with a time limit and a limit on
memory, without your environment's variables; but it runs as you. Do this in a container: see the guide, "Grading".
"""

import argparse
import csv
import hashlib
import html
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from vae_helpers.course.exercises.checking import CHECKERS
from vae_helpers.files import ROOT, write_atomically

START, DEFINITIONS = 180, 120
"""Seconds until a process must have read the notebook, and then until it must have begun with the first exercise."""
COULD_NOT = "its check could not begin: `python -m docs.regrade FILE 1` shows why"
STYLE = (
    ":root{color-scheme:light dark} body{font:1.1rem/1.5 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem} "
    "p{white-space:pre-line} pre{white-space:pre-wrap;overflow-wrap:anywhere}"
)
MOST = 2**20
"""Bytes that a process may say about one notebook."""


class Mark(NamedTuple):
    """What became of one exercise: the checker's line, and the cell that was checked."""

    student: str
    notebook: str
    exercise: str
    passed: bool
    message: str
    source: str

    def looks(self) -> bool:
        """Whether the answer names the place where the course keeps its solutions: read it yourself."""
        return bool(re.search(r"SOLUTIONS|course\s*\.\s*exercises|vae_helpers/course", self.source))


def whose(path: Path) -> str:
    """The student: the folder's name, or what stands before the notebook's in the file's.

    Example:
        >>> whose(Path("anna/04_first_vae.ipynb")), whose(Path("bea_04_first_vae.ipynb")), whose(Path("cem.ipynb"))
        ('anna', 'bea', 'cem')
    """
    name = re.sub(r"[ _-]*\b\d\d_\w+$|[ _-]+\d\d_\w+$", "", path.stem)
    return name or path.resolve().parent.name


def grade(path: Path, seconds: float = 20) -> list[Mark]:
    """Check one notebook in processes of its own; after one that was stopped, another goes on with what is left.

    Args:
        path: the notebook.
        seconds: that a single exercise may take.

    Returns:
        A mark for each exercise in the notebook; a single one with the exercise "" if it cannot be read.
    """
    student, done, texts = whose(path), {}, None
    while True:
        begun, end = "", ""
        for event in _events(path, list(done), seconds):
            end = event.get("end", end)
            if "unreadable" in event:
                return [Mark(student, path.name, "", False, f"✗ {event['unreadable']}", "")]
            if texts is None and isinstance(event.get("answers"), dict):
                texts = {id: str(text) for id, text in event["answers"].items() if id in CHECKERS}
            begun = event["begun"] if event.get("begun") in list(texts or ()) else begun
            if begun and event.get("id") == begun:
                done[begun] = event.get("passed") is True, str(event.get("message"))[:2000]
        if not texts:
            why = COULD_NOT if texts is None else "it has no exercise of the course"
            return [Mark(student, path.name, "", False, f"✗ {why}", "")]
        if begun and begun not in done:
            why = f"no answer after {seconds:g} s: is there a loop that never ends?"
            done[begun] = False, f"✗ {begun} " + (why if end == "time" else "Python itself stopped while this ran.")
        elif set(done) != set(texts):
            why = "the notebook's imports and definitions did not come to an end."
            done |= {id: (False, f"✗ {id} {why}") for id in texts if id not in done}
        if set(done) == set(texts):
            return [Mark(student, path.name, id, *done[id], texts[id]) for id in sorted(done)]


def _events(path: Path, left_out: list[str], seconds: float) -> Iterator[dict]:
    """What the process says; the last event has the key "end": "time" if it was stopped, "" if it ended by itself."""
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "docs.regrade", str(path.resolve()), str(writing), *left_out]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": folder, "MPLCONFIGDIR": folder}
        environment |= {"OMP_NUM_THREADS": "1", "VAE_PROGRESS": "", "VAE_DATA_DIR": folder, "PYTHONUTF8": "1"}
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        process = subprocess.Popen(
            command, cwd=folder, env=environment, pass_fds=[writing], start_new_session=True, **quiet
        )
        os.close(writing)
        try:
            heard, line, limit = 0, b"", START
            while heard < MOST:
                if not select.select([reading], [], [], limit)[0]:
                    yield {"end": "time"}
                    return
                if not (chunk := os.read(reading, 65536)):
                    break
                heard += len(chunk)
                *lines, line = (line + chunk).split(b"\n")
                for event in map(_event, lines):
                    limit = seconds if "begun" in event else DEFINITIONS
                    yield event
            yield {"end": ""}
        finally:
            os.close(reading)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def _event(line: bytes) -> dict:
    """A line of the process; {} for what is none, as it may have been written by a student's code."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def found(paths: list[Path]) -> list[Path]:
    """The notebooks among the files and in the folders."""
    inner = [sorted(path.rglob("*.ipynb")) if path.is_dir() else [path] for path in paths]
    return [path for group in inner for path in group if ".ipynb_checkpoints" not in path.parts]


def write(marks: list[Mark], out: Path) -> None:
    """Write grades.csv (a row for each student), details.csv (a row for each exercise) and a page for each student."""
    (out / "feedback").mkdir(parents=True, exist_ok=True)
    students = sorted({mark.student for mark in marks})
    ids = sorted({mark.exercise for mark in marks if mark.exercise})
    table = []
    for student in students:
        passed = {mark.exercise: mark.passed for mark in marks if mark.student == student}
        points = [int(passed[id]) if id in passed else "" for id in ids]
        table.append([_cell(student), *points, sum(point or 0 for point in points)])
    _csv(out / "grades.csv", [["student", *ids, "sum"], *table])
    details = [["student", "notebook", "exercise", "passed", "message", "look at it", "sha256"]]
    for mark in marks:
        digest = hashlib.sha256(mark.source.strip().encode()).hexdigest() if mark.source else ""
        look = "names the solutions" if mark.looks() else ""
        details.append([*map(_cell, mark[:3]), int(mark.passed), _cell(mark.message), look, digest])
    _csv(out / "details.csv", details)
    for student in students:
        page = feedback(student, [mark for mark in marks if mark.student == student])
        target = out / "feedback" / (re.sub(r"[^\w .@-]", "_", student) + ".html")
        write_atomically(target, lambda temporary, page=page: temporary.write_text(page, encoding="utf-8"))


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text


def _csv(path: Path, rows: list[list]) -> None:
    def fill(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    write_atomically(path, fill)


def feedback(student: str, marks: list[Mark]) -> str:
    """The page of one student: for each exercise what the checker says, and the cell that was checked."""
    parts = []
    for notebook in sorted({mark.notebook for mark in marks}):
        parts.append(f"<h2>{html.escape(notebook)}</h2>")
        for mark in (mark for mark in marks if mark.notebook == notebook):
            parts.append(f"<p>{html.escape(mark.message)}</p>")
            if mark.source and not mark.message.startswith("○"):
                code = html.escape(mark.source)
                parts.append(f"<details><summary>Your answer to {mark.exercise}</summary><pre>{code}</pre></details>")
    right, of = sum(mark.passed for mark in marks), sum(bool(mark.exercise) for mark in marks)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(student)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{STYLE}</style>'
        '<meta name="viewport" content="width=device-width"></head>'
        f"<body><main><h1>{html.escape(student)}</h1><p>{right} of {of} exercises are right.</p>"
        f"{''.join(parts)}</main></body></html>\n"
    )


def main() -> None:
    """Grade what is handed in, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("submissions", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "grades")
    parser.add_argument("--seconds", type=float, default=20, help="that an exercise may take (default: 20)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    args = parser.parse_args()
    paths = found(args.submissions)
    if missing := [path for path in paths if not path.exists()] or ([] if paths else args.submissions):
        parser.error(f"no notebook: {', '.join(map(str, missing))}")
    marks = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for path, of_one in zip(paths, pool.map(lambda path: grade(path, args.seconds), paths), strict=True):
            print(f"{whose(path)}, {path.name}: {sum(mark.passed for mark in of_one)} of {len(of_one)}", flush=True)
            marks += of_one
    write(marks, args.out)
    print(f"grades.csv, details.csv and feedback/ are in {args.out}")


if __name__ == "__main__":
    main()
