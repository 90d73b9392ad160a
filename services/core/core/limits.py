"""Hourly limits: so many requests an hour and student, by tier. They are off while Redis is gone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from core.cache import Cache
from core.errors import ServiceError
from core.settings import Settings
from shared_schemas.claims import SubscriptionTier

HOUR_SECONDS = 3600
LEASES_AN_HOUR = 100
LEASE_LIFETIME = timedelta(seconds=5)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class RateLimitExceeded(ServiceError):
    """You have made very many requests this hour. Please wait a little."""

    status = 429
    code = "RATE_LIMIT_EXCEEDED"

    def __init__(self, *, limit: int, retry_after_seconds: int) -> None:
        super().__init__(
            details={"limit": limit, "retry_after_seconds": retry_after_seconds},
            headers={"Retry-After": str(retry_after_seconds)},
        )


@dataclass(frozen=True)
class RateLimit:
    """What a student has left of this hour; ``reset`` in seconds since 1970."""

    limit: int
    remaining: int
    reset: int
    tier: SubscriptionTier

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that every answer to a signed-in student carries."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset),
            (b"x-ratelimit-tier", self.tier.encode()),
        ]


@dataclass
class _Lease:
    """How many requests of a student's hour this process may let in without asking: ``left``.

    ``counted`` is how many had been counted, by all processes, when it asked last: at ``asked``.
    """

    limit: int
    counted: int = 0
    left: int = 0
    asked: datetime = LONG_AGO

    def limited(self, hour: int, tier: SubscriptionTier) -> RateLimit:
        """What the student has left: all that nobody has counted yet, and what is leased here."""
        remaining = self.limit - self.counted + self.left
        return RateLimit(limit=self.limit, remaining=remaining, reset=(hour + 1) * HOUR_SECONDS, tier=tier)


def _key(student_id: UUID, hour: int) -> str:
    return f"hourly:{student_id}:{hour}"


class Limits:
    """Counts the requests of each student and hour, over all processes, without asking Redis for each.

    Requests are counted in Redis before they are let in, a hundredth of what is left of the hour at a time and towards
    its end one by one. So never more than the limit come in. What one process holds unused is out of the others' reach:
    at most a hundredth of the limit, and by so much, or by the other processes' last seconds, the headers may be off.
    """

    def __init__(self, cache: Cache, settings: Settings) -> None:
        self._cache = cache
        self._settings = settings
        self._hour = 0
        self._leases: dict[UUID, _Lease] = {}

    async def take(self, student_id: UUID, *, tier: SubscriptionTier, now: datetime) -> tuple[RateLimit, bool]:
        """Count one request. What is left of the hour, and whether this request is still within it."""
        hour = int(now.timestamp()) // HOUR_SECONDS
        lease = self._lease(student_id, hour=hour, tier=tier)
        counting = True
        if lease.left == 0 or now - lease.asked > LEASE_LIFETIME:
            lease.asked = now
            counting = await self._renew(lease, _key(student_id, hour))
        within = lease.left > 0 or not counting
        lease.left = max(0, lease.left - 1)
        return lease.limited(hour, tier), within

    async def look(self, student_id: UUID, *, tier: SubscriptionTier, now: datetime) -> RateLimit:
        """What is left of the hour, without taking any of it."""
        hour = int(now.timestamp()) // HOUR_SECONDS
        lease = self._lease(student_id, hour=hour, tier=tier)
        counted = await self._cache.count(_key(student_id, hour), by=0, lifetime_seconds=HOUR_SECONDS)
        if counted is not None:
            lease.counted = min(counted, lease.limit)
        return lease.limited(hour, tier)

    def _lease(self, student_id: UUID, *, hour: int, tier: SubscriptionTier) -> _Lease:
        limit = self._settings.hourly_limit_free if tier == "free" else self._settings.hourly_limit_premium
        if hour != self._hour:
            self._hour = hour
            self._leases.clear()
        lease = self._leases.get(student_id)
        if lease is None or lease.limit != limit:
            lease = self._leases[student_id] = _Lease(limit)
        return lease

    async def _renew(self, lease: _Lease, key: str) -> bool:
        """Take more requests, or give back what is too many; False while Redis is gone."""
        share = max(1, (lease.limit - lease.counted) // LEASES_AN_HOUR)
        more = share - lease.left
        lease.left = min(lease.left, share)  # before the wait: what is given back must not be let in meanwhile
        counted = await self._cache.count(key, by=more, lifetime_seconds=HOUR_SECONDS)
        if counted is None:
            return False
        lease.left += max(0, min(more, lease.limit - (counted - more)))
        lease.counted = min(counted, lease.limit)
        return True
