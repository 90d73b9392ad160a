"""A connection that PostgreSQL has closed is met once at most, and nobody waits for it."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from core.database import Database as Pool
from core.database import DatabaseUnavailable
from tests.conftest import Database, Servers

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'core' AND datname = $1"


@pytest.fixture
def database(servers: Servers) -> Database:
    return servers.new_database()


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    made = Pool(database.core_url, pool_size=1)
    yield made
    await made.close()


async def end_connections(database: Database) -> None:
    same_role = await asyncpg.connect(database.core_url)
    try:
        assert len(await same_role.fetch(END, database.core_url.rpartition("/")[2])) == 1
    finally:
        await same_role.close()


async def asked(pool: Pool) -> asyncpg.Connection:
    """One statement; the connection that ran it."""
    async with pool.asking() as connection:
        assert await connection.fetchval("SELECT 1") == 1
        return connection


async def test_a_connection_that_postgresql_has_closed_is_replaced(pool: Pool, database: Database) -> None:
    closed = await asked(pool)
    await end_connections(database)
    async with asyncio.timeout(10):
        while not closed.is_closed():  # noqa: ASYNC110  # asyncpg has no event for this
            await asyncio.sleep(0.01)
    assert await asked(pool) is not closed


async def test_a_database_that_takes_no_more_connections_is_unavailable(
    pool: Pool, database: Database, servers: Servers
) -> None:
    assert servers.stack.postgres is not None
    name = database.core_url.rpartition("/")[2]
    servers.stack.postgres.psql(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    with pytest.raises(DatabaseUnavailable):
        await asked(pool)
    servers.stack.postgres.psql(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    assert await asked(pool)


async def test_one_that_ends_under_a_statement_is_an_unavailable_database(pool: Pool, database: Database) -> None:
    async def waits() -> None:
        async with pool.asking() as connection:
            waiting.set_result(connection)
            await connection.fetchval("SELECT pg_sleep(60)")

    waiting: asyncio.Future[asyncpg.Connection] = asyncio.get_running_loop().create_future()
    statement = asyncio.create_task(waits())
    ended = await waiting
    await end_connections(database)
    with pytest.raises(DatabaseUnavailable):
        await statement
    assert await asked(pool) is not ended


LAST_WORD = "cannot switch to state 12; another operation (2) is in progress"  # as asyncpg says it after a crash


async def test_one_that_has_heard_postgresqls_last_word_is_an_unavailable_database(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError(LAST_WORD)

    async def through_a_session() -> None:
        async with pool.transaction() as session:
            await session.execute(text("SELECT 2"))

    first = await asked(pool)
    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "prepare", breaks)
        patch.setattr(asyncpg.Connection, "fetchval", breaks)
        for ask in (through_a_session(), asked(pool)):
            with pytest.raises(DatabaseUnavailable):
                await ask
    assert await asked(pool) is not first, "nobody has it again"
    assert first.is_closed()
