"""Server-sent events: how they look on the wire, and when a stream must end."""

import asyncio
import signal
from collections.abc import Callable
from functools import lru_cache
from types import FrameType
from typing import Any

from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel

HEARTBEAT_SECONDS = 15.0
HEARTBEAT = format_sse_event(comment="still here")
# `no-transform` and the second keep every proxy from collecting events before it sends them on.
HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}

__all__ = ["HEADERS", "HEARTBEAT", "HEARTBEAT_SECONDS", "EventSourceResponse", "event", "events", "shutting_down"]


def event(name: str, data: BaseModel | str) -> bytes:
    """One event; ``data`` a message or ready JSON text."""
    return format_sse_event(event=name, data_str=data if isinstance(data, str) else data.model_dump_json())


def events(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI is told that an answer of this status may be a stream, and what its events are."""
    content = {"text/event-stream": {"schema": {"type": "string", "description": description}}}
    return {status: {"content": content}}


@lru_cache
def shutting_down() -> asyncio.Event:
    """Set when this process is told to end: the server waits for open streams, so they must end first.

    The first call, from the loop that serves, adds itself in front of the server's own signal handlers. Outside the
    main thread there are none, and the event is never set.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def in_front_of(handler: Callable[[int, FrameType | None], object] | int | None) -> Callable[..., None]:
        def handle(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(told.set)
            if callable(handler):
                handler(number, frame)

        return handle

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            signal.signal(number, in_front_of(signal.getsignal(number)))
        except ValueError:
            break
    return told
