"""The reader's own copies of the notebooks, which survive an update of the course: `make work`.

A notebook that was not touched is replaced by its new edition. In one that was, the answers to the exercises move
into the new edition, and the old copy stays beside it under another name. Nothing is ever overwritten or deleted.
"""

import hashlib
import json
import re
import shutil
from datetime import date
from pathlib import Path

from ..files import ROOT

STUB = re.compile(r"def \w+\(.*\):\s+raise NotImplementedError\s*")


def renew(originals: Path = ROOT / "notebooks", work: Path = ROOT / "work") -> list[str]:
    """Copy the notebooks into the folder where the reader works.

    Args:
        originals: the notebooks of the course.
        work: the reader's folder, made if it is not there.

    Returns:
        A line for every notebook that was new, renewed or left alone for a reason.

    Example:
        >>> renew(Path("no-such-folder"), Path("build/doctest-work"))
        []
    """
    work.mkdir(parents=True, exist_ok=True)
    ledger = work / ".copied.json"
    copied = json.loads(ledger.read_text(encoding="utf-8")) if ledger.exists() else {}
    said = []
    for original in sorted(originals.glob("*.ipynb")):
        mine, edition = work / original.name, _digest(original)
        if not mine.exists():
            shutil.copyfile(original, mine)
            said.append(f"{mine.name}: copied")
        elif copied.get(mine.name) == edition:
            continue
        elif _digest(mine) == copied.get(mine.name):
            shutil.copyfile(original, mine)
            said.append(f"{mine.name}: the new edition")
        else:
            try:
                notebook, moved = _with_answers(original, mine)
            except (ValueError, KeyError, TypeError) as error:
                said.append(f"{mine.name}: left alone, as it cannot be read as a notebook ({error})")
                continue
            kept = _free_name(mine)
            mine.rename(kept)
            mine.write_text(notebook, encoding="utf-8")
            answers = f"with your {', '.join(moved)}" if moved else "without answers, as there were none"
            said.append(f"{mine.name}: the new edition, {answers}; what you had before is {kept.name}")
        copied[mine.name] = edition
        ledger.write_text(json.dumps(copied, indent=1), encoding="utf-8")
    return said


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _answers(path: Path) -> dict[str, list[str] | str]:
    """The exercise cells of a copy that are no longer stubs, by the functions they define."""
    found = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if "exercise" in cell["metadata"].get("tags", []) and not STUB.fullmatch(source):
            found |= dict.fromkeys(re.findall(r"^def (\w+)", source, flags=re.MULTILINE), cell["source"])
    return found


def _with_answers(original: Path, mine: Path) -> tuple[str, list[str]]:
    """The new edition as text, with the answers of a copy in its stubs, and whose they are."""
    answers, moved = _answers(mine), []
    notebook = json.loads(original.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        name = re.search(r"^def (\w+)", "".join(cell["source"]), flags=re.MULTILINE)
        if "exercise" in cell["metadata"].get("tags", []) and name and name[1] in answers:
            cell["source"] = answers[name[1]]
            moved.append(name[1])
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", moved


def _free_name(path: Path) -> Path:
    """A name for the old copy that no file has."""
    stem = f"{path.stem} until {date.today()}"
    names = [path.with_name(f"{stem}{end}.ipynb") for end in ("", *(f" ({n})" for n in range(2, 1000)))]
    return next(name for name in names if not name.exists())


if __name__ == "__main__":
    for line in renew():
        print(f"work/{line}")
