"""The door to Redis: busy is not the same as gone."""

import asyncio
from uuid import uuid4

import pytest

from intelligence import background, cache
from tests.intelligence.conftest import Configure


async def test_more_questions_at_once_than_connections_are_all_answered(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("TIMEOUT_SECONDS", "WAIT_SECONDS"):
        monkeypatch.setattr(cache, patience, 30.0)  # that of a machine which has much else to do
    await configure()
    key = f"busy:{uuid4()}"
    cache.put_json(key, "kept", ttl_seconds=60)
    await background.drain()
    asked = [cache.get_json(key) for _ in range(4 * cache.MOST_CONNECTIONS)]
    assert set(await asyncio.gather(*asked)) == {"kept"}


async def test_what_is_written_without_waiting_is_sent_in_its_order(configure: Configure) -> None:
    await configure()
    first, second = f"first:{uuid4()}", f"second:{uuid4()}"
    for n in range(50):
        cache.put_json(first, n, ttl_seconds=60)
        cache.put_json(second, n, ttl_seconds=60)
        await asyncio.sleep(0)  # now and then the sending comes in between
    cache.delete(second)
    await background.drain()
    assert (await cache.get_json(first), await cache.get_json(second)) == (49, None)
