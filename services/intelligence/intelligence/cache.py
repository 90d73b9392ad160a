"""The only door to Redis: a speed-up that may vanish at any moment, and then is silent.

Nobody waits for what is written: it is sent at once, and what comes meanwhile goes together when that has been taken.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from intelligence import background
from intelligence.settings import get_settings

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.25
MOST_CONNECTIONS = 10  # one event loop keeps no more of them busy, and opening many at once takes their time
WAIT_SECONDS = 2.0  # for a free connection
PAUSE_AFTER_FAILURE_SECONDS = 5.0


class _Door:
    """One client and what is known of its health."""

    def __init__(self, url: str) -> None:
        # A pool that does not wait would call Redis dead whenever all connections are busy.
        pool = BlockingConnectionPool.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            max_connections=MOST_CONNECTIONS,
            timeout=WAIT_SECONDS,
        )
        self.redis: Redis = Redis.from_pool(pool)
        self.closed_until = 0.0
        self.unsent: list[tuple[Any, ...]] = []
        self.is_sending = False

    def failed(self, error: Exception) -> None:
        """Leave Redis alone for a while: a dead one must not cost every request its timeout."""
        if self.closed_until == 0.0:
            logger.warning("Redis can not be used, going on without it: %s", type(error).__name__)
        self.closed_until = time.monotonic() + PAUSE_AFTER_FAILURE_SECONDS

    def worked(self) -> None:
        if self.closed_until:
            logger.info("Redis is back")
            self.closed_until = 0.0


@lru_cache
def _door() -> _Door | None:
    url = get_settings().redis_url
    return _Door(url) if url else None


async def _run(*command: Any) -> Any:
    async def ask(redis: Redis) -> Any:
        return await redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis types it loosely

    return await _through(_door(), ask)


def _send(*command: Any) -> None:
    """Have a command sent, after those before it."""
    door = _door()
    if door is None:
        return
    door.unsent.append(command)
    if not door.is_sending:
        door.is_sending = True
        background.start(_send_all(door))


async def _send_all(door: _Door) -> None:
    async def send(redis: Redis) -> Any:
        pipeline = redis.pipeline(transaction=False)
        for command in together:
            pipeline.execute_command(*command)
        return await pipeline.execute()

    try:
        while door.unsent:
            together, door.unsent = door.unsent, []
            await _through(door, send)
    finally:
        door.is_sending = False


async def _through(door: _Door | None, ask: Callable[[Redis], Awaitable[Any]]) -> Any:
    """What Redis answers, or None while it is not there."""
    if door is None or time.monotonic() < door.closed_until:
        return None
    try:
        result = await ask(door.redis)
    except (RedisError, OSError, TimeoutError) as error:
        door.failed(error)
        return None
    door.worked()
    return result


async def get_json(key: str) -> Any | None:
    """What `put_json` stored under this key, or None: never stored, expired, unreadable, or no Redis."""
    stored = await _run("GET", key)
    if stored is None:
        return None
    try:
        return json.loads(stored)
    except ValueError:
        return None


def put_json(key: str, value: Any, *, ttl_seconds: int) -> None:
    """Store any JSON value for this long."""
    _send("SET", key, json.dumps(value), "EX", ttl_seconds)


def put_counts(counts: Mapping[str, int], *, expire_at: datetime) -> None:
    """Store plain integers that expire at this moment."""
    for key, value in counts.items():
        _send("SET", key, value, "EXAT", int(expire_at.timestamp()))


def delete(key: str) -> None:
    """Forget this key."""
    _send("DEL", key)


async def answers() -> bool | None:
    """Whether Redis answers; None when no REDIS_URL is set."""
    if _door() is None:
        return None
    return await _run("PING") is not None


async def close() -> None:
    """Close the connections; the next use opens new ones."""
    if _door.cache_info().currsize and (door := _door()) is not None:
        await door.redis.aclose()
    _door.cache_clear()
