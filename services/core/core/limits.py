"""Hourly limits: so many requests an hour and student, by tier. They are off while Redis is gone."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.cache import Cache
from core.errors import ServiceError
from core.settings import Settings
from shared_schemas.claims import SubscriptionTier

HOUR_SECONDS = 3600


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

    def headers(self) -> dict[str, str]:
        """The headers that every answer to a signed-in student carries."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Tier": self.tier,
        }


async def take(
    cache: Cache, *, settings: Settings, student_id: UUID, tier: SubscriptionTier, now: datetime
) -> tuple[RateLimit, bool]:
    """Count one request. What is left of the hour, and whether this request is still within it."""
    limit = settings.hourly_limit_free if tier == "free" else settings.hourly_limit_premium
    hour = int(now.timestamp()) // HOUR_SECONDS
    used = await cache.count(f"hourly:{student_id}:{hour}", lifetime_seconds=HOUR_SECONDS)
    left = limit if used is None else limit - used
    return RateLimit(limit=limit, remaining=max(0, left), reset=(hour + 1) * HOUR_SECONDS, tier=tier), left >= 0
