"""The door to Redis: busy is not the same as gone."""

import asyncio
from uuid import uuid4

import pytest

from intelligence import cache
from tests.intelligence.conftest import Configure


async def test_more_questions_at_once_than_connections_are_all_answered(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patience in ("TIMEOUT_SECONDS", "WAIT_SECONDS"):
        monkeypatch.setattr(cache, patience, 30.0)  # that of a machine which has much else to do
    await configure()
    key = f"busy:{uuid4()}"
    await cache.put_json(key, "kept", ttl_seconds=60)
    asked = [cache.get_json(key) for _ in range(4 * cache.MOST_CONNECTIONS)]
    assert set(await asyncio.gather(*asked)) == {"kept"}
