"""Editions: no solution for students, all of them for lecturers, the core without gaps; each of them runs."""

import html
import inspect
import json
import re
import zipfile

import nbformat
import pytest

from docs import editions
from docs.misconceptions import _texts, as_markdown, misconceptions
from tests import form
from tests.course import mutants
from vae_helpers.course.exercises.solutions import SOLUTIONS
from vae_helpers.files import ROOT

COURSE = {path.stem: form.read(path) for path in form.PATHS}
SOME = {name: COURSE[name] for name in COURSE if name[:2] in ("00", "09")}  # misconceptions take half a second each
MADE = {edition: editions.make(edition, COURSE) for edition in ("student", "core")}
MADE["instructor"] = editions.make("instructor", SOME)
each = pytest.mark.parametrize("name", COURSE)


def code(notebook):
    return [form.source(cell) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def texts(notebook):
    return [form.source(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def squeezed(text):
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_the_course_s_notebooks_are_not_changed(edition):
    before = json.dumps(SOME)
    made = editions.make(edition, SOME)
    assert json.dumps(SOME) == before and set(made) == set(SOME)
    for notebook in made.values():
        nbformat.validate(nbformat.reads(json.dumps(notebook), as_version=4))


@pytest.mark.parametrize("edition", ["student", "instructor"])
def test_their_code_is_that_of_the_course(edition):
    """What nbval runs for the course, it has run for them."""
    for name, notebook in MADE[edition].items():
        assert code(notebook) == code(COURSE[name])


@each
def test_the_core_s_code_is_that_of_the_core(name):
    """What test_core runs."""
    cells = [cell for cell in COURSE[name]["cells"] if "further" not in form.tags(cell)]
    assert code(MADE["core"][name]) == code({"cells": cells})
    assert not any(map(form.is_further(MADE["core"][name]["cells"]).__getitem__, range(len(cells))))
    assert form.reading_line(cells) in texts(MADE["core"][name])[0].replace("&nbsp;", "")


@each
def test_no_solution_reaches_students(name):
    """Not folded, not in an output, not in metadata, not in another cell: no telling line of its code."""
    notebook = MADE["student"][name]
    assert not any("solution" in form.tags(cell) for cell in notebook["cells"])
    everything = squeezed("".join(_strings(notebook)))
    assert "Solutionof" not in everything
    for id, solution in SOLUTIONS.items():
        if id[:2] != name[:2]:
            continue
        source = inspect.getsource(solution)
        assert squeezed(source) not in everything and squeezed(source) in squeezed("".join(_strings(COURSE[name])))
        body = [squeezed(line) for line in source.splitlines()[1:]]
        telling = [line for line in body if len(line) >= 25 and not line.startswith("#")]
        assert not [line for line in telling if line in everything], id


def _strings(value):
    """Every text in a notebook, keys left out."""
    if isinstance(value, str):
        yield value
    else:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from _strings(inner)


def test_lecturers_see_solutions_and_mistakes():
    for name, notebook in MADE["instructor"].items():
        cells = notebook["cells"]
        for id in (id for id in SOLUTIONS if id[:2] == name[:2]):
            (place,) = [i for i, cell in enumerate(cells) if form.source(cell).startswith(f"**Solution of {id}**")]
            assert inspect.getsource(SOLUTIONS[id]).rstrip() in form.source(cells[place])
            assert "<details>" not in form.source(cells[place])
            below = form.source(cells[place + 1])
            found = misconceptions(id)
            assert len(found) >= 4 and all(
                message in below and wrong.splitlines()[0] in below for wrong, message in found
            )


def test_what_a_list_of_mistakes_says():
    text = as_markdown("09.a")
    wrong, message = misconceptions("09.a")[0]
    assert f"\n  {wrong}\n  ```\n\n  {message}\n\n- " in text
    assert text.startswith("**What students write in 09.a, and what the checker says**\n\n- ```python\n")
    assert "by hand on these numbers" not in text  # what fits no mistake is none
    assert "more that the checker knows</summary>\n\n- ```python\n" in text


def test_messages_look_the_same_as_markdown():
    import mistune

    for id in ("00.a", "09.a", "09.b", "09.c", "09.d"):
        page = html.unescape(re.sub(r"<pre>.*?</pre>|<[^>]*>", "", mistune.html(as_markdown(id)), flags=re.DOTALL))
        for _, message in misconceptions(id):
            said = re.sub(r"`|\*(?=\w+\*)|(?<=\w)\*(?!\w)", "", message)  # *emphasis* is meant
            assert squeezed(said) in squeezed(page)


@pytest.mark.parametrize("id", SOLUTIONS)
def test_every_mutant_has_its_text(id):
    shown = _texts(getattr(mutants, f"nb{id[:2]}"))[id]
    assert len(shown) == len(mutants.MUTANTS[id]) and all(shown)


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_links_lead_somewhere(edition):
    made = MADE[edition]
    targets = {name: editions.anchors(notebook["cells"]) for name, notebook in made.items()}
    for name, notebook in made.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", "\n".join(texts(notebook))):
            path, _, anchor = target.partition("#")
            other = path.removesuffix(".ipynb") or name
            if not target.startswith("http") and (other in made or edition != "instructor"):
                assert other in made and (not anchor or anchor in targets[other]), f"{name}: {target}"


def test_a_link_to_what_is_left_out_becomes_words():
    daggers = "\n".join(text for notebook in MADE["core"].values() for text in texts(notebook)).count("†")
    assert daggers > 2 * len(COURSE)  # more than the headers have
    text = "See [*that* `[K]`](#Further:-that), [two](01_b.ipynb#Further:-this) and [three](#Here)."
    cell = {"cell_type": "markdown", "metadata": {}, "source": [text]}
    new = editions._without_links(cell, {"#Further:-that", "01_b.ipynb#Further:-this"})
    assert form.source(new) == "See *that* `[K]`†, two† and [three](#Here)."
    assert form.source(cell) == text


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_written_whole_with_what_they_need(edition, tmp_path):
    folder = editions.write(edition, SOME, tmp_path)
    (folder / "left over.ipynb").touch()
    assert editions.write(edition, SOME, tmp_path) == folder
    names = {path.name for path in folder.iterdir()}
    answers = {"questions.md", "exam.md"} if edition == "instructor" else set()
    assert names == {f"{name}.ipynb" for name in SOME} | {"README.md", "LICENSE", "references.bib"} | answers
    with zipfile.ZipFile(tmp_path / f"{edition}.zip") as archive:
        assert {f"{edition}/{name}" for name in names} <= set(archive.namelist())
    for page in folder.glob("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (folder / target).exists(), f"{page.name}: {target}"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "{" not in readme and f": {edition} edition" in readme
    if edition == "student":
        assert "vae_helpers/course/exercises/solutions" in readme
        assert (ROOT / "vae_helpers/course/exercises/solutions").is_dir()


@pytest.mark.parametrize("edition", editions.EDITIONS)
def test_each_runs(edition, tmp_path, monkeypatch):
    """Notebook 00, offline, on strokes; `make editions ARGS=--execute` runs all."""
    monkeypatch.setenv("VAE_DATA_DIR", str(ROOT / "build" / "no-mnist"))
    folder = editions.write(edition, {name: COURSE[name] for name in COURSE if name[:2] == "00"}, tmp_path)
    assert editions.execute(folder / "00_start_here.ipynb") > 0
