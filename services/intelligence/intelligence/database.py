"""The engine, and the ways to it: a session in one transaction, or the driver's own connection.

What every path and grade runs goes through the driver: there a statement takes a third of the processor time.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import lru_cache
from typing import Annotated, Any

import asyncpg
from fastapi import Depends
from sqlalchemy import URL, make_url, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, EmulatedDBAPIException, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from intelligence.settings import get_settings

CONNECT_SECONDS = 5
COMMAND_SECONDS = 20
POOL_WAIT_SECONDS = 10
# connection lost, serialisation or deadlock, no resources, an operator's intervention (also: starting up, cancelled)
TEMPORARY_STATES = ("08", "40", "53", "57")
INTEGRITY_STATE = "23"
BROKEN = asyncpg.InternalClientError  # what asyncpg says of a connection to which PostgreSQL has said its last word
GONE = (asyncpg.InterfaceError, BROKEN)
DRIVER = "the driver's connection"
BEGIN = text("SELECT")  # a session begins its transaction with its first statement


def asyncpg_url(address: str) -> URL:
    """``address`` as SQLAlchemy needs it for asyncpg: `postgresql://` and libpq's `sslmode` are understood."""
    url = make_url(address).set(drivername="postgresql+asyncpg")
    sslmode = url.query.get("sslmode")
    if not isinstance(sslmode, str):
        return url
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": sslmode})


@lru_cache
def engine() -> AsyncEngine:
    """The pool of this process. Every wait in it has an end, so that a stalled connection can hang nobody."""
    settings = get_settings()
    pool = create_async_engine(
        asyncpg_url(settings.database_login),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        hide_parameters=True,  # they hold what students wrote, and errors are logged
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": COMMAND_SECONDS,
            "server_settings": {
                "application_name": "intelligence",
                "timezone": "UTC",
                "statement_timeout": str((COMMAND_SECONDS - 5) * 1000),
                "idle_in_transaction_session_timeout": "30000",
            },
        },
    )
    sqlalchemy_event.listen(pool.sync_engine, "checkout", _refuse_closed)
    return pool


def _refuse_closed(connection: DBAPIConnection, _record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Have the pool open a new connection in place of one that PostgreSQL has closed.

    The event loop has heard of that already, so that no statement has to ask, as SQLAlchemy's own check would: three
    round trips before every transaction.
    """
    driver: Any = connection.driver_connection
    if driver.is_closed():
        raise DisconnectionError


@lru_cache
def _sessions() -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine(), expire_on_commit=False)


@asynccontextmanager
async def transaction() -> AsyncIterator[AsyncSession]:
    """A short transaction of its own, committed on the way out. Never hold one over a network call."""
    with _translated():
        async with _sessions().begin() as session:
            yield session


async def driver(session: AsyncSession) -> asyncpg.Connection:
    """The connection of asyncpg itself below a session, in the session's transaction."""
    if DRIVER not in session.info:
        raw = await (await session.connection()).get_raw_connection()
        session.info[DRIVER] = raw.driver_connection
    connection: asyncpg.Connection = session.info[DRIVER]
    if not connection.is_in_transaction():
        await session.execute(BEGIN)
    return connection


@asynccontextmanager
async def connection() -> AsyncIterator[asyncpg.Connection]:
    """A connection of asyncpg itself, of the same pool: each statement on it is a transaction, in one round trip.

    Its errors are raised as SQLAlchemy's, like everybody's here. Taking it from the pool without a Connection of
    SQLAlchemy around it costs a fifth of the processor time; nothing but the driver must use it.
    """
    with _translated(), closing(await engine().raw_connection()) as pooled:
        try:
            yield pooled.driver_connection
        except BROKEN:  # nobody shall have it again
            pooled.invalidate()
            raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except EmulatedDBAPIException as error:  # from opening a connection
        raise DBAPIError.instance(None, None, error, EmulatedDBAPIException, hide_parameters=True) from error
    except (asyncpg.PostgresError, *GONE) as error:  # from the driver itself
        state = getattr(error, "sqlstate", None) or ""
        kind: type[DBAPIError] = DBAPIError
        if isinstance(error, GONE):
            kind = InterfaceError
        elif state.startswith(INTEGRITY_STATE):
            kind = IntegrityError
        raise kind(None, None, error, hide_parameters=True) from error


def after(values: int, sql: str) -> str:
    """``sql`` as a part of a statement in which so many values come before its own: its `$1` is the one behind them."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + values}", sql)


def in_one(parts: dict[str, str], answer: str) -> str:
    """One statement of several: the parts by their names, each run once, and last what it answers."""
    named = ", ".join(f"{name} AS MATERIALIZED ({part})" for name, part in parts.items())
    return f"WITH {named} {answer}"


async def request_session() -> AsyncIterator[AsyncSession]:
    """The one transaction of a request; a connection is taken with its first statement."""
    async with transaction() as session:
        yield session


# scope="function": the commit comes before the answer is sent, so a failed commit is a 500 and never a false success.
Session = Annotated[AsyncSession, Depends(request_session, scope="function")]


def describe(error: Exception) -> str:
    """What an operator may read in a log of a database error: never PostgreSQL's own message, which can quote rows."""
    original = getattr(error, "orig", None)
    cause = getattr(original, "__cause__", None) or original
    parts = [type(error).__name__, getattr(original, "sqlstate", None), getattr(cause, "constraint_name", None)]
    return " ".join(str(part) for part in parts if part)


def is_temporary(error: Exception) -> bool:
    """Whether the same request may well work in a moment: the database is away, starting, full, or broke a deadlock."""
    if isinstance(error, (OSError, InterfaceError, PoolTimeoutError)):
        return True
    original = getattr(error, "orig", None)
    if getattr(error, "connection_invalidated", False) or isinstance(getattr(original, "__cause__", None), BROKEN):
        return True
    state: str = getattr(original, "sqlstate", None) or ""
    return state.startswith(TEMPORARY_STATES)


async def dispose() -> None:
    """Close every connection; the next use opens new ones."""
    if engine.cache_info().currsize:
        await engine().dispose()
    _sessions.cache_clear()
    engine.cache_clear()
