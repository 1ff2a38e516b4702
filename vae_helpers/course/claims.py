"""Claims: statements with numbers, checked where they are made.

`python -m vae_helpers.course.claims [notebook ...]` lists the claims stored in executed notebooks.
"""

import json
import re
import sys
from pathlib import Path

import torch

from ..files import ROOT

RELATIONS = ("==", "<=", ">=", "<", ">", "between")
CLAIM_LINE = re.compile(
    r"^✓ (?P<id>\d\d\.\d+) (?P<statement>.+): (?P<measured>\S+) "
    r"(?P<relation>==|<=|>=|<|>|between) (?P<expected>.+?)(?: \(within (?P<within>\S+)\))?$"
)


class ClaimFailed(AssertionError):
    """A claim of the course that the numbers do not bear out."""


def claim(id: str, statement: str, measured, relation: str, expected, within: float | None = None) -> None:
    """Check `measured relation expected` and print one line. A value that is not a number never holds.

    Args:
        id: "NN.M", notebook and number, unique across the course.
        statement: one line of text.
        measured: a number, or a tensor or array of them; then every element must hold, and the line shows the one
            that comes closest to failing.
        relation: "==" (then `within` is required), "<=", ">=", "<", ">" (`within` is a slack, 0 if left out), or
            "between" (then expected is (low, high)).
        expected: a number, or a tensor or array of them.
        within: the tolerance, absolute; take it from a standard error or float precision.

    Raises:
        ClaimFailed: if it does not hold.
        ValueError, TypeError: for a claim that is badly put.

    Example:
        >>> claim("00.1", "0.1 + 0.2 is 0.3, up to rounding", 0.1 + 0.2, "==", 0.3, within=1e-15)
        ✓ 00.1 0.1 + 0.2 is 0.3, up to rounding: 0.3 == 0.3 (within 1e-15)
    """
    if not re.fullmatch(r"\d\d\.\d+", id):
        raise ValueError(f"a claim's id is 'NN.M' (notebook, number), got {id!r}")
    if relation not in RELATIONS:
        raise ValueError(f"relation must be one of {', '.join(RELATIONS)}, got {relation!r}")
    if "\n" in statement or not statement.strip():
        raise ValueError("a claim's statement must be one line of text")
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
    tolerance = "" if within is None else f" (within {_number(within)})"
    line = f"{'✓' if holds else '✗'} {id} {statement}: {shown[0]} {relation} {bound}{tolerance}"
    if not holds:
        raise ClaimFailed(line)
    print(line)


def _as_tensor(numbers) -> torch.Tensor:
    """Numbers in float64: a Python float would become float32 on its way into a tensor."""
    if isinstance(numbers, torch.Tensor):
        numbers = numbers.detach().cpu()
    tensor = torch.as_tensor(numbers, dtype=torch.float64)
    if tensor.numel() == 0:
        raise ValueError("a claim about no numbers at all: the tensor is empty")
    return tensor


def _number(value: float) -> str:
    return f"{value + 0.0:.6g}"  # + 0.0 turns -0 into 0


def stored_claims(notebook: Path) -> list[dict[str, str]]:
    """The claims printed in a notebook's stored outputs, in order.

    Args:
        notebook: its path.

    Returns:
        Dicts of strings: id, statement, measured, relation, expected, within, notebook.

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


def main(paths: list[str]) -> None:
    """Print a table of the claims stored in notebooks.

    Args:
        paths: the notebooks; by default all of the course's.
    """
    notebooks = [Path(path) for path in paths] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    claims = [row for notebook in notebooks for row in stored_claims(notebook)]
    print("| ID | statement | measured | expected | tolerance | notebook |")
    print("|---|---|---|---|---|---|")
    for c in claims:
        expected = f"{c['relation']} {c['expected']}"
        cells = (c["id"], c["statement"], c["measured"], expected, c["within"], c["notebook"])
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    print(f"\n{len(claims)} claims in {len(notebooks)} notebooks")


if __name__ == "__main__":
    main(sys.argv[1:])
