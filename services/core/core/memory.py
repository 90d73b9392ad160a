"""What this process remembers of students, so that a request need not ask the database again."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from core.database import Database
from core.push import Push

MOST_STUDENTS = 20_000
MOST_OF_A_STUDENT = 50

T = TypeVar("T")


class Memory:
    """Answers to questions about students, each kept until a commit changes the student.

    While changes are not pushed, nothing is taken from here or put in: every question goes through to the database.
    """

    def __init__(self, database: Database, push: Push) -> None:
        self._database = database
        self._push = push
        self._students: dict[UUID, dict[str, Any]] = {}
        push.listener = self.forget

    async def recall(self, student_id: UUID, question: str, read: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """The answer of ``read``, one SELECT, remembered or fresh; what it raises is not remembered."""
        if not self._push.complete:
            return await self._read(read)
        known = self._students.get(student_id)
        if known is None:
            known = self._make_room(student_id)
        elif question in known:
            remembered: T = known[question]
            return remembered
        answer = await self._read(read)
        if len(known) >= MOST_OF_A_STUDENT:
            known.clear()
        # Where the student was forgotten while this was read, nobody finds `known` any more: rightly so.
        known[question] = answer
        return answer

    def forget(self, student_id: UUID | None) -> None:
        """Forget a student, or with None everybody."""
        if student_id is None:
            self._students.clear()
        else:
            self._students.pop(student_id, None)

    async def _read(self, read: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async with self._database.reading() as connection:
            return await read(connection)

    def _make_room(self, student_id: UUID) -> dict[str, Any]:
        if len(self._students) >= MOST_STUDENTS:
            del self._students[next(iter(self._students))]  # who came first
        known: dict[str, Any] = {}
        self._students[student_id] = known
        return known
