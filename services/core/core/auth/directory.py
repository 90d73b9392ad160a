"""The directory of students, for operators."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth.sessions import find_account
from core.errors import InvalidFields
from core.models import Student, SubscriptionChange
from shared_schemas.access import AccessChange, FoundStudent, FoundStudents
from shared_schemas.claims import effective_tier

CHANGES_SHOWN = 10


async def find_students(
    session: AsyncSession, *, email: str | None, student_id: UUID | None, now: datetime
) -> FoundStudents:
    """Who has this id, or this e-mail address in whatever case it is written: one student or none.

    Raises InvalidFields unless exactly one of the two is given.
    """
    if (email is None) is (student_id is None):
        raise InvalidFields({"email": "ask either by email or by student_id"})
    student = await (session.get(Student, student_id) if email is None else _by_email(session, email))
    if student is None:
        return FoundStudents(students=[])
    changes = await session.scalars(
        select(SubscriptionChange)
        .where(SubscriptionChange.student_id == student.student_id)
        .order_by(SubscriptionChange.changed_at.desc())
        .limit(CHANGES_SHOWN)
    )
    found = FoundStudent(
        student_id=student.student_id,
        email=student.email,
        subscription_tier=student.subscription_tier,
        effective_tier=effective_tier(student.subscription_tier, student.subscription_expires_at, now),
        subscription_expires_at=student.subscription_expires_at,
        email_verified=student.email_verified_at is not None,
        created_at=student.created_at,
        access_changes=[AccessChange.model_validate(change, from_attributes=True) for change in changes],
    )
    return FoundStudents(students=[found])


async def _by_email(session: AsyncSession, email: str) -> Student | None:
    student, _ = await find_account(session, email)
    return student
