"""Progress over HTTP: sections, completion, where to go on, streaks and milestones."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from core import clock
from tests.core.conftest import SignUp, Student
from tests.core.factories import right_answers, tiny_course

CHAPTERS = tiny_course().course.chapters
FIRST, SECOND, THIRD = (chapter.chapter_id for chapter in CHAPTERS)
ONE, TWO = (section.section_id for section in CHAPTERS[0].sections)


@pytest.fixture
async def student(sign_up: SignUp) -> Student:
    return await sign_up()


@pytest.fixture(scope="module")
async def idle(sign_up: SignUp) -> Student:
    """A student whose every request is refused, so that many tests can share them."""
    return await sign_up()


@contextmanager
def at(app: FastAPI, moment: datetime) -> Iterator[None]:
    """The clock of requests stands at ``moment``."""
    app.dependency_overrides[clock.now] = lambda: moment
    try:
        yield
    finally:
        del app.dependency_overrides[clock.now]


async def put(client: httpx.AsyncClient, student: Student, chapter_id: str = FIRST, **body: Any) -> dict[str, Any]:
    answer = await client.put(f"/api/v1/progress/chapter/{chapter_id}", json=body, headers=student.headers)
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state


async def get(client: httpx.AsyncClient, student: Student, path: str = "/api/v1/progress") -> dict[str, Any]:
    answer = await client.get(path, headers=student.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def take(client: httpx.AsyncClient, student: Student, chapter_id: str, answers: Any = None) -> dict[str, Any]:
    sheet = {"answers": right_answers(chapter_id) if answers is None else answers}
    answer = await client.post(f"/api/v1/quizzes/{chapter_id}-quiz/submit", json=sheet, headers=student.headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_new_student_stands_at_the_beginning(client: httpx.AsyncClient, student: Student) -> None:
    progress = await get(client, student)
    assert (progress["overall_progress"], progress["completed_chapters"], progress["total_chapters"]) == (0, 0, 3)
    assert {c["completion_status"] for c in progress["chapters"]} == {"not_started"}
    assert progress["streak"] == {"current": 0, "longest": 0, "last_activity_date": None}
    assert progress["milestones"]["achieved"] == []
    assert progress["milestones"]["next_milestone"]["current"] == 0
    assert progress["resume"] == {"chapter_id": FIRST, "section_id": ONE}


async def test_sections_and_the_quiz_are_steps_of_a_chapter(client: httpx.AsyncClient, student: Student) -> None:
    assert (await put(client, student, section_id=ONE))["progress_percentage"] == 0
    state = await put(client, student, section_id=ONE, completed=True)
    assert (state["progress_percentage"], state["completed_sections"]) == (33, [ONE])
    state = await put(client, student, section_id=TWO, completed=True)
    assert (state["progress_percentage"], state["completion_status"]) == (66, "in_progress")
    assert (await take(client, student, FIRST))["milestones_reached"] == ["first_chapter"]
    progress = await get(client, student)
    first = progress["chapters"][0]
    assert (first["progress_percentage"], first["completion_status"], first["quiz_score"]) == (100, "completed", 100)
    assert first["completed_at"]
    assert progress["overall_progress"] == 33


async def test_what_was_completed_stays_completed(client: httpx.AsyncClient, student: Student) -> None:
    await put(client, student, section_id=ONE, completed=True)
    assert (await put(client, student, section_id=ONE, completed=False))["completed_sections"] == [ONE]
    await take(client, student, FIRST)
    assert (await take(client, student, FIRST, {}))["passed"] is False
    progress = await get(client, student)
    assert progress["chapters"][0]["completion_status"] == "completed"
    assert progress["chapters"][0]["quiz_score"] == 100


async def test_resuming(client: httpx.AsyncClient, student: Student, app: FastAPI) -> None:
    start = datetime.now(UTC)
    with at(app, start):
        await put(client, student, section_id=ONE, completed=True)
    assert (await get(client, student))["resume"] == {"chapter_id": FIRST, "section_id": TWO}
    with at(app, start + timedelta(minutes=1)):
        await put(client, student, SECOND, section_id=CHAPTERS[1].sections[1].section_id)
    resume = (await get(client, student))["resume"]
    assert resume == {"chapter_id": SECOND, "section_id": CHAPTERS[1].sections[0].section_id}
    await take(client, student, SECOND)
    assert (await get(client, student))["resume"] == {"chapter_id": FIRST, "section_id": TWO}
    await put(client, student, section_id=TWO, completed=True)
    assert (await get(client, student))["resume"] == {"chapter_id": FIRST, "section_id": None}
    await take(client, student, FIRST)
    assert (await get(client, student))["resume"] is None, "what is left is locked"


async def test_a_process_whose_clock_lags_turns_nobody_back(
    client: httpx.AsyncClient, student: Student, app: FastAPI
) -> None:
    start = datetime.now(UTC)
    for minute, chapter in ((1, CHAPTERS[1]), (2, CHAPTERS[0])):
        with at(app, start + timedelta(minutes=minute)):
            await put(client, student, chapter.chapter_id, section_id=chapter.sections[0].section_id)
    with at(app, start):
        await take(client, student, FIRST, {})
        await put(client, student, FIRST, section_id=ONE, completed=True)
    assert (await get(client, student))["resume"] == {"chapter_id": FIRST, "section_id": TWO}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"section_id": "no-such-section"}, "section_id"),
        ({"section_id": CHAPTERS[1].sections[0].section_id}, "section_id"),
        ({"section_id": "x" * 5000}, "section_id"),
        ({"section_id": 7}, "section_id"),
        ({"completed": True}, "section_id"),
        ({}, "section_id"),
        ({"completed": False, "time_spent_seconds": 0}, "section_id"),
        ({"section_id": ONE, "completed": "yes"}, "completed"),
        ({"section_id": ONE, "time_spent_seconds": -1}, "time_spent_seconds"),
        ({"section_id": ONE, "time_spent_seconds": 86_401}, "time_spent_seconds"),
        ({"section_id": ONE, "time_spent_seconds": "60"}, "time_spent_seconds"),
        ({"section_id": ONE, "time_spent_seconds": 1.5}, "time_spent_seconds"),
        ({"section_id": ONE, "sections": []}, "sections"),
    ],
)
async def test_bad_updates_are_refused_by_name_and_store_nothing(
    client: httpx.AsyncClient, owner: asyncpg.Connection, idle: Student, body: dict[str, Any], field: str
) -> None:
    answer = await client.put(f"/api/v1/progress/chapter/{FIRST}", json=body, headers=idle.headers)
    assert answer.status_code == 422, answer.text
    assert field in [problem["field"] for problem in answer.json()["error"]["details"]["fields"]]
    assert (await get(client, idle))["chapters"][0]["completion_status"] == "not_started"
    assert await owner.fetchval("SELECT count(*) FROM activity_days WHERE student_id = $1::uuid", idle.student_id) == 0


async def test_the_same_access_rules_as_reading(client: httpx.AsyncClient, idle: Student) -> None:
    body = {"section_id": "whatever", "completed": 1}
    assert (await client.put(f"/api/v1/progress/chapter/{THIRD}", json=body)).status_code == 401
    refused = await client.put(f"/api/v1/progress/chapter/{THIRD}", json=body, headers=idle.headers)
    assert refused.status_code == 403
    unknown = await client.put("/api/v1/progress/chapter/09-nothing", json=body, headers=idle.headers)
    assert unknown.status_code == 404


async def test_progress_is_the_students_own(client: httpx.AsyncClient, student: Student, sign_up: SignUp) -> None:
    await take(client, student, FIRST)
    other = await get(client, await sign_up())
    assert other["completed_chapters"] == 0
    assert other["streak"]["current"] == 0


async def test_a_whole_course_reaches_every_chapter_milestone(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up("premium")
    reached = [(await take(client, student, chapter_id))["milestones_reached"] for chapter_id in (SECOND, THIRD, FIRST)]
    assert reached == [["first_chapter"], ["halfway"], ["course_complete"]]
    assert (await take(client, student, FIRST))["milestones_reached"] == []
    progress = await get(client, student)
    assert progress["overall_progress"] == 100
    assert progress["resume"] is None
    assert [m["milestone"] for m in progress["milestones"]["achieved"]] == [
        "first_chapter",
        "halfway",
        "course_complete",
    ]
    assert progress["milestones"]["next_milestone"]["milestone"] == "3_day_streak"


async def test_a_week_of_learning(client: httpx.AsyncClient, student: Student, app: FastAPI) -> None:
    start = datetime(2026, 2, 25, 9, tzinfo=UTC)
    reached = []
    for day in range(7):
        with at(app, start + timedelta(days=day)):
            reached += (await put(client, student, section_id=ONE))["milestones_reached"]
            reached += (await put(client, student, section_id=TWO))["milestones_reached"]
    assert reached == ["3_day_streak", "7_day_streak"]
    with at(app, start + timedelta(days=7)):
        streaks = await get(client, student, "/api/v1/progress/streaks")
    assert (streaks["current"], streaks["longest"], streaks["last_activity_date"]) == (7, 7, "2026-03-03")
    assert streaks["timezone"] == "UTC"
    assert len(streaks["activity_calendar"]) == 35
    assert [day["active"] for day in streaks["activity_calendar"][-9:]] == [False] + [True] * 7 + [False]
    assert streaks["activity_calendar"][-1] == {"date": "2026-03-04", "active": False}
    assert [m["milestone"] for m in streaks["milestones"]["achieved"]] == ["3_day_streak", "7_day_streak"]
    assert streaks["milestones"]["next_milestone"] == {
        "milestone": "14_day_streak",
        "description": streaks["milestones"]["next_milestone"]["description"],
        "current": 7,
        "target": 14,
    }
    with at(app, start + timedelta(days=20)):
        broken = await get(client, student, "/api/v1/progress/streaks")
    assert (broken["current"], broken["longest"]) == (0, 7)
    assert broken["encouragement"].startswith("Welcome back")


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("America/New_York", datetime(2026, 3, 8, 4, 59, tzinfo=UTC), date(2026, 3, 7)),
        ("America/New_York", datetime(2026, 3, 9, 3, 59, tzinfo=UTC), date(2026, 3, 8)),
        ("Asia/Kolkata", datetime(2026, 2, 28, 18, 31, tzinfo=UTC), date(2026, 3, 1)),
        ("Pacific/Kiritimati", datetime(2026, 12, 31, 10, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
async def test_a_day_is_the_students_calendar_day(
    *, client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI, zone: str, moment: datetime, day: date
) -> None:
    student = await sign_up(timezone=zone)
    with at(app, moment):
        await take(client, student, FIRST, {})
        streaks = await get(client, student, "/api/v1/progress/streaks")
    assert (streaks["last_activity_date"], streaks["timezone"], streaks["current"]) == (day.isoformat(), zone, 1)
    assert streaks["activity_calendar"][-1] == {"date": day.isoformat(), "active": True}


async def test_moving_to_another_zone_changes_no_day_already_earned(
    client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI, owner: asyncpg.Connection
) -> None:
    student = await sign_up(timezone="Asia/Tokyo")
    for day in (1, 2, 3):
        with at(app, datetime(2026, 5, day, 3, tzinfo=UTC)):
            await put(client, student, section_id=ONE)
    await owner.execute(
        "UPDATE students SET timezone = 'America/Los_Angeles' WHERE student_id = $1::uuid", student.student_id
    )
    with at(app, datetime(2026, 5, 3, 20, tzinfo=UTC)):
        streaks = await get(client, student, "/api/v1/progress/streaks")
    assert (streaks["current"], streaks["last_activity_date"]) == (3, "2026-05-03")


async def test_nothing_is_kept_of_a_student_who_was_deleted_meanwhile(
    client: httpx.AsyncClient, sign_up: SignUp, owner: asyncpg.Connection
) -> None:
    student = await sign_up()
    await take(client, student, FIRST)
    await owner.execute("DELETE FROM students WHERE student_id = $1::uuid", student.student_id)
    answer = await client.put(f"/api/v1/progress/chapter/{FIRST}", json={"section_id": ONE}, headers=student.headers)
    assert answer.status_code == 401
    for table in ("chapter_progress", "quiz_results", "activity_days", "milestones"):
        assert (
            await owner.fetchval(f"SELECT count(*) FROM {table} WHERE student_id = $1::uuid", student.student_id) == 0
        )
