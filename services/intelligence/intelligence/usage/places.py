"""How many model calls may run and wait in one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from intelligence.errors import ServiceError

RETRY_AFTER_SECONDS = 5


class ServiceBusy(ServiceError):
    """Every place is taken, and so is every place to wait."""

    status = 503
    code = "SERVICE_BUSY"
    message = "Too many students are asking at once. Nothing was counted; please try again in a moment."

    def __init__(self) -> None:
        super().__init__(
            extra={"retry_after_seconds": RETRY_AFTER_SECONDS}, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
        )


class Places:
    """So many may run, so many more may wait for a place, and the next is refused at once."""

    def __init__(self, *, running: int, waiting: int) -> None:
        self._free = asyncio.Semaphore(running)
        self._waiting_allowed = waiting
        self._waiting = 0

    @property
    def free_now(self) -> bool:
        """Whether whoever comes now need not wait."""
        return not self._free.locked()

    @asynccontextmanager
    async def taken(self, *, wait_seconds: float) -> AsyncIterator[None]:
        """Hold a place for the block; raises ServiceBusy when there is none, or none within `wait_seconds`."""
        if self._free.locked() and self._waiting >= self._waiting_allowed:
            raise ServiceBusy
        self._waiting += 1
        try:
            async with asyncio.timeout(wait_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise ServiceBusy from error
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()
