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
READERS = 8
PATHS = ("/api/v1/chapters", "/api/v1/chapters/01-starter", "/api/v1/quizzes/01-starter-quiz", "/api/v1/search?q=yeast")


@dataclass
class Reading:
    """What eight readers were answered, oldest first."""

    statuses: set[int] = field(default_factory=set)
    versions: list[str] = field(default_factory=list)


@pytest.fixture
async def app(core_database_url: str, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """core on a folder to which the small course has been published; it looks for a new one all the time."""
    await publish(LocalStorage(tmp_path), FIRST, now=NOW)
    settings = settings_for(core_database_url, tmp_path)
    async with running(settings.model_copy(update={"content_reload_seconds": 0.01})) as app:
        yield app


async def read_on(client: httpx.AsyncClient, student: Student, seen: Reading) -> None:
    while True:
        for path in PATHS:
            answer = await client.get(path, headers=student.headers)
            seen.statuses.add(answer.status_code)
            if path.endswith("01-starter"):
                seen.versions.append(answer.json()["content_version"])


async def taken_up(app: FastAPI, compiled: CompiledCourse) -> None:
    async with asyncio.timeout(30):
        while app.state.shelf.published.content_version != compiled.course.content_version:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.01)


async def everyone_has_read_again(seen: Reading) -> None:
    """Twice as many answers as there are readers: each has asked anew since."""
    before = len(seen.versions)
    async with asyncio.timeout(30):
        while len(seen.versions) < before + 2 * READERS:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.01)


async def test_reads_go_on_undisturbed_while_courses_are_published(app: FastAPI, tmp_path: Path) -> None:
    seen = Reading()
    async with calling(app) as client:
        body = {"email": f"reader-{id(app)}@example.com", "password": PASSWORD}
        assert (await client.post("/api/v1/auth/register", json=body)).status_code == 201
        student = await sign_in(client, body["email"])
        readers = [asyncio.create_task(read_on(client, student, seen)) for _ in range(READERS)]
        await everyone_has_read_again(seen)
        for compiled in (SECOND, THIRD, FIRST):
            await publish(LocalStorage(tmp_path), compiled, now=NOW)
            await taken_up(app, compiled)
            await everyone_has_read_again(seen)
        for reader in readers:
            reader.cancel()
        ended = await asyncio.gather(*readers, return_exceptions=True)
    assert {type(one) for one in ended} == {asyncio.CancelledError}, "no reader met an error"
    assert seen.statuses == {200}
    changes = [new for old, new in zip([None, *seen.versions], seen.versions, strict=False) if new != old]
    first, second, third = (compiled.course.content_version for compiled in (FIRST, SECOND, THIRD))
    settled = [version for index, version in enumerate(changes) if version not in changes[:index]]
    assert settled == [first, second, third]
    assert seen.versions[-1] == first
