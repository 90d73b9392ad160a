"""A course is published while answers wait: each is graded by the rubric it was written for."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.publishing.compile import CompiledCourse, compile_course
from core.publishing.publish import publish
from core.publishing.source import read_course
from core.publishing.written import WrittenChapter, WrittenOpenQuestion
from core.storage import LocalStorage
from intelligence import content
from shared_schemas.course import CoursePointer
from tests.intelligence.assessments.running import World, eventually, publish_course
from tests.simulator.running import ROOT

MARK = " (second edition)"


@pytest.fixture
def published_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of this test's own, because it is published again, and looked for all the time."""
    monkeypatch.setenv("CONTENT_RELOAD_SECONDS", "0.05")
    publish_course(tmp_path)
    return tmp_path


def second_edition() -> CompiledCourse:
    """The same course with other names for all criteria, which makes it another version."""

    def marked(question: WrittenOpenQuestion) -> WrittenOpenQuestion:
        criteria = [one.model_copy(update={"name": f"{one.name}{MARK}"}) for one in question.criteria]
        return question.model_copy(update={"criteria": criteria})

    def renamed(chapter: WrittenChapter) -> WrittenChapter:
        questions = [marked(question) for question in chapter.assessments.questions]
        assessments = chapter.assessments.model_copy(update={"questions": questions})
        return chapter.model_copy(update={"assessments": assessments})

    first = read_course(ROOT / "content")
    return compile_course(first.model_copy(update={"chapters": [renamed(chapter) for chapter in first.chapters]}))


async def test_a_queued_answer_is_graded_by_the_rubric_it_was_written_for(world: World, published_course: Path) -> None:
    student = await world.student()
    before = (await student.submit()).json()
    second = second_edition()
    await publish(LocalStorage(published_course), second, now=datetime.now(UTC))

    async def taken_up() -> bool:
        return (await content.current_course()).course == second.course

    await eventually(taken_up, "the second edition is not looked at")
    after = (await student.submit()).json()
    async with world.worker():
        grades = [await student.graded(receipt["submission_id"]) for receipt in (before, after)]
    for grade, is_second in zip(grades, (False, True), strict=True):
        assert grade["grading_status"] == "completed"
        assert {one["criterion"].endswith(MARK) for one in grade["criteria"]} == {is_second}
    versions = await world.rows(
        "SELECT content_version FROM assessment_submissions WHERE student_id = $1 ORDER BY attempt_number",
        student.student_id,
    )
    assert versions[0] != versions[1] == {"content_version": second.course.content_version}


async def test_an_idle_worker_takes_up_a_new_course_and_ends_cleanly_on_sigterm(
    base_environment: dict[str, str], published_course: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pointer, aside = published_course / "course.json", published_course / "aside"
    version = CoursePointer.model_validate_json(pointer.read_bytes()).content_version
    pointer.rename(aside)
    folder = tmp_path_factory.mktemp("worker")
    log = folder / "worker.log"
    with log.open("w") as out:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("intelligence"),
            "worker",
            cwd=folder,
            env=base_environment | {"PATH": os.environ["PATH"], "CONTENT_DIRECTORY": str(published_course)},
            stdout=out,
        )

    async def until_it_says(text: str) -> None:
        while text not in log.read_text():  # noqa: ASYNC110  # another process has no event for us
            await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(90):
            await until_it_says("course.json does not exist")
            aside.rename(pointer)
            await until_it_says(f"course version {version} is loaded")
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0, log.read_text()
        assert "grading answers" in log.read_text()
    finally:
        if process.returncode is None:
            process.kill()
