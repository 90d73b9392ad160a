"""Records what students do: chapters, sections, time, active days and milestones, all in the caller's transaction.

Every write first holds the student's row, so that two devices of one student take turns and nothing is counted twice or
missed, whatever chapters they touch.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.content import PublishedCourse
from core.database import driver
from core.errors import InvalidFields
from core.models import ActivityDay, ChapterProgress, MilestoneReached, SectionProgress, Student
from core.progress import streaks
from core.security import Unauthorized

FIRST_REPORT = timedelta(minutes=30)

HOLD = "SELECT timezone FROM students WHERE student_id = $1 FOR NO KEY UPDATE"
RECORD_ATTEMPT = """
    INSERT INTO chapter_progress AS old
        (student_id, chapter_id, completion_status, best_quiz_score, completed_at, started_at, last_activity_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)
    ON CONFLICT (student_id, chapter_id) DO UPDATE SET
        completion_status = CASE WHEN excluded.completed_at IS NULL THEN old.completion_status ELSE 'completed' END,
        best_quiz_score = greatest(old.best_quiz_score, excluded.best_quiz_score),
        completed_at = coalesce(old.completed_at, excluded.completed_at),
        last_activity_at = greatest(old.last_activity_at, excluded.last_activity_at)
    RETURNING best_quiz_score, completed_at
"""
RECORD_DAY = """
    INSERT INTO activity_days AS old (student_id, day, earned_at, timezone) VALUES ($1, $2, $3, $4)
    ON CONFLICT (student_id, day) DO UPDATE SET
        earned_at = CASE WHEN excluded.earned_at < old.earned_at THEN excluded.earned_at ELSE old.earned_at END,
        timezone = CASE WHEN excluded.earned_at < old.earned_at THEN old.timezone ELSE excluded.timezone END
        WHERE old.timezone IS DISTINCT FROM excluded.timezone OR excluded.earned_at < old.earned_at
    RETURNING earned_at
"""
# Of an action that is heard of late, days earned long after it say nothing.
NEWEST_DAY = """
    SELECT day, earned_at, timezone FROM activity_days WHERE student_id = $1 AND earned_at < $2
    ORDER BY earned_at DESC LIMIT 1
"""


@dataclass(frozen=True)
class Recorded:
    """What an action changed: the chapter's best score, the seconds credited, and the milestones reached by it."""

    best_quiz_score: int | None
    time_credited_seconds: int
    milestones_reached: list[str]


async def hold_student(session: AsyncSession, student_id: UUID) -> str:
    """Make other writers of this student's progress wait for this transaction; returns the student's time zone."""
    timezone: str | None = await (await driver(session)).fetchval(HOLD, student_id)
    if timezone is None:
        raise Unauthorized  # the account was deleted while this request ran
    return timezone


async def record_attempt(
    session: AsyncSession,
    *,
    student_id: UUID,
    course: PublishedCourse,
    chapter_id: str,
    score: int,
    passed: bool,
    now: datetime,
) -> Recorded:
    """A quiz was submitted: the best score counts, and a passed quiz completes its chapter for good."""
    timezone = await hold_student(session, student_id)
    status, done = ("completed", now) if passed else ("in_progress", None)
    connection = await driver(session)
    best, completed_at = await connection.fetchrow(RECORD_ATTEMPT, student_id, chapter_id, status, score, done, now)
    milestones = await _record_day(
        session,
        student_id=student_id,
        course=course,
        timezone=timezone,
        just_completed=completed_at == now,
        now=now,
    )
    return Recorded(best, 0, milestones)


async def record_reading(
    session: AsyncSession,
    *,
    student_id: UUID,
    course: PublishedCourse,
    chapter_id: str,
    section_id: str | None,
    completed: bool,
    time_spent_seconds: int,
    now: datetime,
) -> Recorded:
    """A student read in a chapter. Raises InvalidFields.

    Of the seconds reported no more count than the clock on the wall allows. A completed section stays so.
    """
    if section_id is None and not completed and not time_spent_seconds:
        raise InvalidFields({"section_id": "name a section, or report time_spent_seconds: there is nothing here yet"})
    _check_section(course, chapter_id, section_id, completed=completed)
    timezone = await hold_student(session, student_id)
    credited = await _credit_time(session, student_id, reported=time_spent_seconds, now=now)
    best = await _record_chapter(session, student_id, chapter_id, section_id=section_id, seconds=credited, now=now)
    if section_id is not None:
        await _record_section(
            session,
            student_id=student_id,
            chapter_id=chapter_id,
            section_id=section_id,
            completed=completed,
            seconds=credited,
            now=now,
        )
    milestones = await _record_day(
        session, student_id=student_id, course=course, timezone=timezone, just_completed=False, now=now
    )
    return Recorded(best, credited, milestones)


async def record_action(session: AsyncSession, *, student_id: UUID, course: PublishedCourse, now: datetime) -> None:
    """A student learned something that core holds no more of than the moment, which may be long ago."""
    timezone = await hold_student(session, student_id)
    await _record_day(session, student_id=student_id, course=course, timezone=timezone, just_completed=False, now=now)


def _check_section(course: PublishedCourse, chapter_id: str, section_id: str | None, *, completed: bool) -> None:
    if section_id is None:
        if completed:
            raise InvalidFields({"section_id": "name the section that was completed"})
        return
    known = [section.section_id for section in course.outlines[chapter_id].sections]
    if section_id not in known:
        raise InvalidFields({"section_id": f"the chapter has no such section; it has {', '.join(known)}"})


async def _credit_time(session: AsyncSession, student_id: UUID, *, reported: int, now: datetime) -> int:
    """How many of the seconds reported count: no more than have passed since time was last credited in any chapter.

    A first report may bring up to thirty minutes, for nobody knows when it began, but none from before the account.
    A report that credits nothing leaves the time before it open for the next. The student's row is held.
    """
    this_student = Student.student_id == student_id
    found = await session.execute(select(Student.time_credited_until, Student.created_at).where(this_student))
    until, account_made = found.one()
    since = until or max(account_made, now - FIRST_REPORT)
    credited = max(0, min(reported, int((now - since).total_seconds())))
    if credited:
        await session.execute(update(Student).where(this_student).values(time_credited_until=now))
    return credited


async def _record_chapter(
    session: AsyncSession, student_id: UUID, chapter_id: str, *, section_id: str | None, seconds: int, now: datetime
) -> int | None:
    """Add the seconds to the chapter; returns its best quiz score."""
    new = insert(ChapterProgress).values(
        student_id=student_id,
        chapter_id=chapter_id,
        time_spent_seconds=seconds,
        last_section_id=section_id,
        started_at=now,
        last_activity_at=now,
    )
    old = ChapterProgress
    best: int | None = await session.scalar(
        new.on_conflict_do_update(
            index_elements=[old.student_id, old.chapter_id],
            set_={
                "time_spent_seconds": old.time_spent_seconds + new.excluded.time_spent_seconds,
                "last_section_id": func.coalesce(new.excluded.last_section_id, old.last_section_id),
                "last_activity_at": func.greatest(old.last_activity_at, new.excluded.last_activity_at),
            },
        ).returning(old.best_quiz_score)
    )
    return best


async def _record_section(
    session: AsyncSession,
    *,
    student_id: UUID,
    chapter_id: str,
    section_id: str,
    completed: bool,
    seconds: int,
    now: datetime,
) -> None:
    new = insert(SectionProgress).values(
        student_id=student_id,
        chapter_id=chapter_id,
        section_id=section_id,
        time_spent_seconds=seconds,
        completed_at=now if completed else None,
        last_activity_at=now,
    )
    old = SectionProgress
    await session.execute(
        new.on_conflict_do_update(
            index_elements=[old.student_id, old.chapter_id, old.section_id],
            set_={
                "time_spent_seconds": old.time_spent_seconds + new.excluded.time_spent_seconds,
                "completed_at": func.coalesce(old.completed_at, new.excluded.completed_at),
                "last_activity_at": func.greatest(old.last_activity_at, new.excluded.last_activity_at),
            },
        )
    )


async def _record_day(
    session: AsyncSession,
    *,
    student_id: UUID,
    course: PublishedCourse,
    timezone: str,
    just_completed: bool,
    now: datetime,
) -> list[str]:
    """Make today an active day; returns the milestones that this action was the first to reach."""
    measures: dict[streaks.Measure, int] = {"chapters": 0, "days": 0}
    if await _is_new_day(session, student_id, timezone=timezone, now=now):
        days = await active_days(session, student_id)
        measures["days"] = streaks.count_streak(days, now=now, timezone=timezone).longest
    if just_completed:
        measures["chapters"] = await _completed_chapters(session, student_id, course.outlines.keys())
    names = streaks.reached(streaks.goals(len(course.outlines)), measures)
    if not names:
        return []
    added = await session.scalars(
        insert(MilestoneReached)
        .values([{"student_id": student_id, "milestone": name, "achieved_at": now} for name in names])
        .on_conflict_do_nothing()
        .returning(MilestoneReached.milestone)
    )
    fresh = set(added)
    return [name for name in names if name in fresh]


async def _is_new_day(session: AsyncSession, student_id: UUID, *, timezone: str, now: datetime) -> bool:
    """Whether this action is the first of its date, which keeps the moment of its first and the zone of its latest."""
    connection = await driver(session)
    newest = await connection.fetchrow(NEWEST_DAY, student_id, now + streaks.SETTLING)
    zone = streaks.settled_zone(streaks.ActiveDay(*newest) if newest else None, now=now, timezone=timezone)
    written = await connection.fetchval(RECORD_DAY, student_id, streaks.local_day(now, zone), now, zone)
    return bool(written == now)


async def active_days(session: AsyncSession, student_id: UUID) -> list[streaks.ActiveDay]:
    """Every day on which the student learned, on their own calendar."""
    day = ActivityDay
    found = await session.execute(select(day.day, day.earned_at, day.timezone).where(day.student_id == student_id))
    return [streaks.ActiveDay(*row) for row in found]


async def _completed_chapters(session: AsyncSession, student_id: UUID, chapter_ids: Collection[str]) -> int:
    counted = select(func.count()).where(
        ChapterProgress.student_id == student_id,
        ChapterProgress.completion_status == "completed",
        ChapterProgress.chapter_id.in_(chapter_ids),
    )
    return await session.scalar(counted) or 0
