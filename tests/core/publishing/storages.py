"""Storages that pass everything on to a real one, and fail or wait on the way."""

from collections.abc import Awaitable, Callable

from core.storage import Storage, StorageError


class Passing:
    """A storage that passes everything on to a real one, after a look at what is written; ``written``: what now is."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.written: list[str] = []

    async def before(self, key: str) -> None:
        """Called before each write."""

    async def read(self, key: str) -> tuple[bytes, str | None]:
        return await self._storage.read(key)

    async def write(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        await self.before(key)
        etag = await self._storage.write(key, body, if_match=if_match, if_none_match=if_none_match)
        self.written.append(key)
        return etag

    async def exists(self, key: str) -> bool:
        return await self._storage.exists(key)


class FailingFrom(Passing):
    """Every write from the n-th on fails, as when the network is gone."""

    def __init__(self, storage: Storage, number: int) -> None:
        super().__init__(storage)
        self._left = number - 1

    async def before(self, key: str) -> None:
        if self._left == 0:
            raise StorageError(f"{key} cannot be written: the network is gone")
        self._left -= 1


class Waiting(Passing):
    """Writes of keys that begin so wait for a meeting first."""

    def __init__(self, storage: Storage, beginning: str, meeting: Callable[[], Awaitable[object]]) -> None:
        super().__init__(storage)
        self._beginning = beginning
        self._meeting = meeting

    async def before(self, key: str) -> None:
        if key.startswith(self._beginning):
            await self._meeting()
