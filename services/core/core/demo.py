"""The demo accounts of a development installation. Their passwords are public, so production refuses to make them.

What the premium one has done can be given to an account of an operator's own as well.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from core.auth.passwords import Passwords
from core.auth.service import NewAccount, add_account
from core.content import PublishedCourse
from core.quizzes.service import submit_attempt
from shared_schemas.claims import Role, SubscriptionTier
from shared_schemas.course import Key, MultipleChoiceKey, ShortAnswerKey

PREMIUM_FOR = timedelta(days=365)
# How many questions of the first quizzes are answered rightly: one chapter known well, one weakly.
ANSWERED_RIGHTLY = (8, 4)


@dataclass(frozen=True)
class DemoAccount:
    """An account with a public password."""

    email: str
    password: str
    full_name: str
    role: Role = "student"
    tier: SubscriptionTier = "free"


ACCOUNTS = [
    DemoAccount("premium@test.com", "premium123", "Premium Test User", tier="premium"),
    DemoAccount("free@test.com", "password123", "Free Test User"),
    DemoAccount("test@example.com", "password123", "Test User"),
    DemoAccount("admin@example.com", "admin123", "Course Operator", role="admin"),
]


async def seed(
    session: AsyncSession, *, passwords: Passwords, course: PublishedCourse, now: datetime
) -> dict[str, bool]:
    """Make the accounts that do not exist yet; by e-mail address whether each was made now."""
    made = {}
    for demo in ACCOUNTS:
        account = NewAccount(
            email=demo.email,
            password_hash=await passwords.hash(demo.password),
            full_name=demo.full_name,
            role=demo.role,
            subscription_tier=demo.tier,
            subscription_expires_at=None if demo.tier == "free" else now + PREMIUM_FOR,
        )
        student_id = await add_account(session, account=account)
        made[demo.email] = student_id is not None
        if student_id is not None and demo.tier == "premium":
            await take_quizzes(session, student_id=student_id, course=course, now=now)
    return made


async def take_quizzes(session: AsyncSession, *, student_id: UUID, course: PublishedCourse, now: datetime) -> None:
    """Record two quizzes as taken, so that there is progress to see and a learning path to ask for."""
    for chapter, right in zip(course.course.chapters, ANSWERED_RIGHTLY, strict=False):
        quiz = course.quizzes[chapter.quiz_id]
        answers = {key.question_id: _right_answer(key) for key in course.keys_of(quiz.quiz_id)[:right]}
        await submit_attempt(session, student_id=student_id, course=course, quiz=quiz, answers=answers, now=now)


def _right_answer(key: Key) -> str | bool:
    if isinstance(key, ShortAnswerKey):
        return key.model_answers[0]
    return key.answer if isinstance(key, MultipleChoiceKey) else bool(key.answer)
