import asyncio
from pathlib import Path

import pytest

from core.storage import LocalStorage, ObjectNotFound, PreconditionFailed, StorageError


async def test_what_is_written_is_read_back_with_its_etag(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    etag = await storage.write("v1/chapters/a.json", b"one")
    assert await storage.read("v1/chapters/a.json") == (b"one", etag)
    assert await storage.exists("v1/chapters/a.json")
    assert not await storage.exists("v1/chapters/b.json")
    with pytest.raises(ObjectNotFound):
        await storage.read("v1/chapters/b.json")


async def test_conditions_are_kept(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    first = await storage.write("course.json", b"one", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        await storage.write("course.json", b"two", if_none_match=True)
    second = await storage.write("course.json", b"two", if_match=first)
    assert second != first
    with pytest.raises(PreconditionFailed):
        await storage.write("course.json", b"three", if_match=first)
    with pytest.raises(PreconditionFailed):
        await storage.write("new.json", b"one", if_match=first)
    assert (await storage.read("course.json"))[0] == b"two"


async def test_of_parallel_writers_one_wins(tmp_path: Path) -> None:
    storages = [LocalStorage(tmp_path) for _ in range(8)]
    writes = [storage.write("course.json", f"{n}".encode(), if_none_match=True) for n, storage in enumerate(storages)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, PreconditionFailed) for outcome in outcomes) == 7


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../outside", "a/../../outside"])
async def test_a_key_stays_inside(tmp_path: Path, key: str) -> None:
    with pytest.raises(StorageError, match="not a key"):
        await LocalStorage(tmp_path / "inside").write(key, b"x")
    assert not (tmp_path / "outside").exists()
