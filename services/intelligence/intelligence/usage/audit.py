"""The record of what operators do to a student's grades and quota."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.models import OperatorAction

Action = Literal["review", "regrade", "quota_gift"]


async def record(
    session: AsyncSession,
    *,
    operator_id: UUID,
    student_id: UUID,
    action: Action,
    details: dict[str, Any],
    note: str | None,
    reference_id: UUID | None = None,
) -> OperatorAction:
    """Write down one action in the transaction that does it."""
    done = OperatorAction(
        operator_id=operator_id,
        student_id=student_id,
        action=action,
        reference_id=reference_id,
        details=details,
        note=note,
    )
    session.add(done)
    await session.flush()
    return done
