"""Work that must end even when the request that started it is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_running: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run it on its own; kept alive until it is done."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Its result. When the caller is cancelled meanwhile, the work goes on to its end alone."""
    return await asyncio.shield(start(work))


async def drain() -> None:
    """Wait until nothing is running any more: the last thing before a process lets go of its connections."""
    while _running:
        await asyncio.wait(_running)
