"""What is solved is noted where the reader wants it, once, whole, and never at the cost of the notebook."""

import json
import os
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from vae_helpers import check
from vae_helpers.course import progress, record
from vae_helpers.course.exercises.solutions import SOLUTIONS
from vae_helpers.files import ROOT


def reparameterize(mu, log_var, eps):
    return mu + eps


WRONG = reparameterize


def reparameterize(mu, log_var, eps):  # noqa: F811
    return mu + (0.5 * log_var).exp() * eps


RIGHT = reparameterize


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("VAE_PROGRESS", str(tmp_path / "mine" / "progress.json"))
    return tmp_path / "mine" / "progress.json"


def test_nothing_is_noted_unasked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAE_PROGRESS", raising=False)
    check("04.a", RIGHT)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "progress.json").write_text('{"exercises": {}}')
    monkeypatch.setenv("VAE_PROGRESS", "")  # off
    check("04.a", RIGHT)
    assert record.read(tmp_path / "progress.json") == {}
    monkeypatch.delenv("VAE_PROGRESS")  # a file beside the notebook asks for it
    check("04.a", RIGHT)
    assert record.read(tmp_path / "progress.json")["04.a"]["passed"]


def test_tries_passes_and_hashes(path):
    check("04.a", WRONG)
    first = record.read(path)["04.a"]
    assert (first["passed"], first["tries"], first["accepted"]) == (False, 1, "")
    check("04.a", WRONG)  # the same text again is no other try
    assert record.read(path)["04.a"] == first
    check("04.a", RIGHT)
    solved = record.read(path)["04.a"]
    assert (solved["passed"], solved["tries"]) == (True, 2)
    assert solved["accepted"] == solved["tried"] != first["tried"] and len(solved["accepted"]) == 64
    check("04.a", WRONG)  # solved stays solved
    later = record.read(path)["04.a"]
    assert later["passed"] and later["tries"] == 3 and later["accepted"] == solved["accepted"]
    assert list(path.parent.iterdir()) == [path]


def test_only_tries_at_the_exercise_itself_count(path):
    def reparameterize(mu, log_var, eps):
        raise NotImplementedError

    def tempting(mu, log_var, eps):
        return mu

    check("04.a", reparameterize)
    check("04.a", tempting)
    check("04.a", SOLUTIONS["04.a"])
    assert not path.exists()


def test_trouble_with_the_file_is_one_line(path, capsys, monkeypatch):
    path.parent.mkdir()
    path.write_text("not ours")
    assert check("04.a", RIGHT) is RIGHT
    right, _, trouble = capsys.readouterr().out.splitlines()
    assert right.startswith("✓ 04.a") and trouble.startswith("(Not noted in your progress: ") and path.name in trouble
    assert path.read_text() == "not ours"
    monkeypatch.setenv("VAE_PROGRESS", str(path / "below a file"))
    assert check("04.a", RIGHT) is RIGHT
    assert "(Not noted in your progress: " in capsys.readouterr().out


def test_an_interrupted_write_leaves_the_old_file(path, monkeypatch):
    check("04.a", WRONG)
    before = path.read_bytes()

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        check("04.a", RIGHT)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_two_notebooks_at_once(path):
    code = """
import sys
from vae_helpers.course import record
for i in range(40):
    record.note(f"{sys.argv[1]}.{i:02}", print, True)
"""
    running = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(record.read(path)) == 120


def test_in_a_notebook(tmp_path):
    """Three runs of the exercise of 00 in a kernel: as it comes, with a mistake, with the solution."""
    lines = [
        "def coin_log_prob(x, heads):\n    raise NotImplementedError",
        "def coin_log_prob(x, heads):\n    return heads.log().sum()",
        "def coin_log_prob(x, heads):\n    return (x * heads.log() + (1 - x) * (1 - heads).log()).sum(1)",
    ]
    cells = ["from vae_helpers import check"]
    for answer in lines:
        cells += [answer, 'coin_log_prob = check("00.a", coin_log_prob)']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    record.write(tmp_path / "progress.json", {})
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    noted = record.read(tmp_path / "progress.json")["00.a"]
    assert noted["passed"] and noted["tries"] == 2 and noted["accepted"] == noted["tried"]


def test_the_boxes():
    entry = {"passed": True, "tries": 2, "when": "", "tried": "", "accepted": ""}
    noted = {"04.a": entry, "04.b": {**entry, "passed": False, "tries": 1}}
    (line,) = [line for line in progress.shown(noted).splitlines() if line.startswith("04")]
    assert line.split("  ")[0] == "04 first vae" and "☑ a  ◪ b  ☐ c  ☐ d" in line and line.endswith("1 of 4")
    (row,) = [line for line in progress.shown(noted, "markdown").splitlines() if "04 first" in line]
    assert row == "| 04 first vae | ☑ a solved, 2 tries · ◪ b tried, 1 try · ☐ c open · ☐ d open | 1 of 4 |"
    page = progress.shown(noted, "html")
    assert page.count("<tr>") == page.count("</tr>") == len(progress.rows({})) + 1 and "◪ b tried, 1 try" in page


def test_the_command_makes_the_file_and_refuses_another(tmp_path):
    def run():
        command = [sys.executable, "-m", "vae_helpers.course.progress", str(tmp_path / "work")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, encoding="utf-8")

    first, second = run(), run()
    assert "progress.json is new" in first.stdout and "is new" not in second.stdout and second.returncode == 0
    assert json.loads((tmp_path / "work" / "progress.json").read_text()) == {"exercises": {}}
    (tmp_path / "work" / "progress.json").write_text("[]")
    third = run()
    assert third.returncode == 1 and "holds no progress" in third.stderr and "Traceback" not in third.stderr
