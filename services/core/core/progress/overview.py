"""Reads where a student stands: chapters, streak, milestones and where to go on."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.content import PublishedCourse
from core.models import ChapterProgress, MilestoneReached, SectionProgress, Student
from core.progress import streaks
from core.progress.service import Recorded, active_days
from core.security import Unauthorized
from shared_schemas.course import ChapterOutline, Tier
from shared_schemas.progress import (
    AchievedMilestone,
    CalendarDay,
    ChapterState,
    Milestones,
    NextMilestone,
    Progress,
    ProgressUpdated,
    Resume,
    Streak,
    Streaks,
)

WHOLE = 100


@dataclass(frozen=True)
class Standing:
    """What the database holds on a student's days and milestones, as of one moment."""

    timezone: str
    now: datetime
    days: list[streaks.ActiveDay]
    achieved: list[AchievedMilestone]

    @property
    def streak(self) -> streaks.StreakFacts:
        """The streak of these days."""
        return streaks.count_streak(self.days, now=self.now, timezone=self.timezone)

    @property
    def today(self) -> date:
        """The date where the student is."""
        return streaks.local_day(self.now, self.timezone)


async def progress(
    session: AsyncSession,
    *,
    student_id: UUID,
    course: PublishedCourse,
    may_read: Callable[[Tier], bool],
    now: datetime,
) -> Progress:
    """Where a student stands in the whole course; ``may_read`` tells which chapters may be resumed."""
    chapters = await chapter_states(session, student_id=student_id, course=course)
    standing = await _standing(session, student_id, now)
    completed = sum(chapter.completion_status == "completed" for chapter in chapters)
    return Progress(
        overall_progress=sum(chapter.progress_percentage for chapter in chapters) // len(chapters),
        completed_chapters=completed,
        total_chapters=len(chapters),
        chapters=chapters,
        streak=Streak(
            current=standing.streak.current,
            longest=standing.streak.longest,
            last_activity_date=standing.streak.last_day,
        ),
        milestones=_milestones(streaks.goals(len(chapters)), standing, completed),
        resume=where_to_go_on([chapter for chapter in chapters if may_read(_tier(course, chapter))], course),
    )


async def read_streaks(session: AsyncSession, *, student_id: UUID, course: PublishedCourse, now: datetime) -> Streaks:
    """A student's streak, the last five weeks, and a kind word."""
    standing = await _standing(session, student_id, now)
    streak = standing.streak
    day_goals = [goal for goal in streaks.goals(len(course.outlines)) if goal.measure == "days"]
    return Streaks(
        current=streak.current,
        longest=streak.longest,
        last_activity_date=streak.last_day,
        timezone=standing.timezone,
        activity_calendar=[
            CalendarDay(date=day, active=active) for day, active in streaks.calendar(standing.days, standing.today)
        ],
        milestones=_milestones(day_goals, standing, 0),
        encouragement=streaks.encouragement(streak, standing.today),
    )


async def chapter_states(session: AsyncSession, *, student_id: UUID, course: PublishedCourse) -> list[ChapterState]:
    """How far the student is in each chapter of the course, in reading order."""
    begun = await session.scalars(select(ChapterProgress).where(ChapterProgress.student_id == student_id))
    rows = {row.chapter_id: row for row in begun}
    read: defaultdict[str, set[str]] = defaultdict(set)
    sections = await session.execute(
        select(SectionProgress.chapter_id, SectionProgress.section_id).where(
            SectionProgress.student_id == student_id, SectionProgress.completed_at.is_not(None)
        )
    )
    for chapter_id, section_id in sections:
        read[chapter_id].add(section_id)
    return [_state(outline, rows.get(name), read[name]) for name, outline in course.outlines.items()]


async def updated(
    session: AsyncSession, *, student_id: UUID, course: PublishedCourse, chapter_id: str, recorded: Recorded
) -> ProgressUpdated:
    """A chapter as it stands after what was recorded."""
    states = await chapter_states(session, student_id=student_id, course=course)
    state = next(state for state in states if state.chapter_id == chapter_id)
    return ProgressUpdated(
        **state.model_dump(),
        time_credited_seconds=recorded.time_credited_seconds,
        milestones_reached=recorded.milestones_reached,
    )


def where_to_go_on(readable: Sequence[ChapterState], course: PublishedCourse) -> Resume | None:
    """The chapter last worked on if it is not done, else the next one that is not, with its first unread section."""
    open_chapters = [chapter for chapter in readable if chapter.completion_status != "completed"]
    if not open_chapters:
        return None
    started = [
        (chapter.last_activity_at, -chapter.chapter_number, chapter)
        for chapter in open_chapters
        if chapter.last_activity_at
    ]
    *_, chapter = max(started, default=(None, 0, open_chapters[0]), key=lambda entry: entry[:2])
    ids = [section.section_id for section in course.outlines[chapter.chapter_id].sections]
    left = [section_id for section_id in ids if section_id not in chapter.completed_sections]
    return Resume(chapter_id=chapter.chapter_id, section_id=left[0] if left else None)


async def _standing(session: AsyncSession, student_id: UUID, now: datetime) -> Standing:
    timezone = await session.scalar(select(Student.timezone).where(Student.student_id == student_id))
    if timezone is None:
        raise Unauthorized  # the account was deleted a moment ago
    achieved = await session.execute(
        select(MilestoneReached.milestone, MilestoneReached.achieved_at)
        .where(MilestoneReached.student_id == student_id)
        .order_by(MilestoneReached.achieved_at, MilestoneReached.milestone)
    )
    return Standing(
        timezone=timezone,
        now=now,
        days=await active_days(session, student_id),
        achieved=[AchievedMilestone(milestone=name, achieved_at=at) for name, at in achieved],
    )


def _milestones(goals: list[streaks.Goal], standing: Standing, completed_chapters: int) -> Milestones:
    names = {goal.name for goal in goals}
    achieved = [milestone for milestone in standing.achieved if milestone.milestone in names]
    measures: dict[streaks.Measure, int] = {"chapters": completed_chapters, "days": standing.streak.current}
    goal = streaks.next_goal(goals, {milestone.milestone for milestone in achieved}, measures)
    return Milestones(
        achieved=achieved,
        next_milestone=goal
        and NextMilestone(
            milestone=goal.name,
            description=goal.description,
            current=min(measures[goal.measure], goal.target),
            target=goal.target,
        ),
    )


def _state(outline: ChapterOutline, row: ChapterProgress | None, read: set[str]) -> ChapterState:
    ids = [section.section_id for section in outline.sections]
    completed = [section_id for section_id in ids if section_id in read]
    done = row is not None and row.completion_status == "completed"
    return ChapterState(
        chapter_id=outline.chapter_id,
        chapter_number=outline.chapter_number,
        title=outline.title,
        completion_status="not_started" if row is None else "completed" if done else "in_progress",
        progress_percentage=WHOLE if done else WHOLE * len(completed) // (len(ids) + 1),
        quiz_score=row.best_quiz_score if row else None,
        completed_sections=completed,
        total_sections=len(ids),
        time_spent_seconds=row.time_spent_seconds if row else 0,
        last_section_id=row.last_section_id if row else None,
        completed_at=row.completed_at if row else None,
        last_activity_at=row.last_activity_at if row else None,
    )


def _tier(course: PublishedCourse, chapter: ChapterState) -> Tier:
    return course.outlines[chapter.chapter_id].access_tier
