"""Three students hand in the student edition: all right, a mixture, and a broken one. Each is marked and told why."""

import csv
import inspect
import json
import os
import subprocess
import sys

import pytest

from docs import editions, grading, regrade
from tests import form
from vae_helpers.course.exercises.solutions import SOLUTIONS
from vae_helpers.files import ROOT

COURSE = {path.stem: form.read(path) for path in form.PATHS}
STUDENT = editions.make("student", COURSE)
FIRST_VAE = next(name for name in COURSE if name.startswith("04"))

MIXED = {
    # right, with a helper of its own above it
    "04.a": "def sigma(log_var):\n    return math.exp(1) ** (log_var / 2)\n\n\n"
    "def reparameterize(mu, log_var, eps):\n    print('hello')\n    return mu + sigma(log_var) * eps",
    # the loss in place of the bound
    "04.b": inspect.getsource(SOLUTIONS["04.b"]).replace("reconstruction - kl", "kl - reconstruction"),
    # 04.c is not attempted
    "04.d": "def entropy_floor(x):\n    return -(x * x.log() + (1 - x) * (1 - x).log()).sum(dim=1)",
}
BROKEN = {
    "04.a": "def reparameterize(mu, log_var, eps):\n    while True:\n        pass",
    "04.b": "def elbo_from_scratch(x, logits, mu, log_var):\n    return (x.sum(1)",
    "04.c": "import os\n\n\ndef nll_from_log_weights(log_w):\n    os._exit(0)",
    "04.d": inspect.getsource(SOLUTIONS["04.d"]),
}


def hand_in(path, answers, name=FIRST_VAE):
    """The student edition's notebook with a student's cells in place of the stubs."""
    notebook = json.loads(json.dumps(STUDENT[name]))
    for id, text in answers.items():
        (cell,) = [
            cell
            for cell in notebook["cells"]
            if "exercise" in form.tags(cell) and f"def {SOLUTIONS[id].__name__}(" in form.source(cell)
        ]
        form.set_source(cell, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def solved(name):
    return {id: inspect.getsource(solution) for id, solution in SOLUTIONS.items() if id[:2] == name[:2]}


def test_three_students_from_end_to_end(tmp_path):
    hand_in(tmp_path / "in" / "anna" / f"{FIRST_VAE}.ipynb", solved(FIRST_VAE))
    hand_in(tmp_path / "in" / f"bea_{FIRST_VAE}.ipynb", MIXED)
    hand_in(tmp_path / "in" / "=cem.ipynb", BROKEN)
    command = [sys.executable, "-m", "docs.grading", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "--seconds", "10"], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "out" / "grades.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["student", "04.a", "04.b", "04.c", "04.d", "sum"],
            ["'=cem", "0", "0", "0", "1", "1"],  # no spreadsheet takes it for a formula
            ["anna", "1", "1", "1", "1", "4"],
            ["bea", "1", "0", "0", "0", "1"],
        ]
    with (tmp_path / "out" / "details.csv").open(encoding="utf-8", newline="") as file:
        said = {(row["student"], row["exercise"]): row["message"] for row in csv.DictReader(file)}
    assert said["anna", "04.a"].startswith("✓ 04.a right. z follows q(z|x)")
    assert said["bea", "04.b"].startswith("✗ 04.b not yet. This is the loss, -ELBO.")
    assert said["bea", "04.c"] == "○ 04.c not attempted yet"
    assert "0 * log(0)" in said["bea", "04.d"]
    assert "no answer after 10 s: is there a loop that never ends?" in said["'=cem", "04.a"]
    assert said["'=cem", "04.b"].startswith("✗ 04.b the cell with elbo_from_scratch cannot be compiled: line 2, ")
    assert said["'=cem", "04.c"] == "✗ 04.c Python itself stopped while this ran."
    page = (tmp_path / "out" / "feedback" / "bea.html").read_text(encoding="utf-8")
    assert "1 of 4 exercises are right" in page and "This is the loss, -ELBO." in page and "kl - reconstruction" in page


@pytest.mark.parametrize("name", COURSE)
def test_solutions_pass_with_what_each_notebook_defines(name, tmp_path):
    """Imports and definitions are enough: no exercise needs what the notebook trains."""
    cells = regrade.code_cells(hand_in(tmp_path / "anna.ipynb", solved(name), name))
    found = regrade.answers(cells)
    assert found == solved(name)
    names = regrade.prepare(cells, set(found.values()))
    for id, text in found.items():
        assert regrade.judge(id, text, names)[0], id


def test_which_cell_holds_an_answer():
    stub, check = (
        "def reparameterize(a, b, c):\n    raise NotImplementedError",
        'reparameterize = check("04.a", reparameterize)',
    )
    by_name, by_def = (
        "reparameterize = lambda a, b, c: a",
        "def half(x):\n    return x / 2\n\n\ndef reparameterize(a, b, c):",
    )
    unfinished = "def reparameterize(a, b, c):\n    sigma = b\n    raise NotImplementedError"
    for cells, answer in (
        ([stub, check], stub),
        ([by_name, check], by_name),
        ([by_def, check, stub], by_def),
        ([stub, by_name, check, "print(reparameterize(1, 2, 3))"], by_name),
        ([unfinished, check], unfinished),
        (["import math", check], ""),
    ):
        assert regrade.answers(cells) == {"04.a": answer}
    assert regrade.answers([by_name]) == {}  # nobody asked
    assert regrade.judge("04.a", "", {"reparameterize": None}) == (
        False,
        "○ 04.a there is no function reparameterize in the notebook any more",
    )


def test_code_that_fights_back(tmp_path):
    """A student's code may print, exit, and lie about other exercises; it gets its own marks at most."""
    lie = json.dumps({"id": "04.d", "passed": True, "message": "<script>"})
    answers = {
        "04.a": "raise SystemExit('bye')\n\n\ndef reparameterize(mu, log_var, eps):\n    return mu",
        "04.b": "def elbo_from_scratch(x, logits, mu, log_var):\n    import os\n    for handle in range(3, 30):\n"
        f"        try:\n            os.write(handle, b'\\n[1]\\nno\\n' + {lie!r}.encode() + b'\\n')\n"
        "        except OSError:\n            pass",
        "04.c": "def nll_from_log_weights(log_w):\n    return torch.ones(10**11)",
        "04.d": "from vae_helpers.course.exercises.solutions import SOLUTIONS\n\n\n"
        "def entropy_floor(x):\n    return SOLUTIONS['04.d'](x) + 1",
    }
    marks = {mark.exercise: mark for mark in grading.grade(hand_in(tmp_path / "dan.ipynb", answers))}
    assert not any(mark.passed for mark in marks.values())
    assert "stopped: SystemExit: bye" in marks["04.a"].message
    assert "It returned None" in marks["04.b"].message
    assert "your function stopped: RuntimeError" in marks["04.c"].message
    assert [mark.exercise for mark in marks.values() if mark.looks()] == ["04.d"]


def test_definitions_that_never_end_cost_all_marks_but_not_the_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "DEFINITIONS", 10)
    path = hand_in(tmp_path / "eva.ipynb", solved(FIRST_VAE))
    notebook = json.loads(path.read_text())
    loop = "def helper(x=sum(iter(int, 1))):\n    return x"
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "outputs": [], "source": loop})
    path.write_text(json.dumps(notebook))
    marks = grading.grade(path)
    assert len(marks) == 4 and all("did not come to an end" in mark.message for mark in marks)


@pytest.mark.parametrize(
    ("text", "message"),
    [("not a notebook", "cannot be read as a notebook"), ('{"cells": []}', "no exercise of the course")],
)
def test_what_is_no_notebook(text, message, tmp_path):
    (tmp_path / "fay.ipynb").write_text(text)
    (mark,) = grading.grade(tmp_path / "fay.ipynb")
    assert (mark.student, mark.exercise, mark.passed) == ("fay", "", False) and message in mark.message
    grading.write([mark], tmp_path)
    assert (tmp_path / "grades.csv").read_text() == "student,sum\r\nfay,0\r\n".replace("\r\n", "\n")


def test_feedback_shows_code_and_runs_none():
    mark = grading.Mark("<b>", "n.ipynb", "04.a", False, "<img src=x>", "<script>alert(1)</script>")
    page = grading.feedback("<b>", [mark])
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page and "default-src 'none'" in page
