"""Docstrings: every public function says what it takes and gives, with an example that runs."""

import ast
import doctest
import inspect
import pkgutil
import re
from importlib import import_module

import matplotlib.pyplot as plt
import pytest
import torch

import vae_helpers
from vae_helpers.files import ROOT

NAMES = [module.name for module in pkgutil.walk_packages(vae_helpers.__path__, "vae_helpers.")]
NAMES = [name for name in NAMES if not re.search(r"exercises\.(solutions\.)?nb\d\d(_\w+)?$", name)]  # of other form
MODULES = {name.removeprefix("vae_helpers."): import_module(name) for name in NAMES}
FUNCTIONS = {
    f"{place}.{name}": function
    for place, module in MODULES.items()
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
}
CLASSES = {
    f"{place}.{name}": cls
    for place, module in MODULES.items()
    for name, cls in inspect.getmembers(module, inspect.isclass)
    if cls.__module__ == module.__name__ and not name.startswith("_")
}


def sections(docstring):
    """{heading: indented text} of a docstring in Google's style."""
    headings = r"^(Args|Attributes|Returns|Yields|Raises|Example):\n"
    parts = re.split(headings, inspect.cleandoc(docstring), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def arguments(text):
    return re.findall(r"^    (\w+): \S", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_and_an_example(name):
    function = FUNCTIONS[name]
    said = sections(function.__doc__)
    assert arguments(said.get("Args", "")) == list(inspect.signature(function).parameters)
    if not name.endswith(".main"):
        assert ">>> " in said["Example"]


@pytest.mark.parametrize("name", CLASSES)
def test_classes_say_what_they_are_made_of(name):
    cls = CLASSES[name]
    assert cls.__doc__ and cls.__doc__.split("\n")[0].rstrip().endswith((".", ":"))
    own = "__init__" in vars(cls) and not hasattr(cls, "_fields") and not hasattr(cls, "__dataclass_fields__")
    if own and not issubclass(cls, torch.distributions.Distribution):
        assert arguments(sections(cls.__doc__).get("Args", "")) == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("place", MODULES)
def test_examples_run(place):
    options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    with plt.rc_context():  # `use_style` would stay in force for other tests
        found = doctest.testmod(MODULES[place], extraglobs={"torch": torch}, optionflags=options)
    plt.close("all")
    assert found.failed == 0


@pytest.mark.parametrize("name", vae_helpers.__all__)
def test_names_at_the_root_are_those_of_the_rooms(name):
    found = getattr(vae_helpers, name)
    if inspect.isfunction(found) or inspect.isclass(found):
        assert found.__module__.startswith("vae_helpers.") and found.__name__ == name


def test_the_example_for_your_own_data_runs():
    code = (ROOT / "docs/pages/own_data.md").read_text().split("```python\n")[1].split("```")[0]
    names = {"dataset": [(torch.rand(3, 32, 32), 0) for _ in range(1100)]}
    exec(code.replace("epochs=50", "epochs=2, progress=False, device='cpu'"), names)
    assert names["codes"].shape == (1000, 20) and names["again"].shape == (1000, 3, 32, 32)


def test_editors_see_the_same_names():
    stub = ast.parse((ROOT / "vae_helpers" / "__init__.pyi").read_text())
    seen = {
        node.module: {alias.asname for alias in node.names} for node in stub.body if isinstance(node, ast.ImportFrom)
    }
    assert seen == {home: set(names.split()) for home, names in vae_helpers._HOMES.items()}
