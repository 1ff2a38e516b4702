"""One list of dependencies, one set of versions; and `make` sets up what is missing, and mends what is damaged."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from importlib.metadata import distribution
from pathlib import Path

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
    install = re.search(r"pip install --d.*", MAKEFILE).group()
    assert "--constraint constraints.txt --editable '.[dev,docs]'" in install
    assert PROJECT["requires-python"] == ">=3.11" and "sys.version_info >= (3, 11)" in MAKEFILE


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_constraints_fix_every_dependency(requirement):
    pins = [pin for pin in PINS if pin.name.lower() == requirement.name.lower()]
    assert pins, f"{requirement.name} is missing in constraints.txt: run `make constraints`"
    for pin in pins:
        (fixed,) = pin.specifier
        assert fixed.operator == "==" and fixed.version in requirement.specifier
        assert any(bound.operator == ">=" for bound in requirement.specifier)


def test_constraints_fix_what_the_dependencies_need_in_turn():
    pinned = {pin.name.lower() for pin in PINS if not pin.marker or pin.marker.evaluate()}
    seen, queue = set(), [(need, "") for need in EXTRAS["dev"] + EXTRAS["docs"] + PROJECT["dependencies"]]
    while queue:
        line, extra = queue.pop()
        need = Requirement(line)
        if (line, extra) in seen or need.marker and not need.marker.evaluate({"extra": extra}):
            continue
        seen.add((line, extra))
        assert re.sub("[-_.]+", "-", need.name).lower() in pinned, need.name
        needs = distribution(need.name).requires or []
        queue += [(line, extra) for line in needs for extra in need.extras | {""}]
    assert len(seen) > 100


def test_constraints_are_versions_and_nothing_else():
    assert all(pin.url is None and len(pin.specifier) == 1 for pin in PINS)
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_help_lists_the_commands():
    run = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make (\w+) +\w", run.stdout, flags=re.MULTILINE)
    targets = re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE)
    assert listed[: len(targets)] == targets
    assert {"help", "lab", "test", "data", "notebooks", "lint"} <= set(targets)
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, flags=re.MULTILINE).group(1)
    assert set(phony.replace("\\\n", "").split()) == set(targets)


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


def run_make(*arguments, makefile=ROOT / "Makefile", **environment):
    """`make` in the repository's root, as from a fresh shell."""
    shell = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "PYTHONPATH")}
    return subprocess.Popen(
        ["make", "-s", "-f", makefile, *arguments],
        cwd=ROOT,
        env=shell | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=listen_to_signals,
        text=True,
    )


def listen_to_signals():
    """A background job is born deaf to Ctrl-C and to the end of its terminal, and so are its children."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def output(process):
    """What it printed, and its exit status."""
    return process.communicate(timeout=60)[0], process.returncode


def test_old_python_is_refused_in_one_sentence(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9, 1); $2"\n')
    old.chmod(0o755)
    text, status = output(run_make(f"PYTHON={old}", f"VENV={tmp_path}/venv", "lint"))
    assert status and "is Python 3.9, and the course needs 3.11 or newer" in text.splitlines()[0]
    assert not (tmp_path / "venv").exists()


def test_a_full_disk_is_refused_before_the_installation(tmp_path):
    text, status = output(run_make("NEED_GB=999999", f"VENV={tmp_path}/venv", "lint"))
    assert status and "GB are free here" in text.splitlines()[0]
    assert not (tmp_path / "venv").exists()


PACKAGES = re.search(r"^PACKAGES := ((?:.*\\\n)*.*)", MAKEFILE, flags=re.MULTILINE)
PACKAGES = PACKAGES.group(1).replace("\\\n", "").split() if PACKAGES else []
PIP = """import os, pathlib, sys, time
if "install" in sys.argv:
    site = pathlib.Path(__file__).parents[1]
    log = open(os.environ["PIP_LOG"], "a")
    print("begin", file=log, flush=True)
    time.sleep(float(os.environ.get("PIP_SECONDS", 0)))
    for name in os.environ["PIP_BRINGS"].split():
        (site / name).mkdir(exist_ok=True)
        (site / name / "__init__.py").touch()
    print("end", file=log, flush=True)
"""


class Setup:
    """`make` with a Python whose pip is a small program: "installs" empty packages, and keeps a log."""

    def __init__(self, folder):
        self.venv, self.log = folder / "venv", folder / "log"
        self.lock, self.ready = self.venv / ".lock", self.venv / ".installed"
        self.installing = self.venv / ".installing"
        self.python = folder / "python3"
        pip = folder / "pip"
        pip.mkdir()
        (pip / "__init__.py").touch()
        (pip / "__main__.py").write_text(PIP)
        self.python.write_text(f"""#!/bin/sh
[ "$1 $2" = "-m venv" ] || exec {sys.executable} "$@"
for folder; do :; done
{sys.executable} -m venv --without-pip "$folder" && cp -R {pip} "$folder"/lib/python3*/site-packages/
""")
        self.python.chmod(0o755)

    def start(self, brings=PACKAGES, seconds=0.0):
        fakes = {"PIP_LOG": str(self.log), "PIP_BRINGS": " ".join(brings), "PIP_SECONDS": str(seconds)}
        return run_make(f"PYTHON={self.python}", f"VENV={self.venv}", "NEED_GB=0", str(self.ready), **fakes)

    def make(self, **options):
        return output(self.start(**options))

    def logged(self):
        return self.log.read_text().split()

    def wait_until_it_installs(self, times=1):
        while not self.log.exists() or self.logged().count("begin") < times:
            time.sleep(0.02)

    def package(self, name):
        (folder,) = self.venv.glob(f"lib/python3*/site-packages/{name}")
        return folder


@pytest.fixture
def setup(tmp_path):
    return Setup(tmp_path)


def test_it_installs_once(setup):
    text, status = setup.make()
    assert status == 0 and "Installing into" in text and setup.ready.exists()
    text, status = setup.make()
    assert status == 0 and "Installing" not in text and setup.logged() == ["begin", "end"]
    assert not setup.lock.is_symlink() and not setup.installing.exists()


def test_two_at_a_time_install_once(setup):
    first = setup.start(seconds=1.5)
    setup.wait_until_it_installs()
    second = setup.start()
    assert output(first)[1] == 0
    text, status = output(second)
    assert status == 0 and setup.logged() == ["begin", "end"]
    assert len(text.splitlines()) == 1 and "is installing into" in text and f"rm {setup.lock}" in text


def test_the_second_installs_when_the_first_fails(setup):
    first = setup.start(brings=[], seconds=1)
    setup.wait_until_it_installs()
    second = setup.start()
    text, status = output(first)
    assert status and "torch" in text and "missing all the same" in text
    text, status = output(second)
    assert status == 0 and setup.logged() == ["begin", "end"] * 2 and setup.ready.exists()


def test_a_lock_left_behind_is_taken_away(setup):
    setup.venv.mkdir()
    gone = subprocess.Popen(["true"])
    gone.wait()
    setup.lock.symlink_to(str(gone.pid))
    together = [setup.start(), setup.start(), setup.start()]
    assert [output(process)[1] for process in together] == [0, 0, 0]
    assert setup.logged() == ["begin", "end"] and not setup.lock.is_symlink()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_no_lock_and_is_made_anew(setup, number):
    first = setup.start(seconds=60)
    setup.wait_until_it_installs()
    assert setup.lock.is_symlink()
    (setup.package("pip") / "half").touch()
    os.killpg(first.pid, number)  # what Ctrl-C does
    assert output(first)[1] != 0
    assert not setup.lock.is_symlink() and setup.installing.exists()
    assert setup.make()[1] == 0 and not (setup.package("pip") / "half").exists()


@pytest.mark.parametrize("damage", ["torch", "vital file", "jupyterlab", "Python"])
def test_a_damaged_environment_is_made_anew(setup, damage):
    setup.make()
    left = setup.package("numpy") / "left"
    left.touch()
    if damage == "Python":
        for path in setup.venv.glob("bin/python*"):
            path.unlink()
    elif damage == "vital file":
        (setup.package("torch") / "__init__.py").unlink()
    else:
        shutil.rmtree(setup.package(damage))
    text, status = setup.make()
    name = {"vital file": "torch"}.get(damage, damage)
    assert status == 0 and f"is damaged (missing: {name}) and is made anew" in text
    assert setup.logged() == ["begin", "end"] * 2 and not left.exists()
    assert "Installing" not in setup.make()[0]


def test_what_is_imported_is_looked_for():
    imports = {"pytest-xdist": "xdist", "pyyaml": "yaml", "scikit-learn": "sklearn", "sphinxcontrib-bibtex": "pybtex"}
    lines = EXTRAS["dev"] + EXTRAS["docs"] + PROJECT["dependencies"]
    wanted = {Requirement(line).name for line in lines} | {"ipykernel", "nbconvert"}
    assert {imports.get(name, name).replace("-", "_") for name in wanted} | {"pip"} == set(PACKAGES)


def test_a_folder_that_was_moved_runs_its_own_package(setup, tmp_path):
    data = tmp_path / "vae_helpers" / "data"
    data.mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    (data / "download.py").write_text("import os; print(os.environ['PYTHONPATH'])")
    setup.make()
    process = run_make("-C", str(tmp_path), f"VENV={setup.venv}", "data", PYTHONPATH="/mine")
    assert output(process) == (f"{tmp_path}:/mine\n", 0)


# --- JupyterLab as `make lab` starts it ---

JUPYTER = """import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "home": os.environ["HOME"], "path": os.environ["JUPYTER_CONFIG_PATH"]}))
"""


def lab(setup, **environment):
    """What `make lab` prints and how it starts Jupyter; the copies in work/ are left as they are."""
    setup.make()
    (setup.package("jupyterlab") / "__main__.py").write_text(JUPYTER)
    (setup.venv / ".mnist-tried").touch()
    text, status = output(run_make("-o", "work", f"VENV={setup.venv}", "lab", **environment))
    assert status == 0
    *lines, last = text.splitlines()
    return lines, json.loads(last)


def test_lab_reads_the_course_settings_and_leaves_the_home_alone(setup, tmp_path):
    lines, started = lab(setup, HOME=str(tmp_path), JUPYTER_CONFIG_PATH="/mine")
    assert lines == [] and started["home"] == str(tmp_path)
    assert started["path"] == f"{ROOT}/.jupyter:/mine"
    assert {"--ServerApp.ip=127.0.0.1", "--ServerApp.root_dir=."} <= set(started["arguments"])


def test_lab_without_a_home_that_can_be_written_to(setup, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    if os.access(home, os.W_OK):  # root may write nearly everywhere
        home = Path("/proc/1")
    if not home.exists() or os.access(home, os.W_OK):
        pytest.skip("no folder here is read-only")
    lines, started = lab(setup, HOME=str(home))
    assert started["home"] == f"{ROOT}/build/home"
    assert lines == [f"{home}/ cannot be written to: Jupyter keeps its own files in build/home."]


def test_jupyterlab_starts_quietly():
    """The settings in .jupyter are known to this JupyterLab, and it takes them."""
    code = """if True:
        from jupyter_client.manager import KernelManager
        from jupyter_server.serverapp import ServerApp
        from jupyterlab_server.config import get_static_page_config
        from jupyterlab_server.settings_utils import get_settings
        from jupyterlab.commands import get_app_dir

        app = ServerApp()
        app.load_config_file()
        print(KernelManager(config=app.config).transport_encryption)
        app.log.warning("Notebook %s is not trusted", "a.ipynb")
        app.log.warning("A kernel died")
        print(get_static_page_config(level="all"))
        folders = (f"{get_app_dir()}/settings", f"{get_app_dir()}/schemas", "/nowhere")
        notification, _ = get_settings(*folders, "@jupyterlab/apputils-extension:notification")
        properties = notification["schema"]["properties"]
        print({name: properties[name]["default"] for name in ("fetchNews", "checkForUpdates")})
    """
    environment = os.environ | {"JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter"), "JUPYTER_CONFIG_DIR": "/nowhere"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "auto",
        "{'buildAvailable': False, 'buildCheck': False}",
        "{'fetchNews': 'false', 'checkForUpdates': False}",
    ]
    assert "A kernel died" in run.stderr and "not trusted" not in run.stderr


# --- what the README and the page of troubles promise ---


def test_plain_pytest_finds_the_modules_of_the_tests(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text("import tests.benchmarks\n\ndef test_it():\n    pass\n")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # quicker
    plain = [sys.executable, "-P", "-m", "pytest"]  # -P: the working folder is not on sys.path, as with plain `pytest`
    command = [*plain, "-q", "-c", ROOT / "pyproject.toml", "--noconftest", "--collect-only", test]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0 and "1 test collected" in run.stdout, run.stdout


TROUBLES = (ROOT / "docs/pages/troubles.md").read_text()


@pytest.mark.parametrize("message", re.findall(r"^\| `(.+?)`", TROUBLES, flags=re.MULTILINE))
def test_the_troubles_are_quoted_as_they_are_printed(message):
    sources = MAKEFILE.replace("$(VENV)", ".venv").replace("$$missing", "torch")
    sources += "".join(path.read_text() for path in (ROOT / "vae_helpers").rglob("*.py"))
    constant = max(re.split(r"\.\.\.|\d[\d.,]*", message), key=len).strip()  # without names and numbers
    assert len(constant) > 8 and (constant in sources or constant.startswith("No module named"))


def test_make_and_conda_tame_the_threads_alike():
    count = CONDA["variables"]["GOMP_SPINCOUNT"]
    assert re.search(r"^export GOMP_SPINCOUNT := (\d+)$", MAKEFILE, flags=re.MULTILINE).group(1) == str(count)
    for given, expected in (({}, str(count)), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "PASSIVE"}, "")):
        clean = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
        rule = 'include Makefile\nshow:\n\t@echo "spin=$$GOMP_SPINCOUNT"\n'
        command = ["make", "-s", "-f", "-", "show"]
        run = subprocess.run(
            command, input=rule, cwd=ROOT, env=clean | given, capture_output=True, text=True, check=True
        )
        assert run.stdout.split("spin=")[1].strip() == expected
