"""A connection that a crash of PostgreSQL has left useless: the same request may well work in a moment."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from intelligence.database import connection, is_temporary, transaction
from tests.intelligence.conftest import Configure

Ask = Callable[[str], Awaitable[None]]
LAST_WORD = "cannot switch to state 12; another operation (2) is in progress"  # as asyncpg says it then


async def directly(statement: str) -> None:
    async with connection() as postgres:
        await postgres.fetchval(statement)


async def backend() -> int:
    """The process that serves the pool's next connection."""
    async with connection() as postgres:
        pid: int = postgres.get_server_pid()
        return pid


async def through_a_session(statement: str) -> None:
    async with transaction() as session:
        await session.execute(text(statement))


@pytest.mark.parametrize("ask", [directly, through_a_session])
async def test_one_that_has_heard_postgresqls_last_word_is_a_passing_trouble(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError(LAST_WORD)

    with pytest.raises(DBAPIError) as wrong:
        await ask("SELECT no_such_function()")
    assert not is_temporary(wrong.value)
    before = await backend()
    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "prepare", breaks)
        patch.setattr(asyncpg.Connection, "fetchval", breaks)
        with pytest.raises(DBAPIError) as broken:
            await ask("SELECT 2")
    assert is_temporary(broken.value)
    if ask is directly:  # a session's is given up by SQLAlchemy, when its rollback breaks too
        assert await backend() != before, "nobody has it again"
    await ask("SELECT 2")
