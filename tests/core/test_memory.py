"""What a process remembers of students, and when it does not."""

from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core import memory as module
from core.database import Database
from core.memory import Memory
from core.push import Push
from tests.core.conftest import SignUp, heard

TIER = text("SELECT subscription_tier FROM students WHERE student_id = :student_id")
CHANGE = "UPDATE students SET subscription_tier = $1 WHERE student_id = $2"


class Question:
    """Reads a student's tier and counts how often it did."""

    def __init__(self, student_id: UUID) -> None:
        self.student_id = student_id
        self.reads = 0

    async def __call__(self, connection: AsyncConnection) -> str:
        self.reads += 1
        found = await connection.execute(TIER, {"student_id": self.student_id})
        return str(found.scalar_one())


@pytest.fixture
async def student_id(sign_up: SignUp) -> UUID:
    return UUID((await sign_up()).student_id)


@pytest.fixture
async def memory(app: FastAPI) -> Memory:
    """A memory whose push hears everything."""
    await heard(app)
    memory: Memory = app.state.memory
    return memory


async def test_an_answer_is_kept_until_a_commit_changes_the_student(
    app: FastAPI, memory: Memory, student_id: UUID, owner: asyncpg.Connection
) -> None:
    question = Question(student_id)
    assert [await memory.recall(student_id, "tier", question) for _ in range(3)] == ["free"] * 3
    assert question.reads == 1
    async with owner.transaction():
        await owner.execute(CHANGE, "pro", student_id)
        await heard(app)
        assert await memory.recall(student_id, "tier", question) == "free"
    await heard(app)
    assert await memory.recall(student_id, "tier", question) == "pro"
    assert question.reads == 2


async def test_a_write_that_changes_nothing_forgets_nothing(
    app: FastAPI, memory: Memory, student_id: UUID, owner: asyncpg.Connection
) -> None:
    question = Question(student_id)
    await memory.recall(student_id, "tier", question)
    await owner.execute(CHANGE, "free", student_id)
    await heard(app)
    await memory.recall(student_id, "tier", question)
    assert question.reads == 1


async def test_what_was_read_before_a_change_and_came_after_it_is_not_kept(
    app: FastAPI, memory: Memory, student_id: UUID, owner: asyncpg.Connection
) -> None:
    question = Question(student_id)

    async def overtaken(connection: AsyncConnection) -> str:
        tier = await question(connection)
        await owner.execute(CHANGE, "premium", student_id)
        await heard(app)
        return tier

    assert await memory.recall(student_id, "tier", overtaken) == "free"
    assert await memory.recall(student_id, "tier", question) == "premium"


async def test_an_error_is_not_kept(memory: Memory, student_id: UUID) -> None:
    async def fail(_connection: AsyncConnection) -> str:
        raise LookupError

    with pytest.raises(LookupError):
        await memory.recall(student_id, "tier", fail)
    assert await memory.recall(student_id, "tier", Question(student_id)) == "free"


async def test_without_push_every_question_goes_to_the_database(app: FastAPI, student_id: UUID) -> None:
    database: Database = app.state.database
    memory = Memory(database, Push("postgresql://127.0.0.1:1/none"))
    question = Question(student_id)
    for _ in range(3):
        assert await memory.recall(student_id, "tier", question) == "free"
    assert question.reads == 3


async def test_it_stays_small(memory: Memory, student_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STUDENTS", 2)
    monkeypatch.setattr(module, "MOST_OF_A_STUDENT", 2)
    memory.forget(None)
    question = Question(student_id)
    for name in ("one", "two", "three"):
        await memory.recall(student_id, name, question)
    assert len(memory._students[student_id]) == 1
    for stranger in (uuid4(), uuid4()):
        await memory.recall(stranger, "tier", question)
    assert student_id not in memory._students
    assert len(memory._students) == 2
