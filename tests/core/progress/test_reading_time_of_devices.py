"""Reading time that two devices report: properties that hold for whatever they report, and in which order."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.conftest import SignUp, Student, sign_in
from tests.core.factories import tiny_course
from tests.core.progress.test_progress import at, get, put

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST_REPORT = timedelta(minutes=30)
SECTIONS = [
    (chapter.chapter_id, section.section_id)
    for chapter in tiny_course().course.chapters
    for section in chapter.sections
]


@dataclass(frozen=True)
class Report:
    """So many seconds in a section, told by one of two devices so long after the report before: the clock may lag."""

    after: float
    seconds: int
    place: tuple[str, str]
    device: int


reports = st.builds(
    Report,
    after=st.one_of(st.floats(-90, 90), st.floats(0, 5_000)),
    seconds=st.one_of(st.integers(0, 120), st.integers(0, 86_400)),
    place=st.sampled_from(SECTIONS),
    device=st.integers(0, 1),
)


@pytest.fixture(scope="module")
async def devices(client: httpx.AsyncClient, sign_up: SignUp) -> list[Student]:
    """One student, signed in on two devices."""
    phone = await sign_up("premium")
    return [phone, await sign_in(client, phone.email)]


@pytest.fixture(scope="module")
async def alone(sign_up: SignUp) -> Student:
    """Another, with one device only."""
    return await sign_up("premium")


async def begin_again(owner: asyncpg.Connection, *students: Student) -> None:
    """As if they had never read anything, in an account that is a day old."""
    ids = [student.student_id for student in students]
    for table in ("chapter_progress", "section_progress"):
        await owner.execute(f"DELETE FROM {table} WHERE student_id = ANY($1::uuid[])", ids)
    await owner.execute(
        "UPDATE students SET time_credited_until = NULL, created_at = $2 WHERE student_id = ANY($1::uuid[])",
        ids,
        START - timedelta(days=1),
    )


async def tell(client: httpx.AsyncClient, student: Student, report: Report) -> int:
    """What is credited of a report."""
    chapter_id, section_id = report.place
    state = await put(client, student, chapter_id, section_id=section_id, time_spent_seconds=report.seconds)
    credited: int = state["time_credited_seconds"]
    return credited


@dataclass(frozen=True)
class Readers:
    """Both of them, and what they read with."""

    client: httpx.AsyncClient
    app: FastAPI
    owner: asyncpg.Connection
    devices: list[Student]
    alone: Student


@pytest.fixture(scope="module")
def readers(
    client: httpx.AsyncClient, app: FastAPI, owner: asyncpg.Connection, devices: list[Student], alone: Student
) -> Readers:
    return Readers(client, app, owner, devices, alone)


A_FEW = settings(max_examples=10, deadline=None, database=None, suppress_health_check=list(HealthCheck))
given_reports = given(told=st.lists(reports, min_size=1, max_size=6))


@A_FEW
@given_reports
async def test_no_device_is_credited_more_than_has_passed_or_was_told(readers: Readers, told: list[Report]) -> None:
    await assert_credited_as_told(readers, told)


@pytest.mark.prove
@settings(A_FEW, max_examples=100)
@given_reports
async def test_no_device_is_credited_more_than_has_passed_or_was_told_at_length(
    readers: Readers, told: list[Report]
) -> None:
    await assert_credited_as_told(readers, told)


async def assert_credited_as_told(readers: Readers, told: list[Report]) -> None:
    await begin_again(readers.owner, readers.devices[0], readers.alone)
    now = START
    moments: list[datetime] = []
    credited = reported = 0
    for report in told:
        now += timedelta(seconds=report.after)
        moments.append(now)
        with at(readers.app, now):
            mine = await tell(readers.client, readers.devices[report.device], report)
            theirs = await tell(readers.client, readers.alone, report)
        assert mine == theirs, "it is the same, whichever device tells it"
        assert 0 <= mine <= report.seconds
        credited, reported = credited + mine, reported + report.seconds
        passed = max(moments) - min(moments) + FIRST_REPORT
        assert credited <= min(passed.total_seconds(), reported)
    with at(readers.app, now):
        shown = (await get(readers.client, readers.devices[0]))["chapters"]
    kept = await readers.owner.fetchval(
        "SELECT sum(time_spent_seconds) FROM section_progress WHERE student_id = $1", readers.devices[0].student_id
    )
    assert sum(chapter["time_spent_seconds"] for chapter in shown) == kept == credited
