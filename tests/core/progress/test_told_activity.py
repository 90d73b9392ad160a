"""What intelligence tells core that a student learned: a day like any other, also when it is told late or twice."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.core.conftest import PASSWORD, SERVICE_TOKEN, SignUp, Student
from tests.core.progress.test_progress import ONE, at, get, put
from tests.core.progress.test_travelling import move

AS_SERVICE = {"Authorization": f"Bearer {SERVICE_TOKEN}"}
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


async def tell(client: httpx.AsyncClient, student_id: object, body: Any) -> httpx.Response:
    path = f"/internal/v1/learners/{student_id}/activity"
    return await client.post(path, json=body, headers=AS_SERVICE)


async def told(client: httpx.AsyncClient, student: Student, *moments: datetime) -> None:
    for moment in moments:
        answer = await tell(client, student.student_id, {"acted_at": moment.isoformat()})
        assert (answer.status_code, answer.content) == (204, b"")


async def streaks_at(client: httpx.AsyncClient, student: Student, app: FastAPI, now: datetime) -> dict[str, Any]:
    with at(app, now):
        return await get(client, student, "/api/v1/progress/streaks")


async def days_of(owner: asyncpg.Connection, student: Student) -> list[tuple[Any, ...]]:
    query = "SELECT day::text, earned_at, timezone FROM activity_days WHERE student_id = $1::uuid ORDER BY day"
    return [tuple(row) for row in await owner.fetch(query, student.student_id)]


async def test_it_makes_the_day_active_once(
    client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI, owner: asyncpg.Connection
) -> None:
    student = await sign_up(timezone="Asia/Tokyo")
    evening = datetime(2026, 3, 5, 15, 30, tzinfo=UTC)
    await told(client, student, evening, evening)
    assert await days_of(owner, student) == [("2026-03-06", evening, "Asia/Tokyo")], "the student's own calendar"
    streaks = await streaks_at(client, student, app, evening)
    assert (streaks["current"], streaks["last_activity_date"]) == (1, "2026-03-06")


async def test_what_is_told_late_counts_for_its_own_day_and_reaches_the_milestone(
    client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI
) -> None:
    student = await sign_up()
    for moment in (NOON - 2 * DAY, NOON):
        with at(app, moment):
            await put(client, student, section_id=ONE)
    before = await streaks_at(client, student, app, NOON)
    assert (before["current"], before["milestones"]["achieved"]) == (1, [])
    await told(client, student, NOON - DAY)
    after = await streaks_at(client, student, app, NOON)
    assert (after["current"], after["last_activity_date"]) == (3, "2026-03-05")
    assert [reached["milestone"] for reached in after["milestones"]["achieved"]] == ["3_day_streak"]


async def test_the_order_in_which_it_is_told_changes_nothing(
    client: httpx.AsyncClient, sign_up: SignUp, owner: asyncpg.Connection
) -> None:
    start = datetime(2026, 3, 7, 4, 50, tzinfo=UTC)  # ten minutes to midnight, two days before the clocks go forward
    moments = [start + n * timedelta(hours=7) for n in range(12)]
    in_order, backwards = [await sign_up(timezone="America/New_York") for _ in range(2)]
    await told(client, in_order, *moments)
    await told(client, backwards, *reversed(moments))
    assert await days_of(owner, backwards) == await days_of(owner, in_order)
    assert len(await days_of(owner, in_order)) == 5


async def test_a_late_action_moves_no_day_to_another_calendar(
    client: httpx.AsyncClient, sign_up: SignUp, owner: asyncpg.Connection, app: FastAPI
) -> None:
    student = await sign_up(timezone="Asia/Tokyo")
    evening = NOON + timedelta(hours=2)
    with at(app, evening):
        await put(client, student, section_id=ONE)
    await move(client, student, "Pacific/Kiritimati")
    for hours in (1, 12):  # tomorrow there, but settled where the day was earned; then too early for that, and today
        earlier = evening - timedelta(hours=hours)
        await told(client, student, earlier)
        assert await days_of(owner, student) == [("2026-03-05", earlier, "Asia/Tokyo")]
    await told(client, student, NOON - 5 * DAY)
    assert (await days_of(owner, student))[0] == ("2026-03-01", NOON - 5 * DAY, "Pacific/Kiritimati")


@pytest.mark.parametrize(("ahead", "status"), [(59, 204), (61, 422)])
async def test_clocks_may_differ_by_a_minute(
    client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI, ahead: int, status: int
) -> None:
    student = await sign_up()
    with at(app, NOON):
        body = {"acted_at": (NOON + timedelta(seconds=ahead)).isoformat()}
        assert (await tell(client, student.student_id, body)).status_code == status


@pytest.mark.parametrize(
    "body", [{}, {"acted_at": "2026-03-05T12:00:00"}, {"acted_at": "today"}, {"acted_at": NOON.isoformat(), "day": 1}]
)
async def test_what_is_no_moment_is_refused_in_the_envelope(client: httpx.AsyncClient, body: Any) -> None:
    answer = await tell(client, uuid4(), body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "VALIDATION_ERROR")


async def test_nothing_is_recorded_of_who_has_left(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    left = await client.request("DELETE", "/api/v1/auth/me", json={"password": PASSWORD}, headers=student.headers)
    assert left.status_code == 204
    answer = await tell(client, student.student_id, {"acted_at": NOON.isoformat()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "RESOURCE_NOT_FOUND")
