"""The only door to Redis: a speed-up that may vanish at any moment. Nothing here ever raises for that."""

import logging
import time

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.25
PAUSE_SECONDS = 5.0
MOST_CONNECTIONS = 10  # one event loop keeps no more of them busy, and opening many at once takes their time
WAIT_SECONDS = 2.0  # for a free connection


class Cache:
    """Redis, or nothing where no address is given. After a failure it is left alone for a few seconds."""

    def __init__(self, url: str | None) -> None:
        self._redis = None
        self._paused_until = 0.0
        if url is not None:
            # A pool that does not wait calls Redis gone when all connections are busy, and the limits would be off.
            pool = BlockingConnectionPool.from_url(
                url,
                socket_connect_timeout=TIMEOUT_SECONDS,
                socket_timeout=TIMEOUT_SECONDS,
                max_connections=MOST_CONNECTIONS,
                timeout=WAIT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
            self._redis = Redis.from_pool(pool)

    @property
    def configured(self) -> bool:
        """Whether there is a Redis to ask at all."""
        return self._redis is not None

    async def count(self, key: str, *, by: int, lifetime_seconds: int) -> int | None:
        """What ``key`` has been counted up to, in the lifetime its first count began; None without Redis."""
        if self._redis is None or time.monotonic() < self._paused_until:
            return None
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.incrby(key, by)
                pipeline.expire(key, lifetime_seconds, nx=True)
                counted, _ = await pipeline.execute()
        except (RedisError, OSError) as error:
            self._pause(error)
            return None
        return int(counted)

    async def reachable(self) -> bool:
        """Whether Redis answers now."""
        if self._redis is None:
            return False
        try:
            await self._redis.ping()
        except (RedisError, OSError):
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        if self._redis is not None:
            await self._redis.aclose()

    def _pause(self, error: Exception) -> None:
        self._paused_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("Redis cannot be used (%s): hourly limits are off until it is back", type(error).__name__)
