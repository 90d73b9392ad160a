"""Streaks of people who travel: no day is lost to a flight over the date line, and none counts twice."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from core.progress.streaks import SETTLING, ActiveDay, StreakFacts, count_streak, local_day, settled_zone
from tests.core.conftest import SignUp, Student
from tests.core.progress.test_progress import FIRST, ONE, at, get, put

ZONES = ["Pacific/Niue", "Pacific/Honolulu", "America/New_York", "UTC", "Europe/Berlin", "Asia/Tokyo"]
ZONES += ["Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Kiritimati"]
Action = tuple[datetime, str]


def earned_at(day: ActiveDay) -> datetime:
    assert day.earned_at is not None
    return day.earned_at


def recorded(actions: list[Action]) -> list[ActiveDay]:
    """The days that these actions make, as the database keeps them: when first, and in which zone at last."""
    days: dict[date, ActiveDay] = {}
    for instant, wished in actions:
        newest = max(days.values(), key=earned_at, default=None)
        zone = settled_zone(newest, now=instant, timezone=wished)
        day = local_day(instant, zone)
        days[day] = ActiveDay(day, days[day].earned_at if day in days else instant, zone)
    return list(days.values())


def counted(actions: list[Action]) -> StreakFacts:
    """The streak at the moment of the last action."""
    now, zone = actions[-1]
    return count_streak(recorded(actions), now=now, timezone=zone)


def local(zone: str, day: int, hour: int) -> Action:
    """An action at that hour of that day of March 2026, in the zone."""
    return datetime(2026, 3, day, hour, tzinfo=ZoneInfo(zone)).astimezone(UTC), zone


@st.composite
def journeys(draw: st.DrawFn, longest_pause: int) -> list[Action]:
    """Actions of somebody who changes zones as they like and pauses for so many hours at most."""
    instant = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 20 * 365 * 24 * 60)))
    pauses = draw(st.lists(st.integers(0, longest_pause * 60), max_size=40))
    actions = [(instant, draw(st.sampled_from(ZONES)))]
    for minutes in pauses:
        instant += timedelta(minutes=minutes)
        actions.append((instant, draw(st.sampled_from(ZONES))))
    return actions


@given(journeys(longest_pause=22))
def test_who_learns_every_day_of_a_journey_never_loses_a_streak(actions: list[Action]) -> None:
    assert counted(actions).current == len(recorded(actions)) == counted(actions).longest


@given(journeys(longest_pause=72))
def test_no_journey_makes_more_days_than_the_calendars_of_the_world_have_had(actions: list[Action]) -> None:
    streak = counted(actions)
    first = local_day(actions[0][0], "Pacific/Niue")
    last = local_day(actions[-1][0], "Pacific/Kiritimati")
    assert 1 <= streak.current <= streak.longest <= (last - first).days + 1


@given(journeys(longest_pause=9))
def test_changing_zones_alone_makes_no_days(actions: list[Action]) -> None:
    made = sorted(earned_at(day) for day in recorded(actions))
    assert all(third - first >= SETTLING for first, third in zip(made, made[2:], strict=False))
    assert len(made) <= len(actions)


def test_a_visit_every_third_day_is_no_streak_whatever_the_zones() -> None:
    visits = [datetime(2026, 3, 1, 10, 30, tzinfo=UTC) + n * timedelta(days=3) for n in range(10)]
    zones = ["Etc/GMT+12", "UTC", "Pacific/Kiritimati"]
    assert counted([(visit, zone) for visit in visits for zone in zones]).longest == 1


async def test_days_are_not_made_by_moving(client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI) -> None:
    student = await sign_up()
    for zone in ("Etc/GMT+12", "UTC", "Pacific/Kiritimati"):
        await move(client, student, zone)
        with at(app, datetime(2026, 3, 1, 10, 30, tzinfo=UTC)):
            await put(client, student, section_id=ONE)
            streaks = await get(client, student, "/api/v1/progress/streaks")
        assert (streaks["current"], streaks["longest"]) == (1, 1), zone
    with at(app, datetime(2026, 3, 1, 20, 30, tzinfo=UTC)):
        await put(client, student, section_id=ONE)
        streaks = await get(client, student, "/api/v1/progress/streaks")
    assert streaks["last_activity_date"] == "2026-03-02", "ten hours later the move is believed"


@given(journeys(longest_pause=72), st.sampled_from(ZONES))
def test_a_traveller_is_never_worse_off_than_by_the_dates_alone(actions: list[Action], zone: str) -> None:
    now, _ = actions[-1]
    plain = count_streak([ActiveDay(one.day) for one in recorded(actions)], now=now, timezone=zone)
    known = count_streak(recorded(actions), now=now, timezone=zone)
    assert known.current >= plain.current
    assert known.longest >= plain.longest


@given(journeys(longest_pause=72), st.sampled_from(ZONES))
def test_who_stays_at_home_is_counted_by_the_dates(actions: list[Action], zone: str) -> None:
    days = recorded([(instant, zone) for instant, _ in actions])
    now, _ = actions[-1]
    assert count_streak(days, now=now, timezone=zone) == count_streak(
        [ActiveDay(one.day) for one in days], now=now, timezone=zone
    )


def test_the_day_that_a_flight_west_over_the_date_line_takes_is_not_missed() -> None:
    actions = [local("Pacific/Honolulu", day, 20) for day in (3, 4, 5)]
    landed = local("Pacific/Auckland", 7, 9)  # the evening of the 5th and the morning of the 7th are 14 hours apart
    waiting = count_streak(recorded(actions), now=landed[0], timezone=landed[1])
    assert (waiting.current, waiting.last_day) == (3, date(2026, 3, 5)), "it lives before today's first action"
    assert counted([*actions, landed]).current == 4
    later = [*actions, landed, local("Pacific/Auckland", 8, 9)]
    assert counted(later).current == 5, "what was joined stays joined"


def test_who_misses_a_whole_day_loses_the_streak_also_abroad() -> None:
    actions = [local("Pacific/Honolulu", day, 8) for day in (3, 4, 5)]
    assert counted([*actions, local("Pacific/Auckland", 8, 9)]).current == 1


def test_a_date_lived_twice_counts_once() -> None:
    actions = [local("Pacific/Auckland", day, 9) for day in (5, 6)]
    again = [local("Pacific/Honolulu", 5, 20), local("Pacific/Honolulu", 6, 20)]
    assert counted(actions + again[:1]).current == 2
    assert counted(actions + again).current == 2
    assert counted([*actions, *again, local("Pacific/Honolulu", 7, 20)]).current == 3


def test_there_and_back_again() -> None:
    journey = [local("Pacific/Auckland", 6, 9), local("Pacific/Honolulu", 5, 20), local("Pacific/Honolulu", 6, 22)]
    assert counted([*journey, local("Pacific/Auckland", 8, 10)]).current == 3


async def test_a_flight_over_the_date_line_breaks_no_streak(
    client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI
) -> None:
    student = await sign_up(timezone="Pacific/Honolulu")
    for day in (4, 5):
        with at(app, local("Pacific/Honolulu", day, 20)[0]):
            reached = (await put(client, student, section_id=ONE))["milestones_reached"]
    await move(client, student, "Pacific/Auckland")
    with at(app, local("Pacific/Auckland", 7, 9)[0]):
        before = await get(client, student, "/api/v1/progress/streaks")
        reached = (await put(client, student, section_id=ONE))["milestones_reached"]
        after = await get(client, student, "/api/v1/progress/streaks")
    assert (before["current"], after["current"], after["last_activity_date"]) == (2, 3, "2026-03-07")
    assert reached == ["3_day_streak"]
    assert [day["active"] for day in after["activity_calendar"][-4:]] == [True, True, False, True]


async def test_a_day_keeps_the_zone_of_its_latest_action(
    *, client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI, owner: asyncpg.Connection
) -> None:
    student = await sign_up(timezone="Pacific/Auckland")
    first, second = local("Pacific/Auckland", 6, 9)[0], local("Pacific/Honolulu", 6, 22)[0]
    with at(app, first):
        await put(client, student, section_id=ONE)
    await move(client, student, "Pacific/Honolulu")
    with at(app, second):
        await put(client, student, section_id=ONE)
    [row] = await owner.fetch("SELECT * FROM activity_days WHERE student_id = $1::uuid", student.student_id)
    assert (row["day"], row["earned_at"], row["timezone"]) == (date(2026, 3, 6), first, "Pacific/Honolulu")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati"])
async def test_two_devices_at_once_make_one_day_and_one_milestone(
    *, client: httpx.AsyncClient, sign_up: SignUp, app: FastAPI, owner: asyncpg.Connection, zone: str
) -> None:
    """Two devices cross midnight together, each with its own requests, on the way to a streak of three."""
    student = await sign_up(timezone=zone)
    for day in (28, 29):  # clocks go forward in Berlin on the 29th
        with at(app, local(zone, day, 12)[0]):
            await put(client, student, section_id=ONE)
    with at(app, local(zone, 30, 0)[0]):
        answers = await asyncio.gather(*(put(client, student, section_id=ONE) for _ in range(8)))
        streaks = await get(client, student, "/api/v1/progress/streaks")
    assert [name for answer in answers for name in answer["milestones_reached"]] == ["3_day_streak"]
    assert (streaks["current"], streaks["longest"]) == (3, 3)
    days = "SELECT count(*) FROM activity_days WHERE student_id = $1::uuid"
    assert await owner.fetchval(days, student.student_id) == 3


async def move(client: httpx.AsyncClient, student: Student, timezone: str) -> None:
    answer = await client.patch("/api/v1/auth/me", json={"timezone": timezone}, headers=student.headers)
    assert answer.status_code == 200, answer.text


async def test_what_a_quiz_and_a_section_do_at_once_is_one_day(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    student = await sign_up()
    quiz = client.post(f"/api/v1/quizzes/{FIRST}-quiz/submit", json={"answers": {}}, headers=student.headers)
    taken, *_ = await asyncio.gather(quiz, *(put(client, student, section_id=ONE) for _ in range(4)))
    assert taken.status_code == 200
    assert (await get(client, student, "/api/v1/progress/streaks"))["current"] == 1
