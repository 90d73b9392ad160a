"""What a student may take along, and how an account is erased."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, delete, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth.recovery import refuse_overtaken
from core.auth.service import AccountGone
from core.models import Base, OAuthGrant, SignInSession, Student
from shared_schemas.accounts import AccountExport

DEADLOCK_DETECTED = "40P01"
DEADLOCKS_AT_MOST = 3
# Not the student's to take: what guards the account, whose id another person's is, and an answer kept to be sent again,
# which says once more what the other records say.
WITHHELD = {"password_hash", "request_digest", "code_challenge", "owner", "changed_by", "student_id", "response_body"}


async def export(session: AsyncSession, *, student_id: UUID, now: datetime) -> AccountExport:
    """Everything core holds on a student: the account, and by table every row that is theirs. Raises AccountGone."""
    theirs = {
        name: table.c.student_id == student_id
        for name, table in Base.metadata.tables.items()
        if "student_id" in table.columns
    }
    own_sessions = select(SignInSession.session_id).where(SignInSession.student_id == student_id)
    theirs[OAuthGrant.__tablename__] = OAuthGrant.session_id.in_(own_sessions)
    records = {name: await _rows(session, Base.metadata.tables[name], rows) for name, rows in sorted(theirs.items())}
    accounts = records.pop(Student.__tablename__)
    if not accounts:
        raise AccountGone
    return AccountExport(
        exported_at=now, student_id=student_id, user_id=student_id, account=accounts[0], records=records
    )


async def erase(session: AsyncSession, *, student: Student) -> None:
    """Erase an account whose password was just given: every row of every service that is the student's goes with it.

    What model calls have cost stays, without a name. Raises WrongPassword where the password was changed meanwhile, and
    Unauthorized where another request was faster.
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
        await refuse_overtaken(session, student_id=student.student_id)


async def _rows(session: AsyncSession, table: Table, theirs: ColumnElement[bool]) -> list[dict[str, Any]]:
    shown = [column for column in table.columns if column.name not in WITHHELD]
    found = await session.execute(select(*shown).where(theirs).order_by(*table.primary_key.columns))
    return [dict(row) for row in found.mappings()]
