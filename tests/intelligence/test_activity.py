"""What core has yet to hear is told until it has, whatever dies or is away meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.exc import SQLAlchemyError

from intelligence import activity, background, core_client
from intelligence.database import driver, transaction
from tests.intelligence.assessments.running import eventually
from tests.intelligence.conftest import Configure, MakeStudent, Rows
from tests.intelligence.support import FakeCore, served

ACTED = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def nothing_is_owed(rows: Rows) -> None:
    await rows("DELETE FROM learning_actions")


@pytest.fixture
async def owing(rows: Rows, student: UUID) -> UUID:
    """A student of whose action core has not heard: its process died after the commit."""
    await rows("INSERT INTO learning_actions (student_id, acted_at) VALUES ($1, $2)", student, ACTED)
    return student


@asynccontextmanager
async def telling() -> AsyncIterator[None]:
    """The loop of a process, in a hurry."""
    stop = asyncio.Event()
    task = asyncio.create_task(activity.run(stop, every_seconds=0.01))
    try:
        yield
    finally:
        stop.set()
        await task


async def owed(rows: Rows) -> list[Any]:
    return [row["student_id"] for row in await rows("SELECT student_id FROM learning_actions")]


async def all_told(rows: Rows) -> None:
    async def none_owed() -> bool:
        return not await owed(rows)

    await eventually(none_owed, "core has not heard")


async def test_what_a_killed_process_left_the_next_one_tells(
    fake_core: FakeCore, owing: UUID, rows: Rows, client: httpx.AsyncClient
) -> None:
    await all_told(rows)
    assert set(fake_core.heard) == {(owing, ACTED)}


async def test_what_core_could_not_hear_it_hears_when_it_is_back(configure: Configure, owing: UUID, rows: Rows) -> None:
    assert not await activity.tell_owed(), "nobody listens there"
    assert await owed(rows) == [owing]
    core = FakeCore(refused={owing: 503})

    async def tried_again() -> bool:
        return core.refusals > 1

    async with served(core.app()) as url:
        await configure(CORE_URL=url)
        async with telling():
            await eventually(tried_again, "nobody tells core")
            core.refused.clear()
            await all_told(rows)
        await core_client.close()
    assert set(core.heard) == {(owing, ACTED)}


async def test_a_wrong_service_token_loses_nothing(
    fake_core: FakeCore, configure: Configure, owing: UUID, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    await configure(CORE_SERVICE_TOKEN="another-token-than-core-has-0123456789")
    assert not await activity.tell_owed()
    assert "CORE_SERVICE_TOKEN differs" in caplog.text
    assert (await owed(rows), fake_core.heard) == ([owing], [])


async def test_one_that_is_refused_keeps_core_from_no_other(
    fake_core: FakeCore, owing: UUID, make_student: MakeStudent, rows: Rows
) -> None:
    others = [await make_student() for _ in range(5)]
    for other in others:
        await rows("INSERT INTO learning_actions (student_id) VALUES ($1)", other)
    fake_core.refused[owing] = 500

    async def told() -> bool:
        await activity.tell_owed()
        return await owed(rows) == [owing]

    await eventually(told, "the others were not told")
    assert {student for student, _ in fake_core.heard} == set(others)


async def test_two_processes_may_tell_the_same(fake_core: FakeCore, owing: UUID, rows: Rows) -> None:
    assert await asyncio.gather(*(activity.tell_owed() for _ in range(4))) == [True] * 4
    assert set(fake_core.heard) == {(owing, ACTED)}
    assert await owed(rows) == []


async def test_a_core_that_is_older_or_has_no_such_student_ends_nothing_and_the_account_does(
    fake_core: FakeCore, owing: UUID, rows: Rows
) -> None:
    fake_core.refused[owing] = 404
    assert await activity.tell_owed(), "no reason to wait longer"
    assert await owed(rows) == [owing]
    await rows("DELETE FROM students WHERE student_id = $1", owing)
    assert await owed(rows) == []


async def test_a_commit_that_fails_tells_nothing(fake_core: FakeCore, student: UUID) -> None:
    async def owe_and_lose_the_connection() -> None:
        async with transaction() as session:
            await activity.owe(session, student)
            (await driver(session)).terminate()

    with pytest.raises((SQLAlchemyError, OSError)):
        await owe_and_lose_the_connection()
    await background.drain()
    assert fake_core.heard == []


async def test_a_database_away_is_asked_again(configure: Configure) -> None:
    await configure(INTELLIGENCE_DATABASE_URL="postgresql://intelligence_service@127.0.0.1:9/nothing")
    assert not await activity.tell_owed()
