"""Every checker accepts its solution, and rejects each classic mistake with its own message."""

import math

import pytest
import torch
from mutants import MUTANTS
from mutants.nb07 import chi_square, dreg, dreg_by_a_second_pass
from mutants.nb11 import kalman, variance_at_every_place

from vae_helpers import check
from vae_helpers.course.exercises import Mistake, checking
from vae_helpers.course.exercises.checking import CHECKERS, compare
from vae_helpers.course.exercises.solutions import SOLUTIONS


def test_every_exercise_has_its_mutants():
    assert set(MUTANTS) == set(CHECKERS)
    assert all(len(mutants) >= 4 for mutants in MUTANTS.values())


@pytest.mark.parametrize(
    ("id", "mutant", "message"),
    [(id, mutant, message) for id, mutants in MUTANTS.items() for mutant, message in mutants],
    ids=[f"{id}-{message}" for id, mutants in MUTANTS.items() for _, message in mutants],
)
def test_mutants_are_rejected_by_name(id, mutant, message, capsys):
    check(id, mutant)
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(f"✗ {id} not yet. ") and message in line
    with pytest.raises(AssertionError, match=f"✗ {id}"):
        check(id, mutant, must_pass=True)


@pytest.mark.parametrize("id", sorted(CHECKERS))
def test_every_mistake_has_a_message_of_its_own(id, capsys):
    for mutant, _ in MUTANTS[id]:
        check(id, mutant)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("✗")]
    assert len(set(lines)) >= len({message for _, message in MUTANTS[id]})


@pytest.mark.parametrize("id", sorted(CHECKERS))
def test_the_untouched_stub_is_not_attempted(id, capsys):
    def stub(*args):
        raise NotImplementedError

    check(id, stub)
    assert capsys.readouterr().out.startswith(f"○ {id} not attempted yet\n")
    with pytest.raises(AssertionError, match="not attempted"):
        check(id, stub, must_pass=True)


@pytest.mark.parametrize("id", sorted(CHECKERS))
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda *args: None, "returned None"),
        (lambda *args: 3.0, ("returned a float", "3 is", "is 3, and")),
        (lambda *args: args[0].no_such_method(), "your function stopped: AttributeError"),
        (lambda: None, "your function stopped: TypeError"),
        (lambda *args: torch.full((2, 9), 1.0), ("The shape ", "It returned one tensor")),
    ],
)
def test_answers_that_are_no_answers(id, answer, message, capsys):
    check(id, answer)
    line = capsys.readouterr().out
    assert any(part in line for part in ([message] if isinstance(message, str) else message))


@pytest.mark.parametrize("id", sorted(CHECKERS))
def test_the_solution_is_accepted_and_handed_back(id, capsys):
    answer = SOLUTIONS[id]
    mine = lambda *args: answer(*args)  # noqa: E731
    assert check(id, mine) is mine
    right, name = capsys.readouterr().out.splitlines()
    assert right.startswith(f"✓ {id} right. ") and name == f"The notebook goes on with your {answer.__name__}."
    assert check(id, lambda *args: None) is answer
    assert f"The notebook goes on with the course's {answer.__name__}." in capsys.readouterr().out
    assert check(id, answer) is answer
    assert "first run the cell with yours again" in capsys.readouterr().out


def test_answers_may_not_change_their_arguments(capsys):
    """The notebook goes on with the reader's function, and with what it gave to it."""

    def in_place(mu, log_var, eps):
        eps *= torch.exp(0.5 * log_var)
        return mu + eps

    def shift(log_w):
        largest = log_w.max(0).values
        log_w -= largest
        return -(largest + log_w.exp().mean(0).log()).mean()

    assert check("04.a", in_place) is not in_place
    assert "The result is right, but eps itself is changed" in capsys.readouterr().out
    check("04.c", shift)
    assert "log_w itself is changed" in capsys.readouterr().out


def test_right_answers_of_another_form_are_accepted():
    check("07.c", dreg_by_a_second_pass, must_pass=True)
    check("07.c", dreg, must_pass=True)
    check("07.b", chi_square, must_pass=True)
    check("07.a", lambda a: (a - a.logsumexp(0)).exp(), must_pass=True)
    check("07.d", lambda a, t: (a.permute(1, 2, 0) * (t[1:] - t[:-1])).sum(-1), must_pass=True)
    check("11.a", kalman, must_pass=True)
    check("11.c", variance_at_every_place, must_pass=True)
    check("12.d", lambda log_lik, logits, codes: SOLUTIONS["12.d"](log_lik.float(), logits.float(), codes),
          must_pass=True)  # fmt: skip


def test_an_error_of_torchs_is_not_taken_for_an_untouched_stub(capsys):
    def unimplemented(*args):
        raise NotImplementedError("No KL(p || q) is implemented")

    check("04.b", unimplemented)
    assert "your function stopped: NotImplementedError: No KL" in capsys.readouterr().out


def test_what_cannot_be_checked():
    with pytest.raises(ValueError, match="unknown exercise '99.z'; there are 00.a, "):
        check("99.z", lambda: None)
    with pytest.raises(TypeError, match="pass the function itself"):
        check("04.a", torch.zeros(3))
    with pytest.raises(ValueError, match="has a checker already"):
        checking.checker("04.a")(lambda answer: "")


def test_compare_prefers_the_truth_to_a_mistake_of_the_same_value():
    compare(torch.ones(2), torch.ones(2), [(torch.ones(2), "wrong")])
    with pytest.raises(Mistake, match="infinite or not a number"):
        compare(torch.full((2,), math.nan), torch.ones(2))
