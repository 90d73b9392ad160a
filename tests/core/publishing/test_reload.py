"""Reads go on while a new course is published and taken up: every answer whole, of one version, and in its order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from core.publishing.compile import CompiledCourse
from core.publishing.publish import publish
from core.storage import LocalStorage
from tests.core.conftest import PASSWORD, Student, calling, running, settings_for, sign_in
from tests.core.publishing.test_publishing import FIRST, SECOND, THIRD

NOW = datetime(2026, 10, 1, tzinfo=UTC)
READERS = 4
PAUSE_SECONDS = 0.01  # readers who never pause would leave a publisher in this same process no turn
CHAPTER = "/api/v1/chapters/01-starter"
PATHS = ("/api/v1/chapters", CHAPTER, "/api/v1/quizzes/01-starter-quiz", "/api/v1/search?q=yeast")


@dataclass
class Reader:
    """Asks for one page after the other: which statuses came, and the version of each chapter, oldest first."""

    statuses: set[int] = field(default_factory=set)
    versions: list[str] = field(default_factory=list)

    async def read_on(self, client: httpx.AsyncClient, student: Student) -> None:
        while True:
            for path in PATHS:
                answer = await client.get(path, headers=student.headers)
                self.statuses.add(answer.status_code)
                if path == CHAPTER:
                    self.versions.append(answer.json()["content_version"])
                await asyncio.sleep(PAUSE_SECONDS)

    async def has_asked_anew(self) -> None:
        """Two more chapters: the second was asked for after this was called."""
        enough = len(self.versions) + 2
        async with asyncio.timeout(60):
            while len(self.versions) < enough:  # noqa: ASYNC110  # no event says so
                await asyncio.sleep(0.01)


@pytest.fixture
async def app(core_database_url: str, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """core on a folder to which the small course has been published; it looks for a new one all the time."""
    await publish(LocalStorage(tmp_path), FIRST, now=NOW)
    settings = settings_for(core_database_url, tmp_path)
    async with running(settings.model_copy(update={"content_reload_seconds": 0.01})) as app:
        yield app


async def taken_up(app: FastAPI, compiled: CompiledCourse) -> None:
    async with asyncio.timeout(30):
        while app.state.shelf.published.content_version != compiled.course.content_version:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.01)


async def test_reads_go_on_undisturbed_while_courses_are_published(app: FastAPI, tmp_path: Path) -> None:
    readers = [Reader() for _ in range(READERS)]
    async with calling(app) as client:
        body = {"email": f"reader-{id(app)}@example.com", "password": PASSWORD}
        assert (await client.post("/api/v1/auth/register", json=body)).status_code == 201
        student = await sign_in(client, body["email"])
        reading = [asyncio.create_task(reader.read_on(client, student)) for reader in readers]
        await asyncio.gather(*(reader.has_asked_anew() for reader in readers))
        for compiled in (SECOND, THIRD, FIRST):
            # on an event loop of its own, as a publisher is a process of its own
            await asyncio.to_thread(asyncio.run, publish(LocalStorage(tmp_path), compiled, now=NOW))
            await taken_up(app, compiled)
            await asyncio.gather(*(reader.has_asked_anew() for reader in readers))
        for task in reading:
            task.cancel()
        ended = await asyncio.gather(*reading, return_exceptions=True)
    assert {type(one) for one in ended} == {asyncio.CancelledError}, "no reader met an error"
    versions = [compiled.course.content_version for compiled in (FIRST, SECOND, THIRD, FIRST)]
    for reader in readers:
        assert reader.statuses == {200}
        changes = [new for old, new in zip([None, *reader.versions], reader.versions, strict=False) if new != old]
        assert changes == versions, "each reader sees each course once, and never an older one again"
