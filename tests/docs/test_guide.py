"""The lecturer's guide: its tables come from the notebooks, no sitting is too long, answers are where they belong."""

import re

import pytest

from docs import guide, lecture, plans
from tests.form import PATHS, read, source, times

NUMBERS = [path.name[:2] for path in PATHS]
SITE = guide.site_pages()


def test_every_mark_is_filled():
    assert len(SITE) >= 9
    for name, text in SITE.items():
        assert "<!-- guide" not in text and re.match(r"# \w", text), name


@pytest.mark.parametrize("number", NUMBERS)
def test_sections_are_the_whole_notebook(number):
    found = plans.sections(number)
    core, everything, _ = times(read(plans._path(number))["cells"])
    total = [section.reading + sum(section.exercises.values()) for section in found]
    assert sum(total) == pytest.approx(everything)
    assert sum(t for t, s in zip(total, found, strict=True) if not s.further) == pytest.approx(core)


def test_the_lecture_fills_its_ninety_minutes():
    slides = lecture.lecture()
    assert sum(slide.minutes for slide in slides) == 90
    rows = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| (.+?) \| ", plans.lecture_table(), flags=re.MULTILINE)
    assert len(rows) == len(slides)
    now = 0.0
    for at, minutes, _ in rows:
        assert float(at) == now
        now += float(minutes)
    for title in re.findall(
        r'"([A-Z][^"]+)"', (guide.PAGES / "lecture.md").read_text().split("## When you are late")[1]
    ):
        parts = [part["title"] for part in lecture.parts()]
        assert title in parts + [slide.title for slide in slides], f"lecture.md names {title!r}, which is no slide"


def test_a_section_may_begin_in_the_middle_of_a_text():
    """As "Training" of 04 does: a last word on the section before, then the heading."""
    for path in PATHS:
        texts = [source(cell) for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]
        headings = [heading for text in texts for heading in re.findall(r"^## (.+)", text, flags=re.MULTILINE)]
        assert set(map(str.strip, headings)) <= {section.heading for section in plans.sections(path.name[:2])}


def test_the_day_has_breaks_and_an_end():
    rows = plans.workshop()
    assert max(plans.sittings(rows)) <= plans.SITTING
    assert 300 <= sum(plans.sittings(rows)) <= 360 and sum(minutes for _, minutes, _ in rows) <= 8 * 60
    assert sum(kind == "break" for kind, *_ in rows) >= 4


@pytest.mark.parametrize("number", NUMBERS)
def test_a_week_is_two_sittings(number):
    week = plans.week(number)
    assert max(week.minutes) <= plans.SITTING
    assert sum(week.minutes) == pytest.approx(times(read(plans._path(number))["cells"])[0])


def test_a_plan_that_names_no_section_says_which_there_are(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "workshop.toml").write_text('[[item]]\nsection = "02 No such heading"\n')
    monkeypatch.setattr(plans, "ROOT", tmp_path)
    with pytest.raises(LookupError, match="no section 'No such heading'; it has .*The bound in letters"):
        plans.workshop()


def test_sections_named_in_the_guide_are_there():
    headings = {s.heading.removeprefix("Further: ").lower() for number in NUMBERS for s in plans.sections(number)}
    text = (guide.PAGES / "term.md").read_text().split("**Further sections**")[1].split("**A shorter")[0]
    named = re.findall(r"\*([^*]+)\*", text)
    assert len(named) == 6
    for name in named:
        assert " ".join(name.split()).lower() in headings, name


def test_exercises_named_in_the_guide_are_there():
    known = {id for number in NUMBERS for section in plans.sections(number) for id in section.exercises}
    for name in ("learners.md", "workshop.md", "term.md"):
        assert set(re.findall(r"\b\d\d\.[a-e]\b", (guide.PAGES / name).read_text())) <= known


def test_long_cells_and_memory_are_those_that_were_measured():
    assert "04" in plans.long_cells_table() and re.search(r"\| 04 \| \d+ s \| .+\(\d+ s\)", plans.long_cells_table())
    assert plans.memory_table(10).count("GB") == 2 * len(NUMBERS)


def test_twenty_mistakes_in_the_checkers_words():
    text = (guide.PAGES / "mistakes.md").read_text()
    assert text.count("\n### ") == 20
    assert all(guide.MARK.search(part) for part in text.split("\n### ")[1:])
    with pytest.raises(LookupError, match="0 messages begin with"):
        guide.mistake("04.b No checker says this")


def test_five_questions_for_each_notebook():
    text = (guide.PAGES / "questions.md").read_text()
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [part[:2] for part in parts] == NUMBERS
    for part in parts:
        assert [number for number, *_ in guide.QUESTION.findall(part)] == list("12345"), part[:40]


def test_answers_are_folded_or_left_out():
    source = (guide.PAGES / "exam.md").read_text()
    found = guide.QUESTION.findall(source)
    assert len(found) == 23 == len(re.findall(r"^\d+\. ", source, flags=re.MULTILINE))
    kept = guide.instructor_pages()["exam.md"]
    for _, question, answer in found:
        assert question in SITE["guide/exam.md"] and answer not in SITE["guide/exam.md"] and answer in kept
    assert SITE["guide/questions.md"].count("<summary>Answer</summary>") == 5 * len(NUMBERS)
    assert "<details>" not in guide.instructor_pages()["questions.md"]


def test_the_command_writes_the_instructor_s_pages(tmp_path):
    guide.main([str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exam.md", "questions.md"]
