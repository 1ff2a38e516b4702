"""The form of a notebook: what is core, how long it takes to read, and what is written into it by a script.

    python -m tests.form           # minutes of every notebook, and what breaks the form
    python -m tests.form --write   # write times and solutions into notebooks and README

Written are the folded solutions, the reading times in the headers, the paths in notebook 00, and the table of the
README. tests/course/test_form.py fails when they are out of date.
"""

import argparse
import ast
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path

from vae_helpers.course.exercises.solutions import SOLUTIONS
from vae_helpers.files import ROOT

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FURTHER = re.compile(r"^#{2,4} Further: ")
DISPLAYED = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)

# Minutes a word, a line of code, a formula in the text, a line of a displayed formula: fitted to what sixteen readers
# took for a core (tests/course/test_form.py). Three earlier fits, each to fewer readers, were 5 to 10 % too fast.
RATES = {"words": 1 / 73, "code": 0.155, "formulas": 0.078, "displayed": 7.1}
SPREAD = 0.8, 1.2  # the quickest and the slowest of these readers lie between, as shares of the estimate


def source(cell: dict) -> str:
    return "".join(cell["source"])


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def as_json(notebook: dict) -> str:
    """A notebook as it is stored: what `read` reads."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def words(text: str) -> int:
    """Words of a markdown text: a formula counts as one, displayed ones and folded parts not at all."""
    text = re.sub(r"<details>.*?</details>", " ", text, flags=re.DOTALL)
    text = re.sub(r"\$[^$]+\$", " x ", DISPLAYED.sub(" ", text))
    return len(re.sub(r"\]\([^)]*\)", "]", text).split())


def minutes(cell: dict) -> float:
    """What a cell takes to read, and an exercise to do."""
    text = source(cell)
    if cell["cell_type"] == "code":
        return RATES["code"] * sum(bool(line.strip()) for line in text.splitlines())
    if "solution" in tags(cell):
        return 0.0
    shown = [line for block in DISPLAYED.findall(text) for line in block.splitlines()]
    lines = [line for line in shown if line.strip() and not re.match(r"\s*\\(begin|end)\{", line)]
    inline = re.findall(r"\$[^$]+\$", DISPLAYED.sub(" ", text))
    exercises = re.findall(r"^### Exercise .*?(\d+) minutes", text, flags=re.MULTILINE)
    reading = RATES["words"] * words(text) + RATES["formulas"] * len(inline) + RATES["displayed"] * len(lines)
    return reading + sum(map(int, exercises))


def is_further(cells: list[dict]) -> list[bool]:
    """For each cell whether it stands under a heading that begins with "Further: "."""
    found, level = [], 0
    for cell in cells:
        if cell["cell_type"] == "markdown" and (heading := re.match(r"#+ ", source(cell))):
            depth = len(heading[0]) - 1
            if level and depth <= level:
                level = 0
            if FURTHER.match(source(cell)):
                level = level or depth
        found.append(level > 0)
    return found


def times(cells: list[dict]) -> tuple[float, float, float]:
    """Minutes of the core, of everything, and of the longest stretch of the core without a pause."""
    core = everything = stretch = longest = 0.0
    for cell, further in zip(cells, is_further(cells), strict=True):
        everything += minutes(cell)
        if not further:
            core, stretch = core + minutes(cell), stretch + minutes(cell)
            longest = max(longest, stretch)
            if re.search(r"^\*\*Pause\.\*\*", source(cell), flags=re.MULTILINE):
                stretch = 0.0
    return core, everything, longest


def spoken(total: float) -> str:
    """Minutes in words, rounded to five: "1 h 25 min"."""
    hours, rest = divmod(max(5, 5 * round(total / 5)), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest))


def reading_line(cells: list[dict]) -> str:
    core, everything, _ = times(cells)
    of_core, of_all = (" to ".join(spoken(share * total) for share in SPREAD) for total in (core, everything))
    both = f"{of_core} for the core, {of_all} with everything"
    return f"**Reading** {both if any(is_further(cells)) else of_core}, exercises included"


def solution_text(id: str) -> str:
    """The folded solution, as it stands in the notebook."""
    code = inspect.getsource(SOLUTIONS[id]).rstrip()
    return f"<details>\n<summary>Solution of {id}</summary>\n\n```python\n{code}\n```\n\n</details>"


def paths_text(notebooks: dict[str, dict]) -> str:
    """The ways through the course, with hours."""
    all_times = {name[:2]: times(notebook["cells"]) for name, notebook in notebooks.items()}
    evening = all_times["00"][1] + all_times["04"][0]
    foundations = sum(core for number, (core, *_) in all_times.items() if number <= "07")
    cores = sum(core for core, *_ in all_times.values())
    term = sum(everything for _, everything, _ in all_times.values())
    hours = [f"{round(total / 30) / 2:g} hours" for total in (evening, foundations, cores, term)]
    return (
        "| path | what to read | reading and exercises |\n|---|---|---|\n"
        f"| an evening | 00 and the core of 04: a VAE that works, and what its numbers mean | {hours[0]} |\n"
        f"| two weekends | the core of 00 to 07: what a VAE is, and how it is judged | {hours[1]} |\n"
        f"| three weekends | the core of every notebook, in order | {hours[2]} |\n"
        f"| a term | everything, two or three sessions a notebook | {hours[3]} |"
    )


def title(notebook: dict) -> str:
    return re.match(r"# \d\d (.+)", source(notebook["cells"][0]))[1]


def readme_rows(notebooks: dict[str, dict]) -> str:
    headers = [source(notebook["cells"][0]).replace("\n", " ") for notebook in notebooks.values()]
    rows = ["| notebook | the question it answers | core | everything |", "|---|---|---|---|"]
    for name, notebook in notebooks.items():
        core, everything, _ = times(notebook["cells"])
        called = re.search(rf"\[(\d\d [^\]]+)\]\({name}\.ipynb\)", " ".join(headers))
        link = f"[{called[1] if called else '00 Start here'}](notebooks/{name}.ipynb)"
        rows.append(f"| {link} | {title(notebook)} | {spoken(core)} | {spoken(everything)} |")
    return "\n".join(rows)


def solve(cells: list[dict], which: Callable[[str], bool] = lambda id: True) -> None:
    """Put the right answers into the stubs, of those exercises for which `which(id)` is true."""
    for id, answer in SOLUTIONS.items():
        for cell in cells:
            if "exercise" in tags(cell) and f"def {answer.__name__}(" in source(cell) and which(id):
                cell["source"] = inspect.getsource(answer)


def with_table(readme: str, name: str, text: str) -> str:
    """The README with the text between the two marks of that name."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, rest = readme.split(begin)
    return before + begin + text + end + rest.split(end)[1]


def written(notebooks: dict[str, dict], readme: str) -> tuple[dict[str, dict], str]:
    """Notebooks and README as they should be."""
    new = json.loads(json.dumps(notebooks))
    for notebook in new.values():
        header, *cells = notebook["cells"]
        line = reading_line(notebook["cells"])
        set_source(header, re.sub(r"\*\*Reading\*\* [^&\n]+?(?= *(&|\n|$))", line, source(header)))
        for cell in cells:
            if "solution" in tags(cell):
                id = re.search(r"Solution of (\d\d\.\w)", source(cell))[1]
                set_source(cell, solution_text(id))
            if "paths" in tags(cell):
                set_source(cell, paths_text(notebooks))
    readme = with_table(readme, "notebooks", readme_rows(notebooks) + "\n")
    return new, with_table(readme, "paths", paths_text(notebooks) + "\n")


def set_source(cell: dict, text: str) -> None:
    cell["source"] = text.splitlines(keepends=True)


def claim_lines(cell: dict) -> tuple[int, int, int, int]:
    """Lines of the statements that call claim or verify, all lines, calls of claim, calls of verify."""
    text = source(cell)
    lines, found, claims, checks = sum(bool(line.strip()) for line in text.splitlines()), 0, 0, 0
    for node in ast.walk(ast.parse(text)):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if name in ("claim", "verify"):
            found += node.end_lineno - node.lineno + 1
            claims, checks = claims + (name == "claim"), checks + (name == "verify")
    return found, lines, claims, checks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="names, without .ipynb: write only these, and not the README")
    parser.add_argument("--write", action="store_true", help="write times and solutions into notebooks and README")
    args = parser.parse_args()
    notebooks = {path.stem: read(path) for path in PATHS}
    readme = ROOT / "README.md"
    if args.write:
        new, text = written(notebooks, readme.read_text(encoding="utf-8"))
        if not args.notebooks:
            readme.write_text(text, encoding="utf-8")
        for path in PATHS:
            if new[path.stem] != notebooks[path.stem] and path.stem in (args.notebooks or new):
                path.write_text(as_json(new[path.stem]), encoding="utf-8")
        notebooks = new
    print("minutes: core, all, longest stretch | claims, share of claim and check lines | words of the longest text")
    for name, notebook in notebooks.items():
        cells = notebook["cells"]
        counted = [claim_lines(cell) for cell in cells if cell["cell_type"] == "code"]
        found, lines, claims, _ = map(sum, zip(*counted, strict=True))
        longest = max(words(source(cell)) for cell in cells if cell["cell_type"] == "markdown")
        core, everything, stretch = times(cells)
        print(f"{name:27} {core:4.0f} {everything:4.0f} {stretch:4.0f} | {claims:3} {found / lines:4.0%} | {longest}")


if __name__ == "__main__":
    main()
