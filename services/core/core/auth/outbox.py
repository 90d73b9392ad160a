"""The task that sends what stands in the outbox, in every process of core; each mail is sent by one of them."""

import asyncio
import contextlib
import logging
import math
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import SQLAlchemyError

from core.auth.mails import LETTERS, compose
from core.auth.oauth import registry
from core.database import Database
from core.errors import ServiceError
from core.mail import SEND_SECONDS, Mailer, MailNotSent, MailRefused
from core.settings import Settings

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=2 * SEND_SECONDS)
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=15)
CLEANING_SECONDS = 60.0
UNUSED_CLIENT_KEPT = timedelta(days=1)

CLAIM = text("""
    UPDATE account_mails AS m SET due_at = now() + CAST(:lease AS interval), attempts = attempts + 1
    WHERE mail_id = (
        SELECT mail_id FROM account_mails WHERE sent_at IS NULL AND due_at <= now() AND expires_at > now()
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING mail_id, kind, expires_at, attempts,
        (SELECT email FROM students s WHERE s.student_id = m.student_id) AS recipient
""")
SENT = text("UPDATE account_mails SET sent_at = now() WHERE mail_id = :mail_id")
DONE = text("DELETE FROM account_mails WHERE mail_id = :mail_id")
LATER = text("""
    UPDATE account_mails SET due_at = now() + CAST(:pause AS interval)
    WHERE mail_id = :mail_id AND attempts = :attempts
""")
CLEAR_MAILS = text("""
    DELETE FROM account_mails WHERE mail_id IN (
        SELECT mail_id FROM account_mails WHERE expires_at <= now() LIMIT 1000 FOR UPDATE SKIP LOCKED)
    RETURNING student_id IS NOT NULL AND sent_at IS NULL AS never_sent
""")
CLEAR_THROTTLES = text("""
    DELETE FROM throttles WHERE throttle_key IN (
        SELECT throttle_key FROM throttles WHERE drained_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)
""")
# An answer is kept for a repeated request of the same day; a session that is over opens nothing any more.
CLEAR_KEYS = text("""
    DELETE FROM core_idempotency_keys WHERE (owner, idempotency_key) IN (
        SELECT owner, idempotency_key FROM core_idempotency_keys WHERE created_at < now() - interval '1 day'
        LIMIT 1000 FOR UPDATE SKIP LOCKED)
""")
CLEAR_SESSIONS = text("""
    DELETE FROM sessions WHERE session_id IN (
        SELECT session_id FROM sessions WHERE expires_at < now() LIMIT 1000 FOR UPDATE SKIP LOCKED)
""")


def pause_after(attempts: int) -> timedelta:
    """How long to wait after that many attempts have failed: twice as long each time, to a quarter of an hour."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 10)), LONGEST_PAUSE)


class Outbox:
    """Sends waiting mail until it is stopped. It never ends by itself: what fails is logged, and tried again."""

    def __init__(self, database: Database, mailer: Mailer, *, settings: Settings) -> None:
        self._database = database
        self._mailer = mailer
        self._settings = settings
        self._stopping = asyncio.Event()
        self._cleaned = -math.inf

    async def run(self) -> None:
        """Look for due mail every few seconds until ``stop``."""
        while not self._stopping.is_set():
            try:
                while not self._stopping.is_set() and await self.deliver_one():
                    pass
                await self._clean()
            except (ServiceError, SQLAlchemyError, OSError) as error:
                logger.warning("the outbox cannot be read (%s): mail waits", type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._settings.mail_poll_seconds)

    def stop(self) -> None:
        """Let ``run`` end, after the mail in its hands."""
        self._stopping.set()

    async def deliver_one(self) -> bool:
        """Send the mail that is due the longest. False where none is, or where the server takes none at the moment.

        No transaction is open meanwhile. A process that dies keeps a mail for the lease; it is then sent by another,
        for a second time if it died between sending and noting so, with the same Message-ID.
        """
        async with self._database.transaction() as session:
            mail = (await session.execute(CLAIM, {"lease": LEASE})).one_or_none()
        if mail is None:
            return False
        outcome, values, taken = await self._send(mail)
        async with self._database.transaction() as session:
            await session.execute(outcome, {"mail_id": mail.mail_id, **values})
        return taken

    async def _send(self, mail: Row[Any]) -> tuple[Any, dict[str, Any], bool]:
        if mail.recipient is None:  # an address that nobody has
            return DONE, {}, True
        message = compose(
            mail_id=mail.mail_id,
            kind=mail.kind,
            recipient=mail.recipient,
            expires_at=mail.expires_at,
            settings=self._settings,
        )
        try:
            await self._mailer.send(message)
        except MailRefused as error:
            logger.warning("a mail was refused for good (%s): %s", error, mail.kind)
            return DONE, {}, True
        except MailNotSent as error:
            logger.warning("a mail could not be sent (%s), attempt %d: %s", error, mail.attempts, mail.kind)
            return LATER, {"pause": pause_after(mail.attempts), "attempts": mail.attempts}, False
        return (SENT if LETTERS[mail.kind].carries_token else DONE), {}, True

    async def _clean(self) -> None:
        if time.monotonic() - self._cleaned < CLEANING_SECONDS:
            return
        self._cleaned = time.monotonic()
        async with self._database.transaction() as session:
            never_sent = sum((await session.scalars(CLEAR_MAILS)).all())
            for clearing in (CLEAR_THROTTLES, CLEAR_KEYS, CLEAR_SESSIONS):
                await session.execute(clearing)
            await registry.forget_unused(session, age=UNUSED_CLIENT_KEPT, most=1000)
        if never_sent:
            logger.warning("%d mails ran out before they could be sent: is SMTP_SERVER right?", never_sent)
