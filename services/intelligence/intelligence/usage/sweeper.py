"""Settles, every few seconds, what crashed processes left open."""

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from intelligence.database import transaction
from intelligence.usage.service import sweep

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


async def sweep_once() -> None:
    """One sweep; a database that is away is tried again next time."""
    try:
        async with transaction() as session:
            swept = await sweep(session)
    except (SQLAlchemyError, OSError) as error:
        logger.warning("nothing swept: %s", type(error).__name__)
        return
    if any(swept.values()):
        logger.warning("settled what was left open: %(calls)s calls, %(reservations)s reservations", swept)
