"""Where a learner stands: progress, streak, and marking a section as read."""

import asyncio
from typing import Annotated, Literal

from mcp.types import CallToolResult

from chatgpt_app.gateway import api_path
from chatgpt_app.tooling import Ctx, Shown, counted, course_tool, learner_of, reached, said
from chatgpt_app.tools.chapters import ChapterId, SectionId
from shared_schemas.progress import Milestones, Progress, ProgressUpdate, ProgressUpdated, Streaks


class ChapterStanding(Shown):
    """How far the learner is in one chapter, in percent; ``quiz_score`` is the best one."""

    chapter_id: str
    title: str
    percent: int
    status: Literal["not_started", "in_progress", "completed"]
    quiz_score: int | None = None


class NextGoal(Shown):
    """The nearest milestone: ``current`` of ``target``."""

    description: str
    current: int
    target: int


class StreakPage(Shown):
    """Days in a row. ``calendar``: the last five weeks, today last, true for a day with learning in it."""

    current: int
    longest: int
    calendar: list[bool]
    encouragement: str
    reached: list[str]
    next_goal: NextGoal | None = None


class ProgressPage(Shown):
    """Progress in percent of the course, the streak, and where to go on."""

    percent: int
    completed_chapters: int
    total_chapters: int
    chapters: list[ChapterStanding]
    streak: StreakPage
    go_on_chapter: str | None = None
    go_on_section: str | None = None


class SectionRead(Shown):
    """A chapter after a section of it was read."""

    chapter_id: str
    percent: int
    status: str
    read_sections: int
    total_sections: int
    milestones: list[str]


@course_tool(
    title="Show my progress",
    use="Use this when the learner asks how far they are, what to do next, or where they stopped.",
    invoking="Looking up your progress",
    invoked="Your progress",
    widget="progress",
)
async def get_progress(ctx: Ctx) -> Annotated[CallToolResult, ProgressPage]:
    """Progress over the whole course."""
    learner = learner_of(ctx)
    progress, streaks = await asyncio.gather(
        learner.get("/api/v1/progress", Progress), learner.get("/api/v1/progress/streaks", Streaks)
    )
    page = ProgressPage(
        percent=progress.overall_progress,
        completed_chapters=progress.completed_chapters,
        total_chapters=progress.total_chapters,
        chapters=[
            ChapterStanding(
                chapter_id=chapter.chapter_id,
                title=chapter.title,
                percent=chapter.progress_percentage,
                status=chapter.completion_status,
                quiz_score=chapter.quiz_score,
            )
            for chapter in progress.chapters
        ],
        streak=_streak(streaks),
        go_on_chapter=progress.resume.chapter_id if progress.resume else None,
        go_on_section=progress.resume.section_id if progress.resume else None,
    )
    return said(_words(page), page)


@course_tool(
    title="Mark a section as read",
    use="Use this when the learner has finished reading a section. Marks it as read; a second time changes nothing.",
    invoking="Marking it as read",
    invoked="Marked as read",
    writes=True,
)
async def update_progress(
    ctx: Ctx, chapter_id: ChapterId, section_id: SectionId
) -> Annotated[CallToolResult, SectionRead]:
    """The chapter after the section was marked as read."""
    update = ProgressUpdate(section_id=section_id, completed=True)
    path = api_path("v1", "progress", "chapter", chapter_id)
    state = await learner_of(ctx).send("PUT", path, ProgressUpdated, update)
    shown = SectionRead(
        chapter_id=state.chapter_id,
        percent=state.progress_percentage,
        status=state.completion_status,
        read_sections=len(state.completed_sections),
        total_sections=state.total_sections,
        milestones=state.milestones_reached,
    )
    read = f"Read: {shown.read_sections} of {counted(shown.total_sections, 'section')} of {state.title}."
    return said(f"{read} {reached(shown.milestones)}".rstrip(), shown)


@course_tool(
    title="Show my streak",
    use="Use this when the learner asks about their streak, their learning days or the next milestone.",
    invoking="Counting your days",
    invoked="Your streak",
)
async def get_streak(ctx: Ctx) -> Annotated[CallToolResult, StreakPage]:
    """Days in a row, in the learner's own calendar."""
    streak = _streak(await learner_of(ctx).get("/api/v1/progress/streaks", Streaks))
    return said(f"{_days(streak)} {streak.encouragement}{_next(streak)}", streak)


def _words(page: ProgressPage) -> str:
    where = f" Go on with {page.go_on_chapter}" if page.go_on_chapter else ""
    where += f", section {page.go_on_section}." if page.go_on_section else ", its quiz." if where else ""
    done = f"{page.percent} % of the course, {page.completed_chapters} of "
    done += f"{counted(page.total_chapters, 'chapter')} completed.{where}"
    chapters = [
        f"- {one.chapter_id} “{one.title}”: {one.percent} %"
        + (f", best quiz {one.quiz_score} %" if one.quiz_score is not None else "")
        for one in page.chapters
    ]
    return "\n".join([done, *chapters, f"{_days(page.streak)}{_next(page.streak)}"])


def _streak(streaks: Streaks) -> StreakPage:
    return StreakPage(
        current=streaks.current,
        longest=streaks.longest,
        calendar=[day.active for day in streaks.activity_calendar],
        encouragement=streaks.encouragement,
        reached=[milestone.milestone for milestone in streaks.milestones.achieved],
        next_goal=_goal(streaks.milestones),
    )


def _goal(milestones: Milestones) -> NextGoal | None:
    coming = milestones.next_milestone
    if coming is None:
        return None
    return NextGoal(description=coming.description, current=coming.current, target=coming.target)


def _next(streak: StreakPage) -> str:
    goal = streak.next_goal
    return f" Next: {goal.description.rstrip('.')} ({goal.current} of {goal.target})." if goal else ""


def _days(streak: StreakPage) -> str:
    active = f"active on {sum(streak.calendar)} of the last {len(streak.calendar)}"
    return f"Streak: {counted(streak.current, 'day')} (longest {streak.longest}), {active}."
