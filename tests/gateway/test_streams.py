from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.gateway.conftest import Request, Stack


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/api/v2/assessments/feedback/0b5e/events"),
        ("POST", "/api/v2/adaptive/path"),
        ("POST", "/mcp"),
    ],
)
async def test_an_event_arrives_before_the_next_one_is_sent(stack: Stack, method: str, target: str) -> None:
    first_arrived = asyncio.Event()

    async def send_events(request: Request, writer: asyncio.StreamWriter) -> None:
        assert request.headers["accept"] == "text/event-stream"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        writer.write(b"event: queued\n\n")
        await writer.drain()
        await first_arrived.wait()
        writer.write(b"event: done\n\n")
        await writer.drain()
        writer.close()

    for upstream in stack.upstreams:
        upstream.handle = send_events
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
    async with stack.gateway.stream(target, method=method, headers=headers) as reader:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert "content-type: text/event-stream" in head
        assert "content-encoding" not in head
        await reader.readuntil(b"event: queued\n\n")
        first_arrived.set()
        await reader.readuntil(b"event: done\n\n")


async def test_a_client_that_leaves_ends_the_stream_behind(stack: Stack) -> None:
    ended = asyncio.Event()

    async def send_until_closed(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\nevent: queued\n\n"
        )
        await writer.drain()
        await request.connection.read()
        ended.set()
        writer.close()

    for upstream in stack.intelligence:
        upstream.handle = send_until_closed
    target = "/api/v2/assessments/feedback/0b5e/events"
    async with stack.gateway.stream(target, method="GET", headers={"Accept": "text/event-stream"}) as reader:
        await reader.readuntil(b"event: queued\n\n")
    async with asyncio.timeout(5):
        await ended.wait()
