"""The bucket of published courses: S3 (Cloudflare R2, SeaweedFS) or a plain directory, behind one small protocol.

Keys are relative paths with forward slashes. An etag is an opaque string that changes when the object does.
"""

import asyncio
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from core.settings import ContentSettings

if TYPE_CHECKING:
    from obstore import PutMode

CONNECT_TIMEOUT = timedelta(seconds=3)
REQUEST_TIMEOUT = timedelta(seconds=10)
RETRIES = 2
LAST_RETRY = timedelta(seconds=25)  # counted from the first try
CALLS_AT_ONCE = 16
REGION = "auto"  # R2's own name for "wherever"; other servers accept any
JSON = {"Content-Type": "application/json"}
REFUSAL = re.compile(r"<Code>(.*?)</Code>.*?<Message>(.*?)</Message>", re.DOTALL)

T = TypeVar("T")


class StorageError(Exception):
    """The bucket could not be reached, or refused; the message names the key and the cause, never a secret."""


class ObjectNotFound(StorageError):  # it says what went wrong, as every error here does
    """There is no object under this key."""


class PreconditionFailed(StorageError):  # it says what went wrong, as every error here does
    """The object changed, appeared or went away since it was read; nothing was written."""


class Storage(Protocol):
    """What readers and the publisher need of a bucket."""

    async def read(self, key: str) -> tuple[bytes, str | None]:
        """Body and etag; ObjectNotFound where there is none."""

    async def write(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """The new etag. Whole or not at all.

        ``if_match`` writes only over the object with that etag, ``if_none_match`` only where there is none:
        PreconditionFailed otherwise.
        """

    async def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""


@asynccontextmanager
async def open_storage(settings: ContentSettings) -> AsyncIterator[Storage]:
    """The storage that the settings name, closed on exit."""
    if settings.content_source == "local":
        yield LocalStorage(settings.content_directory)
        return
    store = S3Store(
        settings.cloudflare_r2_bucket,
        endpoint=settings.cloudflare_r2_endpoint,
        region=REGION,
        access_key_id=settings.cloudflare_r2_access_key,
        secret_access_key=settings.cloudflare_r2_secret_key.get_secret_value(),
        client_options={"allow_http": True, "connect_timeout": CONNECT_TIMEOUT, "timeout": REQUEST_TIMEOUT},
        retry_config={"max_retries": RETRIES, "retry_timeout": LAST_RETRY},
    )
    threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="bucket")
    try:
        yield S3Storage(store, settings.cloudflare_r2_bucket, threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


class LocalStorage:
    """Objects as files below one directory. Writers on one machine exclude each other with a lock file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def read(self, key: str) -> tuple[bytes, str | None]:
        """Body and etag; ObjectNotFound where there is none."""
        body = await asyncio.to_thread(self._read, key)
        return body, _digest(body)

    async def write(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """The new etag; see Storage.write."""
        return await asyncio.to_thread(self._write, key, body, if_match, if_none_match)

    async def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
        return await asyncio.to_thread(self._path(key).is_file)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or ".." in parts or key.startswith("/"):
            raise StorageError(f"{key!r} is not a key: a key is a relative path without '..'")
        return self._directory.joinpath(*parts)

    def _read(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectNotFound(f"{key} does not exist in {self._directory}") from error
        except OSError as error:
            raise StorageError(f"{key} cannot be read: {error.strerror}") from error

    def _write(self, key: str, body: bytes, if_match: str | None, if_none_match: bool) -> str:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _lock(self._directory / ".lock"):
                if if_match is not None or if_none_match:
                    self._check(key, if_match, if_none_match)
                _replace(path, body)
        except OSError as error:
            raise StorageError(f"{key} cannot be written: {error.strerror}") from error
        return _digest(body)

    def _check(self, key: str, if_match: str | None, if_none_match: bool) -> None:
        try:
            present = _digest(self._read(key))
        except ObjectNotFound:
            present = None
        if if_none_match and present is not None:
            raise PreconditionFailed(f"{key} exists already")
        if if_match is not None and present != if_match:
            raise PreconditionFailed(f"{key} has changed since it was read")


class S3Storage:
    """Objects in one bucket of an S3 server.

    obstore is called in threads of ours and never awaited: a thread of its own hands over what is awaited, and ends the
    process with SIGABRT when it still does so while Python takes itself down.
    """

    def __init__(self, store: S3Store, bucket: str, threads: ThreadPoolExecutor) -> None:
        self._store = store
        self._bucket = bucket
        self._threads = threads

    async def read(self, key: str) -> tuple[bytes, str | None]:
        """Body and etag; ObjectNotFound where there is none."""

        def get() -> tuple[bytes, str | None]:
            found = obstore.get(self._store, key)
            return bytes(found.bytes()), found.meta["e_tag"]

        return await self._call(key, get)

    async def write(self, key: str, body: bytes, *, if_match: str | None = None, if_none_match: bool = False) -> str:
        """The new etag; see Storage.write."""
        mode: PutMode = "create" if if_none_match else "overwrite" if if_match is None else {"e_tag": if_match}

        def put() -> str:
            # in one request: an upload in parts would not be whole or not at all
            written = obstore.put(self._store, key, body, attributes=JSON, mode=mode, use_multipart=False)
            return written["e_tag"] or ""

        try:
            return await self._call(key, put)
        except ObjectNotFound as error:  # so some servers say that there is nothing for If-Match to match
            raise PreconditionFailed(f"{key} went away since it was read") from error

    async def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
        try:
            await self._call(key, lambda: obstore.head(self._store, key))
        except ObjectNotFound:
            return False
        return True

    async def _call(self, key: str, call: Callable[[], T]) -> T:
        with self._translated(key):
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if "<Code>NoSuchBucket</Code>" in str(error):
                raise StorageError(f"there is no bucket {self._bucket}") from error
            raise ObjectNotFound(f"{key} does not exist in bucket {self._bucket}") from error
        except (AlreadyExistsError, PreconditionError) as error:
            raise PreconditionFailed(f"{key} has changed since it was read") from error
        except (BaseError, OSError) as error:
            raise StorageError(f"bucket {self._bucket} cannot be used for {key}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    """Why, in one line that stays the same while the cause does: what the server said, or that it was not reached."""
    if refusal := REFUSAL.search(str(error)):
        return f"{refusal[1]}: {refusal[2]}"
    text = str(error)
    reason = text.partition("\n")[0].rpartition(" - ")[2]
    return f"no connection to the endpoint ({reason})" if "kind: Connect" in text else reason


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _replace(path: Path, body: bytes) -> None:
    """Write beside the target and rename over it, so that a reader sees the old bytes or the new ones."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            os.fchmod(file.fileno(), 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
