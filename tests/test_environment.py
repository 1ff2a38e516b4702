"""The files around the package agree: one list of dependencies, one set of versions."""

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from vae_helpers.files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(line) for line in sum(EXTRAS.values(), PROJECT["dependencies"])]
PINS = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines()]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def test_conda_brings_python_and_pip_and_pip_the_project():
    python, pip, rest = CONDA["dependencies"]
    assert CONDA["channels"] == ["conda-forge"]
    version = re.fullmatch(r"python=(\d+\.\d+)", python).group(1)
    assert version in SpecifierSet(PROJECT["requires-python"])
    assert pip == "pip"
    assert rest == {"pip": ["-c constraints.txt", "-e .[dev]"]}


def test_make_installs_the_same():
    install = re.search(r"pip install .*", MAKEFILE).group()
    assert "--constraint constraints.txt --editable '.[dev]'" in install
    assert PROJECT["requires-python"] == ">=3.11" and "sys.version_info >= (3, 11)" in MAKEFILE


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_constraints_fix_every_dependency(requirement):
    pins = [pin for pin in PINS if pin.name.lower() == requirement.name.lower()]
    assert pins, f"{requirement.name} is missing in constraints.txt: run `make constraints`"
    for pin in pins:
        (fixed,) = pin.specifier
        assert fixed.operator == "==" and fixed.version in requirement.specifier
        assert any(bound.operator == ">=" for bound in requirement.specifier)


def test_constraints_are_versions_and_nothing_else():
    assert all(pin.url is None and len(pin.specifier) == 1 for pin in PINS)
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_help_lists_the_commands():
    run = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make (\w+) +\w", run.stdout, flags=re.MULTILINE)
    targets = re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE)
    assert listed[: len(targets)] == targets
    assert {"help", "lab", "test", "data", "notebooks", "lint"} <= set(targets)
    phony = re.search(r"^\.PHONY: (.*)", MAKEFILE, flags=re.MULTILINE).group(1)
    assert set(phony.split()) == set(targets)


def test_ci_calls_make():
    script = (ROOT / ".ci/run").read_text()
    assert "make lint" in script and "make test" in script
    assert "pip " not in script
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_licences():
    text = "".join((ROOT / file).read_text() for file in PROJECT["license-files"])
    assert "MIT License" in text and "Creative Commons Attribution 4.0" in text


def test_every_data_set_has_its_card():
    card = (ROOT / "data" / "README.md").read_text()
    for heading in ("## mnist", "## fashion_mnist", "## strokes", "## sprites"):
        assert heading in card


def test_old_python_is_refused_in_one_sentence(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9, 1); $2"\n')
    old.chmod(0o755)
    command = ["make", "-s", f"PYTHON={old}", f"VENV={tmp_path}/venv", "lint"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode != 0
    assert "is Python 3.9, and the course needs 3.11 or newer" in run.stderr.splitlines()[0]
    assert not (tmp_path / "venv").exists()


def test_a_full_disk_is_refused_before_the_installation(tmp_path):
    command = ["make", "-s", "NEED_GB=999999", f"VENV={tmp_path}/venv", "lint"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode != 0 and "GB are free here" in run.stderr.splitlines()[0]
    assert not (tmp_path / "venv").exists()
