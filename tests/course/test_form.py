"""The second form of a notebook: short, few claims, a core that stands alone, true times, words for every figure."""

import html
import json
import re
import shutil
import subprocess
from statistics import mean, median

import nbformat
import pytest
from nbconvert import HTMLExporter

from tests import form
from vae_helpers.course.claims import written_checks
from vae_helpers.files import ROOT

NOTEBOOKS = {path.stem: form.read(path) for path in form.PATHS}
each = pytest.mark.parametrize("name", NOTEBOOKS)


def markdown(name):
    return [form.source(cell) for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == "markdown"]


def code(name):
    return [cell for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == "code"]


@each
def test_claims_are_few(name):
    count = sum(form.claim_lines(cell)[2] for cell in code(name))
    assert 3 <= count <= 6 if name.startswith("00") else 8 <= count <= 12


@each
def test_claims_and_checks_take_little_room(name):
    found, lines, *_ = map(sum, zip(*(form.claim_lines(cell) for cell in code(name)), strict=True))
    assert found <= 0.15 * lines
    assert all(form.claim_lines(cell)[3] <= 1 for cell in code(name)), "one line for all checks of a cell"


@each
def test_checks_can_be_listed(name):
    assert len(written_checks(form.ROOT / "notebooks" / f"{name}.ipynb")) >= sum(
        form.claim_lines(cell)[3] for cell in code(name)
    )


@each
def test_no_text_is_long(name):
    long = {text[:60]: form.words(text) for text in markdown(name) if form.words(text) > 200}
    assert not long


@each
def test_further_cells_are_tagged(name):
    cells = NOTEBOOKS[name]["cells"]
    for cell, further in zip(cells, form.is_further(cells), strict=True):
        assert further == ("further" in form.tags(cell)), form.source(cell)[:60]
        inner = form.source(cell).splitlines()[1:] if cell["cell_type"] == "markdown" else []
        fences = [line for line in inner if line.startswith("```")]
        assert fences or not any(re.match(r"#{1,4} ", line) and form.FURTHER.match(line) for line in inner)


@each
def test_the_core_is_about_two_hours_with_pauses(name):
    core, _, stretch = form.times(NOTEBOOKS[name]["cells"])
    assert core <= 140 and stretch <= 90


def test_times_solutions_and_paths_are_up_to_date():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    notebooks, text = form.written(NOTEBOOKS, readme)
    assert notebooks == NOTEBOOKS and text == readme, "python -m tests.form --write"


def test_times_agree_with_what_readers_took():
    """Words, lines of code, formulas, lines of displayed formulas and exercise minutes, and what a reader took.

    Readers differ: two of notebook 04 by 60 %. So the median notebook must be right, whatever the number of its
    readers, and the headers give a range that has room for each of them.
    """
    read = {  # cores as they were when they were read, before this or that was cut
        "01": [(3004, 273, 183, 1, 45, 145)],
        "02": [(2950, 364, 186, 2, 50, 170), (2726, 280, 167, 1, 50, 148)],
        "04": [(3083, 262, 91, 1, 65, 185)],
        "05": [(3198, 290, 153, 2, 45, 149)],
        "06": [(3324, 368, 97, 1, 40, 130), (3304, 319, 96, 1, 40, 137)],
        "08": [(2251, 319, 53, 0, 40, 117)],
        "09": [(2976, 344, 106, 0, 30, 143), (2961, 345, 108, 0, 30, 154), (2904, 296, 111, 0, 30, 145)],
        "10": [(2455, 313, 116, 1, 40, 145)],
        "11": [(2759, 316, 139, 0, 40, 145)],
        "12": [(2688, 250, 71, 1, 38, 141), (2691, 249, 73, 1, 38, 145), (2629, 225, 75, 1, 38, 137)],
    }
    ratios = {name: [] for name in read}
    for name, readings in read.items():
        for *parts, exercises, took in readings:
            estimate = sum(n * rate for n, rate in zip(parts, form.RATES.values(), strict=True)) + exercises
            ratios[name].append(took / estimate)
    assert 0.95 <= median(map(mean, ratios.values())) <= 1.05
    assert form.SPREAD[0] <= min(map(min, ratios.values()))
    assert max(map(max, ratios.values())) <= form.SPREAD[1]


@each
def test_citations_are_names_and_years(name):
    text = "\n".join(markdown(name))
    assert not re.search(r"\[@|\[[a-z]+\d{4}[a-z]?\]", text), "no raw keys"
    entries = set(re.findall(r'<a id="(\w+)"></a>', text))
    cited = re.findall(r"\[[^\]]+?\s\(\d{4}\w?\)\]\(#(\w+)\)", text.replace("\n", " "))
    assert cited and set(cited) <= entries
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "notebooks/references.bib").read_text(), flags=re.MULTILINE))
    assert entries <= keys
    for line in re.split(r"\n(?=[-*] |\n)", text):
        if '<a id="' in line:
            assert re.search(r"https://(arxiv\.org|doi\.org|\S+)", line), f"a link to the paper: {line[:80]}"


@each
def test_other_notebooks_are_links(name):
    text = re.sub(r"<details>.*?</details>", "", "\n".join(markdown(name)), flags=re.DOTALL)
    text = re.sub(r"\[[^\]]*\]\([^)]*\)|`[^`]*`", "", text)
    assert not re.search(r"\bnotebooks?\s+\d\d\b", text, flags=re.IGNORECASE)
    assert not re.search(r"\b0\d\.\d+\b", text), "a claim's number"


@each
def test_no_wrapped_line_becomes_a_list(name):
    for text in markdown(name):
        previous = ""
        for line in text.splitlines():
            begins = re.match(r"(\d+[.)]|[-+*]) ", line)
            inside = previous.rstrip()[-1:] in ("", ":") or re.match(r"(\d+[.)]|[-+*]) |\s", previous)
            assert not begins or inside, line
            previous = line


@each
def test_folded_parts_are_well_formed(name):
    for text in markdown(name):
        assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
        assert not re.search(r"<summary>.*</summary>\n(?!\n)", text), "a blank line after the summary"
        shown = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
        assert not re.search(r"^\W*(a )?hints?\b", shown, flags=re.IGNORECASE | re.MULTILINE), "hints are folded"


@each
def test_figures_are_readable(name):
    source = "\n".join(form.source(cell) for cell in code(name))
    assert not re.search(r"x-small|xx-small|fontsize=[1-8](\.\d+)?\b|labelsize=[1-8]\b", source)


def pictures(name):
    """What is said of every stored picture."""
    outputs = [output for cell in code(name) for output in cell["outputs"]]
    return [output["metadata"]["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]


@each
def test_figures_reach_a_screen_reader_in_the_exported_page(name, tmp_path):
    path = tmp_path / f"{name}.html"
    notebook = nbformat.reads(json.dumps(NOTEBOOKS[name]), as_version=4)
    path.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf-8")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium:  # the page as a browser has it, else as exported
        flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        command = [chromium, *flags.split(), f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"file://{path}"]
        page = subprocess.run(command, capture_output=True, text=True, timeout=240).stdout
    else:
        page = path.read_text(encoding="utf-8")
    said = pictures(name)
    assert said
    folded = re.findall(r"<summary>The figure in words</summary>\s*<p>(.*?)</p>", page, flags=re.DOTALL)
    assert [html.unescape(text) for text in folded] == said


@each
def test_sliders_say_what_they_are(name):
    for cell in code(name):
        for output in cell["outputs"]:
            data = output.get("data", {})
            if "application/vnd.jupyter.widget-view+json" in data:
                assert "\\x" not in "".join(data["text/plain"]), "a picture as bytes"
        for call in re.findall(r"(?:Float|Int)Slider\((.*)\)", form.source(cell)):
            assert "description=" in call
