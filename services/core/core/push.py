"""Hears from PostgreSQL, over a connection of its own, which students a commit has changed."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import asyncpg

logger = logging.getLogger(__name__)

CHANNEL = "student_changes"
# The triggers send through this function: where a downgrade took it away, silence would mean nothing.
PROBE = "SELECT to_regproc('public.push_student_change') IS NOT NULL"
TRUSTED_SECONDS = 0.9
PROBE_EVERY_SECONDS = 0.25
ANSWER_SECONDS = 3.0
CONNECT_SECONDS = 5.0
SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0

# Is told the student whom a commit has changed, or None: something was missed, it may be anybody.
Listener = Callable[[UUID | None], None]


class NotPushed(Exception):
    """The database is at a revision that does not push changes."""


class Push:
    """Tells its ``listener`` of every commit that changes a student, and knows whether it hears them all.

    Before PostgreSQL answers a probe it hands over, on the same connection, what was committed until then. So every
    change up to the moment at which the last answered probe was sent has been told. While that moment is less than a
    second old, no change older than a second is missing, also where the other end has vanished without a word.
    """

    def __init__(self, address: str) -> None:
        self.listener: Listener = lambda _student: None
        self._address = address
        self._heard_until = float("-inf")
        self._waiting: list[asyncio.Future[None]] = []
        self._asked = asyncio.Event()

    @property
    def complete(self) -> bool:
        """Whether every change that is older than a second has been told."""
        return time.monotonic() - self._heard_until < TRUSTED_SECONDS

    async def run(self) -> None:
        """Listen for ever. After a loss the listener has to forget everything, and the connection is made again."""
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            try:
                async with self._listening() as connection:
                    while True:
                        await self._probe(connection)
                        pause = SHORTEST_PAUSE_SECONDS
                        await self._until_asked()
            except Exception as error:  # noqa: BLE001  # whatever broke the connection, another one must be made
                logger.warning("changes are not pushed (%s): every request reads the database", type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def caught_up(self) -> None:
        """Return when what was committed before this call has been told, or when nothing is trusted any more."""
        if self.complete:
            told = asyncio.get_running_loop().create_future()
            self._waiting.append(told)
            self._asked.set()
            await asyncio.wait([told], timeout=TRUSTED_SECONDS)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(
            self._address,
            timeout=CONNECT_SECONDS,
            command_timeout=ANSWER_SECONDS,
            server_settings={"application_name": "core push"},
        )
        try:
            await connection.add_listener(CHANNEL, self._hear)
            yield connection
        finally:
            connection.terminate()
            self._heard_until = float("-inf")
            self.listener(None)
            self._release(self._waiting)

    def _hear(self, _connection: object, _process: int, _channel: str, payload: str) -> None:
        self.listener(UUID(payload))

    async def _probe(self, connection: asyncpg.Connection) -> None:
        waiting, self._waiting = self._waiting, []
        sent = time.monotonic()
        try:
            if not await connection.fetchval(PROBE):
                raise NotPushed
            self._heard_until = sent
        finally:
            self._release(waiting)

    async def _until_asked(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROBE_EVERY_SECONDS):
                await self._asked.wait()
        self._asked.clear()

    @staticmethod
    def _release(waiting: list[asyncio.Future[None]]) -> None:
        for told in waiting:
            if not told.done():
                told.set_result(None)
