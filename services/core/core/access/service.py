"""Entitlement: which chapters a tier opens, what there is to buy, and what an operator sets."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.content import PublishedCourse
from core.errors import ServiceError
from core.models import Student, SubscriptionChange
from shared_schemas.access import (
    AccessStatus,
    ChapterAccess,
    Plan,
    Subscription,
    SubscriptionChangeRequest,
    UpgradeOffer,
)
from shared_schemas.claims import Learner, SubscriptionTier
from shared_schemas.course import Chapter, Quiz, Tier

RANK: dict[SubscriptionTier, int] = {"free": 0, "premium": 1, "pro": 2}
BENEFITS: dict[SubscriptionTier, list[str]] = {
    "free": [
        "The first chapters of the course, with their quizzes",
        "Progress, streaks and milestones",
    ],
    "premium": [
        "Every chapter and every quiz",
        "Personal learning paths every month, made from your own quiz results",
        "Open questions every month, graded with written feedback",
    ],
    "pro": [
        "Everything in premium",
        "Learning paths and graded questions without a monthly count",
    ],
}
PLANS = [
    Plan(plan="premium", monthly_price=9.99, yearly_price=99.99, currency="USD", benefits=BENEFITS["premium"]),
    Plan(plan="pro", monthly_price=19.99, yearly_price=None, currency="USD", benefits=BENEFITS["pro"]),
]


class ChapterNotFound(ServiceError):
    """There is no chapter with this id."""

    status = 404
    code = "RESOURCE_NOT_FOUND"

    def __init__(self, chapter_id: str, course: PublishedCourse) -> None:
        known = list(course.outlines)
        super().__init__(
            f"There is no chapter with this id. The course has: {', '.join(known)}.",
            details={"chapter_id": chapter_id, "available_chapters": known},
        )


class QuizNotFound(ServiceError):
    """There is no quiz with this id."""

    status = 404
    code = "RESOURCE_NOT_FOUND"

    def __init__(self, quiz_id: str, course: PublishedCourse) -> None:
        known = list(course.quizzes)
        super().__init__(
            f"There is no quiz with this id. The course has: {', '.join(known)}.",
            details={"quiz_id": quiz_id, "available_quizzes": known},
        )


class StudentNotFound(ServiceError):
    """There is no student with this id."""

    status = 404
    code = "RESOURCE_NOT_FOUND"


class AccessDenied(ServiceError):
    """This chapter is part of a plan that the student does not have now."""

    status = 403
    code = "ACCESS_DENIED"


@dataclass(frozen=True)
class Reader:
    """Who reads: what their subscription is worth now, when a better one ended, and where to buy one."""

    tier: SubscriptionTier
    upgrade_url: str
    ended_at: datetime | None = None

    def may_read(self, access_tier: Tier) -> bool:
        """Whether this reader's tier opens chapters of ``access_tier``."""
        return RANK[self.tier] >= RANK[access_tier]

    @property
    def farewell(self) -> str:
        """That a subscription has ended, and when; empty where none has."""
        if self.ended_at is None:
            return ""
        day = self.ended_at.astimezone(UTC)
        return f"Your subscription ended on {day.day} {day:%B %Y} (UTC). Your progress and your results are kept. "


def open_chapter(course: PublishedCourse, chapter_id: str, *, reader: Reader) -> Chapter:
    """A chapter that this reader may read; ChapterNotFound or AccessDenied otherwise."""
    chapter = course.chapters.get(chapter_id)
    if chapter is None:
        raise ChapterNotFound(chapter_id, course)
    if not reader.may_read(chapter.access_tier):
        raise AccessDenied(
            f"{reader.farewell}“{chapter.title}” is part of the premium course. Premium opens every chapter and "
            "quiz, and adds personal learning paths and graded answers.",
            details={
                "chapter_id": chapter_id,
                "required_tier": chapter.access_tier,
                "user_tier": reader.tier,
                "upgrade_url": reader.upgrade_url,
                **({"subscription_ended_at": reader.ended_at.isoformat()} if reader.ended_at else {}),
            },
        )
    return chapter


def find_quiz(course: PublishedCourse, quiz_id: str) -> Quiz:
    """A quiz of the course; QuizNotFound otherwise."""
    quiz = course.quizzes.get(quiz_id)
    if quiz is None:
        raise QuizNotFound(quiz_id, course)
    return quiz


def open_quiz(course: PublishedCourse, quiz_id: str, *, reader: Reader) -> Quiz:
    """A quiz whose chapter this reader may read; QuizNotFound or AccessDenied otherwise."""
    quiz = find_quiz(course, quiz_id)
    open_chapter(course, quiz.chapter_id, reader=reader)
    return quiz


def status(course: PublishedCourse, *, learner: Learner, reader: Reader) -> AccessStatus:
    """What the learner may read, what is locked, and what would open it."""
    locked = _chapters(course, reader, readable=False)
    if locked:
        they_are = "1 chapter is" if len(locked) == 1 else f"{len(locked)} chapters are"
        is_open = f"{they_are} part of Premium."
    else:
        is_open = "Every chapter is open to you."
    return AccessStatus(
        message=reader.farewell + is_open,
        subscription_tier=reader.tier,
        subscription_expires_at=learner.subscription_expires_at,
        expired=reader.ended_at is not None,
        accessible_chapters=_chapters(course, reader, readable=True),
        locked_chapters=locked,
        benefits=BENEFITS[reader.tier],
        upgrade_url=reader.upgrade_url,
        plans=PLANS,
    )


def offer(course: PublishedCourse, *, learner: Learner, reader: Reader) -> UpgradeOffer:
    """The plans above the reader's own, and what they hold."""
    better = [plan for plan in PLANS if RANK[plan.plan] > RANK[reader.tier]]
    locked = _chapters(course, reader, readable=False)
    if locked:
        more = "1 more chapter" if len(locked) == 1 else f"{len(locked)} more chapters"
        message = f"You can go on learning what is open to you. Premium would add {more}."
    elif better:
        message = "Every chapter is open to you. Pro takes the monthly counts away."
    else:
        message = "You have everything there is. Thank you."
    return UpgradeOffer(
        message=reader.farewell + message,
        current_tier=reader.tier,
        subscription_expires_at=learner.subscription_expires_at,
        locked_chapters=locked,
        benefits=[benefit for plan in better[:1] for benefit in plan.benefits],
        upgrade_url=reader.upgrade_url,
        plans=better,
    )


async def set_subscription(
    session: AsyncSession, *, student_id: UUID, change: SubscriptionChangeRequest, changed_by: UUID
) -> Subscription:
    """Give a student another entitlement, and write down who did it; StudentNotFound where there is none."""
    tier, expires = change.subscription_tier, change.subscription_expires_at
    found = await session.execute(
        select(Student.subscription_tier, Student.subscription_expires_at)
        .where(Student.student_id == student_id)
        .with_for_update(key_share=True)
    )
    previous = found.one_or_none()
    if previous is None:
        raise StudentNotFound
    changed_at = await session.scalar(
        update(Student)
        .where(Student.student_id == student_id)
        .values(subscription_tier=tier, subscription_expires_at=expires, updated_at=func.now())
        .returning(Student.updated_at)
    )
    await session.execute(
        insert(SubscriptionChange).values(
            student_id=student_id,
            changed_by=changed_by,
            previous_tier=previous.subscription_tier,
            previous_expires_at=previous.subscription_expires_at,
            new_tier=tier,
            new_expires_at=expires,
        )
    )
    return Subscription(
        student_id=student_id, subscription_tier=tier, subscription_expires_at=expires, changed_at=changed_at
    )


def _chapters(course: PublishedCourse, reader: Reader, *, readable: bool) -> list[ChapterAccess]:
    return [
        ChapterAccess(chapter_id=outline.chapter_id, title=outline.title, access_tier=outline.access_tier)
        for outline in course.outlines.values()
        if reader.may_read(outline.access_tier) is readable
    ]
