"""One handed-in notebook, checked: the process that runs a student's code, started and watched by `docs.grading`.

    python -m docs.regrade FILE HANDLE [EXERCISE ...]   # exercises that are to be left out

A line of JSON for each event goes to the file HANDLE, a number. Only imports, definitions and constants of the
notebook are executed, and the cells of the exercises: nothing is trained.
"""

import ast
import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path

from vae_helpers import check, seed_everything
from vae_helpers.course.exercises.checking import CHECKERS
from vae_helpers.course.exercises.solutions import SOLUTIONS
from vae_helpers.course.work import STUB

GIGABYTES = 4
"""Memory that a student's code may take beyond what Python and torch have."""


def code_cells(path: Path) -> list[str]:
    """The code of a notebook, cell by cell, without magics.

    Raises:
        ValueError: if it is no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, OSError, RecursionError, MemoryError):
        raise ValueError("the file cannot be read as a notebook") from None
    return [re.sub(r"^\s*[%!].*$", "", text, flags=re.MULTILINE) for text in code]


def answers(cells: list[str]) -> dict[str, str]:
    """The last cell that defines the function of each exercise that the notebook has, the untouched stubs included."""
    found = {}
    for id in sorted(CHECKERS):
        name = SOLUTIONS[id].__name__
        pattern = rf"^(def {name}\b|{name} *= *(?![= ]|check\())"
        defining = [text for text in cells if re.search(pattern, text, flags=re.MULTILINE)]
        asked = any(f'check("{id}"' in text for text in cells)
        if asked:
            tried = [text for text in defining if not STUB.fullmatch(text)]
            found[id] = (tried or defining or [""])[-1]
    return found


def prepare(cells: list[str], taken: set[str]) -> dict:
    """The names that a notebook gives to its exercises: imports, definitions, constants."""
    names = {"__name__": "notebook", **{solution.__name__: solution for solution in SOLUTIONS.values()}}
    for text in cells:
        if text in taken:
            continue
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            for statement in ast.parse(text).body:
                if _is_definition(statement):
                    with contextlib.suppress(Exception):  # what it needs may be trained in the notebook
                        exec(compile(ast.Module([statement], []), "notebook", "exec"), names)
    return names


def _is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign):
        with contextlib.suppress(ValueError):
            ast.literal_eval(statement.value)
            return True
    kinds = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef
    return isinstance(statement, kinds) or isinstance(getattr(statement, "value", None), ast.Lambda)


def judge(id: str, text: str, names: dict) -> tuple[bool, str]:
    """Whether an answer passes, and the checker's line; the names then hold what the notebook would go on with."""
    ours, name = SOLUTIONS[id], SOLUTIONS[id].__name__
    del names[name]
    seed_everything(0)
    try:
        exec(compile(text, f"exercise {id}", "exec"), names)
        if name not in names:
            names[name] = ours
            return False, f"○ {id} there is no function {name} in the notebook any more"
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            check(id, names[name], must_pass=True)
        return True, re.findall(rf"^✓ {id} .*$", out.getvalue(), flags=re.MULTILINE)[-1]
    except SyntaxError as error:
        message = f"✗ {id} the cell with {name} cannot be compiled: line {error.lineno}, {error.msg}."
    except AssertionError as error:
        message = str(error)
    except BaseException as error:  # SystemExit too: a student's exit() ends nothing here
        message = f"✗ {id} the cell with {name} stopped: {type(error).__name__}: {error}"
    names[name] = ours
    return False, message if message.startswith(("✗", "○")) else f"✗ {id} {message}"


def limit_memory() -> None:
    """So that one submission cannot take all memory, where the system can see to that."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + GIGABYTES * 2**30,) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10 * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Check what is in the notebook, and say so line by line."""
    path, handle, *left_out = sys.argv[1:]
    with os.fdopen(int(handle), "w", encoding="utf-8", buffering=1) as report:

        def say(**event) -> None:
            report.write(json.dumps(event) + "\n")

        limit_memory()
        try:
            cells = code_cells(Path(path))
        except ValueError as error:
            say(unreadable=str(error))
            return
        found = answers(cells)
        say(answers={id: text[:20_000] for id, text in found.items()})
        names = prepare(cells, set(found.values()))
        for id in found:
            if id not in left_out:
                say(begun=id)
                passed, message = judge(id, found[id], names)
                say(id=id, passed=passed, message=message[:2000])


if __name__ == "__main__":
    main()
