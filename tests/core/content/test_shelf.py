"""The course in memory: a whole version at a time, and the old one while the new one is not whole."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.content import CourseUnavailable, Shelf
from core.storage import LocalStorage
from tests.core.factories import tiny_course, write_course


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


async def loaded(storage: LocalStorage) -> Shelf:
    shelf = Shelf(storage)
    await shelf.refresh()
    return shelf


async def test_the_whole_version_is_held(storage: LocalStorage) -> None:
    written = await write_course(storage)
    course = (await loaded(storage)).published
    assert course.course == written.course
    assert course.chapters == written.chapters
    assert course.quizzes == written.quizzes
    assert course.quiz_keys == written.keys
    assert list(course.outlines) == ["01-first", "02-second", "03-third"]
    assert course.section_titles["02-second", "making-sugar"] == "Making sugar"


async def test_neighbours_end_with_the_course(storage: LocalStorage) -> None:
    await write_course(storage)
    course = (await loaded(storage)).published
    following, preceding = course.neighbour("01-first", 1), course.neighbour("03-third", -1)
    assert following is not None
    assert preceding is not None
    assert following.chapter_id == preceding.chapter_id == "02-second"
    assert course.neighbour("03-third", 1) is None
    assert course.neighbour("01-first", -1) is None


async def test_without_a_course_it_waits_for_one(storage: LocalStorage) -> None:
    shelf = await loaded(storage)
    with pytest.raises(CourseUnavailable) as refusal:
        _ = shelf.published
    assert (refusal.value.status, refusal.value.code) == (503, "SERVICE_UNAVAILABLE")
    assert "Retry-After" in refusal.value.headers
    await write_course(storage)
    await shelf.refresh()
    assert shelf.published.content_version == "v1"


async def test_a_new_version_takes_the_place_of_the_old_in_one_step(storage: LocalStorage) -> None:
    await write_course(storage)
    shelf = await loaded(storage)
    old = shelf.published
    await write_course(storage, tiny_course("v2", title="Plants, second edition"))
    await shelf.refresh()
    new = shelf.published
    assert (new.content_version, new.course.title) == ("v2", "Plants, second edition")
    assert {chapter.content_version for chapter in new.chapters.values()} == {"v2"}
    assert {chapter.content_version for chapter in old.chapters.values()} == {"v1"}


async def test_the_same_version_is_not_read_again(storage: LocalStorage) -> None:
    await write_course(storage)
    shelf = await loaded(storage)
    before = shelf.published
    await shelf.refresh()
    assert shelf.published is before


@pytest.mark.parametrize(
    "missing", ["course.json", "chapters/02-second.json", "quizzes/03-third-quiz.json", "quiz-keys/01-first-quiz.json"]
)
@pytest.mark.parametrize("damage", ["missing", "cut short"])
async def test_a_broken_version_leaves_the_old_one_until_it_is_whole(
    storage: LocalStorage, tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: str, damage: str
) -> None:
    await write_course(storage)
    shelf = await loaded(storage)
    second = await write_course(storage, tiny_course("v2"))
    broken = tmp_path / "v2" / missing
    if damage == "missing":
        broken.unlink()
    else:
        broken.write_bytes(broken.read_bytes()[:100])
    with caplog.at_level(logging.INFO):
        await shelf.refresh()
    assert shelf.published.content_version == "v1"
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
    await write_course(storage, second)
    await shelf.refresh()
    assert shelf.published.content_version == "v2"


def without_its_last_key(quiz_key: Any) -> None:
    quiz_key["keys"].pop()


def keys_turned_round(quiz_key: Any) -> None:
    quiz_key["keys"].reverse()


def answer_not_among_the_options(quiz_key: Any) -> None:
    quiz_key["keys"][0]["answer"] = "z"


def option_without_explanation(quiz_key: Any) -> None:
    quiz_key["keys"][0]["explanations"].pop("a")


def taught_elsewhere(quiz_key: Any) -> None:
    quiz_key["keys"][0]["section_id"] = "nowhere"


def section_gone(chapter: Any) -> None:
    chapter["sections"].pop()


def of_the_other_version(part: Any) -> None:
    part["content_version"] = "v1"


def of_another_chapter(part: Any) -> None:
    part["chapter_id"] = "03-third"


def of_another_quiz(part: Any) -> None:
    part["quiz_id"] = "03-third-quiz"


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("course.json", of_the_other_version),
        ("chapters/02-second.json", of_the_other_version),
        ("chapters/02-second.json", of_another_chapter),
        ("chapters/02-second.json", section_gone),
        ("quizzes/02-second-quiz.json", of_another_chapter),
        ("quizzes/02-second-quiz.json", of_another_quiz),
        ("quiz-keys/02-second-quiz.json", of_the_other_version),
        ("quiz-keys/02-second-quiz.json", of_another_quiz),
        ("quiz-keys/02-second-quiz.json", without_its_last_key),
        ("quiz-keys/02-second-quiz.json", keys_turned_round),
        ("quiz-keys/02-second-quiz.json", answer_not_among_the_options),
        ("quiz-keys/02-second-quiz.json", option_without_explanation),
        ("quiz-keys/02-second-quiz.json", taught_elsewhere),
    ],
)
async def test_a_version_whose_objects_do_not_fit_each_other_is_not_taken_up(
    storage: LocalStorage,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    key: str,
    change: Callable[[Any], None],
) -> None:
    await write_course(storage)
    shelf = await loaded(storage)
    assert shelf.warning is None
    second = await write_course(storage, tiny_course("v2"))
    path = tmp_path / "v2" / key
    part = json.loads(path.read_bytes())
    change(part)
    path.write_text(json.dumps(part))
    await shelf.refresh()
    assert shelf.published.content_version == "v1"
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.startswith("version v2, which is published, cannot be loaded: ")
    assert f"v2/{key}" in line
    assert shelf.warning == f"serving version v1: {line}"
    await write_course(storage, second)
    await shelf.refresh()
    assert (shelf.published.content_version, shelf.warning) == ("v2", None)


@pytest.mark.parametrize("pointer", [b"", b"{", b"[]", b'{"content_version": "v1"}', b"\xff\xfe"])
async def test_a_broken_pointer_leaves_the_old_version(storage: LocalStorage, pointer: bytes) -> None:
    await write_course(storage)
    shelf = await loaded(storage)
    await storage.write("course.json", pointer)
    await shelf.refresh()
    assert shelf.published.content_version == "v1"


@pytest.mark.parametrize("published", [True, False])
async def test_a_lasting_trouble_is_one_line(
    storage: LocalStorage, caplog: pytest.LogCaptureFixture, published: bool
) -> None:
    shelf = Shelf(storage)
    if published:
        await storage.write("course.json", b"{")
    for _ in range(3):
        await shelf.refresh()
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.exc_info is None
    assert "\n" not in record.getMessage()


class Shaky(LocalStorage):
    """A storage that can fail in a way that no storage promised, and says when it was asked."""

    failing = False

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.asked = asyncio.Semaphore(0)

    async def read(self, key: str) -> tuple[bytes, str | None]:
        self.asked.release()
        if self.failing:
            raise RuntimeError("the connection came apart while a body was read")
        return await super().read(key)


async def test_it_goes_on_looking_whatever_a_read_raised(tmp_path: Path) -> None:
    storage = Shaky(tmp_path)
    await write_course(storage)
    shelf = await loaded(storage)
    storage.failing = True
    looking = asyncio.create_task(shelf.refresh_every(0.001))
    try:
        async with asyncio.timeout(10):
            storage.asked = asyncio.Semaphore(0)
            for _ in range(3):
                await storage.asked.acquire()
        assert shelf.published.content_version == "v1"
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    storage.failing = False
    await write_course(storage, tiny_course("v2"))
    await shelf.refresh()
    assert shelf.published.content_version == "v2"
