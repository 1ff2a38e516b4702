"""claim(): it holds, fails and prints as it says; and it can be read back."""

import json
import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_helpers import ClaimFailed, claim
from vae_helpers.course import claims

HOLD = [
    (1.0, "==", 1.0, 0.0),
    (1.0, "==", 1.05, 0.1),
    (1.0, "<=", 1.0, None),
    (1.0, "<", 1.1, None),
    (1.0, "<", 1.0, 0.01),
    (1.0, ">=", 1.0, None),
    (1.0, ">", 0.9, None),
    (1.2, "<=", 1.0, 0.3),
    (0.5, "between", (0, 1), None),
    (0.0, "between", (0, 1), None),
    (-0.1, "between", (0, 1), 0.2),
    (torch.zeros(2, 3), "==", torch.zeros(3), 0.0),
    (torch.arange(3.0), "<", 5, None),
    (3, ">", torch.tensor([1.0, 2.0]), None),
]
FAIL = [
    (1.0, "==", 1.2, 0.1),
    (math.nan, "==", 1.0, 10.0),
    (1.0, "==", math.nan, 10.0),
    (1.0, "<", 1.0, None),
    (1.0, ">", 1.0, None),
    (1.1, "<=", 1.0, None),
    (0.9, ">=", 1.0, 0.05),
    (math.nan, "<=", 1.0, None),
    (2.0, "between", (0, 1), 0.5),
    (math.nan, "between", (0, 1), None),
    (torch.tensor([0.0, 0.0, 1.0]), "==", 0.0, 0.5),
    (torch.tensor([1.0, 9.0]), "<", torch.tensor([9.0, 1.0]), None),
]


@pytest.mark.parametrize(("measured", "relation", "expected", "within"), HOLD)
def test_claims_that_hold_print_one_line_that_can_be_read_back(capsys, measured, relation, expected, within):
    claim("04.12", "the gap (in nats): it is the KL", measured, relation, expected, within)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    match = claims.CLAIM_LINE.match(line.rstrip())
    assert match["id"] == "04.12" and match["statement"] == "the gap (in nats): it is the KL"
    assert match["relation"] == relation and (match["within"] is None) == (within is None)


@pytest.mark.parametrize(("measured", "relation", "expected", "within"), FAIL)
def test_claims_that_fail_raise_with_the_same_line(capsys, measured, relation, expected, within):
    with pytest.raises(ClaimFailed, match=f"^✗ 04.12 a wrong thing: .* {re.escape(relation)} "):
        claim("04.12", "a wrong thing", measured, relation, expected, within)
    assert capsys.readouterr().out == ""


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_equality_is_the_absolute_difference(a, b, within):
    try:
        claim("01.1", "a is b", a, "==", b, within)
        held = True
    except ClaimFailed:
        held = False
    assert held == (abs(a - b) <= within)


def test_the_worst_element_is_shown():
    with pytest.raises(ClaimFailed, match="all small: 7 < 5"):
        claim("01.1", "all small", torch.tensor([1.0, 7.0, 6.0]), "<", 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("1.1", "x", 1, "==", 1, 0), "NN.M"),
        (("01.1", "x", 1, "=", 1, 0), "one of ==, <="),
        (("01.1", "x", 1, "==", 1), "needs within"),
        (("01.1", "x\ny", 1, "<", 2), "one line"),
        (("01.1", " ", 1, "<", 2), "one line"),
        (("01.1", "x", torch.zeros(0), "<", 2), "empty"),
        (("01.1", "x", 1, "==", 1, -0.1), "negative"),
        (("01.1", "x", 1, "==", 1, math.nan), "negative"),
    ],
)
def test_claims_that_are_badly_put(arguments, message):
    with pytest.raises(ValueError, match=message):
        claim(*arguments)


def test_the_table_of_stored_claims(tmp_path, capsys):
    text = ["✓ 02.3 a | b: 1 == 1 (within 0.1)\n", "other\n", "✓ 02.4 c: 2 between 1 and 3\n"]
    cells = [
        {"cell_type": "code", "outputs": [{"output_type": "stream", "text": text}]},
        {"cell_type": "markdown"},
    ]
    path = tmp_path / "02_x.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    claims.main([str(path)])
    out = capsys.readouterr().out
    assert "| 02.3 | a \\| b | 1 | == 1 | 0.1 | 02_x |" in out
    assert "| 02.4 | c | 2 | between 1 and 3 |  | 02_x |" in out
    assert "2 claims in 1 notebooks" in out
