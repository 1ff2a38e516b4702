"""What students write, and what the checker says to it: from the mutants that the tests hold the checkers against."""

import ast
import contextlib
import inspect
import io
import re
import textwrap
import warnings
from functools import cache
from types import ModuleType

from tests.course import mutants
from vae_helpers import check, seed_everything
from vae_helpers.course.exercises.solutions import SOLUTIONS

LONGEST = 8
"""Lines of a wrong answer that are shown."""


@cache
def misconceptions(id: str) -> list[tuple[str, str]]:
    """(wrong answer as code, what the checker says), one for each message that names a mistake."""
    module = getattr(mutants, f"nb{id[:2]}")
    texts = _texts(module)[id]
    found = {}
    for text, (mutant, _) in zip(texts, mutants.MUTANTS[id], strict=True):
        message = _said(id, mutant)
        if not re.search(r"by hand( on these numbers\.$|, then)", message):  # else no mistake that is known
            found.setdefault(message, text)
    return [(text, message) for message, text in found.items()]


def _said(id: str, mutant) -> str:
    """The checker's first line, without the mark and the exercise's name."""
    out = io.StringIO()
    seed_everything(0)
    with contextlib.redirect_stdout(out), warnings.catch_warnings(action="ignore"):
        check(id, mutant)
    line = out.getvalue().split("\nThe notebook goes on with")[0]
    return line.removeprefix(f"✗ {id} not yet. ").removeprefix(f"✗ {id} ")


@cache
def _texts(module: ModuleType) -> dict[str, list[str]]:
    """The wrong answers of a module as code, by exercise, in order."""
    source = inspect.getsource(module)
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    table = next(node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "MUTANTS")
    texts = {}
    for key, rows in zip(table.keys, table.values, strict=True):
        arguments = list(inspect.signature(SOLUTIONS[key.value]).parameters)
        texts[key.value] = [_text(row.elts[0], functions, arguments) for row in rows.elts]
    return texts


def _text(node: ast.expr, functions: dict[str, ast.FunctionDef], arguments: list[str]) -> str:
    """A wrong answer as a reader would write it: a lambda is what it returns, a name what it stands for."""
    if isinstance(node, ast.Name) and node.id in functions:
        function = functions[node.id]
        body = function.body[1:] if ast.get_docstring(function) else function.body
        code = "\n".join(ast.unparse(statement) for statement in body)
        return code if code.count("\n") < LONGEST else f"# {_meaning(function) or node.id}"
    if isinstance(node, ast.Lambda):
        names = [argument.arg for argument in node.args.args]
        return ast.unparse(_Renamed(dict(zip(names, arguments, strict=False))).visit(node).body)
    maker = functions.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
    meaning = _meaning(maker) if maker else ""
    return f"# {meaning}\n{ast.unparse(node)}" if meaning else ast.unparse(node)


def _meaning(function: ast.FunctionDef) -> str:
    return (ast.get_docstring(function) or "").split("\n")[0]


class _Renamed(ast.NodeTransformer):
    """The mutants' short names for arguments, as the exercise calls them."""

    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def as_markdown(id: str, shown: int = 5) -> str:
    """The list under an exercise: some of it open, the rest folded."""
    items = []
    for code, message in misconceptions(id):
        items.append("-" + textwrap.indent(f"```python\n{code}\n```\n\n{message}", "  ")[1:])
    first, rest = "\n\n".join(items[:shown]), "\n\n".join(items[shown:])
    text = f"**What students write in {id}, and what the checker says**\n\n{first}"
    if rest:
        summary = f"<summary>{len(items) - shown} more that the checker knows</summary>"
        text += f"\n\n<details>\n{summary}\n\n{rest}\n\n</details>"
    return text
