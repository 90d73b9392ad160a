"""What a student may take along, and how an account is erased."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Column, Row, delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth.recovery import WrongPassword
from core.auth.service import AccountGone
from core.models import Base, Student
from shared_schemas.accounts import AccountExport

DEADLOCK_DETECTED = "40P01"
DEADLOCKS_AT_MOST = 3
# Not the student's to take: what guards the account, and whose id another person's is.
WITHHELD = {"password_hash", "request_digest", "owner", "changed_by", "student_id"}


async def export(session: AsyncSession, *, student_id: UUID, now: datetime) -> AccountExport:
    """Everything core holds on a student: the account, and by table every row that is theirs. Raises AccountGone."""
    records = {
        name: await _rows(session, student_id, columns=list(table.columns))
        for name, table in sorted(Base.metadata.tables.items())
        if "student_id" in table.columns
    }
    accounts = records.pop(Student.__tablename__)
    if not accounts:
        raise AccountGone
    return AccountExport(
        exported_at=now, student_id=student_id, user_id=student_id, account=accounts[0], records=records
    )


async def erase(session: AsyncSession, *, student: Student) -> None:
    """Erase an account whose password was just given: every row of every service that is the student's goes with it.

    What model calls have cost stays, without a name. Raises WrongPassword where the password was changed meanwhile.
    """
    theirs = (Student.student_id == student.student_id, Student.password_hash == student.password_hash)
    for tries_left in reversed(range(DEADLOCKS_AT_MOST + 1)):
        try:
            async with session.begin_nested():
                erased = await session.scalar(delete(Student).where(*theirs).returning(Student.student_id))
            break
        except DBAPIError as error:
            # Work that intelligence has under way for this student holds some of the rows that go with the account.
            if getattr(error.orig, "sqlstate", None) != DEADLOCK_DETECTED or not tries_left:
                raise
    if erased is None:
        raise WrongPassword


async def _rows(session: AsyncSession, student_id: UUID, *, columns: list[Column[Any]]) -> list[dict[str, Any]]:
    table = columns[0].table
    shown = [column for column in columns if column.name not in WITHHELD]
    found = await session.execute(
        select(*shown).where(table.c.student_id == student_id).order_by(*table.primary_key.columns)
    )
    return [_readable(row) for row in found]


def _readable(row: Row[Any]) -> dict[str, Any]:
    """A row as JSON can hold it; a stored answer is JSON already."""
    names = row._fields
    return {
        name: orjson.loads(value) if isinstance(value, bytes) and value else value
        for name, value in zip(names, row, strict=True)
    }
