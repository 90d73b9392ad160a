"""Every finding, on a small course that was broken on purpose: what it says, and on which line."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.publishing.source import Finding
from core.quizzes import answers, criteria, verdicts
from tests.core.publishing.broken import (
    CONTENT,
    COURSE,
    FEEDING,
    GLUTEN,
    JAR,
    OPEN,
    OVEN,
    QUIZ,
    QUIZ_2,
    edit,
    findings,
    messages,
)
from tests.core.publishing.generated import write_generated


@dataclass(frozen=True)
class Break:
    """In a file of the course ``old`` becomes ``new``; the finding says ``message``.

    It names the line on which ``at`` stands then, without it ``new``, in that file or ``elsewhere``.
    """

    name: str
    file: str
    old: str
    new: str
    message: str
    at: str | None = None
    elsewhere: str | None = None
    severity: str = "error"

    def line_in(self, folder: Path) -> int:
        text = (folder / (self.elsewhere or self.file)).read_text()
        at = self.at or self.new
        assert at in text
        return text.count("\n", 0, text.index(at)) + 1


BREAKS = [Break(**entry) for entry in yaml.safe_load((Path(__file__).parent / "breaks.yaml").read_text())]


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_what_is_broken_is_found_where_it_stands(course: Path, broken: Break) -> None:
    path = course / broken.file
    text = path.read_text()
    assert broken.old in text
    path.write_text(text.replace(broken.old, broken.new, 1))
    found = findings(course)
    one = next((one for one in found if broken.message in one.message), None)
    assert one, "\n".join(map(str, found))
    assert (one.file, one.line) == (broken.elsewhere or broken.file, broken.line_in(course)), str(one)
    assert one.severity == broken.severity


def test_a_whole_course_of_another_field_has_no_finding(course: Path) -> None:
    assert findings(course) == []


def test_the_shipped_course_has_no_finding() -> None:
    assert findings(CONTENT) == []


def test_generated_courses_have_no_finding(tmp_path: Path) -> None:
    assert findings(write_generated(tmp_path / "course", 5)) == []


# ---- what a change of one line cannot break ------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["course.yaml", "glossary.yaml", "01-starter/chapter.yaml", QUIZ, OPEN])
def test_a_missing_file_is_named(course: Path, missing: str) -> None:
    (course / missing).unlink()
    assert Finding(missing, 1, "the file is missing") in findings(course)


def test_a_missing_course_is_named(tmp_path: Path) -> None:
    assert "no such folder" in findings(tmp_path / "nowhere")[0].message


def test_a_chapter_without_sections_is_named(course: Path) -> None:
    shutil.rmtree(course / "01-starter/sections")
    assert Finding("01-starter/sections", 1, "the chapter has no sections") in findings(course)


def test_sections_are_numbered_without_gaps(course: Path) -> None:
    (course / FEEDING).rename(course / FEEDING.replace("02-f", "03-f"))
    [one] = findings(course)
    assert (one.file, one.line) == (FEEDING.replace("02-f", "03-f"), 1)
    assert "call it 02-slug.md" in one.message


def test_a_section_id_stands_for_one_section_of_the_course(course: Path) -> None:
    (course / GLUTEN).rename(course / "02-baking/sections/01-feeding-a-starter.md")
    assert any(
        f"is that of {FEEDING} too" in one for one in messages(course, "02-baking/sections/01-feeding-a-starter.md")
    )


def test_text_that_is_not_utf8_is_named_with_its_line(course: Path) -> None:
    (course / COURSE).write_bytes(b"course_id: bread\ntitle: Pain \xe0 l'ancienne\n")
    assert findings(course) == [Finding(COURSE, 2, "the text is not UTF-8")]


def test_what_stands_where_a_file_should_is_named(course: Path) -> None:
    (course / "glossary.yaml").unlink()
    (course / "glossary.yaml").mkdir()
    assert "a file is wanted here, and this is none" in messages(course, "glossary.yaml")


def test_a_list_where_members_should_stand_is_named(course: Path) -> None:
    (course / "glossary.yaml").write_text("- starter\n- gluten\n")
    assert Finding("glossary.yaml", 1, "the file should hold named members") in findings(course)


def test_a_file_that_nothing_reads_is_named(course: Path) -> None:
    (course / "03-toast").mkdir()
    (course / "03-toast/chapter.yaml").write_text("title: Toast\n")
    (course / "README.md").write_text("For authors.\n")
    (course / ".DS_Store").write_bytes(b"\0")
    assert findings(course) == [Finding("03-toast/chapter.yaml", 1, "nothing reads this file", "warning")]


def test_every_mistake_is_named_at_once(course: Path) -> None:
    for file in (QUIZ, OPEN, QUIZ_2):
        (course / file).write_text((course / file).read_text().replace("concept: ", "concept: not-", 1))
    assert {one.file for one in findings(course)} == {QUIZ, OPEN, QUIZ_2}


def test_a_quiz_has_ten_questions_in_order(course: Path) -> None:
    edit(course / QUIZ, lambda quiz: quiz["questions"].insert(0, quiz["questions"].pop()))
    found = messages(course, QUIZ)
    assert "call it q1: it is number 1" in found
    assert "question 1 is multiple-choice, not short-answer" in found
    assert "question 6 is true-false, not multiple-choice" in found
    edit(course / QUIZ, lambda quiz: quiz["questions"].pop())
    assert any("2 short-answer questions; here are 9" in one for one in messages(course, QUIZ))


@pytest.mark.parametrize("number", [2, 4])
def test_a_chapter_has_three_open_questions(course: Path, number: int) -> None:
    edit(course / OPEN, lambda data: data.update(questions=(data["questions"] * 2)[:number]))
    assert f"a chapter has 3 open questions, not {number}" in messages(course, OPEN)


@pytest.mark.parametrize("number", [3, 6])
def test_a_rubric_has_four_or_five_criteria(course: Path, number: int) -> None:
    edit(course / OPEN, lambda d: d["questions"][0].update(criteria=(d["questions"][0]["criteria"] * 2)[:number]))
    assert f"a rubric has 4 or 5 criteria, not {number}" in messages(course, OPEN)


def test_the_right_option_is_not_always_the_same_letter(course: Path) -> None:
    def always_b(quiz: Any) -> None:
        for question in quiz["questions"][:3]:
            question["answer"] = "b"

    edit(course / QUIZ, always_b)
    assert "always choosing b is right in 4 of 5 questions" in messages(course, QUIZ)
    assert {one.severity for one in findings(course)} == {"warning"}


@pytest.mark.parametrize("which", ["longest", "shortest"])
def test_the_right_option_is_not_always_the_one_that_stands_out(course: Path, which: str) -> None:
    def show(quiz: Any) -> None:
        for question in quiz["questions"][:5]:
            for option in question["options"]:
                right = option["id"] == question["answer"]
                if right == (which == "longest"):
                    option["text"] = f"Said at great length and with many words: {option['text']}"

    edit(course / QUIZ, show)
    assert f"always choosing the {which} option is right in 5 of 5 questions" in messages(course, QUIZ)


def test_a_list_of_keywords_must_not_do(course: Path) -> None:
    def one_word_each(quiz: Any) -> None:
        yeast, bacteria = quiz["questions"][8]["points"]
        yeast["phrasings"], bacteria["phrasings"] = ["yeast"], ["bacteria"]

    edit(course / QUIZ, one_word_each)
    assert "a bare list of keywords earns 10 points: “yeast, bacteria”" in messages(course, QUIZ)


@pytest.mark.usefixtures("changed_marking")
def test_marking_without_its_gates_would_be_noticed(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(criteria, "CAP", 10)
    found = "\n".join(messages(course, QUIZ))
    assert "a bare list of keywords earns" in found
    assert "marking does not find this phrase" in found


@pytest.mark.usefixtures("changed_marking")
def test_marking_that_is_deaf_to_denials_would_be_noticed(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "denies", lambda _tokens, _index: False)
    monkeypatch.setattr(answers, "denied_parts", lambda _tokens: {})
    assert any(one.startswith("the opposite of this model answer earns 10") for one in messages(course, QUIZ))


@pytest.mark.usefixtures("changed_marking")
def test_marking_that_is_deaf_to_a_closing_verdict_would_be_noticed(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "_judges_the_last", lambda _sentence: False)
    assert any(one.endswith("None of this is true.”") for one in messages(course, QUIZ))


@pytest.mark.usefixtures("changed_marking")
def test_marking_that_falls_for_an_echo_would_be_noticed(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(criteria, "ECHO_SHARE", 2)
    edit(course / QUIZ, lambda quiz: quiz["questions"][8].update(text="Is it true that yeast makes gas in bread?"))
    assert any(one.startswith("an echo of the question earns") for one in messages(course, QUIZ))


@pytest.mark.parametrize(
    "harmless",
    [
        "Write to baker@example.com.",
        "See https://bread.example/recipes and www.example.org.",
        "Call +1 202 555 0143.",
        "In 2019 it was 1,200,000 loaves, 3.14159 or 2026-10-01 to 2026-12-24.",
        "Weights: 100 200 300 g; ratio 1:5:5, 10-12 hours, 0.55 and 2^10.",
        "The version 12.10.2026 and the price of 0800 loaves.",
        "Mail is sent with user@host in general.",
    ],
)
def test_numbers_and_reserved_addresses_are_nobodys(course: Path, harmless: str) -> None:
    path = course / JAR
    path.write_text(path.read_text().replace("The gas lifts the dough.", harmless))
    assert findings(course) == []


def test_reading_levels_are_judged_in_english_only(course: Path) -> None:
    path = course / JAR
    hard = "Fermentationsgemeinschaften stabilisieren Kohlenhydratmetabolismen. " * 4
    path.write_text(path.read_text().replace("Flour carries tiny living things.", hard))
    assert any("reads at grade" in one for one in messages(course, JAR))
    (course / COURSE).write_text((course / COURSE).read_text().replace("language: en", "language: de"))
    assert not any("reads at grade" in one for one in messages(course, JAR))


def test_headings_and_links_in_code_are_code(course: Path) -> None:
    path = course / OVEN
    path.write_text(path.read_text() + "\n```markdown\n# A title\n[a link](somewhere.md)\n```\n")
    assert findings(course) == []
