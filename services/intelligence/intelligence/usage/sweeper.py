"""Settles, every few seconds, what crashed processes left open."""

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from intelligence.database import connection, describe
from intelligence.usage.service import Swept, sweep

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0


async def run(stop: asyncio.Event, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Sweep until `stop` is set. Any number of processes may do it at once."""
    while not stop.is_set():
        await sweep_once()
        try:
            await asyncio.wait_for(stop.wait(), every_seconds)
        except TimeoutError:
            continue


async def sweep_once() -> Swept:
    """Sweep until nothing is left, each time in a transaction of its own; a database away is tried again next time."""
    total = Swept(0, 0)
    try:
        while True:
            async with connection() as postgres:
                swept = await sweep(postgres)
            if swept == Swept(0, 0):
                break
            total = Swept(total.calls + swept.calls, total.reservations + swept.reservations)
    except (SQLAlchemyError, OSError) as error:
        logger.warning("could not sweep: %s", describe(error))
    if total != Swept(0, 0):
        logger.warning("settled what was left open: %s calls, %s reservations", total.calls, total.reservations)
    return total
