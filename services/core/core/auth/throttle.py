"""Throttling of sign-in: so many attempts for each account and each client address, counted in PostgreSQL.

Each limit is a bucket: an attempt adds to it, it drains evenly, and while it is full attempts are refused. One row is
a bucket, changed by one statement, so no number of parallel attempts in any number of processes gets past it.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ServiceError
from core.settings import Settings
from core.tokens import keyed_digest

KEY_PURPOSE = b"course-companion throttle"

FILL = text("""
    INSERT INTO throttles AS t (throttle_key, drained_at) VALUES (:key, now() + CAST(:attempt AS interval))
    ON CONFLICT (throttle_key) DO UPDATE SET drained_at = greatest(t.drained_at, now()) + CAST(:attempt AS interval)
    WHERE greatest(t.drained_at, now()) + CAST(:attempt AS interval) <= now() + CAST(:full AS interval)
    RETURNING true
""")
WAIT = text("""
    SELECT extract(epoch FROM drained_at + CAST(:attempt AS interval) - CAST(:full AS interval) - now())
    FROM throttles WHERE throttle_key = :key
""")
DRAIN = text("UPDATE throttles SET drained_at = drained_at - CAST(:attempt AS interval) WHERE throttle_key = :key")


class TooManyAttempts(ServiceError):
    """There were too many attempts. Please wait a little and try again."""

    status = 429
    code = "RATE_LIMIT_EXCEEDED"
    keeps_changes = True  # what the attempt has filled stays filled

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(
            details={"retry_after_seconds": retry_after_seconds}, headers={"Retry-After": str(retry_after_seconds)}
        )


@dataclass(frozen=True)
class Limit:
    """``most`` attempts at once, and as many again every ``period``."""

    name: str
    most: int
    period: timedelta


LOGIN_BY_ACCOUNT = Limit("login by account", 10, timedelta(minutes=10))
LOGIN_BY_ADDRESS = Limit("login by address", 100, timedelta(minutes=10))
REGISTER_BY_ACCOUNT = Limit("register by account", 10, timedelta(hours=1))
REGISTER_BY_ADDRESS = Limit("register by address", 300, timedelta(hours=1))
FORGOT_BY_ACCOUNT = Limit("forgot by account", 3, timedelta(hours=1))
FORGOT_BY_ADDRESS = Limit("forgot by address", 60, timedelta(hours=1))
RESEND_BY_ACCOUNT = Limit("resend by account", 3, timedelta(hours=1))
TOKEN_BY_ADDRESS = Limit("token by address", 100, timedelta(minutes=10))
CLIENT_BY_ADDRESS = Limit("OAuth client by address", 300, timedelta(hours=1))
DOCUMENT_BY_ADDRESS = Limit("client document by address", 30, timedelta(minutes=10))


class Attempt(NamedTuple):
    """One attempt as one limit counts it; ``who`` is an account or a client address."""

    limit: Limit
    who: str


async def take(session: AsyncSession, *attempts: Attempt, settings: Settings) -> None:
    """Count an attempt by each of its limits, in this order; TooManyAttempts at the first that is reached.

    Name addresses before accounts, everywhere: so no two requests can wait for each other.
    """
    for attempt in attempts:
        bucket = _bucket(attempt, settings)
        if await session.scalar(FILL, bucket) is None:
            seconds = await session.scalar(WAIT, bucket)
            raise TooManyAttempts(retry_after_seconds=max(1, math.ceil(seconds or 0)))


async def give_back(session: AsyncSession, *attempts: Attempt, settings: Settings) -> None:
    """Uncount an attempt that succeeded, so that a class behind one address does not lock itself out."""
    for attempt in attempts:
        key, share, _ = _bucket(attempt, settings).values()
        await session.execute(DRAIN, {"key": key, "attempt": share})


def _bucket(attempt: Attempt, settings: Settings) -> dict[str, str | timedelta]:
    limit, who = attempt
    most = max(1, round(limit.most * settings.sign_in_limits_scale))
    key = keyed_digest(f"{limit.name}: {who}".encode(), purpose=KEY_PURPOSE, secret=settings.token_secrets[0])
    return {"key": key.hex(), "attempt": limit.period / most, "full": limit.period}
