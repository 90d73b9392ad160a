"""The pool of connections, and the transaction of a request."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import URL, make_url, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError, EmulatedDBAPIException
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from core.errors import ServiceError

CONNECT_SECONDS = 5
COMMAND_SECONDS = 10
STATEMENT_MILLISECONDS = 8_000
IDLE_MILLISECONDS = 30_000
POOL_WAIT_SECONDS = 5
DRIVER = "the driver's connection"
BEGIN = text("SELECT")  # a session begins its transaction with its first statement
AWAY_STATES = ("08", "53", "57")  # connection lost, no resources, an operator intervenes (also: starting up)
BROKEN = asyncpg.InternalClientError  # what asyncpg says of a connection to which PostgreSQL has said its last word
GONE = (asyncpg.InterfaceError, BROKEN)


class DatabaseUnavailable(ServiceError):
    """The service cannot reach its database at the moment. Please try again shortly."""

    status = 503
    code = "SERVICE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


def asyncpg_url(address: str) -> URL:
    """``address`` as SQLAlchemy needs it for asyncpg: `postgresql://` and libpq's `sslmode` are understood."""
    url = make_url(address).set(drivername="postgresql+asyncpg")
    sslmode = url.query.get("sslmode")
    if not isinstance(sslmode, str):
        return url
    return url.difference_update_query(["sslmode"]).update_query_dict({"ssl": sslmode})


def libpq_url(address: str) -> str:
    """``address`` as asyncpg itself, libpq and psql read it."""
    return make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """The connections of one process. Every wait in it has an end, so that a stalled connection can hang nobody."""

    def __init__(self, address: str, *, pool_size: int) -> None:
        self._engine = create_async_engine(
            asyncpg_url(address),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_SECONDS,
            hide_parameters=True,  # an error's text may reach a log
            connect_args={
                "timeout": CONNECT_SECONDS,
                "command_timeout": COMMAND_SECONDS,
                "server_settings": {
                    "application_name": "core",
                    "timezone": "UTC",
                    "statement_timeout": str(STATEMENT_MILLISECONDS),
                    "idle_in_transaction_session_timeout": str(IDLE_MILLISECONDS),
                },
            },
        )
        sqlalchemy_event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")  # the same pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose work is committed on the way out, or rolled back on any error.

        An error that ``keeps_changes`` is raised after the commit. A connection is taken with the first statement;
        DatabaseUnavailable where there is none to be had.
        """
        refusal: ServiceError | None = None
        with _translated():
            async with self._sessions.begin() as session:
                try:
                    yield session
                except ServiceError as error:
                    if not error.keeps_changes:
                        raise
                    refusal = error
        if refusal is not None:
            raise refusal

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one SELECT, which is a transaction by itself and so costs one round trip, not three."""
        with _translated():
            async with self._reading.connect() as connection:
                yield connection

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[asyncpg.Connection]:
        """The same as `reading`, by the connection of asyncpg itself, for what is asked often.

        Taking it from the pool without a Connection of SQLAlchemy around it costs a fifth of the processor time.
        """
        with _translated(), closing(await self._engine.raw_connection()) as pooled:
            try:
                yield pooled.driver_connection
            except BROKEN:  # nobody shall have it again
                pooled.invalidate()
                raise

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _refuse_closed(connection: DBAPIConnection, _record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
    """Have the pool open a new connection in place of one that PostgreSQL has closed.

    The event loop has heard of that already, so that no statement has to ask, as SQLAlchemy's own check would: three
    round trips before every transaction.
    """
    driver: Any = connection.driver_connection
    if driver.is_closed():
        raise DisconnectionError


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OSError, PoolTimeoutError, *GONE) as error:
        raise DatabaseUnavailable from error
    except (asyncpg.PostgresError, EmulatedDBAPIException) as error:  # from the driver itself, and from opening one
        if (getattr(error, "sqlstate", None) or "").startswith(AWAY_STATES):
            raise DatabaseUnavailable from error
        raise
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        gone = error.connection_invalidated or isinstance(getattr(error.orig, "__cause__", None), BROKEN)
        if gone or state.startswith(AWAY_STATES):
            raise DatabaseUnavailable from error
        raise


async def driver(session: AsyncSession) -> asyncpg.Connection:
    """The connection of asyncpg itself, for what every submission runs: there a statement takes a third of the time.

    It shares the session's transaction.
    """
    if DRIVER not in session.info:
        raw = await (await session.connection()).get_raw_connection()
        session.info[DRIVER] = raw.driver_connection
    connection: asyncpg.Connection = session.info[DRIVER]
    if not connection.is_in_transaction():
        await session.execute(BEGIN)
    return connection


async def request_database(request: Request) -> Database:
    """The pool of the app that serves ``request``."""
    database: Database = request.app.state.database
    return database


RequestDatabase = Annotated[Database, Depends(request_database)]


async def request_session(database: RequestDatabase) -> AsyncIterator[AsyncSession]:
    """The one transaction of a request."""
    async with database.transaction() as session:
        yield session


# scope="function": the commit comes before the answer is sent, so a failed commit is a 500 and never a false success
Session = Annotated[AsyncSession, Depends(request_session, scope="function")]
