"""Claims, the findings of a notebook, and checks, its tests: measured where they are made.

`python -m vae_helpers.course.claims [notebook ...]` lists the claims stored in executed notebooks,
with `--checks` also what their checks compare.
"""

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from ..files import ROOT

WORDS = {"==": "expected", "<=": "at most", ">=": "at least", "<": "below", ">": "above", "between": "between"}
CLAIM_LINE = re.compile(
    r"^✓ (?P<id>\d\d\.\d+) (?P<statement>.+): (?P<measured>\S+), "
    rf"(?P<expected>(?:{'|'.join(WORDS.values())}) .+?)(?: \((?P<because>.+)\))?$"
)
WHAT_TO_THINK = (
    "It was made for any SEED, for MNIST and for strokes, and for the settings as the course has them. "
    "If you changed one, this is a finding: the result depends on it. Go on with the next cell "
    "(Run > Run Selected Cell and All Below). If you changed nothing, restart the kernel and run all cells; "
    "if it fails again, please report these lines."
)


class ClaimFailed(AssertionError):
    """A claim or a check of the course that the numbers do not bear out."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message, without the frames of this module."""
        return [f"{type(self).__name__}: {self}"]


def claim(
    id: str, statement: str, measured, relation: str, expected, within: float | None = None, because: str = ""
) -> None:
    """Check `measured relation expected` and print one line. A value that is not a number never holds.

    Args:
        id: "NN.M", notebook and number, unique across the course.
        statement: one line of text, a finding that can be understood alone.
        measured: a number, or a tensor or array of them; then every element must hold, and the line shows the one
            that comes closest to failing.
        relation: "==" (then `within` is required), "<=", ">=", "<", ">" (`within` is a slack, 0 if left out), or
            "between" (then expected is (low, high)).
        expected: a number, or a tensor or array of them.
        within: the tolerance, absolute; take it from a standard error or float precision.
        because: why the bound is what it is, in a few words.

    Raises:
        ClaimFailed: if it does not hold; it names seed, data and settings.
        ValueError, TypeError: for a claim that is badly put.

    Example:
        >>> claim("00.1", "0.1 + 0.2 is nearly 0.3", 0.1 + 0.2, "==", 0.3, within=1e-15, because="rounding")
        ✓ 00.1 0.1 + 0.2 is nearly 0.3: 0.3, expected 0.3 within 1e-15 (rounding)
    """
    if not re.fullmatch(r"\d\d\.\d+", id):
        raise ValueError(f"a claim's id is 'NN.M' (notebook, number), got {id!r}")
    holds, numbers = _compare(statement, measured, relation, expected, within)
    line = f"{id} {statement}: {numbers}{f' ({because})' if because else ''}"
    if not holds:
        raise ClaimFailed(f"✗ {line}\n{_circumstances()}\n{WHAT_TO_THINK}")
    print(f"✓ {line}")


def verify(what: str, *checks: tuple) -> None:
    """Check what need not be remembered, and print one line for all of it.

    Args:
        what: the checks have in common, as in "against exact values".
        checks: (statement, measured, relation, expected) or (statement, measured, relation, expected, within),
            each as in `claim`.

    Raises:
        ClaimFailed: if one does not hold; it names seed, data and settings.
        ValueError, TypeError: for a check that is badly put.

    Example:
        >>> verify("of arithmetic", ("0.1 + 0.2 is 0.3", 0.1 + 0.2, "==", 0.3, 1e-15), ("1 is below 2", 1, "<", 2))
        ✓ 2 checks of arithmetic
    """
    if not checks:
        raise ValueError("verify needs a check: (statement, measured, relation, expected)")
    for check in checks:
        if not isinstance(check, tuple) or len(check) not in (4, 5):
            raise TypeError(f"a check is (statement, measured, relation, expected, within or nothing), got {check!r}")
        holds, numbers = _compare(*check, *(None,) * (5 - len(check)))
        if not holds:
            raise ClaimFailed(f"✗ {check[0]}: {numbers}\n{_circumstances()}\n{WHAT_TO_THINK}")
    print(f"✓ {len(checks)} check{'s' * (len(checks) > 1)} {what}")


def _compare(statement: str, measured, relation: str, expected, within: float | None) -> tuple[bool, str]:
    """Whether it holds, and the numbers in words: of many, those that come closest to failing."""
    if relation not in WORDS:
        raise ValueError(f"relation must be one of {', '.join(WORDS)}, got {relation!r}")
    if not isinstance(statement, str) or "\n" in statement or not statement.strip():
        raise ValueError("a statement must be one line of text")
    if (relation == "==") > (within is not None):
        raise ValueError('relation "==" needs within=..., from a standard error or float precision')
    low, high = expected if relation == "between" else (expected, expected)
    if within is not None and not within >= 0:
        raise ValueError(f"within must not be negative, got {within}")
    values, low, high = torch.broadcast_tensors(*(_as_tensor(number) for number in (measured, low, high)))
    slack = within or 0.0
    margins = {  # how far inside the bound; negative means outside
        "==": slack - (values - low).abs(),
        "<=": high - values + slack,
        "<": high - values + slack,
        ">=": values - low + slack,
        ">": values - low + slack,
        "between": torch.minimum(values - low, high - values) + slack,
    }[relation].flatten()
    worst = int(margins.nan_to_num(nan=-torch.inf).argmin())
    holds = bool((margins > 0).all() if relation in ("<", ">") else (margins >= 0).all())
    shown = [_number(tensor.flatten()[worst].item()) for tensor in (values, low, high)]
    bound = f"{shown[1]} and {shown[2]}" if relation == "between" else shown[1]
    tolerance = "" if within is None else f" within {_number(within)}"
    return holds, f"{shown[0]}, {WORDS[relation]} {bound}{tolerance}"


def _as_tensor(numbers) -> torch.Tensor:
    """Numbers in float64: a Python float would become float32 on its way into a tensor."""
    if isinstance(numbers, torch.Tensor):
        numbers = numbers.detach().cpu()
    tensor = torch.as_tensor(numbers, dtype=torch.float64)
    if tensor.numel() == 0:
        raise ValueError("a claim about no numbers at all: the tensor is empty")
    return tensor


def _number(value: float) -> str:
    return f"{value + 0.0:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"  # + 0.0 turns -0 into 0


def _circumstances() -> str:
    """What a failing claim was measured with: the notebook's settings, its data, the reader's own functions."""
    from ..data.images import Images
    from .exercises.checking import ACCEPTED

    notebook = next(f.f_globals for f in _frames() if f.f_globals.get("__name__") != __name__)
    simple = (bool, int, float, str, tuple, dict)
    settings = [f"{k} = {v!r}" for k, v in notebook.items() if k.isupper() and k[0] != "_" and isinstance(v, simple)]
    data = sorted({v.name for v in notebook.values() if isinstance(v, Images)})
    parts = [text for text in settings if len(text) < 80] + [f"data: {', '.join(data)}"] * bool(data)
    parts += [f"your own {', '.join(sorted(ACCEPTED))}"] * bool(ACCEPTED)
    return f"Measured with {'; '.join(parts) or 'no settings'}."


def _frames() -> Iterator:
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


def stored_claims(notebook: Path) -> list[dict[str, str]]:
    """The claims printed in a notebook's stored outputs, in order.

    Args:
        notebook: its path.

    Returns:
        Dicts of strings: id, statement, measured, expected, because, notebook.

    Example:
        >>> stored_claims(ROOT / "notebooks" / "00_start_here.ipynb")[0]["id"]
        '00.1'
    """
    claims = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            for line in "".join(output.get("text", "")).splitlines():
                if match := CLAIM_LINE.match(line):
                    claims.append({**match.groupdict(default=""), "notebook": notebook.stem})
    return claims


def written_checks(notebook: Path) -> list[str]:
    """The statements of a notebook's checks, in order, read from its code.

    Args:
        notebook: its path.

    Example:
        >>> isinstance(written_checks(ROOT / "notebooks" / "02_the_elbo.ipynb"), list)
        True
    """
    statements = []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "verify":
                    rows = [row.elts[0] for row in node.args[1:] if isinstance(row, ast.Tuple)]
                    statements += [ast.unparse(row).strip("f'\"") for row in rows]
    return statements


def main(arguments: list[str]) -> None:
    """Print a table of the claims stored in notebooks, and with `--checks` a list of their checks.

    Args:
        arguments: the notebooks, by default all of the course's; `--checks`.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--checks", action="store_true", help="also list what the checks compare")
    args = parser.parse_args(arguments)
    notebooks = args.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    columns = ("id", "statement", "measured", "expected", "because", "notebook")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    count = 0
    for notebook in notebooks:
        for row in stored_claims(notebook):
            print("| " + " | ".join(row[column].replace("|", "\\|") for column in columns) + " |")
            count += 1
    print(f"\n{count} claims in {len(notebooks)} notebooks")
    if args.checks:
        for notebook in notebooks:
            checks = written_checks(notebook)
            print(f"\n{notebook.stem}: {len(checks)} checks", *checks, sep="\n- ")


if __name__ == "__main__":
    main(sys.argv[1:])
