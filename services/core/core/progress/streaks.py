"""Streaks and milestones, computed from calendar days and counts. Pure.

A day is a date in the student's own calendar, fixed when the action happened: a clock that is set forward or back, a
change of zone or the end of a month never changes a day that was already earned. Who travels over the date line lives
some date twice, which counts once, or never, which breaks nothing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import zip_longest
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

CALENDAR_DAYS = 35
STREAK_TARGETS = (3, 7, 14, 30)
DAY = timedelta(days=1)
SETTLING = timedelta(hours=10)

Measure = Literal["chapters", "days"]


@dataclass(frozen=True)
class ActiveDay:
    """A date on which a student learned: when first, and in which zone at last, where that is known."""

    day: date
    earned_at: datetime | None = None
    timezone: str | None = None

    def reaches(self, instant: datetime) -> bool:
        """Whether by the calendar of this day's own zone ``instant`` falls no later than on the day after."""
        return self.timezone is not None and local_day(instant, self.timezone) <= self.day + DAY

    def joins(self, later: "ActiveDay") -> bool:
        """Whether no whole day was missed between this day and the next one in line."""
        return later.day <= self.day + DAY or (later.earned_at is not None and self.reaches(later.earned_at))


@dataclass(frozen=True)
class StreakFacts:
    """Days in a row: ``current`` is 0 once a whole day was missed; ``last_day`` is None before the first action."""

    current: int
    longest: int
    last_day: date | None


@dataclass(frozen=True)
class Goal:
    """A milestone: reached when the ``measure`` stands at ``target``."""

    name: str
    description: str
    measure: Measure
    target: int


def local_day(now: datetime, timezone: str) -> date:
    """The date on the student's calendar at the instant ``now`` (aware) in the IANA zone ``timezone``."""
    return now.astimezone(ZoneInfo(timezone)).date()


def settled_zone(newest: ActiveDay | None, *, now: datetime, timezone: str) -> str:
    """The zone by whose calendar an action at ``now`` counts, for a student whose latest new day is ``newest``.

    It is the student's ``timezone``, but for ten hours after a new day the one in which that day was earned: so no
    day is made by changing the zone alone, and of three new days the first and the last are ten hours apart.
    Of an action that is heard of late, ``newest`` is the latest day that was new less than ten hours after it.
    """
    if newest is None or newest.earned_at is None or newest.timezone is None:
        return timezone
    return newest.timezone if now - newest.earned_at < SETTLING else timezone


def count_streak(days: Collection[ActiveDay], *, now: datetime, timezone: str) -> StreakFacts:
    """The streak of a student in ``timezone``: it lives while its last day is today or yesterday.

    Yesterday by the calendar there or by the one in which the last day was earned: who has flown west over the date
    line keeps the day that the flight took. Who has flown east may have a last day after today: it counts as today.
    ``days`` holds each date once.
    """
    runs = list(_runs(days))
    if not runs:
        return StreakFacts(current=0, longest=0, last_day=None)
    last, last_run = runs[-1]
    alive = last.day >= local_day(now, timezone) - DAY or last.reaches(now)
    return StreakFacts(current=last_run if alive else 0, longest=max(length for _, length in runs), last_day=last.day)


def _runs(days: Collection[ActiveDay]) -> Iterator[tuple[ActiveDay, int]]:
    """Each unbroken run of days as its last day and its length, oldest first."""
    line = sorted(days, key=lambda active: active.day)
    length = 0
    for active, later in zip_longest(line, line[1:]):
        length += 1
        if later is None or not active.joins(later):
            yield active, length
            length = 0


def calendar(days: Collection[ActiveDay], today: date) -> list[tuple[date, bool]]:
    """The last 35 days up to ``today``, oldest first, each with whether it was active."""
    active = {one.day for one in days}
    window = [today - back * DAY for back in reversed(range(CALENDAR_DAYS))]
    return [(day, day in active) for day in window]


def goals(total_chapters: int) -> list[Goal]:
    """Every milestone of a course of that many chapters; half of an odd number is rounded up."""
    return [
        Goal("first_chapter", "Complete your first chapter.", "chapters", 1),
        Goal("halfway", "Complete half of the course.", "chapters", ceil(total_chapters / 2)),
        Goal("course_complete", "Complete every chapter of the course.", "chapters", total_chapters),
        *(Goal(f"{n}_day_streak", f"Learn on {n} days in a row.", "days", n) for n in STREAK_TARGETS),
    ]


def reached(all_goals: Collection[Goal], measures: Mapping[Measure, int]) -> list[str]:
    """The names of the milestones that these counts reach."""
    return [goal.name for goal in all_goals if measures[goal.measure] >= goal.target]


def next_goal(all_goals: Collection[Goal], achieved: Collection[str], measures: Mapping[Measure, int]) -> Goal | None:
    """The milestone not yet achieved of which the greatest share is done; None when all are achieved."""
    left = [goal for goal in all_goals if goal.name not in achieved]
    return max(left, key=lambda goal: measures[goal.measure] / goal.target, default=None)


def encouragement(streak: StreakFacts, today: date) -> str:
    """A kind sentence or two that fit the streak; a broken one is never held against anybody."""
    if streak.last_day is None:
        return "Every course starts with one small step. Finish a section or take a quiz, and your first day is made."
    if streak.current == 0:
        if streak.longest > 1:
            kept, today_is_for = f"Your {streak.longest}-day run stays yours", "to begin a new one"
        else:
            kept, today_is_for = "What you learned stays yours", "to go on"
        return f"Welcome back! {kept}, and today is a good day {today_is_for}."
    done_today = streak.last_day >= today
    if streak.current == 1:
        return "A good start: day one is done." if done_today else "You learned yesterday. One section today makes two."
    days = f"{streak.current} days in a row"
    if not done_today:
        return f"{days} so far. A few minutes today keep it going."
    if streak.current in STREAK_TARGETS:
        return f"{days}: a milestone. Well done!"
    return f"{days}. Steady practice is what makes it stick."
