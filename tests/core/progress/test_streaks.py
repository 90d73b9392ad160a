"""Streaks by the student's calendar: what makes them, what keeps them alive, what never breaks them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.progress import streaks
from core.progress.streaks import (
    ActiveDay,
    StreakFacts,
    calendar,
    count_streak,
    encouragement,
    goals,
    local_day,
    next_goal,
    reached,
)

TODAY = date(2026, 3, 1)
DAY = timedelta(days=1)

dates = st.dates(date(2000, 1, 1), date(2100, 1, 1))
histories = st.sets(st.integers(0, 60)).map(lambda backs: {TODAY - back * DAY for back in backs})


def on(days: Iterable[date]) -> list[ActiveDay]:
    """Days of which only the dates are known."""
    return [ActiveDay(day) for day in days]


def counted(days: Iterable[date], today: date) -> StreakFacts:
    """The streak of these dates at noon of ``today``, for somebody who stays at home."""
    return count_streak(on(days), now=datetime(today.year, today.month, today.day, 12, tzinfo=UTC), timezone="UTC")


def plain_current(days: set[date], today: date) -> int:
    """The definition, word by word: from today, or else yesterday, backwards while a day is there."""
    day = today if today in days else today - DAY
    length = 0
    while day in days:
        length, day = length + 1, day - DAY
    return length


@given(histories)
def test_the_current_streak_is_counted_back_from_today_or_yesterday(days: set[date]) -> None:
    assert counted(days, TODAY).current == plain_current(days, TODAY)


@given(histories)
def test_the_longest_streak_is_the_best_that_any_day_would_have_shown(days: set[date]) -> None:
    assert counted(days, TODAY).longest == max((plain_current(days, day) for day in days), default=0)


@given(histories, st.randoms())
def test_the_order_of_days_changes_nothing(days: set[date], random: object) -> None:
    shuffled = [*days]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as object
    assert counted(shuffled, TODAY) == counted(days, TODAY)


@given(histories)
def test_learning_today_never_shortens_anything(days: set[date]) -> None:
    before, after = counted(days, TODAY), counted(days | {TODAY}, TODAY)
    assert after.current >= max(1, before.current)
    assert after.longest >= before.longest


@given(dates, st.integers(1, 400))
def test_a_run_survives_month_ends_leap_days_and_new_years(first: date, length: int) -> None:
    days = [first + n * DAY for n in range(length)]
    assert counted(days, days[-1]) == StreakFacts(length, length, days[-1])
    assert counted(days, days[-1] + DAY).current == length
    assert counted(days, days[-1] + 2 * DAY) == StreakFacts(0, length, days[-1])


def test_a_leap_day_is_a_day() -> None:
    around = [date(2028, 2, 28), date(2028, 3, 1)]
    assert counted(around, around[-1]).current == 1
    assert counted([*around, date(2028, 2, 29)], around[-1]).current == 3


def test_a_day_ahead_of_today_keeps_the_streak_of_a_traveller() -> None:
    assert counted([TODAY, TODAY + DAY], TODAY).current == 2


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
)
def test_every_hour_of_a_year_makes_an_unbroken_streak(zone: str) -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    hours = [start + timedelta(hours=n) for n in range(365 * 24)]
    days = {local_day(hour, zone) for hour in hours}
    assert counted(days, local_day(hours[-1], zone)).current == len(days) in {365, 366}


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("Europe/Berlin", (date(2026, 3, 29), date(2026, 10, 25))),
        ("America/New_York", (date(2026, 3, 8), date(2026, 11, 1))),
    ],
)
def test_the_days_on_which_clocks_change_are_days_like_others(zone: str, changes: tuple[date, date]) -> None:
    for change in changes:
        for hour in (0, 23):
            instant = datetime(change.year, change.month, change.day, hour, 59, tzinfo=ZoneInfo(zone))
            assert local_day(instant.astimezone(UTC), zone) == change


def test_one_instant_is_another_day_elsewhere() -> None:
    instant = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    assert local_day(instant, "UTC") == date(2026, 2, 28)
    assert local_day(instant, "Asia/Tokyo") == date(2026, 3, 1)
    assert local_day(instant, "Pacific/Honolulu") == date(2026, 2, 28)


@given(histories)
def test_the_calendar_holds_five_weeks_up_to_today(days: set[date]) -> None:
    shown = calendar(on(days), TODAY)
    assert [day for day, _ in shown] == [TODAY - back * DAY for back in range(34, -1, -1)]
    assert {day for day, active in shown if active} == {day for day in days if day > TODAY - 35 * DAY}


@pytest.mark.parametrize(
    ("completed", "names"),
    [
        (0, []),
        (1, ["first_chapter"]),
        (3, ["first_chapter", "halfway"]),
        (6, ["first_chapter", "halfway", "course_complete"]),
    ],
)
def test_milestones_of_chapters(completed: int, names: list[str]) -> None:
    assert reached(goals(6), {"chapters": completed, "days": 0}) == names


@given(st.integers(0, 60))
def test_milestones_of_days(longest: int) -> None:
    expected = [f"{n}_day_streak" for n in (3, 7, 14, 30) if longest >= n]
    assert reached(goals(6), {"chapters": 0, "days": longest}) == expected


def test_the_next_milestone_is_the_nearest() -> None:
    nearest = next_goal(goals(6), ["first_chapter"], {"chapters": 1, "days": 2})
    assert nearest is not None
    assert nearest.name == "3_day_streak"
    assert next_goal(goals(6), [goal.name for goal in goals(6)], {"chapters": 6, "days": 30}) is None


@given(histories)
def test_there_is_always_a_kind_word(days: set[date]) -> None:
    word = encouragement(counted(days, TODAY), TODAY)
    assert word
    assert not any(harsh in word.lower() for harsh in ("lost", "broke", "fail", "miss"))


def test_a_kind_word_fits_the_streak() -> None:
    words = {encouragement(counted([TODAY - n * DAY for n in range(length)], TODAY), TODAY) for length in range(5)}
    assert len(words) == 5
    run, one_day = (encouragement(StreakFacts(0, longest, TODAY - 9 * DAY), TODAY) for longest in (4, 1))
    assert run.startswith("Welcome back! Your 4-day run stays yours")
    assert one_day.startswith("Welcome back!")
    assert "new one" not in one_day, "there was no run that another could follow"
    assert "Finish a section or take a quiz" in encouragement(StreakFacts(0, 0, None), TODAY)
    assert streaks.STREAK_TARGETS == (3, 7, 14, 30)
