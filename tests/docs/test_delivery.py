"""Where it runs: each file is well formed, calls `make` targets that exist, and names one version."""

import json
import re
import subprocess
import tomllib
from datetime import date

import jsonschema
import nbformat
import pytest
import yaml

from docs import colab
from tests.form import PATHS, read, source
from tests.stored import STATES, StableWidgets
from vae_helpers.files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CHANGES = re.findall(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
VERSION = re.match(r"\d+\.\d+\.\d+$", PROJECT["version"])

# What of CFF 1.2.0 is used here: https://github.com/citation-file-format/citation-file-format, schema.json
CFF = {
    "type": "object",
    "required": ["authors", "cff-version", "message", "title"],
    "additionalProperties": False,
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "type": {"enum": ["software", "dataset"]},
        "authors": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "anyOf": [{"required": ["name"]}, {"required": ["family-names"]}]},
        },
        "date-released": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
        "license": {"type": "array", "items": {"enum": ["MIT", "CC-BY-4.0"]}, "uniqueItems": True},
        "keywords": {"type": "array", "items": {"type": "string"}},
        "doi": {"type": "string", "pattern": r"^10\.\d{4,9}/"},
        "repository-code": {"type": "string", "pattern": "^https://"},
        **{name: {"type": "string", "minLength": 1} for name in ("message", "title", "abstract", "version")},
    },
}


def made(command: str) -> set[str]:
    """The targets that a shell command asks `make` for."""
    words = [word for part in re.findall(r"\bmake ([^&|;\n]+)", command) for word in part.split()]
    return {word for word in words if "=" not in word}


def test_one_version():
    assert VERSION and CITATION["version"] == PROJECT["version"] == CHANGES[0][0]
    assert str(CITATION["date-released"]) == CHANGES[0][1] <= str(date.today())
    assert [version for version, _ in CHANGES] == sorted((version for version, _ in CHANGES), reverse=True)


def test_the_citation_is_well_formed():
    jsonschema.validate(CITATION | {"date-released": str(CITATION["date-released"])}, CFF)
    assert " AND ".join(sorted(CITATION["license"], reverse=True)) == PROJECT["license"]
    title = (ROOT / "README.md").read_text().splitlines()[0].removeprefix("# ")
    assert CITATION["title"] == title


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_call_make(name):
    flow = WORKFLOWS[name]
    assert flow[True] and flow["permissions"] == {"contents": "read"}  # yaml reads `on` as True
    for job in flow["jobs"].values():
        assert job["timeout-minutes"] <= 120 and job["runs-on"]
        uses = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", one) for one in uses) and "actions/checkout" in uses[0]
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert commands and all(command.startswith("make ") for command in commands)
        assert set().union(*map(made, commands)) <= TARGETS


def test_workflows_try_the_pythons_that_are_promised():
    matrix = WORKFLOWS["tests.yml"]["jobs"]["test"]["strategy"]["matrix"]
    assert min(matrix["python"]) == PROJECT["requires-python"].removeprefix(">=") and len(matrix["python"]) >= 3
    assert {system.split("-")[0] for system in matrix["system"]} == {"ubuntu", "macos"}


def test_the_development_container():
    found = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert made(found["postCreateCommand"]) <= TARGETS and "make" in found["postCreateCommand"]
    assert ":3.12-" in found["image"]  # as environment.yml
    assert found["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
    assert found["containerEnv"]["GOMP_SPINCOUNT"] in MAKEFILE


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line.strip()]


def test_the_dockerfile_runs_what_was_tried():
    runs = [rest for word, rest in instructions() if word == "RUN"]
    assert len(runs) == 4 and runs[2:] == ["make work", "make .venv/.mnist-tried"]
    packages = re.search(r"--no-install-recommends ([a-z0-9 -]+) &&", runs[0])[1].split()
    assert packages == ["ca-certificates", "git", "make", "python3-venv"]
    words = [word for word, _ in instructions()]
    assert words[0] == "FROM" and words[-1] == "CMD" and words.index("USER") < words.index("COPY")
    assert "work" in TARGETS and "$(VENV)/.mnist-tried:" in MAKEFILE
    command = json.loads(dict(instructions())["CMD"])
    assert made(" ".join(command)) == {"lab"}


def test_the_container_listens_where_it_can_be_reached():
    command = json.loads(dict(instructions())["CMD"])
    run = subprocess.run(
        [*command, "-n", "-o", ".venv/.installed"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert re.findall(r"--ServerApp\.ip=(\S+)", run.stdout) == ["0.0.0.0"]


def test_what_is_large_or_private_stays_out_of_the_image():
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".git", ".venv", "build", "work", "data/*"} <= ignored


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem[:2])
def test_copies_for_colab(path):
    address = "https://github.com/me/vae-fork"
    original = read(path)
    new = colab.copy(original, address, "mine")
    nbformat.validate(nbformat.from_dict(new))
    setup = next(cell for cell in new["cells"] if cell["cell_type"] == "code")
    assert f"git+{address}@mine" in source(setup) and "--no-deps" in source(setup) and "{" not in setup["id"]
    assert len(new["cells"]) == len(original["cells"]) + 1 and original == read(path)
    text = "".join(source(cell) for cell in new["cells"])
    assert not re.search(r"\]\(\d\d_\w+\.ipynb", text) and "blob/colab/" in text


def test_a_fork_sets_its_address_once(monkeypatch, tmp_path):
    (tmp_path / "CITATION.cff").write_text("repository-code: https://github.com/me/vae\n")
    monkeypatch.setattr(colab, "ROOT", tmp_path)
    assert colab.repository() == "https://github.com/me/vae"
    (tmp_path / "CITATION.cff").write_text("title: x\n")
    with pytest.raises(SystemExit, match="no `repository-code`"):
        colab.repository()
    with pytest.raises(ValueError, match="https://github.com/OWNER/NAME, got 'https://example.org/x'"):
        colab.colab_link("https://example.org/x", "00.ipynb")


def test_hooks_need_no_network_and_keep_outputs():
    (found,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert found["repo"] == "local" and len(found["hooks"]) == 3
    for hook in found["hooks"]:
        assert hook["language"] == "system" and hook["entry"].startswith(".venv/bin/python -m ")
        assert all((ROOT / word).exists() for word in hook["entry"].split() if word.startswith("tests/"))
    assert "strip" not in str(found)


def test_git_compares_notebooks_as_notebooks():
    ask = ["git", "check-attr", "diff", "merge", "--", "notebooks/00_start_here.ipynb"]
    said = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "diff: jupyternotebook" in said and "merge: jupyternotebook" in said


def stored_slider(slider: str, layout: str, bar: str) -> nbformat.NotebookNode:
    """A notebook with a slider that a cell shows, and the state of a progress bar that none shows any more."""
    cell = nbformat.v4.new_code_cell("interact(...)", id="a", execution_count=1)
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": slider}}
    cell.outputs = [nbformat.v4.new_output("display_data", data=view)]
    states = {layout: {"state": {}}, bar: {"state": {"value": 4}}, slider: {"state": {"layout": f"IPY_MODEL_{layout}"}}}
    return nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {STATES: {"state": states}}})


def test_a_run_that_changed_nothing_stores_the_same():
    once, again = (stored_slider(*(f"{n:x}" * 32 for n in run)) for run in ((10, 11, 12), (13, 3, 4)))
    once, again = (StableWidgets().preprocess(notebook, {})[0] for notebook in (once, again))
    assert once == again
    assert list(once.metadata.widgets[STATES].state) == ["0" * 32, "0" * 31 + "1"]
    assert once.cells[0].outputs[0].data["application/vnd.jupyter.widget-view+json"]["model_id"] == "0" * 32
