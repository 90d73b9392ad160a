"""Hourly limits over several processes: leases keep them exact from above, and the headers near the truth."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from core.cache import MOST_CONNECTIONS, Cache
from core.limits import Limits
from core.settings import Settings
from shared_schemas.claims import SubscriptionTier

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def cache(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cache]:
    """A door to Redis with the patience of a machine that has much else to do."""
    monkeypatch.setattr("core.cache.TIMEOUT_SECONDS", 30.0)
    monkeypatch.setattr("core.cache.WAIT_SECONDS", 30.0)
    cache = Cache(redis_url)
    yield cache
    await cache.close()


def limited(settings: Settings, cache: Cache, *, free: int = 1000, premium: int = 10_000) -> Limits:
    return Limits(cache, settings.model_copy(update={"hourly_limit_free": free, "hourly_limit_premium": premium}))


async def spend(
    limits: Limits, student_id: UUID, times: int, tier: SubscriptionTier = "free", now: datetime = NOON
) -> list[int | None]:
    """What remains after each request, None where it was refused."""
    taken = [await limits.take(student_id, tier=tier, now=now) for _ in range(times)]
    return [limit.remaining if within else None for limit, within in taken]


async def test_one_process_counts_one_by_one(settings: Settings, cache: Cache) -> None:
    found = await spend(limited(settings, cache), uuid4(), 1003)
    assert found == [*range(999, -1, -1), None, None, None]


async def test_many_processes_never_let_in_more_than_the_limit(settings: Settings, cache: Cache) -> None:
    student_id = uuid4()
    processes = [limited(settings, cache) for _ in range(4)]
    found = await asyncio.gather(*(spend(limits, student_id, 400) for limits in processes))
    let_in = sum(remaining is not None for each in found for remaining in each)
    assert let_in == 1000, "who goes on asking gets the last one too"


async def test_what_a_process_holds_unused_is_a_hundredth(settings: Settings, cache: Cache) -> None:
    student_id = uuid4()
    idle, busy = limited(settings, cache), limited(settings, cache)
    assert await spend(idle, student_id, 1) == [999]
    found = await spend(busy, student_id, 1000)
    assert sum(remaining is not None for remaining in found) == 990
    soon = NOON + timedelta(seconds=10)
    assert await spend(idle, student_id, 10, now=soon) == [8, 7, 6, 5, 4, 3, 2, 1, 0, None]


async def test_each_hour_and_each_student_has_its_own_count(settings: Settings, cache: Cache) -> None:
    limits, student_id = limited(settings, cache, free=2), uuid4()
    assert await spend(limits, student_id, 3) == [1, 0, None]
    assert await spend(limits, uuid4(), 1) == [1]
    later = await spend(limits, student_id, 3, now=NOON + timedelta(hours=1))
    assert later == [1, 0, None]


async def test_a_lower_tier_ends_the_lease_of_the_higher(settings: Settings, cache: Cache) -> None:
    limits, student_id = limited(settings, cache, free=20), uuid4()
    assert await spend(limits, student_id, 1, "premium") == [9_999]
    assert await spend(limits, student_id, 1) == [None], "a hundred are counted already"
    assert await spend(limits, uuid4(), 1) == [19]


async def test_a_lease_outlives_redis_and_then_all_may_come(settings: Settings, redis_url: str) -> None:
    cache = Cache(redis_url)
    limits, student_id = limited(settings, cache), uuid4()
    assert await spend(limits, student_id, 1) == [999]
    await cache.close()
    gone = Cache("redis://127.0.0.1:1/0")
    limits._cache = gone
    assert await spend(limits, student_id, 12) == [*range(998, 989, -1), 990, 990, 990]
    await gone.close()


async def test_to_look_takes_nothing(settings: Settings, cache: Cache) -> None:
    student_id = uuid4()
    busy, other = limited(settings, cache, free=2), limited(settings, cache, free=2)
    looks = [(await busy.look(student_id, tier="free", now=NOON)).remaining for _ in range(3)]
    assert looks == [2, 2, 2]
    assert await spend(busy, student_id, 3) == [1, 0, None]
    assert (await other.look(student_id, tier="free", now=NOON)).remaining == 0


async def test_more_requests_at_once_than_connections_are_all_counted(settings: Settings, cache: Cache) -> None:
    limits, student_id = limited(settings, cache, free=10), uuid4()
    for hour in (NOON, NOON + timedelta(hours=1)):
        asked = [limits.take(student_id, tier="free", now=hour) for _ in range(4 * MOST_CONNECTIONS)]
        assert sum(within for _, within in await asyncio.gather(*asked)) == 10


async def test_a_count_does_not_outlive_its_hour(cache: Cache, redis_url: str) -> None:
    key = f"count:{uuid4()}"
    assert [await cache.count(key, by=2, lifetime_seconds=3600) for _ in range(2)] == [2, 4]
    async with Redis.from_url(redis_url) as redis:
        assert 0 < await redis.ttl(key) <= 3600
