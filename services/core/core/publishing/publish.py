"""Publishes a compiled course so that a reader sees the old one or the new one, never a mixture."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.publishing.compile import CompiledCourse
from core.storage import ObjectNotFound, PreconditionFailed, Storage

POINTER_KEY = "course.json"
WRITES_AT_ONCE = 16


class AnotherPublisherWon(Exception):
    """Somebody else published meanwhile: their course stands, this one is hidden. Publish again if it should be."""


@dataclass(frozen=True)
class Published:
    """``changed`` is false when this version was the published one already."""

    content_version: str
    objects: int
    changed: bool


async def publish(
    storage: Storage, compiled: CompiledCourse, *, now: datetime, wrote: Callable[[str], None] = lambda _key: None
) -> Published:
    """Write every object, the pointer last and only if nobody moved it meanwhile; then the plain keys for tools.

    Raises AnotherPublisherWon; any storage error leaves the old course published. ``wrote`` is told each key.
    """
    try:
        pointer, etag = await storage.read(POINTER_KEY)
    except ObjectNotFound:
        pointer, etag = b"", None
    version = compiled.course.content_version
    changed = f'"{version}"'.encode() not in pointer
    await _write_all(storage, compiled.versioned, wrote)
    if changed:
        body = compiled.pointer(now).model_dump_json(indent=1).encode()
        try:
            await storage.write(POINTER_KEY, body, if_match=etag, if_none_match=etag is None)
        except PreconditionFailed as error:
            raise AnotherPublisherWon(AnotherPublisherWon.__doc__) from error
        wrote(POINTER_KEY)
    await _write_all(storage, compiled.plain, wrote)
    return Published(content_version=version, objects=len(compiled.versioned) + len(compiled.plain), changed=changed)


async def _write_all(storage: Storage, objects: Mapping[str, bytes], wrote: Callable[[str], None]) -> None:
    places = asyncio.Semaphore(WRITES_AT_ONCE)

    async def write(key: str, body: bytes) -> None:
        async with places:
            await storage.write(key, body)
        wrote(key)

    async with asyncio.TaskGroup() as group:
        for key, body in objects.items():
            group.create_task(write(key, body))
