"""claim(): it holds, fails and prints as it says; and it can be read back."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae_helpers import ClaimFailed, check, claim, verify
from vae_helpers.course import claims
from vae_helpers.course.exercises import checking
from vae_helpers.course.exercises.solutions import SOLUTIONS
from vae_helpers.data.images import Images

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
    assert match["expected"].startswith(claims.WORDS[relation])
    assert ("within" in match["expected"]) == (within is not None)
    assert match["because"] is None
    claim("04.12", "the gap", measured, relation, expected, within, because="five standard errors (of 100)")
    match = claims.CLAIM_LINE.match(capsys.readouterr().out.rstrip())
    assert match["because"] == "five standard errors (of 100)"


@pytest.mark.parametrize(("measured", "relation", "expected", "within"), FAIL)
def test_claims_that_fail_raise_with_the_same_line(capsys, measured, relation, expected, within):
    with pytest.raises(ClaimFailed, match=f"^✗ 04.12 a wrong thing: .*, {claims.WORDS[relation]} "):
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
    with pytest.raises(ClaimFailed, match="all small: 7, below 5"):
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


def test_checks_print_one_line(capsys):
    verify("against exact values", ("a", 1.0, "==", 1.05, 0.1), ("b", torch.zeros(3), "<", 1))
    verify("of rounding", ("a", 1, ">=", 1))
    assert capsys.readouterr().out == "✓ 2 checks against exact values\n✓ 1 check of rounding\n"


@pytest.mark.parametrize(("measured", "relation", "expected", "within"), FAIL)
def test_checks_fail_as_loudly_as_claims(capsys, measured, relation, expected, within):
    with pytest.raises(ClaimFailed, match=f"^✗ a wrong thing: .*, {claims.WORDS[relation]} "):
        verify("of all", ("right", 1, "<", 2), ("a wrong thing", measured, relation, expected, within))
    assert capsys.readouterr().out == ""


def test_checks_that_are_badly_put():
    with pytest.raises(ValueError, match="needs a check"):
        verify("of nothing")
    for row in (["a", 1, "<", 2], ("a", 1, "<"), "abcd"):
        with pytest.raises(TypeError, match="a check is "):
            verify("of rows", row)
    with pytest.raises(ValueError, match="needs within"):
        verify("of rows", ("a", 1, "==", 1))


def test_a_failing_claim_names_seed_data_settings_and_own_functions(monkeypatch):
    monkeypatch.setattr(checking, "ACCEPTED", set())  # whatever other tests have solved
    images = torch.zeros(1, 1, 2, 2)
    notebook = {
        "claim": claim, "__name__": "__main__", "SEED": 7, "RECIPE": {"epochs": 3}, "x": 3, "TABLE": torch.zeros(2),
        "data": Images(images, images, torch.zeros(1), torch.zeros(1), "strokes"),
    }  # fmt: skip
    check("04.a", lambda *args: SOLUTIONS["04.a"](*args))
    with pytest.raises(ClaimFailed) as failed:
        exec("claim('04.1', 'it is small', 3, '<', 2, because='I say so')", notebook)
    first, measured, think = str(failed.value).splitlines()
    assert first == "✗ 04.1 it is small: 3, below 2 (I say so)"
    assert measured == "Measured with SEED = 7; RECIPE = {'epochs': 3}; data: strokes; your own reparameterize."
    assert "If you changed one, this is a finding" in think
    assert failed.value._render_traceback_() == [f"ClaimFailed: {failed.value}"]
    check("04.a", lambda *args: None)
    with pytest.raises(ClaimFailed, match="data: strokes\\.\n"):
        exec("claim('04.1', 'it is small', 3, '<', 2)", notebook)


def test_the_table_of_stored_claims(tmp_path, capsys):
    text = ["✓ 02.3 a | b: 1, expected 1 within 0.1 (rounding)\n", "other\n", "✓ 02.4 c: 2, between 1 and 3\n"]
    checks = 'verify("of all",\n       ("x is 1", x, "==", 1, 0.1), (f"y is {n}", y, "<", n))'
    cells = [
        {"cell_type": "code", "source": checks, "outputs": [{"output_type": "stream", "text": text}]},
        {"cell_type": "markdown", "source": "verify("},
    ]
    path = tmp_path / "02_x.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    claims.main([str(path)])
    out = capsys.readouterr().out
    assert "| 02.3 | a \\| b | 1 | expected 1 within 0.1 | rounding | 02_x |" in out
    assert "| 02.4 | c | 2 | between 1 and 3 |  | 02_x |" in out
    assert "2 claims in 1 notebooks" in out and "x is 1" not in out
    claims.main([str(path), "--checks"])
    assert capsys.readouterr().out.endswith("02_x: 2 checks\n- x is 1\n- y is {n}\n")
