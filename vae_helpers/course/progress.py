"""Which exercises are solved, as boxes, a line for each notebook: `make progress`.

    python -m vae_helpers.course.progress work                # the boxes of work/progress.json, made if it is not there
    python -m vae_helpers.course.progress work --as markdown  # or html: a table

Without a folder, the file that VAE_PROGRESS names is shown, or that of the folder where the command runs.
"""

import argparse
import html
from collections import defaultdict
from pathlib import Path

from ..files import ROOT
from . import record
from .exercises.checking import CHECKERS

BOXES = {"solved": "☑", "tried": "◪", "open": "☐"}


def rows(noted: dict[str, dict]) -> dict[str, dict[str, tuple[str, int]]]:
    """What became of every exercise: {notebook: {letter: ("solved", "tried" or "open", how many tries)}}.

    Args:
        noted: as `record.read` gives it.

    Example:
        >>> rows({})["04"]["a"]
        ('open', 0)
    """
    found = defaultdict(dict)
    for id in sorted(CHECKERS):
        entry = noted.get(id)
        state = "open" if entry is None else "solved" if entry["passed"] else "tried"
        found[id[:2]][id[3:]] = state, entry["tries"] if entry else 0
    return dict(found)


def shown(noted: dict[str, dict], form: str = "text") -> str:
    """The boxes as text or as a table.

    Args:
        noted: as `record.read` gives it.
        form: "text", "markdown" or "html".

    Example:
        >>> print(shown({"00.a": {"passed": True, "tries": 2}}).splitlines()[0])
        00 start here                  ☑ a                   1 of 1
    """
    table = []
    for number, letters in rows(noted).items():
        boxes = [f"{BOXES[state]} {letter}" for letter, (state, _) in letters.items()]
        if form != "text":  # in words too, for those who hear it
            states = [state + f", {n} {'try' if n == 1 else 'tries'}" * bool(n) for state, n in letters.values()]
            boxes = [f"{box} {state}" for box, state in zip(boxes, states, strict=True)]
        solved = sum(state == "solved" for state, _ in letters.values())
        table.append((_title(number), boxes, f"{solved} of {len(letters)}"))
    if form == "text":
        lines = [f"{title:29}  {'  '.join(boxes):20}  {count}" for title, boxes, count in table]
        return "\n".join([*lines, "", "  ".join(f"{box} {state}" for state, box in BOXES.items())])
    if form == "markdown":
        lines = [f"| {title} | {' · '.join(boxes)} | {count} |" for title, boxes, count in table]
        return "\n".join(["| notebook | exercises | solved |", "|---|---|---|", *lines])
    lines = [
        f'<tr><th scope="row">{html.escape(title)}</th><td>{" · ".join(boxes)}</td><td>{count}</td></tr>'
        for title, boxes, count in table
    ]
    head = "<tr>" + "".join(f'<th scope="col">{name}</th>' for name in ("notebook", "exercises", "solved")) + "</tr>"
    return "\n".join(["<table><caption>Exercises</caption>", head, *lines, "</table>"])


def _title(number: str) -> str:
    """The number of a notebook with the words of its file's name, where the notebooks are at hand."""
    found = sorted((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
    return found[0].stem.replace("_", " ") if found else number


def main() -> None:
    """Show the boxes; make the file that asks `check` to note what is solved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where you work")
    parser.add_argument("--as", dest="form", choices=["text", "markdown", "html"], default="text")
    args = parser.parse_args()
    path = args.folder / record.NAME if args.folder else record.place() or Path(record.NAME).absolute()
    try:
        noted = record.read(path)
        if not path.exists():
            record.write(path, {})
            print(f"{path} is new: from now on, `check` in a notebook beside it notes here what you solve.\n")
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")
    print(shown(noted, args.form))


if __name__ == "__main__":
    main()
