"""Reading time over HTTP: whatever is reported, in however many chapters: no more than has passed for the student."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.core.conftest import SignUp, Student
from tests.core.progress.test_progress import FIRST, ONE, SECOND, THIRD, at, put, take

START = datetime.now(UTC)


@pytest.fixture
async def student(sign_up: SignUp, owner: asyncpg.Connection) -> Student:
    """A student whose account is a day old."""
    student = await sign_up("premium")
    await owner.execute(
        "UPDATE students SET created_at = created_at - interval '1 day' WHERE student_id = $1", student.student_id
    )
    return student


async def report(
    client: httpx.AsyncClient, app: FastAPI, student: Student, *reports: tuple[str, float, int]
) -> list[int]:
    """What is credited of each report: chapter, seconds after the start, seconds reported."""
    credited = []
    for chapter_id, after, seconds in reports:
        with at(app, START + timedelta(seconds=after)):
            state = await put(client, student, chapter_id, time_spent_seconds=seconds)
        credited.append(state["time_credited_seconds"])
    return credited


async def test_a_first_report_brings_at_most_half_an_hour(client: httpx.AsyncClient, student: Student) -> None:
    state = await put(client, student, section_id=ONE, time_spent_seconds=86_400)
    assert state["time_credited_seconds"] == state["time_spent_seconds"] == 1800


async def test_nobody_has_read_before_their_account_was_made(
    client: httpx.AsyncClient, sign_up: SignUp, owner: asyncpg.Connection
) -> None:
    student = await sign_up("premium")
    await owner.execute(
        "UPDATE students SET created_at = now() - interval '1 minute' WHERE student_id = $1", student.student_id
    )
    states = [await put(client, student, chapter, time_spent_seconds=1800) for chapter in (FIRST, SECOND, THIRD)]
    assert 60 <= sum(state["time_credited_seconds"] for state in states) <= 90


async def test_time_counts_as_far_as_the_wall_clock_allows(
    client: httpx.AsyncClient, student: Student, app: FastAPI
) -> None:
    reports = [(0, 60, 60), (100, 90, 90), (130, 500, 30), (130, 10, 0), (90, 10, 0), (131, 0, 0), (140, 9, 9)]
    total = 0
    for seconds, reported, credited in reports:
        with at(app, START + timedelta(seconds=seconds)):
            state = await put(client, student, section_id=ONE, time_spent_seconds=reported)
        total += credited
        assert (state["time_credited_seconds"], state["time_spent_seconds"]) == (credited, total), seconds


async def test_several_chapters_share_one_wall_clock(client: httpx.AsyncClient, student: Student, app: FastAPI) -> None:
    first = [(chapter, 0, 1800) for chapter in (FIRST, SECOND, THIRD)]
    assert await report(client, app, student, *first) == [1800, 0, 0]
    assert await report(client, app, student, (FIRST, 23, 20), (SECOND, 23.9, 20), (SECOND, 33, 10)) == [20, 0, 10]


async def test_what_credits_nothing_takes_no_time_from_the_next_report(
    client: httpx.AsyncClient, student: Student, app: FastAPI
) -> None:
    assert await report(client, app, student, (FIRST, 0, 60)) == [60]
    with at(app, START + timedelta(seconds=50)):
        await put(client, student, section_id=ONE, completed=True)
        await take(client, student, FIRST, {})
    assert await report(client, app, student, (FIRST, 60, 55)) == [55]
    assert await report(client, app, student, (SECOND, 60.9, 5), (SECOND, 61.8, 5)) == [0, 1]


async def test_two_devices_at_once_cannot_count_the_same_minute_twice(
    client: httpx.AsyncClient, owner: asyncpg.Connection, student: Student
) -> None:
    await owner.execute(
        "UPDATE students SET time_credited_until = now() - interval '10 minutes' WHERE student_id = $1",
        student.student_id,
    )
    states = await asyncio.gather(
        *(put(client, student, chapter, time_spent_seconds=600) for chapter in (FIRST, SECOND, THIRD) * 2)
    )
    assert 600 <= sum(state["time_credited_seconds"] for state in states) <= 630
    kept = await owner.fetchval(
        "SELECT sum(time_spent_seconds) FROM chapter_progress WHERE student_id = $1", student.student_id
    )
    assert 600 <= kept <= 630


async def test_a_section_is_credited_what_its_chapter_is(
    client: httpx.AsyncClient, owner: asyncpg.Connection, student: Student
) -> None:
    await put(client, student, section_id=ONE, time_spent_seconds=700)
    [section] = await owner.fetch("SELECT * FROM section_progress WHERE student_id = $1", student.student_id)
    assert section["time_spent_seconds"] == 700
