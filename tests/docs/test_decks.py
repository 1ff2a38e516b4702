"""The decks' content: what is chosen by rules, and what is written by hand for the lecture of 90 minutes."""

import re

import pytest

from docs.decks import all_decks
from docs.handouts import summary_html
from docs.lecture import PARTS, code_of, filled, lecture, number, parts
from docs.selection import CODE_LINES, CODE_WIDTH, Rules, definition, slides_of
from docs.slides import slide_html, write_deck
from docs.stored import PATHS, cell, cells, picture_bytes
from docs.words import as_html, blocks, count, sentences, shortened

NUMBERS = [path.name[:2] for path in PATHS]
WRITTEN = [(part, slide) for part in parts() for slide in part["slide"]]
TYPED = re.compile(r"(?<![\w^])\d+(?:,\d{3})*(?:\.\d+)?(?: × \d+)?")


def words_on(slide: dict) -> str:
    """What stands on a slide, without formulas, code and placeholders."""
    text = f"{slide['title']} {slide.get('words', '')}"
    return re.sub(r"<<[^>]*>>|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|^\d\. |L = \d+", " ", text, flags=re.DOTALL | re.MULTILINE)


def test_sentences_stay_whole():
    text = "See Kingma et al. (2016), e.g. there. A formula $a. B$ is one. Is it? **Yes.**"
    expected = ["See Kingma et al. (2016), e.g. there.", "A formula $a. B$ is one.", "Is it?", "**Yes.**"]
    assert sentences(text) == expected
    assert shortened(text, 9) == expected[0]
    assert shortened("Much too long a sentence for three words.", 3) == ""
    assert count("two $x + y$") == 2


def test_blocks_have_their_kinds():
    text = "## Title\n\nText. **Predict:** what?\n\n- a\n- b\n\n$$ x $$\n\n**Pause.** Rest."
    text += "\n\n| a |\n|---|\n| 1 |\n\n> said"
    kinds = ["heading", "text", "predict", "list", "math", "pause", "table", "quote"]
    assert [block.kind for block in blocks(text)] == kinds
    assert blocks("a\n\n<details>\n<summary>Hint</summary>\n\nsecret\n\n</details>")[-1].text == "a"


def test_formulas_reach_the_page_escaped():
    html = as_html(r"If $a < b$ and $x_1 * x_2$, [see](#there): $$ \mathrm{KL}(q \| p) $$")
    assert r"\(a &lt; b\)" in html and r"\(x_1 * x_2\)" in html and r"\[\mathrm{KL}(q \| p)\]" in html
    assert "<em>" not in html and "#there" not in html


def test_a_dollar_in_code_begins_no_formula():
    html = as_html("Printed: `from $VAE_DATA_DIR`, and then $x$")
    assert "<code>from $VAE_DATA_DIR</code>" in html and r"\(x\)" in html


@pytest.mark.parametrize("number", NUMBERS)
def test_a_deck_by_rules(number):
    slides, core = slides_of(number), [one for one in cells(number) if not one.further]
    assert slides[0].kind == "title" and len(slides) >= 15
    kinds = [slide.kind for slide in slides]
    assert kinds.count("pause") == sum(b.kind == "pause" for c in core if c.kind == "markdown" for b in blocks(c.text))
    asked = sum(block.kind == "predict" for one in core if one.kind == "markdown" for block in blocks(one.text))
    assert kinds.count("poll") == asked
    assert sum(len(slide.figures) for slide in slides) == sum(len(one.figures) for one in core)
    assert all(figure.alt for slide in slides for figure in slide.figures)
    exercises = {one.text for one in core if re.search("^### Exercise", one.text, re.MULTILINE)}
    assert kinds.count("exercise") == len(exercises)
    shown = " ".join("".join(slide.body) + slide.title for slide in slides)
    assert "Solution of" not in shown


@pytest.mark.parametrize("number", NUMBERS)
def test_a_poll_is_answered_by_the_next_slide_that_shows_something(number):
    kinds = [slide.kind for slide in slides_of(number)]
    for place, kind in enumerate(kinds):
        if kind == "answer":
            before = [k for k in kinds[:place] if k in ("poll", "answer", "figure")]
            assert before[-1] == "poll"


def test_code_on_a_slide_is_short():
    for two_digits in NUMBERS:
        for one in cells(two_digits):
            if one.kind == "code" and (code := definition(one.text)):
                lines = code.splitlines()
                assert len(lines) <= CODE_LINES and max(map(len, lines)) <= CODE_WIDTH
    documented = 'def f(x):\n    """Doc."""\n    y = 2 * x\n    return y\n'
    assert definition(documented) == "def f(x):\n    y = 2 * x\n    return y"
    assert definition("def f(x):\n    a = x\n    return plt.plot(a)\n") == ""


def test_a_further_section_is_named_and_not_shown():
    slides = slides_of("04")
    assert slides[-1].title == "Further, in the notebook" and "Two dimensions" in slides[-1].body[0]
    further = {f"04:{one.id}" for one in cells("04") if one.further}
    assert not further & {slide.from_cell for slide in Rules("04").walk()}


def test_the_lecture_takes_90_minutes():
    slides = lecture()
    assert sum(slide.minutes for slide in slides) == 90
    assert all(1 <= slide["minutes"] <= 3 for _, slide in WRITTEN)
    assert all("questions" in part["slide"][-1] for part in parts())  # and each part has time for the class
    assert 10 <= sum(slide.get("questions", 0) for _, slide in WRITTEN) <= 15
    assert 40 <= len(slides) <= 55
    assert 6 <= sum(slide.kind == "poll" for slide in slides) <= 8
    for place, slide in enumerate(slides):
        if slide.kind == "poll":
            assert slides[place + 1].kind == "answer"


def test_the_lecture_can_be_said_in_its_time():
    """Title, slide and script aloud, and what a class looks at, does and sees written; without the class's questions.

    140 words a minute and 3 seconds more for a formula (6 if displayed) are within a sixth of what a speech
    synthesiser took for each part with formulas spelled out. Seconds for looks, polls and board are chosen.
    """
    total = 0
    for part in parts():
        needs = 0
        for slide in part["slide"]:
            aloud = re.sub(r"(?<!\*)\*(?!\*)[^*]+\*(?!\*)", "", slide["say"])  # without what is done
            words = sum(map(count, (slide["title"], slide.get("words", "").replace("|", " "), aloud)))
            seconds = 60 * words / 140 + 3 * slide.get("words", "").count("$") / 2
            seconds += 75 * (slide["kind"] == "poll") + 12 * ("figure" in slide or "printed" in slide)
            seconds += 4 * len(code_of(slide["code"]).splitlines()) if "code" in slide else 0
            seconds += 40 * slide["say"].count("*On the board")
            assert seconds <= 60 * (slide["minutes"] + 0.25), slide["title"]
            needs += seconds / 60
        planned = sum(slide["minutes"] for slide in part["slide"])
        assert 0.7 * planned <= needs <= planned, part["title"]
        total += needs
    assert 60 <= total <= 75


def test_the_lecture_goes_through_00_to_07():
    used = {a[:2] for _, s in WRITTEN for a in [*s.get("text", []), s.get("figure", ""), s.get("printed", "")]}
    assert {f"0{n}" for n in range(8)} <= used


@pytest.mark.parametrize(("part", "slide"), WRITTEN, ids=lambda value: value.get("title", "")[:30])
def test_a_written_slide_names_what_exists_and_is_short(part, slide):
    numbers = part.get("numbers", {})
    for address in slide.get("text", []):
        assert cell(address).kind == "markdown" or cell(address).output
    if "figure" in slide:
        assert picture_bytes(slide["figure"]).alt
    if "printed" in slide:
        lines = cell(slide["printed"]).printed.splitlines()
        assert 0 < len(lines) <= 9 and max(map(len, lines)) <= CODE_WIDTH
    if "code" in slide:
        lines = code_of(slide["code"]).splitlines()
        assert len(lines) <= CODE_LINES and max(map(len, lines)) <= CODE_WIDTH
    text = filled(f"{slide['title']}\n{slide.get('words', '')}", numbers)
    assert "<<" not in text
    below = text.split("\n", 1)[1]
    assert count(re.sub(r"\||-{3,}", " ", below)) <= 40
    assert 10 <= count(slide["say"]) <= 110 * slide["minutes"]


@pytest.mark.parametrize(("part", "slide"), WRITTEN, ids=lambda value: value.get("title", "")[:30])
def test_measured_numbers_are_not_typed(part, slide):
    given = set(part.get("given", [])) | {str(n) for n in range(10)}
    typed = {found for found in TYPED.findall(words_on(slide)) if found not in given}
    assert not typed, f"{typed}: take them from [numbers], or name them in `given` if they were chosen"


def test_every_number_of_the_lecture_is_used():
    for part in parts():
        text = " ".join(" ".join(str(value) for value in slide.values()) for slide in part["slide"])
        for name, source in part.get("numbers", {}).items():
            assert re.search(rf"<<-?{name}\b", text), f"{name} of {part['title']} is not used"
            assert number(source)


def test_a_wrong_name_says_what_is_wrong():
    with pytest.raises(KeyError, match="no cell with the id"):
        cell("04:nowhere")
    with pytest.raises(LookupError, match="is not in what cell"):
        number(["04:f26d12c3", "(nothing)"])
    with pytest.raises(KeyError, match="0 stored pictures"):
        picture_bytes("04:f26d12c3")
    with pytest.raises(LookupError, match="defines no"):
        code_of("04:5f8dcc25 nothing")


def test_placeholders_are_filled():
    numbers = {"elbo": ["04:817b9f42", r"value (\S+),"], "gap": "claim 04.4"}
    elbo = float(number(numbers["elbo"]))
    assert filled("<<-elbo:.0f>> and <<elbo>>", numbers) == f"{-elbo:.0f} and {number(numbers['elbo'])}"
    assert filled("<<gap:.1f>>", numbers) == f"{float(number(numbers['gap'])):.1f}"


def test_a_page_is_written_with_its_pictures_notes_and_clock(tmp_path):
    slides = all_decks(["ninety"])["ninety_minutes"]
    page = write_deck("ninety", "Lecture", slides, tmp_path).read_text(encoding="utf-8")
    names = set(re.findall(r'src="(figures/[^"]+)"', page))
    assert names and all((tmp_path / name).stat().st_size for name in names)
    assert page.count("<section") == page.count('<aside class="notes">') == len(slides)
    assert "Minute 89 to 90." not in page and "Minute 88 to 90." in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert 'alt=""' not in page
    assert 'data-timing="60"' in slide_html(slides[0], 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_summary_with_gaps_has_its_answers(number):
    full, gaps = summary_html(number, gaps=False), summary_html(number, gaps=True)
    assert "data-answer" not in full and gaps.count("data-answer") >= 5
    for measured in re.findall(r'<strong class="number">([^<]+)</strong>', full):
        assert f'data-answer="{measured}"' in gaps
    assert "Solution of" not in gaps


def test_no_part_of_the_lecture_is_left_out():
    assert len(parts()) == len(list(PARTS.glob("*.toml"))) == 7
