"""The personal learning path: the current one, a new one when asked for, and ticking steps off."""

import asyncio
from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field, TypeAdapter

from chatgpt_app.auth import Learner
from chatgpt_app.errors import NothingThere, Refused
from chatgpt_app.following import followed
from chatgpt_app.gateway import api_path
from chatgpt_app.tooling import (
    REPEATED_WITHIN,
    Ctx,
    Shown,
    counted,
    course_tool,
    learner_of,
    once,
    said,
    stretch_of,
    utc_now,
)
from chatgpt_app.tools.access import has_graded_work
from chatgpt_app.tools.chapters import ChapterId, SectionId
from chatgpt_app.wording import NO_GRADED_WORK
from shared_schemas.chapters import ChapterDetail, ChapterList
from shared_schemas.paths import (
    AdaptivePath,
    AdaptivePaths,
    AdaptivePathWithProgress,
    CompleteRequest,
    Completion,
    PathRequest,
    Recommendation,
)

MAKING = {"queued": "Waiting for the tutor", "analysing": "Thinking about your next steps"}
MADE_BEFORE = "This path was made a moment ago. In two minutes another one can be made."
STILL_MAKING = "Your path is still being made. get_learning_path shows it in a moment."
PATH: TypeAdapter[AdaptivePath] = TypeAdapter(AdaptivePath)
# The ids of a chapter and a section of it; what both are called.
Step = tuple[str, str]
Titles = dict[Step, tuple[str, str]]


class PathStep(Shown):
    """One step: a section to read, and why."""

    chapter_id: str
    section_id: str
    chapter_title: str
    section_title: str
    reason: str
    impact: Literal["high", "medium", "low"]
    minutes: int
    done: bool


class LearningPath(Shown):
    """A personal path of one to five steps, in order. ``note``: that it is not the new one that was asked for."""

    status: Literal["active", "expired", "superseded", "completed"]
    steps: list[PathStep]
    completed_steps: int
    total_minutes: int
    reasoning: str | None = None
    note: str | None = None


class StepDone(Shown):
    """What is done of the path and what comes next."""

    completed_steps: int
    total_steps: int
    percent: int
    next_step: PathStep | None = None


@course_tool(
    title="Show my learning path",
    use=(
        "Use this when the learner asks what to study next or about their personal path. Shows the "
        "current path, makes none."
    ),
    invoking="Looking for your path",
    invoked="Your learning path",
    widget="path",
)
async def get_learning_path(ctx: Ctx) -> Annotated[CallToolResult, LearningPath]:
    """The newest path."""
    learner = learner_of(ctx)
    path = await _newest(learner)
    if path is None:
        raise await _no_path(learner)
    shown = _shown(path, await _titles(learner, path.recommendations), _done(path))
    return said(_words(shown), shown)


@course_tool(
    title="Make a new learning path",
    use=(
        "Use this when the learner asks for a new personal path. Needs two quizzes; counts as one of the month's paths."
    ),
    invoking="Thinking about your next steps",
    invoked="Your learning path",
    writes=True,
    counts_again=True,
    widget="path",
)
async def create_learning_path(
    ctx: Ctx,
    fresh: Annotated[bool, Field(description="Make another one although today's is still good")] = False,
) -> Annotated[CallToolResult, LearningPath]:
    """A path made now. Called again within two minutes it is the same path, and nothing more is counted."""
    learner = learner_of(ctx)
    newest = await _newest(learner)
    now = utc_now()
    if newest is not None and now - newest.generated_at < REPEATED_WITHIN:
        shown = _shown(newest, await _titles(learner, newest.recommendations), _done(newest))
        shown = shown.model_copy(update={"note": MADE_BEFORE})
        return said(_words(shown), shown)
    path = await followed(
        ctx,
        "POST",
        "/api/v2/adaptive/path",
        PATH,
        stages=MAKING,
        still=STILL_MAKING,
        body=PathRequest(force_refresh=fresh, include_reasoning=True),
        key=once("path", fresh, newest.path_id if newest else None, stretch_of(now)),
    )
    done = _done(newest) if newest and newest.path_id == path.path_id else set()  # today's path, given again
    shown = _shown(path, await _titles(learner, path.recommendations), done)
    return said(_words(shown), shown)


@course_tool(
    title="Tick off a step",
    use=(
        "Use this when the learner has done a step of their learning path. Ticks it off; a second time changes nothing."
    ),
    invoking="Ticking it off",
    invoked="Ticked off",
    writes=True,
)
async def complete_recommendation(
    ctx: Ctx, chapter_id: ChapterId, section_id: SectionId
) -> Annotated[CallToolResult, StepDone]:
    """The path after the step."""
    learner = learner_of(ctx)
    path = await _newest(learner)
    if path is None:
        raise await _no_path(learner)
    step = CompleteRequest(chapter_id=chapter_id, section_id=section_id)
    try:
        address = api_path("v2", "adaptive", "path", str(path.path_id), "complete")
        done = await learner.send("POST", address, Completion, step)
    except Refused as error:
        if error.code != "INVALID_REQUEST":
            raise
        steps = ", ".join(f"{one.chapter_id}/{one.section_id}" for one in path.recommendations)
        raise NothingThere(f"That section is no step of the current path. Its steps are: {steps}.") from error
    coming = done.next_recommendation
    next_step = _step(coming, await _titles(learner, [coming]), done=False) if coming else None
    shown = StepDone(
        completed_steps=done.completed_recommendations,
        total_steps=done.total_recommendations,
        percent=done.completion_percentage,
        next_step=next_step,
    )
    after = (
        f" Next: {next_step.section_title} ({next_step.chapter_id}/{next_step.section_id})."
        if next_step
        else f" The path is complete. {done.suggestion}"
    )
    return said(f"{shown.completed_steps} of {counted(shown.total_steps, 'step')} done.{after}", shown)


async def _newest(learner: Learner) -> AdaptivePathWithProgress | None:
    found = await learner.get("/api/v2/adaptive/paths", AdaptivePaths, limit=1)
    return found.paths[0] if found.paths else None


async def _no_path(learner: Learner) -> NothingThere:
    """What is said where there is none, with a next step that this learner can take."""
    if not await has_graded_work(learner):
        return NothingThere(NO_GRADED_WORK)
    return NothingThere("You have no learning path yet. After two quizzes, create_learning_path can make you one.")


async def _titles(learner: Learner, steps: list[Recommendation]) -> Titles:
    """What chapter and section of each step are called. A chapter that is not open any more keeps its sections' ids."""
    wanted = sorted({one.chapter_id for one in steps})
    course, chapters = await asyncio.gather(
        learner.get("/api/v1/chapters", ChapterList),
        asyncio.gather(*(_sections(learner, chapter_id) for chapter_id in wanted)),
    )
    called = {chapter.chapter_id: chapter.title for chapter in course.chapters}
    sections = dict(zip(wanted, chapters, strict=True))
    return {
        (one.chapter_id, one.section_id): (
            called.get(one.chapter_id, one.chapter_id),
            sections[one.chapter_id].get(one.section_id, one.section_id),
        )
        for one in steps
    }


async def _sections(learner: Learner, chapter_id: str) -> dict[str, str]:
    """The titles of a chapter's sections; none where the learner may not open it."""
    try:
        chapter = await learner.get(api_path("v1", "chapters", chapter_id), ChapterDetail)
    except Refused:
        return {}
    return {section.section_id: section.title for section in chapter.sections}


def _done(path: AdaptivePathWithProgress) -> set[Step]:
    return {(one.chapter_id, one.section_id) for one in path.progress.completed_steps}


def _step(one: Recommendation, titles: Titles, *, done: bool) -> PathStep:
    chapter_title, section_title = titles[one.chapter_id, one.section_id]
    return PathStep(
        chapter_id=one.chapter_id,
        section_id=one.section_id,
        chapter_title=chapter_title,
        section_title=section_title,
        reason=one.reason,
        impact=one.estimated_impact,
        minutes=one.estimated_time_minutes,
        done=done,
    )


def _shown(path: AdaptivePath, titles: Titles, done: set[Step]) -> LearningPath:
    return LearningPath(
        status=path.status,
        steps=[
            _step(one, titles, done=(one.chapter_id, one.section_id) in done)
            for one in sorted(path.recommendations, key=lambda one: one.priority)
        ],
        completed_steps=len(done),
        total_minutes=path.metadata.estimated_total_time_minutes,
        reasoning=path.reasoning,
    )


def _words(path: LearningPath) -> str:
    lines = [
        f"{number}. {step.section_title} ({step.chapter_id}/{step.section_id}), "
        f"{'done' if step.done else f'{step.minutes} min'}: {step.reason}"
        for number, step in enumerate(path.steps, start=1)
    ]
    head = f"Your learning path ({path.completed_steps} of {counted(len(path.steps), 'step')} done"
    head += "):" if path.status == "active" else f"; {path.status}):"
    return "\n".join(part for part in (path.note, head, *lines, path.reasoning) if part)
