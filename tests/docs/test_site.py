"""The site: what a notebook becomes on it; that it is built without a warning, and every link leads somewhere."""

import re

import pytest

from docs import notebook_pages, reference, site
from tests.form import PATHS, is_further, read, source, tags
from vae_helpers.course.claims import stored_claims

STREAM = {"output_type": "stream", "name": "stdout"}


def cell(*outputs):
    return {"cell_type": "code", "id": "a", "source": [""], "metadata": {}, "outputs": list(outputs)}


def figure(alt):
    data = {"image/png": "", "text/plain": alt}
    return {"output_type": "display_data", "data": data, "metadata": {"image/png": {"alt": alt}}}


def test_a_figure_brings_its_words():
    one = cell(figure("A hill."))
    notebook_pages.described(one)
    assert one["metadata"]["mystnb"]["image"]["alt"] == "A hill."
    for outputs in ((figure(""),), (figure("A hill."), figure("A valley."))):
        with pytest.raises(ValueError, match="alternative text"):
            notebook_pages.described(cell(*outputs))


def test_claims_become_boxes_and_what_is_printed_around_them_stays():
    text = "a\n✓ 02.1 x < y: 1e-13, below 1e-09 (no <b> here)\nb\n✓ 3 checks of it\n"
    before, box, after = notebook_pages.as_shown({**STREAM, "text": text})
    assert before["text"] == "a\n" and after["text"] == "b\n✓ 3 checks of it\n"
    html = box["data"]["text/html"]
    assert 'id="claim-02-1"' in html and "x &lt; y" in html and "(no &lt;b&gt; here)" in html


def test_a_slider_becomes_a_sentence():
    data = {notebook_pages.WIDGET: {"model_id": "1"}, "text/plain": "Sliders, which need a kernel."}
    (shown,) = notebook_pages.as_shown({"output_type": "display_data", "data": data, "metadata": {}})
    assert list(shown["data"]) == ["text/html"] and "Sliders, which need a kernel." in shown["data"]["text/html"]


def test_a_citation_is_a_link_only_where_it_has_an_entry():
    text = "[Burda\net al. (2016)](#burda2016), [below](#burda2017), `[B]`(#burda2016)"
    linked = notebook_pages.with_citations(text, {"burda2016"})
    assert linked.count("<a ") == 1 and linked.endswith("[below](#burda2017), `[B]`(#burda2016)")


def test_the_stored_notebooks_are_not_changed():
    notebook = read(PATHS[0])
    notebook_pages.page(notebook)
    assert notebook == read(PATHS[0])


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y">b</a> <a href="#x">x</a> <img src="no.png"></p>')
    (tmp_path / "b.html").write_text('<p id="z"><a href="https://example.org">out</a> <a href="a.html?q=1#x">a</a></p>')
    assert site.broken_links(tmp_path) == ["a.html: b.html#y", "a.html: no.png"]


def test_markdown_shows_a_claim_as_it_was_printed():
    assert reference.escaped("KL(q || p) <= x_1 * `y`") == r"KL\(q \|\| p\) \<= x\_1 \* \`y\`"


# --- the whole of it ---


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """{name: HTML} of the site, built from new."""
    folder = tmp_path_factory.mktemp("site")
    site.write_source(folder / "source")
    site.build(folder / "source", folder / "site")
    pages = {str(path.relative_to(folder / "site")): path for path in (folder / "site").rglob("*.html")}
    return {name: path.read_text(encoding="utf-8") for name, path in pages.items() if not name.startswith("_")}


def test_every_picture_says_what_is_seen(built):
    for path in PATHS:
        html = built[f"notebooks/{path.stem}.html"]
        stored = [o for c in read(path)["cells"] for o in c.get("outputs", []) if "image/png" in o.get("data", {})]
        words = re.findall(r'<img alt="([^"]*)"[^>]*src="\.\./_images', html)
        assert len(words) == len(stored) and all(len(text) >= 20 for text in words)


def test_hints_and_solutions_are_folded(built):
    for path in PATHS:
        html = built[f"notebooks/{path.stem}.html"]
        stored = "\n".join(source(c) for c in read(path)["cells"] if c["cell_type"] == "markdown")
        for summary in re.findall(r"<details>\s*<summary>(.*?)</summary>", stored):
            assert f"<summary>{summary}</summary>" in html
        assert html.count("<details>") == html.count("</details>") and "<details open" not in html
        assert html.count("NotImplementedError") >= sum("exercise" in tags(c) for c in read(path)["cells"])


def test_further_sections_are_marked(built):
    for path in PATHS:
        cells = read(path)["cells"]
        headings = [source(c) for c in cells if c["cell_type"] == "markdown"]
        wanted = sum(len(re.findall(r"^#{2,4} Further: ", text, flags=re.MULTILINE)) for text in headings)
        assert len(re.findall(r'<section class="further"', built[f"notebooks/{path.stem}.html"])) == wanted
        assert bool(wanted) == any(is_further(cells))


def test_every_claim_is_listed_with_its_number_and_has_its_place(built):
    for path in PATHS:
        for row in stored_claims(path):
            anchor = notebook_pages.claim_anchor(row["id"])
            assert f'href="notebooks/{path.stem}.html#{anchor}"' in built["claims.html"]
            assert f'id="{anchor}"' in built[f"notebooks/{path.stem}.html"]


def test_the_package_and_the_references_are_there(built):
    assert 'id="vae_helpers.objectives.elbo.elbo"' in built["api/objectives.html"]
    assert "Importance weighted autoencoders" in built["references.html"]
    assert "an evening" in built["index.html"] and "peak memory" in built["times.html"]


def test_no_page_names_a_script_or_style_elsewhere(built):
    for name, html in built.items():
        found = re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="((?:https?:)?//[^"]+)"', html)
        assert not found, (name, found)
