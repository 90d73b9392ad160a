import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from intelligence import content
from intelligence.content import CourseUnavailable
from intelligence.settings import get_settings
from intelligence.storage import LocalStorage, ObjectNotFound, StorageError, open_storage
from tests.intelligence.assessments.running import publish_course
from tests.intelligence.conftest import Configure
from tests.intelligence.support import served, whole_service

QUESTION: dict[str, Any] = {
    "question_id": "one-q1",
    "chapter_id": "one",
    "section_id": "start",
    "question_text": "Why?",
    "difficulty_level": "beginner",
    "expected_length": {"minimum_words": 10, "maximum_words": 100},
    "evaluation_criteria": [{"criterion_id": "reason", "name": "Reason", "points": 10}],
}
RUBRIC: dict[str, Any] = {
    "question_id": "one-q1",
    "section_id": "start",
    "concept": "starting",
    "criteria": [
        {
            "criterion_id": "reason",
            "name": "Reason",
            "points": 10,
            "section_id": "start",
            "levels": {"full": "gives one", "partial": "hints", "none": "nothing"},
        }
    ],
    "excellent_example": "Because.",
    "poor_example": "Dunno.",
}
CHAPTER = {
    "chapter_id": "one",
    "chapter_number": 1,
    "title": "One",
    "subtitle": "First",
    "access_tier": "free",
    "difficulty_level": "beginner",
    "estimated_time_minutes": 5,
    "prerequisites": [],
    "quiz_id": "one-quiz",
    "assessment_file": "one.json",
    "sections": [
        {
            "section_id": "start",
            "title": "Start",
            "order": 1,
            "estimated_time_minutes": 5,
            "teaches": ["starting"],
            "requires": [],
        }
    ],
}

OTHER_CRITERION = RUBRIC["criteria"][0] | {"criterion_id": "another"}

Publish = Callable[..., None]


@pytest.fixture
async def publish(configure: Configure, tmp_path: Path) -> AsyncIterator[Publish]:
    """Publish a version of a one-chapter course; the pointer last, and at once."""
    await configure(CONTENT_DIRECTORY=str(tmp_path), CONTENT_RELOAD_SECONDS="0.01")
    content.forget()

    def write(version: str, *, whole: bool = True) -> None:
        course: dict[str, Any] = {
            "course_id": "tiny",
            "title": f"Tiny {version}",
            "description": "A course",
            "language": "en",
            "licence": "CC0",
            "reviewed_on": "2026-11-22",
            "content_version": version,
            "chapters": [CHAPTER],
            "glossary": [],
        }
        objects = {
            f"{version}/course.json": course,
            f"{version}/assessments/one.json": {"chapter_id": "one", "questions": [QUESTION]},
            f"{version}/rubrics/one.json": {"chapter_id": "one", "content_version": version, "rubrics": [RUBRIC]},
        }
        for key, value in objects.items():
            if whole or "rubrics" not in key:
                (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / key).write_text(json.dumps(value))
        pointer = {
            "course_id": "tiny",
            "title": "Tiny",
            "content_version": version,
            "published_at": "2026-11-22T00:00:00Z",
        }
        (tmp_path / "new").write_text(json.dumps(pointer))
        (tmp_path / "new").rename(tmp_path / "course.json")

    yield write
    content.forget()


async def serving() -> str:
    return (await content.current_course()).course.content_version


@asynccontextmanager
async def looking() -> AsyncIterator[None]:
    """What the service and its worker do beside their work."""
    task = asyncio.create_task(content.refresh_every())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_published_course_and_its_parts(publish: Publish) -> None:
    publish("v1")
    course = await content.current_course()
    assert course.course.title == "Tiny v1"
    question = course.question("one-q1")
    assert question is not None
    assert question.question_text == "Why?"
    assert course.rubric("one-q1").excellent_example == "Because."
    section = course.section("one", "start")
    assert section is not None
    assert section.title == "Start"
    assert course.question("two-q1") is None
    assert course.section("one", "nowhere") is None
    assert course.section("two", "start") is None


async def test_an_idle_process_finds_a_newer_version_and_the_older_stays_readable(publish: Publish) -> None:
    publish("v1")
    async with looking():
        assert await serving() == "v1"
        publish("v2")
        async with asyncio.timeout(10):
            while "v2" not in content._library.versions:  # noqa: ASYNC110  # nobody asks for it meanwhile
                await asyncio.sleep(0.005)
        assert await serving() == "v2"
    assert (await content.course_version("v1")).course.title == "Tiny v1"
    content.forget()
    assert (await content.course_version("v1")).course.title == "Tiny v1"


async def test_a_version_wanted_by_many_at_once_is_read_once(publish: Publish) -> None:
    publish("v1")
    publish("v2")
    wanted = [content.course_version("v1") for _ in range(8)]
    assert len({id(course) for course in await asyncio.gather(*wanted, content.course_version("v1"))}) == 1
    current, named = await asyncio.gather(content.current_course(), content.course_version("v2"))
    assert current is named


async def test_a_version_that_can_not_be_read_now_may_be_later(publish: Publish, tmp_path: Path) -> None:
    publish("v1")
    (tmp_path / "v1/course.json").rename(tmp_path / "aside")
    failed = await asyncio.gather(*(content.course_version("v1") for _ in range(4)), return_exceptions=True)
    assert {type(one) for one in failed} == {CourseUnavailable}
    (tmp_path / "aside").rename(tmp_path / "v1/course.json")
    assert (await content.course_version("v1")).course.title == "Tiny v1"


async def test_a_version_without_an_object_leaves_the_old_one_in_place(
    publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    publish("v1")
    assert await serving() == "v1"
    publish("v2", whole=False)
    for _ in range(3):
        await content.refresh()
    assert await serving() == "v1"
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line == "version v2, which is published, cannot be loaded: v2/rubrics/one.json does not exist"
    assert content.warning() == f"serving version v1: {line}"
    publish("v2")
    await content.refresh()
    assert (await serving(), content.warning()) == ("v2", None)


async def test_the_service_looks_by_itself_and_warns_in_its_readiness(publish: Publish) -> None:
    publish("v1")
    async with served(whole_service()) as url, httpx.AsyncClient(base_url=url) as browser:

        async def until(question: Callable[[], object]) -> None:
            async with asyncio.timeout(10):
                while not question():  # noqa: ASYNC110  # no event says so
                    await asyncio.sleep(0.005)

        await until(lambda: "v1" in content._library.versions)
        publish("v2", whole=False)
        await until(content.warning)
        ready = (await browser.get("/api/v2/health/ready")).json()
        assert content.warning() in ready["warnings"]
        assert ready["checks"]["course"] == "ok"


class Counting(LocalStorage):
    """A folder whose reads take a moment; ``most``: how many there were at once."""

    now = most = 0

    async def read(self, key: str) -> bytes:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return await super().read(key)


async def test_a_version_is_read_sixteen_objects_at_once_at_most(tmp_path: Path) -> None:
    version = publish_course(tmp_path)
    storage = Counting(tmp_path)
    loaded = await content._read(storage, version)
    assert len(loaded.assessments) == 6
    assert 2 * len(loaded.assessments) == storage.most <= content.READS_AT_ONCE


@pytest.mark.parametrize(
    ("key", "member", "value"),
    [
        ("course.json", "content_version", "v1"),
        ("assessments/one.json", "chapter_id", "two"),
        ("assessments/one.json", "questions", [QUESTION | {"chapter_id": "two"}]),
        ("assessments/one.json", "questions", [QUESTION | {"section_id": "nowhere"}]),
        ("assessments/one.json", "questions", []),
        ("rubrics/one.json", "content_version", "v1"),
        ("rubrics/one.json", "chapter_id", "two"),
        ("rubrics/one.json", "rubrics", [RUBRIC | {"question_id": "one-q2"}]),
        ("rubrics/one.json", "rubrics", [RUBRIC, RUBRIC | {"question_id": "one-q2"}]),
        ("rubrics/one.json", "rubrics", [RUBRIC | {"criteria": [OTHER_CRITERION]}]),
    ],
)
async def test_a_version_whose_objects_do_not_fit_each_other_is_not_taken_up(
    publish: Publish, tmp_path: Path, key: str, member: str, value: object
) -> None:
    publish("v1")
    assert await serving() == "v1"
    publish("v2")
    path = tmp_path / "v2" / key
    path.write_text(json.dumps(json.loads(path.read_text()) | {member: value}))
    await content.refresh()
    assert await serving() == "v1"
    assert f"cannot be loaded: v2/{key} " in str(content.warning())


async def test_nothing_published_and_unknown_versions_are_unavailable(publish: Publish) -> None:
    with pytest.raises(CourseUnavailable):
        await content.current_course()
    with pytest.raises(CourseUnavailable):
        await content.course_version("v9")
    publish("v1")
    assert (await content.current_course()).course.content_version == "v1"


async def test_a_missing_object_and_an_unreadable_one_are_told_apart(publish: Publish, tmp_path: Path) -> None:
    os.mkdir(tmp_path / "folder")  # noqa: PTH102  # a test may block
    async with open_storage(get_settings()) as storage:
        with pytest.raises(ObjectNotFound):
            await storage.read("nothing.json")
        with pytest.raises(StorageError):
            await storage.read("folder")


async def test_a_bucket_that_does_not_answer_is_unavailable(configure: Configure) -> None:
    await configure(
        CONTENT_SOURCE="r2",
        CLOUDFLARE_R2_ENDPOINT="http://127.0.0.1:9",
        CLOUDFLARE_R2_ACCESS_KEY="k",
        CLOUDFLARE_R2_SECRET_KEY="s",
    )
    async with open_storage(get_settings()) as storage:
        with pytest.raises(StorageError):
            await storage.read("course.json")
