"""Tells core of what students learned here, for core keeps the streak: each action once or more, and none is lost.

An action is a row of `learning_actions`, written with what the student did. It is told right after that commit, and
erased when core has recorded it; what a crash or an outage left over is told later (decision 0062).
"""

import asyncio
import contextlib
import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import background, core_client
from intelligence.core_client import CoreUnavailable
from intelligence.database import connection, describe, driver

logger = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0

_OWE = "INSERT INTO learning_actions (student_id) VALUES ($1) RETURNING action_id, student_id, acted_at"
# In no order, so that an action which core refuses does not keep it from hearing of the others.
_OWED = "SELECT action_id, student_id, acted_at FROM learning_actions ORDER BY random() LIMIT 100"
_HEARD = "DELETE FROM learning_actions WHERE action_id = $1"


async def owe(session: AsyncSession, student_id: UUID) -> None:
    """Note in the caller's transaction that the student learned something now; core is told after the commit.

    The last savepoint must lie before: SQLAlchemy takes its end for a commit.
    """
    action = await (await driver(session)).fetchrow(_OWE, student_id)
    event.listen(session.sync_session, "after_commit", lambda _: tell(*action), once=True)


def tell(action_id: UUID, student_id: UUID, acted_at: datetime) -> None:
    """Tell core of an action whose row is committed, without waiting for it."""
    background.start(_tell(action_id, student_id, acted_at))


async def run(stop: asyncio.Event, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Tell core what it has yet to hear until `stop` is set; any number of processes may do it at once.

    While that fails, the pauses grow to a minute.
    """
    pause = every_seconds
    while not stop.is_set():
        pause = every_seconds if await tell_owed() else min(2 * pause, LONGEST_PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


async def tell_owed() -> bool:
    """Tell core of up to a hundred actions, until one fails; whether none did."""
    try:
        async with connection() as postgres:
            owed = await postgres.fetch(_OWED)
    except (SQLAlchemyError, OSError) as error:
        logger.warning("could not look for learning actions: %s", describe(error))
        return False
    for action in owed:
        if not await _tell(*action):
            return False
    return True


async def _tell(action_id: UUID, student_id: UUID, acted_at: datetime) -> bool:
    """Whether core could be told. No connection is held meanwhile; a failure leaves the action to the next round.

    Where core knows no such student the row is gone already, with the account.
    """
    try:
        if await core_client.record_activity(student_id, acted_at):
            async with connection() as postgres:
                await postgres.execute(_HEARD, action_id)
    except CoreUnavailable:
        return False
    except (SQLAlchemyError, OSError) as error:
        logger.warning("a learning action could not be erased and will be told again: %s", describe(error))
        return False
    return True
