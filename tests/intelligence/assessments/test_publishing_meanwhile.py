"""A course is published while answers wait: each is graded by the rubric it was written for."""

import re
from pathlib import Path

import pytest

from intelligence import content
from shared_schemas.course import CoursePointer
from tests.intelligence.assessments.running import World, publish_course

MARK = " (second edition)"


@pytest.fixture
def published_course(tmp_path: Path) -> Path:
    """A course of this test's own, because it is published again."""
    publish_course(tmp_path)
    return tmp_path


def publish_second_edition(folder: Path) -> None:
    """The same course with other names for all criteria, as another version; the old version's objects stay."""
    first = CoursePointer.model_validate_json((folder / "course.json").read_bytes()).content_version
    for path in [path for path in (folder / first).rglob("*") if path.is_file()]:
        body = path.read_text(encoding="utf-8").replace(first, "second")
        body = re.sub(r'("name": "[^"]*)"', rf'\1{MARK}"', body)
        copy = folder / "second" / path.relative_to(folder / first)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(body, encoding="utf-8")
    pointer = (folder / "course.json").read_text(encoding="utf-8").replace(first, "second")
    (folder / "course.json").write_text(pointer, encoding="utf-8")


async def test_a_queued_answer_is_graded_by_the_rubric_it_was_written_for(world: World, published_course: Path) -> None:
    student = await world.student()
    before = (await student.submit()).json()
    publish_second_edition(published_course)
    content.forget()  # what every process does within a minute, and a restarted one at once
    after = (await student.submit()).json()
    async with world.worker():
        grades = [await student.graded(receipt["submission_id"]) for receipt in (before, after)]
    for grade, second in zip(grades, (False, True), strict=True):
        assert grade["grading_status"] == "completed"
        assert {one["criterion"].endswith(MARK) for one in grade["criteria"]} == {second}
    versions = await world.rows(
        "SELECT content_version FROM assessment_submissions WHERE student_id = $1 ORDER BY attempt_number",
        student.student_id,
    )
    assert versions[0] != versions[1] == {"content_version": "second"}
