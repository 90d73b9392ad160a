"""What only a course's texts decide: answers that fit another question, reading levels, minutes to read."""

from pathlib import Path

import pytest

from core.publishing.compile import compile_course, reading_minutes
from core.publishing.source import read_course
from tests.core.publishing.broken import COURSE, JAR, QUIZ, QUIZ_2, change, messages

FIRST_OF_FEEDING = "Much acid has built up in it, and afterwards there is enough food for the rest."
LAST_OF_GUESTS = "The yeast lifts the dough. The bacteria produce acid, which also keeps mould away."
TEXTS = {
    "easy": "It is up to us. We can do it. " * 20,
    "hard": "Fermentation communities stabilise carbohydrate metabolism, notwithstanding inhibitory substances. " * 12,
}


def test_every_model_answer_is_tried_on_the_other_question_of_the_chapter(course: Path) -> None:
    change(course, QUIZ, LAST_OF_GUESTS, f"{LAST_OF_GUESTS} Feeding dilutes the acid, with fewer mouths to feed.")
    [message] = messages(course, QUIZ)
    assert message.startswith("a model answer to q9 in 01-starter/quiz.yaml earns 10 points here: “The yeast lifts")


def test_a_model_answer_is_tried_on_the_chapter_that_follows(course: Path) -> None:
    change(course, QUIZ, FIRST_OF_FEEDING, f"{FIRST_OF_FEEDING} It keeps the skin soft and has time to expand.")
    [message] = messages(course, QUIZ_2)
    assert message.startswith("a model answer to q10 in 01-starter/quiz.yaml earns 10 points here: “Much acid")


@pytest.mark.parametrize(
    ("name", "begins", "kind", "wanted"),
    [
        ("section", "A **starter** is", "hard", "2 to 12 are wanted"),
        ("beginner explanation", "    Flour carries tiny", "hard", "8 at most is wanted"),
        ("intermediate explanation", "    Wild yeasts and lactic", "easy", "2 to 12 are wanted"),
        ("intermediate explanation", "    Wild yeasts and lactic", "hard", "2 to 12 are wanted"),
        ("advanced explanation", "    A mature starter", "easy", "4 to 16 are wanted"),
        ("advanced explanation", "    A mature starter", "hard", "4 to 16 are wanted"),
    ],
)
def test_each_kind_of_text_has_its_reading_level(course: Path, name: str, begins: str, kind: str, wanted: str) -> None:
    margin = " " * (len(begins) - len(begins.lstrip()))
    change(course, JAR, begins, f"{margin}{TEXTS[kind]}{begins.lstrip()}")
    assert any(f"the {name} reads at grade" in one and wanted in one for one in messages(course, JAR))


def test_a_section_of_short_words_alone_is_a_telegram(course: Path) -> None:
    text = (course / JAR).read_text()
    (course / JAR).write_text(text[: text.index("A **starter**")] + TEXTS["easy"])
    assert any("the section reads at grade -" in one for one in messages(course, JAR))


@pytest.mark.parametrize(("words", "minutes"), [(0, 1), (1, 1), (200, 1), (201, 2), (1_000, 5), (1_001, 6)])
def test_two_hundred_words_are_read_in_a_minute(words: int, minutes: int) -> None:
    assert reading_minutes("word " * words) == minutes


def test_a_chapter_takes_the_minutes_of_its_sections(course: Path) -> None:
    change(course, JAR, "A **starter** is", f"{'word ' * 600}\n\nA **starter** is")
    chapter, _ = compile_course(read_course(course)).course.chapters
    assert [section.estimated_time_minutes for section in chapter.sections] == [4, 1]
    assert chapter.estimated_time_minutes == 5


@pytest.mark.parametrize("number", ["0800 100 200", "020 7946 1234", "0221/47110", "(0221) 47 11"])
def test_a_number_with_a_trunk_zero_is_a_telephone(course: Path, number: str) -> None:
    change(course, COURSE, "How flour, water", f"Call {number}. How flour, water")
    assert messages(course, COURSE) == [f"this looks like a telephone number: “{number}”"]


@pytest.mark.parametrize(
    "harmless",
    [
        "See doi 10.1145/3442188.3445922 and arXiv 2005.11401 or 0704.0001.",
        "It is ISBN 0262035618 or ISBN-13: 978-0-262-03561-3.",
        "There were 4000000000 grains, 4,294,967,296 at most, from 1990 2000 2010 on.",
        "From 08-10 to 12-14, in 2019/2020, 1000 2000 3000 4000 times.",
        "Account DE89 3704 0044 0532 0130 01 and card 4111 1111 1111 1112 are none.",
    ],
)
def test_numbers_of_books_years_and_sums_are_nobodys(course: Path, harmless: str) -> None:
    change(course, JAR, "The gas lifts the dough.", harmless)
    assert [one for one in messages(course, JAR) if "this " in one] == []
