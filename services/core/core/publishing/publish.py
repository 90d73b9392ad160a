"""Publishes a compiled course so that a reader sees the old one or the new one, never a mixture."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from core.publishing.compile import CompiledCourse
from core.storage import ObjectNotFound, PreconditionFailed, Storage
from shared_schemas.course import POINTER_KEY, CoursePointer

WRITES_AT_ONCE = 16


class AnotherPublisherWon(Exception):
    """Somebody else published meanwhile and their course stands. Publish again if this one should."""


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

    Publishing the published version again mends its objects and leaves the pointer alone. Raises AnotherPublisherWon;
    any error before the pointer is written leaves the old course published. ``wrote`` is told each key.
    """
    published, etag = await _published(storage)
    version = compiled.course.content_version
    await _write_all(storage, compiled.versioned, wrote)
    changed = published != version and await _move_pointer(storage, compiled, etag, now)
    wrote(POINTER_KEY)
    await _write_all(storage, compiled.plain, wrote)
    if (await _published(storage))[0] != version:  # then some plain keys may be ours over theirs: somebody must know
        raise AnotherPublisherWon(AnotherPublisherWon.__doc__)
    return Published(content_version=version, objects=len(compiled.versioned) + len(compiled.plain), changed=changed)


async def read_pointer(storage: Storage) -> tuple[CoursePointer | None, str | None]:
    """What is published, None where the pointer is missing or broken, and the pointer's etag."""
    try:
        body, etag = await storage.read(POINTER_KEY)
    except ObjectNotFound:
        return None, None
    try:
        return CoursePointer.model_validate_json(body), etag
    except ValidationError:
        return None, etag


async def _published(storage: Storage) -> tuple[str | None, str | None]:
    """The published version and the pointer's etag."""
    pointer, etag = await read_pointer(storage)
    return (None if pointer is None else pointer.content_version), etag


async def _move_pointer(storage: Storage, compiled: CompiledCourse, etag: str | None, now: datetime) -> bool:
    """Whether it was this publisher that moved it; another one may have published the very same course."""
    pointer = compiled.pointer(now)
    body = pointer.model_dump_json(indent=1).encode()
    try:
        await storage.write(POINTER_KEY, body, if_match=etag, if_none_match=etag is None)
    except PreconditionFailed as error:
        if (await _published(storage))[0] != pointer.content_version:
            raise AnotherPublisherWon(AnotherPublisherWon.__doc__) from error
        return False
    return True


async def _write_all(storage: Storage, objects: Mapping[str, bytes], wrote: Callable[[str], None]) -> None:
    """Write some objects at a time; raises the first error, after the writes on their way have ended."""
    places = asyncio.Semaphore(WRITES_AT_ONCE)

    async def write(key: str, body: bytes) -> None:
        async with places:
            await storage.write(key, body)
        wrote(key)

    try:
        async with asyncio.TaskGroup() as group:
            for key, body in objects.items():
                group.create_task(write(key, body))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
