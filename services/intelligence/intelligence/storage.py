"""The reading side of the published course: a bucket or a local directory. The only importer of obstore."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from intelligence.settings import Settings

CONNECT_TIMEOUT = timedelta(seconds=3)
REQUEST_TIMEOUT = timedelta(seconds=10)
RETRIES = 2
LAST_RETRY = timedelta(seconds=25)  # counted from the first try
CALLS_AT_ONCE = 16


class StorageError(Exception):
    """The bucket or the directory can not be read at the moment; the message names the key."""


class ObjectNotFound(StorageError):
    """There is no object under this key."""


class Storage(Protocol):
    """Read published objects by key, such as `course.json`."""

    async def read(self, key: str) -> bytes:
        """The bytes of an object; raises ObjectNotFound, or StorageError when it can not be read."""


class LocalStorage:
    """Objects as files under one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def read(self, key: str) -> bytes:
        """The bytes of the file that stands for this key."""
        try:
            return await asyncio.to_thread((self._directory / key).read_bytes)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectNotFound(f"{key} does not exist") from error
        except OSError as error:
            raise StorageError(f"{key} cannot be read: {error.strerror}") from error


class S3Storage:
    """Objects in an S3 bucket.

    obstore is called in threads of ours and never awaited: a thread of its own hands over what is awaited, and ends the
    process with SIGABRT when it still does so while Python takes itself down.
    """

    def __init__(self, store: S3Store, threads: ThreadPoolExecutor) -> None:
        self._store = store
        self._threads = threads

    async def read(self, key: str) -> bytes:
        """The bytes of the object under this key."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._get, key)
        except FileNotFoundError as error:
            raise ObjectNotFound(f"{key} does not exist") from error
        except (BaseError, OSError) as error:
            raise StorageError(f"{key} cannot be read: {type(error).__name__}") from error

    def _get(self, key: str) -> bytes:
        return bytes(obstore.get(self._store, key).bytes())


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """The storage that CONTENT_SOURCE names, open until the block ends."""
    if settings.content_source == "local":
        yield LocalStorage(settings.content_directory)
        return
    store = S3Store(
        settings.cloudflare_r2_bucket,
        endpoint=settings.cloudflare_r2_endpoint,
        region="auto",
        access_key_id=settings.cloudflare_r2_access_key.get_secret_value(),
        secret_access_key=settings.cloudflare_r2_secret_key.get_secret_value(),
        client_options={"allow_http": True, "connect_timeout": CONNECT_TIMEOUT, "timeout": REQUEST_TIMEOUT},
        retry_config={"max_retries": RETRIES, "retry_timeout": LAST_RETRY},
    )
    threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="bucket")
    try:
        yield S3Storage(store, threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
