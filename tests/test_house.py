"""The house: imports run downwards, and opening the door costs nothing.

The order is read from CONTRIBUTING.md, from the lines of its first block that begin with a room's name.
"""

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from vae_helpers.files import ROOT

PACKAGE = ROOT / "vae_helpers"
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
PLOTTING = {"matplotlib", "seaborn", "IPython", "ipywidgets"}


def rooms():
    """The rooms from top to bottom; the last is that of the files that lie in none, which all rooms use."""
    block = (ROOT / "CONTRIBUTING.md").read_text().split("```")[1]
    listed = re.findall(r"^  (\w+)/? ", block, flags=re.MULTILINE)
    return [name for name in listed if (PACKAGE / name).is_dir()] + [""]


def room_of(path):
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def file_of(module):
    """The file of a dotted name below the package, whichever form it has; None if it is not one of ours."""
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()), None)


def imports(path, source=None):
    """The package's files that a file imports, wherever in it and under TYPE_CHECKING too."""
    package = list(path.relative_to(PACKAGE).parts[:-1])  # dotted names are counted from here
    for node in ast.walk(ast.parse(source or path.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
            elif (node.module or "").split(".")[0] == "vae_helpers":
                base = []
            else:
                continue
            module = (node.module or "").removeprefix("vae_helpers").strip(".") if not node.level else node.module
            base = ".".join([*base, *([module] if module else [])])
            for name in node.names:  # `from . import a` names a file, `from .a import b` what is in it
                inner = file_of(f"{base}.{name.name}".strip("."))
                yield inner if inner and inner != file_of(base) else file_of(base)
        elif isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "vae_helpers":
                    yield file_of(name.name.removeprefix("vae_helpers").strip("."))


def upward(path, source=None):
    """(importer, imported) for every import that does not run downwards, or comes by the front door."""
    order = rooms()
    here = order.index(room_of(path))
    for target in imports(path, source):
        if target == PACKAGE / "__init__.py" or order.index(room_of(target)) < here:
            yield str(path.relative_to(PACKAGE)), str(target.relative_to(PACKAGE))


def test_contributing_names_every_room_once():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert sorted(rooms()) == sorted({*folders, ""})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    assert not list(upward(path))


def test_there_is_no_circle_within_a_room_either():
    graph = {path: {target for target in imports(path) if target and target != path} for path in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(str(p.relative_to(PACKAGE)) for p in error.args[1])) from None


@pytest.mark.parametrize(
    ("place", "line", "target"),
    [
        ("models/vae.py", "from ..objectives.elbo import elbo", "objectives/elbo.py"),
        ("models/vae.py", "if TYPE_CHECKING:\n    from ..training.loop import fit", "training/loop.py"),
        (
            "objectives/elbo.py",
            "def f():\n    from ..measures import marginal_likelihood",
            "measures/marginal_likelihood.py",
        ),
        ("data/images.py", "from vae_helpers.models.vae import VAE", "models/vae.py"),
        ("data/images.py", "import vae_helpers.course.claims", "course/claims.py"),
        ("device.py", "from .data.images import load_images", "data/images.py"),
        ("training/loop.py", "from vae_helpers import claim", "__init__.py"),
    ],
)
def test_an_upward_import_is_found(place, line, target):
    assert list(upward(PACKAGE / place, line)) == [(place, target)]
    assert not list(upward(PACKAGE / "training/loop.py", "from ..models.vae import VAE\nimport torch"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_lessons_plot(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    assert room_of(path) == "course" or not names & PLOTTING


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path):
    assert path.read_text().count("\n") <= 250


def loaded_by(code):
    """The modules that a new process has loaded after this code."""
    code += "\nimport sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_loads_nothing_of_it_and_the_loop_no_plots():
    assert not {"torch", "numpy", *PLOTTING} & loaded_by("import vae_helpers")
    heavy = {*PLOTTING, "scipy.stats", "torchvision", "vae_helpers.training.long_run", "torch.distributed.run"}
    used = "from vae_helpers import VAE, Bernoulli, MLPDecoder, MLPEncoder, elbo, evaluate, fit, load_images"
    assert not heavy & loaded_by(used)
    assert not {"seaborn", "scipy.stats", "ipywidgets", "torchvision"} & loaded_by(
        "from vae_helpers import show, check"
    )


def test_a_name_that_is_not_there():
    import vae_helpers

    with pytest.raises(AttributeError, match="no attribute 'elbow'"):
        vae_helpers.elbow  # noqa: B018
    assert {"elbo", "fit", "__all__"} <= set(dir(vae_helpers))
