"""The site in a browser: no request leaves the machine, axe finds nothing serious, nothing is wider than a phone.

Builds the site first if it is not there or older than what it is made from. Every page is opened once.
"""

from typing import NamedTuple

import pytest

from docs import site
from docs.chromium import browser
from docs.vendor import vendored
from vae_helpers.files import ROOT

SOURCES = [ROOT / "docs" / "pages", ROOT / "notebooks", ROOT / "vae_helpers"]
KINDS = (".md", ".py", ".ipynb", ".css")
TYPESET = "() => !document.querySelector('.math') || window.MathJax?.startup?.promise?.then(() => true)"
NOT_SET = "[...document.querySelectorAll('.math')].filter(e => !e.querySelector('mjx-container')).length"
WRONG = "document.querySelectorAll('[data-mml-node=merror]').length"
# Everything that axe knows, but inside formulas: those are drawings by MathJax, thousands of them, with MathML beside.
AXE = "rules => axe.run({exclude: ['mjx-container']}, {resultTypes: ['violations'], ...rules})"
CONTRAST = {"runOnly": ["color-contrast", "link-in-text-block"]}


class Seen(NamedTuple):
    """What was seen on a page: addresses outside, failed scripts, formulas not set, axe's findings, pixels too wide."""

    outside: list[str]
    errors: list[str]
    formulas: int
    violations: list[tuple]
    too_wide: int


def fresh() -> bool:
    """Whether the site is there and newer than every page, notebook and setting."""
    index = site.SITE / "index.html"
    made_from = [path for folder in SOURCES for path in folder.rglob("*") if path.suffix in KINDS]
    made_from += [ROOT / "docs" / f"{name}.py" for name in ("site", "reference", "notebook_pages", "vendor")]
    return index.exists() and index.stat().st_mtime > max(path.stat().st_mtime for path in made_from)


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def pages():
    """{name: address} of every page."""
    if not fresh():
        try:
            site.main()
        except SystemExit as stopped:
            pytest.fail(str(stopped))
    paths = [path for path in sorted(site.SITE.rglob("*.html")) if "_static" not in path.parts]
    return {str(path.relative_to(site.SITE)): path.as_uri() for path in paths}


def opened(page, address):
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_function(TYPESET)
    return page


def grave(page, scheme, **rules):
    """What axe calls serious or critical: (scheme, rule, how many, the first of them)."""
    return [
        (scheme, found["id"], len(found["nodes"]), [node["html"][:150] for node in found["nodes"][:3]])
        for found in page.evaluate(AXE, rules)["violations"]
        if found["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module")
def seen(chromium, pages):
    """{name: what was seen}."""
    axe = (vendored("axe-core") / "axe.min.js").read_text(encoding="utf-8")
    everything = {}
    for name, address in pages.items():
        page, asked, errors = chromium.new_page(color_scheme="light"), [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        opened(page, address)
        assert asked and page.evaluate("document.documentElement.dataset.theme") == "light"
        formulas = page.evaluate(NOT_SET) + page.evaluate(WRONG)
        page.evaluate("document.querySelectorAll('details').forEach(folded => folded.open = true)")
        page.evaluate(axe)
        page.add_style_tag(content="* { transition: none !important }")  # colours at once, not on their way
        violations = grave(page, "light")
        page.emulate_media(color_scheme="dark")
        page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        violations += grave(page, "dark", **CONTRAST)
        page.set_viewport_size({"width": 390, "height": 844})
        too_wide = page.evaluate("document.documentElement.scrollWidth") - 390
        outside = [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
        everything[name] = Seen(outside, errors, formulas, violations, too_wide)
        page.close()
    return everything


@pytest.mark.parametrize("what", [field for field in Seen._fields if field != "too_wide"])
def test_on_every_page_there_is_none_of(what, seen):
    found = {name: getattr(page, what) for name, page in seen.items() if getattr(page, what)}
    assert not found, "\n".join(f"{name}: {value}" for name, value in found.items())


def test_a_phone_scrolls_in_one_direction_only(seen):
    assert not {name: page.too_wide for name, page in seen.items() if page.too_wide > 0}


def test_hints_and_solutions_are_folded_and_open(chromium, pages):
    page = opened(chromium.new_page(), pages["notebooks/02_the_elbo.html"])
    solution = page.locator("details", has=page.locator("summary", has_text="Solution of 02.a"))
    code = solution.locator("pre")
    assert not code.is_visible()
    solution.locator("summary").click()
    assert code.is_visible() and "return reconstruction - kl" in code.inner_text()
    hint = page.locator("details", has=page.locator("summary", has_text="Hint: the KL in L dimensions"))
    assert not hint.locator("mjx-container").first.is_visible()
    hint.locator("summary").click()
    assert hint.locator("mjx-container").first.is_visible()
    page.close()


def test_search_finds_a_word_without_a_server(chromium, pages):
    page = chromium.new_page()
    page.goto(pages["search.html"] + "?q=amortisation")
    page.wait_for_selector("#search-results li", timeout=60_000)
    assert "02" in page.locator("#search-results").inner_text()
    page.close()
