"""What every notebook promises, seen from the stored files; nbval runs them."""

import ast
import re

import nbformat
import pytest

from vae_helpers.course.claims import stored_claims
from vae_helpers.course.exercises.checking import CHECKERS
from vae_helpers.course.exercises.solutions import SOLUTIONS
from vae_helpers.files import ROOT

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in PATHS}
each = pytest.mark.parametrize("name", NOTEBOOKS)


def code(name, tag=None):
    cells = [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]
    return [cell for cell in cells if tag is None or tag in cell.metadata.get("tags", [])]


def markdown(name):
    return [cell.source for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown"]


def calls(name, function):
    """The calls of `function` by name in a notebook's code, but for those that are tried (meant to fail)."""
    for cell in code(name):
        tree = ast.parse(cell.source)
        tried = {inner for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == function and node not in tried:
                yield node


def test_there_are_notebooks():
    assert {"00_start_here", "04_first_vae"} <= set(NOTEBOOKS)


@each
def test_header(name):
    header = markdown(name)[0]
    assert re.match(r"# \d\d .+\?", header), "the title is the number and a question"
    assert "After this you can" in header
    verbs = re.findall(r"^- \*\*\w+\*\*", header, flags=re.MULTILINE)
    assert 3 <= len(verbs) <= 5
    for needed in ("**Needs**", "**Reading**", "**Running**", "**Previous**", "**Next**"):
        assert needed in header
    assert header.startswith(f"# {name[:2]} ")


@each
def test_closing(name):
    text = "\n".join(markdown(name))
    for section in ("## Summary", "## From equation to code", "## Further reading"):
        assert section in text
    summary = text.split("## Summary")[1].split("\n## ")[0]
    assert len(re.findall(r"^\d\. ", summary, flags=re.MULTILINE)) == 5


@each
def test_links_resolve(name):
    text = "\n".join(markdown(name))
    anchors = {re.sub(r"\s+", "-", line.lstrip("#").strip()) for line in text.splitlines() if line.startswith("#")}
    anchors |= set(re.findall(r'<a id="(\w+)">', text))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        assert not path or (ROOT / "notebooks" / path).exists(), target
        assert path or anchor in anchors, target


@each
def test_figures_have_alternative_text(name):
    pictures = 0
    for cell in code(name):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                pictures += 1
                assert len(output.metadata["image/png"]["alt"]) >= 20
            assert "image/svg+xml" not in output.get("data", {})
    assert pictures
    assert not re.search(r"!\[\s*\]\(", "\n".join(markdown(name)))


@each
def test_stored_outputs_are_clean(name):
    for cell in code(name):
        assert cell.execution_count is not None, f"not executed: {cell.source[:60]}"
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.get("text")
            text = str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", ""))
            assert not re.search(r"/(home|root|work|tmp|Users)/|[A-Z]:\\|Warning|object at 0x", text), text
    counts = [cell.execution_count for cell in code(name)]
    assert counts == list(range(1, len(counts) + 1)), "not executed from top to bottom"


@each
def test_cells_are_short_and_ids_unique(name):
    long = [cell.source for cell in code(name) if cell.source.count("\n") >= 25]
    assert not long
    ids = [cell.id for cell in NOTEBOOKS[name].cells]
    assert len(set(ids)) == len(ids)
    assert NOTEBOOKS[name].metadata.kernelspec.name == "python3"


@each
def test_size(name):
    assert (ROOT / "notebooks" / f"{name}.ipynb").stat().st_size < 1_000_000


@each
def test_every_code_cell_follows_a_sentence(name):
    previous = None
    for cell in NOTEBOOKS[name].cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and not {"check", "parameters"} & set(tags):
            assert previous == "markdown", f"no words before: {cell.source[:60]}"
        previous = cell.cell_type


@each
def test_exercises_are_prompt_stub_check_and_solution(name):
    ids = sorted(id for id in CHECKERS if id.startswith(name[:2]))
    tagged = [(cell.cell_type, cell.metadata.get("tags", []), cell.source) for cell in NOTEBOOKS[name].cells]
    stubs, checks, solutions = (
        [source for kind, tags, source in tagged if kind == wanted and tag in tags]
        for wanted, tag in (("code", "exercise"), ("code", "check"), ("markdown", "solution"))
    )
    assert len(stubs) == len(checks) == len(solutions) == len(ids) >= 1
    for id, stub, check, solution in zip(ids, stubs, checks, solutions, strict=True):
        function = SOLUTIONS[id].__name__
        assert f"def {function}(" in stub and stub.rstrip().endswith("raise NotImplementedError")
        assert check == f'{function} = check("{id}", {function})'
        assert f"<summary>Solution of {id}</summary>" in solution
        heading = re.search(rf"^### Exercise {id} .*$", "\n".join(markdown(name)), re.MULTILINE)[0]
        assert re.search(r"\b\d+ minutes", heading) and re.search(r"\b(easy|medium|hard)\b", heading)


def test_claims_are_unique_and_stored():
    seen = {}
    for name, path in zip(NOTEBOOKS, PATHS, strict=True):
        ids = [call.args[0].value for call in calls(name, "claim")]
        assert ids, name
        assert all(id.startswith(f"{name[:2]}.") for id in ids)
        assert [row["id"] for row in stored_claims(path)] == ids, f"claims of {name} as stored"
        for id in ids:
            assert id not in seen, f"claim {id} stands in {seen.get(id)} and in {name}"
            seen[id] = name


@each
def test_no_installs_downloads_or_paths(name):
    source = "\n".join(cell.source for cell in code(name))
    forbidden = r"^[!%](?:pip|conda)|urllib|requests|download|num_workers|sys\.path|/work/"
    assert not re.search(forbidden, source, flags=re.MULTILINE)


@each
def test_the_seed_is_a_parameter(name):
    (cell,) = code(name, "parameters")
    assert re.search(r"^SEED = \d+", cell.source, flags=re.MULTILINE)


@each
def test_one_way_to_import_the_package(name):
    """`import vae_helpers as vh`, one line of names that are used all the time, and nothing from a room."""
    source = "\n".join(cell.source for cell in code(name))
    found = re.findall(r"^(import|from) (vae_helpers\S*)( as \w+)?", source, flags=re.MULTILINE)
    assert set(found) == {("import", "vae_helpers", " as vh"), ("from", "vae_helpers", "")}
    assert sum(kind == "from" for kind, *_ in found) == 1


@each
def test_code_is_laid_out_for_reading(name):
    for cell in code(name):
        for line in cell.source.splitlines():
            assert len(line) <= 100, line
            assert not re.fullmatch(r"\s*[\])},]+\s*", line), f"a line of brackets in: {cell.source[:60]}"
