"""What is open to a learner, and what is left of this month. No plan's name, no price: the app sells nothing."""

from typing import Annotated

from mcp.types import CallToolResult

from chatgpt_app.auth import Learner
from chatgpt_app.tooling import Ctx, Shown, course_tool, learner_of, said
from chatgpt_app.wording import NO_GRADED_WORK
from shared_schemas.access import AccessStatus, ChapterAccess
from shared_schemas.usage import FeatureQuota, Quota


class ChapterName(Shown):
    """A chapter."""

    chapter_id: str
    title: str


class Access(Shown):
    """Which chapters are open and which are not part of the learner's current plan."""

    open_chapters: list[ChapterName]
    other_chapters: list[ChapterName]
    plan_has_ended: bool


class Left(Shown):
    """What was used this month and what is left; ``left`` is missing where nothing is counted."""

    used: int
    left: int | None = None


class MonthLeft(Shown):
    """What is left of this month; there is more from the first of the next, where it is part of the learner's plan."""

    part_of_plan: bool
    learning_paths: Left
    graded_answers: Left


@course_tool(
    title="Check what is open",
    use="Use this when the learner asks which chapters they can read, or why one is not open to them.",
    invoking="Checking what is open to you",
    invoked="What is open to you",
)
async def check_access(ctx: Ctx) -> Annotated[CallToolResult, Access]:
    """Open and other chapters."""
    status = await learner_of(ctx).get("/api/v1/access/check", AccessStatus)
    shown = Access(
        open_chapters=_names(status.accessible_chapters),
        other_chapters=_names(status.locked_chapters),
        plan_has_ended=status.expired,
    )
    text = f"Open to you: {_list(shown.open_chapters)}."
    if shown.other_chapters:
        text += f" Not in your current plan: {_list(shown.other_chapters)}."
    return said(text, shown)


@course_tool(
    title="Show what is left this month",
    use="Use this when the learner asks how many learning paths or graded answers they have left this month.",
    invoking="Counting what is left",
    invoked="What is left this month",
)
async def get_quota(ctx: Ctx) -> Annotated[CallToolResult, MonthLeft]:
    """What is left of this month."""
    quota = await _quota(learner_of(ctx))
    shown = MonthLeft(
        part_of_plan=_includes_graded_work(quota),
        learning_paths=_left(quota.adaptive_paths),
        graded_answers=_left(quota.assessments),
    )
    paths, graded = _words(shown.learning_paths), _words(shown.graded_answers)
    counts = f"This month: learning paths {paths}; graded answers {graded}."
    return said(counts if shown.part_of_plan else NO_GRADED_WORK, shown)


async def has_graded_work(learner: Learner) -> bool:
    """Whether new learning paths and graded answers are part of the learner's plan now."""
    return _includes_graded_work(await _quota(learner))


async def _quota(learner: Learner) -> Quota:
    return await learner.get("/api/v2/usage/quota", Quota)


def _includes_graded_work(quota: Quota) -> bool:
    return quota.subscription_tier != "free"


def _names(chapters: list[ChapterAccess]) -> list[ChapterName]:
    return [ChapterName(chapter_id=chapter.chapter_id, title=chapter.title) for chapter in chapters]


def _list(chapters: list[ChapterName]) -> str:
    return ", ".join(f"{chapter.title} ({chapter.chapter_id})" for chapter in chapters) or "nothing"


def _left(quota: FeatureQuota) -> Left:
    return Left(used=quota.used, left=quota.remaining)


def _words(left: Left) -> str:
    return f"{left.used} used" if left.left is None else f"{left.used} used, {left.left} left"
