"""One mistake gives one error: what merely follows from it is not said."""

from pathlib import Path

import pytest

from core.publishing.source import Finding
from tests.core.publishing.broken import COURSE, FEEDING, GLUTEN, JAR, change, findings
from tests.core.publishing.generated import write_generated


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (GLUTEN, "requires: [starter]", "requires: [cheese]", "requires cheese, which no section teaches"),
        (
            FEEDING,
            "requires: [starter, ",
            "requires: [gluten, ",
            f"requires gluten, which is taught later, in {GLUTEN}",
        ),
        ("02-baking/chapter.yaml", "[01-starter]", "[01-cheese]", "there is no chapter 01-cheese; there are"),
    ],
)
def test_what_cannot_be_required_is_said_once(course: Path, file: str, old: str, new: str, message: str) -> None:
    change(course, file, old, new)
    [one] = findings(course)
    assert one.file == file
    assert one.message.startswith(message)


def test_concepts_of_three_sections_can_go_in_a_circle(course: Path) -> None:
    change(course, GLUTEN, "requires: [starter]", "requires: [feeding]")
    change(course, JAR, "requires: []", "requires: [gluten]")
    [one] = findings(course)
    assert one.message.endswith("in a circle: starter needs gluten needs feeding needs starter")


def test_a_section_id_used_twice_is_said_first_and_alone(course: Path) -> None:
    (course / GLUTEN).rename(course / "02-baking/sections/01-feeding-a-starter.md")
    for file in ("02-baking/quiz.yaml", "02-baking/assessments.yaml"):
        text = (course / file).read_text()
        (course / file).write_text(text.replace("building-gluten", "feeding-a-starter"))
    change(course, COURSE, "title: Sourdough Bread", "title: Ask baker@bread.co.uk")
    first, second = findings(course)
    assert first.message == f"section id feeding-a-starter is that of {FEEDING} too; ids are unique"
    assert second.file == COURSE


def test_a_chapter_may_be_needed_through_another(tmp_path: Path) -> None:
    folder = write_generated(tmp_path / "course", 4)
    change(folder, "004-harbour/sections/01-trade-4.md", "requires: []", "requires: [trade-1]")
    assert findings(folder) == []
    change(folder, "002-harbour/chapter.yaml", '"001-harbour"', "")
    [one] = findings(folder)
    assert one.file == "004-harbour/chapter.yaml"
    assert one.message == "001-harbour is missing here: trade-4 requires trade-1"


def test_a_folder_that_is_none_is_named_once(course: Path) -> None:
    [one] = findings(course / "nowhere")
    assert one.below(course / "nowhere") == f"{course}/nowhere:1: error: there is no such folder"
    [one] = findings(course / COURSE)
    assert (
        one.below(course / COURSE) == f"{course / COURSE}:1: error: name the folder that holds course.yaml, not a file"
    )


def test_a_text_for_beginners_cannot_be_too_easy(course: Path) -> None:
    change(
        course,
        FEEDING,
        "A starter is like a pet. It eats the flour, gets hungry, and goes flat.",
        "It is up to us. " * 6,
    )
    assert findings(course) == []
    change(course, FEEDING, "The ratio of old starter to fresh flour decides", "It is. " * 40 + "It decides")
    assert any("reads at grade -" in one.message and "2 to 12 are wanted" in one.message for one in findings(course))


def test_ids_come_first(course: Path) -> None:
    change(course, COURSE, "id: 02-baking", "id: 01-starter")
    assert findings(course)[0] == Finding(COURSE, 12, "chapter 01-starter is listed twice")
