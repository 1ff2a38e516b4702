"""Decks and handouts in a headless Chromium: every slide fits and can be read, and nothing is fetched from outside."""

import re

import pytest

from docs.chromium import browser
from docs.decks import NINETY, all_decks
from docs.handouts import write_summaries
from docs.slides import Slide, write_assets, write_deck
from docs.stored import PATHS
from docs.vendor import vendored

NAMES = [*(path.stem for path in PATHS), NINETY]
SERIOUS = ("serious", "critical")
LEAST = [24, 150]  # px on a slide of 1280 x 720: the smallest letters, the lowest picture
# What is wrong with the slide that is shown: what sticks out, is cut, or is too small to be read.
FAULTS = """([smallest, lowest]) => {
  const slide = Reveal.getCurrentSlide(), box = slide.getBoundingClientRect(), scale = box.width / 1280, faults = [];
  const text = e => e.textContent.trim().slice(0, 40);
  for (const e of slide.querySelectorAll('*')) {
    if (e.closest('aside') || (e.closest('mjx-container') && e.tagName !== 'svg')) continue;
    const b = e.getBoundingClientRect();
    if (b.width === 0) continue;
    if (b.right > box.right - 20 * scale || b.bottom > box.bottom - 8 * scale || b.left < box.left || b.top < box.top)
      faults.push(`${e.tagName} sticks out: ${text(e)}`);
    if (e.tagName === 'PRE' && e.scrollWidth > e.clientWidth + 1) faults.push(`code is cut: ${text(e)}`);
    if (e.tagName === 'IMG' && b.height < lowest * scale) faults.push(`a picture ${Math.round(b.height)} px high`);
    if (e.tagName === 'IMG' && !e.alt) faults.push('a picture without words');
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.tagName === 'svg';
    if (own && parseFloat(getComputedStyle(e).fontSize) < smallest)
      faults.push(`${getComputedStyle(e).fontSize}: ${text(e)}`);
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def chromium():
    """A browser for all tests of this module."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All decks, with what they need."""
    made = tmp_path_factory.mktemp("decks")
    write_assets(made)
    for name, slides in all_decks([]).items():
        write_deck(name, slides[0].title, slides, made)
    return made


def opened(chromium, path, width=1280, query=""):
    """A page that shows a deck, and the list of what it asked for elsewhere."""
    page, outside = chromium.new_page(viewport={"width": width, "height": width * 9 // 16}), []
    page.on("request", lambda request: outside.append(request.url))
    page.on("pageerror", lambda error: outside.append(str(error)))
    page.goto(path.as_uri() + query)
    page.wait_for_function("window.deckReady || window.handoutReady", timeout=120_000)
    return page, [url for url in outside if not url.startswith(("file:", "data:", "blob:"))]


@pytest.mark.parametrize(
    ("name", "width"), [*((name, 1280) for name in NAMES), ("04_first_vae", 1920), (NINETY, 1920), (NINETY, 1024)]
)
def test_every_slide_fits(chromium, folder, name, width):
    page, outside = opened(chromium, folder / f"{name}.html", width)
    assert page.locator("[data-mml-node=merror]").count() == 0
    assert page.locator(".slides section > :not(aside) mjx-assistive-mml math").count() > 0
    faults = {}
    for place in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate("place => Reveal.slide(place)", place)
        if found := page.evaluate(FAULTS, LEAST):
            faults[place + 1] = found
    page.close()
    assert not faults
    assert not outside


def test_a_slide_that_does_not_fit_is_noticed(chromium, folder):
    wide = '<pre style="width: 400px">' + 100 * "x" + "</pre>"
    picture = next((folder / "figures").glob("*.png")).name
    for body, fault in (
        ("<p>" + 400 * "Many words. " + "</p>", "sticks out"),
        ('<p style="font-size: 20px">small</p>', "20px: small"),
        (wide, "code is cut"),
        (f'<img src="figures/{picture}" style="width: 50px; height: 50px" alt="">', "a picture 50 px high"),
    ):
        page, _ = opened(chromium, write_deck("bad", "Bad", [Slide("title", "Bad", [body])], folder))
        assert any(fault in found for found in page.evaluate(FAULTS, LEAST)), fault
        page.close()


def test_axe_finds_nothing_serious_in_the_lecture(chromium, folder):
    page, _ = opened(chromium, folder / f"{NINETY}.html")
    page.add_script_tag(path=vendored("axe-core") / "axe.min.js")
    # Without the drawings of formulas, thousands of nodes: each has its MathML beside it (looked for above).
    page.evaluate("document.querySelectorAll('mjx-container').forEach(e => e.replaceWith('formula'))")
    found, seen = set(), set()
    for place in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate("place => Reveal.slide(place)", place)
        looks = "s => s.className + [...new Set([...s.querySelectorAll(':not(aside *)')].map(e => e.tagName))].sort()"
        if (look := page.evaluate(f"({looks})(Reveal.getCurrentSlide())")) in seen:
            continue  # made of the same parts as one before it
        seen.add(look)
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found |= {(v["id"], v["nodes"][0]["html"][:80]) for v in result["violations"] if v["impact"] in SERIOUS}
    page.close()
    assert not found


def test_it_is_driven_by_keys_and_by_touch_of_a_link(chromium, folder):
    page, _ = opened(chromium, folder / "04_first_vae.html")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 2
    page.keyboard.press("Home")
    assert page.evaluate("Reveal.getIndices().h") == 0
    page.keyboard.press("o")
    assert page.evaluate("Reveal.isOverview()")
    page.close()


def test_the_speaker_sees_notes_and_minutes(chromium, folder):
    page, _ = opened(chromium, folder / f"{NINETY}.html")
    page.wait_for_function("window.notesReady", timeout=120_000)
    page.evaluate("Reveal.slide(5)")
    with page.expect_popup() as window:
        page.keyboard.press("s")
    notes = window.value
    notes.wait_for_function("document.querySelector('.speaker-controls-notes .value')?.innerText.length > 100")
    text = notes.locator(".speaker-controls-notes .value").inner_text()
    assert text.startswith("Minute 7.5 to 9.") and "More, from the notebook" in text
    assert notes.locator(".speaker-controls-notes mjx-container svg").count() > 0
    assert notes.locator(".speaker-controls-time").inner_text()
    page.close()


def test_a_deck_is_printed_one_slide_a_page(chromium, folder):
    page, _ = opened(chromium, folder / "00_start_here.html", query="?view=print")
    slides = page.locator(".slides section").count()
    assert pages(page.pdf(prefer_css_page_size=True, print_background=True)) == slides
    page.close()


@pytest.mark.parametrize("name", NAMES[:-1])
def test_a_summary_has_two_pages_that_can_be_read(chromium, folder, name):
    for path in write_summaries(name[:2], folder):
        page, outside = opened(chromium, path)
        assert pages(page.pdf(prefer_css_page_size=True)) == 2
        full = "[...document.querySelectorAll('.page')].filter(p => p.scrollHeight > p.clientHeight).length"
        assert page.evaluate(full) == 0
        small = """[...document.querySelectorAll('body *')].filter(e => e.getClientRects().length
            && !e.closest('mjx-container') && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
            && parseFloat(getComputedStyle(e).fontSize) < 12 - 1e-6).map(e => e.textContent.slice(0, 40))"""
        assert page.evaluate(small) == []  # 12 px are 9 pt
        assert page.locator("img").count() >= 1
        assert not outside
        page.close()


def pages(pdf: bytes) -> int:
    """How many pages a PDF of Chromium's has."""
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))
