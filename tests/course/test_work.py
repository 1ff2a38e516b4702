"""`make work`: an answer survives an update, and nothing is overwritten."""

import json

import pytest

from vae_helpers.course.work import renew


def notebook(path, text, answer="raise NotImplementedError"):
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [text]},
        {"cell_type": "code", "metadata": {"tags": ["exercise"]}, "source": ["def f(x):\n", f"    {answer}"]},
    ]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")


def sources(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def test_new_untouched_and_unchanged(tmp_path):
    originals, work = tmp_path / "notebooks", tmp_path / "work"
    originals.mkdir()
    notebook(originals / "01_a.ipynb", "first")
    assert renew(originals, work) == ["01_a.ipynb: copied"]
    assert renew(originals, work) == []
    notebook(originals / "01_a.ipynb", "second")
    assert renew(originals, work) == ["01_a.ipynb: the new edition"]
    assert sources(work / "01_a.ipynb")[0] == "second" and len(list(work.glob("*.ipynb"))) == 1


def test_an_answer_moves_into_the_new_edition_and_the_old_copy_stays(tmp_path):
    originals, work = tmp_path / "notebooks", tmp_path / "work"
    originals.mkdir()
    notebook(originals / "01_a.ipynb", "first")
    renew(originals, work)
    notebook(work / "01_a.ipynb", "first, with my notes", "return 2 * x")
    mine = (work / "01_a.ipynb").read_bytes()
    assert renew(originals, work) == []  # there is nothing new
    assert (work / "01_a.ipynb").read_bytes() == mine
    for edition in ("second", "third"):
        notebook(originals / "01_a.ipynb", edition)
        (line,) = renew(originals, work)
        assert "with your f; what you had before is 01_a until " in line
        assert sources(work / "01_a.ipynb") == [edition, "def f(x):\n    return 2 * x"]
    kept = sorted(work.glob("01_a until *.ipynb"))
    assert len(kept) == 2 and mine in [path.read_bytes() for path in kept]


@pytest.mark.parametrize(
    "mine",
    [
        "import math\n\n\ndef helper(x):\n    return x\n\n\ndef f(x):\n    return helper(x)",  # helpers come along
        "def f(x):\n    return 2 * x\n    raise NotImplementedError",  # the last line was left in
        "def f(x):\n    # so far only a thought\n    y = x\n    raise NotImplementedError",
    ],
)
def test_answers_of_any_form_move(tmp_path, mine):
    originals, work = tmp_path / "notebooks", tmp_path / "work"
    originals.mkdir()
    notebook(originals / "01_a.ipynb", "first")
    renew(originals, work)
    copy = json.loads((work / "01_a.ipynb").read_text(encoding="utf-8"))
    copy["cells"][1]["source"] = mine.splitlines(keepends=True)
    (work / "01_a.ipynb").write_text(json.dumps(copy), encoding="utf-8")
    notebook(originals / "01_a.ipynb", "second")
    assert "f; what you had before" in renew(originals, work)[0]
    assert sources(work / "01_a.ipynb") == ["second", mine]


def test_what_cannot_be_read_is_left_alone(tmp_path):
    originals, work = tmp_path / "notebooks", tmp_path / "work"
    originals.mkdir()
    notebook(originals / "01_a.ipynb", "first")
    renew(originals, work)
    (work / "01_a.ipynb").write_text("not a notebook", encoding="utf-8")
    notebook(originals / "01_a.ipynb", "second")
    assert "left alone" in renew(originals, work)[0]
    assert (work / "01_a.ipynb").read_text(encoding="utf-8") == "not a notebook"


def test_a_copy_that_make_work_did_not_make_is_kept(tmp_path):
    originals, work = tmp_path / "notebooks", tmp_path / "work"
    originals.mkdir(), work.mkdir()
    notebook(originals / "01_a.ipynb", "second")
    notebook(work / "01_a.ipynb", "an older one", "return 3")
    assert "with your f" in renew(originals, work)[0]
    assert len(list(work.glob("01_a until *.ipynb"))) == 1
