"""What is said about a wrong answer: true for every input, or the smallest input where it fails."""

import math

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from vae_helpers import check
from vae_helpers.course.exercises import checking, diagnosis, solutions
from vae_helpers.course.exercises.checking import compare, unpack


@pytest.fixture
def exercise(monkeypatch):
    """A made-up exercise, 99.z: the doubles of x and their sum, tried on three inputs."""

    def doubles(x, n):
        return 2 * x, 2 * x.sum()

    def checker(answer):
        for size in (3, 2, 4):
            x = torch.arange(1.0, size + 1)
            values, total = unpack(answer(x, 7), "values, total")
            compare(
                values, 2 * x, [(x, "Not doubled."), (x[:2].repeat(size)[:size], "For two: not doubled.")], "values"
            )
            compare(total, 2 * x.sum(), [(x.sum(), "The sum of x.")], "total")
        return "Twice."

    monkeypatch.setitem(checking.CHECKERS, "99.z", checker)
    monkeypatch.setitem(solutions.SOLUTIONS, "99.z", doubles)


def said(capsys, answer):
    check("99.z", answer)
    return capsys.readouterr().out.split("\nThe notebook")[0]


def test_right(exercise, capsys):
    assert said(capsys, lambda x, n: (2 * x, 2 * x.sum())) == "✓ 99.z right. Twice."
    assert said(capsys, lambda x, n: (2 * x, float(2 * x.sum()))) == "✓ 99.z right. Twice."  # a number is one


def test_a_diagnosis_must_fit_every_input(exercise, capsys):
    assert said(capsys, lambda x, n: (x, 2 * x.sum())) == "✗ 99.z not yet. Not doubled."
    wrong_for_two = lambda x, n: (x if len(x) == 2 else 2 * x, 2 * x.sum())  # noqa: E731
    expected = "✗ 99.z not yet. values[1] is 2, and 4 is right, for x = [1, 2], n = 7. Work it out by hand "
    assert said(capsys, wrong_for_two).startswith(expected)


def test_the_first_output_comes_first_and_the_smallest_input_is_shown(exercise, capsys):
    assert "values[1] is 3, and 4 is right, for x = [1, 2], n = 7" in said(capsys, lambda x, n: (x + 1, x.sum()))
    assert said(capsys, lambda x, n: (2 * x, x.sum())) == "✗ 99.z not yet. The sum of x."
    assert "total is 7, and 6 is right, for x = [1, 2]" in said(capsys, lambda x, n: (2 * x, 2 * x.sum() + 1))


def test_forms(exercise, capsys):
    total = lambda x: 2 * x.sum()  # noqa: E731
    forms = {
        "The numbers are right; the shape of values is [2, 1], expected [2]": lambda x: (2 * x)[:, None],
        "broadcasting makes [n, n] of them": lambda x: x[:, None] + x,
        "This is the mean of all the right numbers": lambda x: 2 * x.mean(),
        "This is the sum of all the right numbers": lambda x: 2 * x.sum(),
        "Which dimensions are summed": lambda x: x[:1],
        "infinite or not a number for x = [1, 2], n = 7": lambda x: x.log().log(),
        "Stay with torch's functions": lambda x: np.ones(2),
        "It returned a list; return": lambda x: [1.0, 2.0],
    }
    for message, values in forms.items():
        assert message in said(capsys, lambda x, n, values=values: (values(x), total(x))), message
    assert "It returned one tensor; return 2 tensors: `return values, total`" in said(capsys, lambda x, n: 2 * x)


def test_what_went_wrong_before_an_error_is_said_first(exercise, capsys):
    def stops_at_four(x, n):
        if len(x) == 4:
            raise ValueError("four")
        return x, 2 * x.sum()

    assert said(capsys, stops_at_four) == "✗ 99.z not yet. Not doubled."


def test_raw_errors_are_translated(exercise, capsys):
    assert "given a Python number (here n): use math.log" in said(capsys, lambda x, n: torch.log(float(n)))
    assert "It was called with x [3]; a row is a data point" in said(capsys, lambda x, n: x + torch.ones(7))
    assert "It was called with x [3]" in said(capsys, lambda x, n: x[None] @ torch.ones(7, 2))
    assert "was given a tensor of many: for those use torch.sqrt" in said(capsys, lambda x, n: math.sqrt(x))
    assert "Do not detach" in said(capsys, lambda x, n: x.requires_grad_().numpy())
    assert said(capsys, lambda x, n: {}["a"]) == "✗ 99.z your function stopped: KeyError: 'a'"


def test_an_argument_that_was_changed_is_named(exercise, capsys):
    message = said(capsys, lambda x, n: (x.mul_(2), x.sum()))
    assert message.startswith("✗ 99.z not yet. The result is right, but x itself is changed")


def test_a_cell_that_did_not_compile_is_noticed(exercise, capsys, monkeypatch):
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)

    def doubles(x, n):
        raise NotImplementedError

    assert said(capsys, doubles) == "○ 99.z not attempted yet"
    stub = "def doubles(x, n):\n    raise NotImplementedError"
    shell.user_ns["_ih"] = ["", stub, "def doubles(x, n):\n    return (2 * x"]
    assert said(capsys, doubles).startswith("✗ 99.z the cell with doubles did not run: line 2, ")
    shell.user_ns["_ih"].append(stub)
    assert said(capsys, doubles) == "○ 99.z not attempted yet"


def test_outside_of_a_check_compare_judges_at_once():
    with pytest.raises(diagnosis.Mistake, match="y is 1, and 2 is right"):
        compare(torch.ones(()), 2 * torch.ones(()), name="y")
