"""The index of a course is built once, beside the event loop, and before the course is shown to anybody."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from core.access.service import Reader
from core.chapters import service
from core.chapters.search import Index
from core.content import PublishedCourse, Shelf, load_version
from core.storage import LocalStorage
from shared_schemas.course import Chapter
from tests.core.factories import tiny_course, write_course

READER = Reader(tier="free", upgrade_url="/upgrade")


class Builds:
    """How often an index was built; ``may_end`` holds them back when it is cleared."""

    def __init__(self) -> None:
        self.count = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def build(self, chapters: Iterable[Chapter]) -> Index:
        assert threading.current_thread() is not threading.main_thread(), "the event loop would stand still"
        self.count += 1
        assert self.may_end.wait(10)
        return Index(chapters)


@pytest.fixture
async def builds(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Builds]:
    found = Builds()
    monkeypatch.setattr(service, "Index", found.build)
    yield found
    found.may_end.set()


async def search_twenty_times(course: PublishedCourse) -> None:
    search = service.search
    asked = (search(course=course, reader=READER, query="photosynthesis", chapter_id=None, limit=5) for _ in range(20))
    assert {found.total_results for found in await asyncio.gather(*asked)} == {1}


async def test_many_searches_share_one_build(tmp_path: Path, builds: Builds) -> None:
    storage = LocalStorage(tmp_path)
    await write_course(storage)
    course = await load_version(storage, "v1")
    await search_twenty_times(course)
    assert builds.count == 1


async def test_a_new_course_is_indexed_before_it_takes_the_place_of_the_old(tmp_path: Path, builds: Builds) -> None:
    storage = LocalStorage(tmp_path)
    await write_course(storage)
    shelf = Shelf(storage, service.prepare_search)
    await shelf.refresh()
    await search_twenty_times(shelf.published)
    await write_course(storage, tiny_course("v2"))
    builds.may_end.clear()
    looking = asyncio.create_task(shelf.refresh())
    async with asyncio.timeout(10):
        while builds.count < 2:  # noqa: ASYNC110  # a thread says so
            await asyncio.sleep(0.001)
    await search_twenty_times(shelf.published)
    assert shelf.published.content_version == "v1"
    builds.may_end.set()
    await looking
    assert shelf.published.content_version == "v2"
    await search_twenty_times(shelf.published)
    assert builds.count == 2
