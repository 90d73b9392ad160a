"""A publisher that stops before one of its writes, to be killed there: ``python -m … FOLDER NUMBER``."""

import asyncio
import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

from core.publishing.compile import compile_course
from core.publishing.publish import publish
from core.publishing.source import read_course
from core.settings import ContentSettings
from core.storage import open_storage
from tests.core.publishing.storages import Waiting


async def publish_until(folder: Path, number: int) -> None:
    """Publish, and let no write pass from the n-th on; says so when it has come that far."""
    writes = itertools.count(1)

    async def stop() -> None:
        write = next(writes)
        if write == number:
            sys.stdout.write(f"stopped before write {number}\n")
            sys.stdout.flush()
        if write >= number:
            await asyncio.Event().wait()

    async with open_storage(ContentSettings()) as storage:
        now = datetime(2026, 10, 1, tzinfo=UTC)
        await publish(Waiting(storage, "", stop), compile_course(read_course(folder)), now=now)


if __name__ == "__main__":
    asyncio.run(publish_until(Path(sys.argv[1]), int(sys.argv[2])))
