"""A PostgreSQL that may be crashed: no other test is on it."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from devstack.stack import Stack, remove_data
from intelligence import database
from shared_schemas.claims import Learner, SubscriptionTier
from tests.conftest import Database, Servers, free_plan
from tests.crashes import crash
from tests.intelligence.assessments.fixtures import model, published_course, world
from tests.intelligence.conftest import Configure
from tests.intelligence.support import learner

__all__ = ["model", "published_course", "world"]


@dataclass
class Ground:
    """A database without a single student or month in it, on a server that can be crashed."""

    servers: Servers
    database: Database

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """A query's rows, as the owner sees them."""
        connection = await asyncpg.connect(self.database.owner_url)
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    async def value(self, query: str, *values: Any) -> Any:
        """The one value of a query."""
        ((value,),) = [row.values() for row in await self.rows(query, *values)]
        return value

    async def student(self, tier: SubscriptionTier = "premium") -> Learner:
        """A new student, as core would make one."""
        student_id = uuid4()
        await self.rows(
            "INSERT INTO students (student_id, email, password_hash) VALUES ($1, $2, '-')",
            student_id,
            f"{student_id}@example.com",
        )
        return learner(student_id, tier)

    async def delete(self, student_id: UUID) -> None:
        """Delete an account, as core would: again after a deadlock with work under way for it."""
        while True:
            with contextlib.suppress(asyncpg.DeadlockDetectedError):
                await self.rows("DELETE FROM students WHERE student_id = $1", student_id)
                return

    async def crash(self) -> None:
        """Kill PostgreSQL and start it again."""
        await asyncio.to_thread(crash, self.servers.stack.children["PostgreSQL"])


@pytest.fixture(scope="session")
def crashing(state_folder: Path) -> Iterator[Servers]:
    """A migrated PostgreSQL of these proofs' own."""
    # a killed process loses nothing that it has handed to the kernel; only a power cut needs fsync
    plan = replace(free_plan(state_folder / "crashing"), extra={"postgres.fsync": "off"})
    stack = Stack(plan)
    try:
        stack.start_postgres()
        stack.alembic("upgrade", "head")
        yield Servers(stack)
    finally:
        stack.stop()
        remove_data(plan)


@pytest.fixture(scope="session")
def v2_database(crashing: Servers) -> Database:
    """What the `world` of this folder works on."""
    return crashing.new_database()


@pytest.fixture
async def ground(crashing: Servers, configure: Configure) -> AsyncIterator[Ground]:
    """Intelligence on a new database."""
    fresh = crashing.new_database()
    await database.dispose()
    await configure(INTELLIGENCE_DATABASE_URL=fresh.intelligence_url)
    yield Ground(crashing, fresh)
    await database.dispose()
    gc.collect()  # what a crash left half open is complained about here, where that is allowed, and not in another test
