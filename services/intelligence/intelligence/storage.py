"""The reading side of the published course: a bucket or a local directory. The only importer of aioboto3."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from intelligence.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


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
            raise ObjectNotFound(key) from error
        except OSError as error:
            raise StorageError(key) from error


class S3Storage:
    """Objects in an S3 bucket."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def read(self, key: str) -> bytes:
        """The bytes of the object under this key."""
        try:
            answer = await self._client.get_object(Bucket=self._bucket, Key=key)
            return await answer["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
                raise ObjectNotFound(key) from error
            raise StorageError(key) from error
        except (BotoCoreError, OSError) as error:
            raise StorageError(key) from error


@lru_cache
def _session() -> aioboto3.Session:
    """One a process: each new one reads the description of S3 again, a sixth of a second in which nothing is served."""
    return aioboto3.Session()


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """The storage that CONTENT_SOURCE names, open until the block ends."""
    if settings.content_source == "local":
        yield LocalStorage(settings.content_directory)
        return
    async with _session().client(
        "s3",
        endpoint_url=settings.cloudflare_r2_endpoint,
        aws_access_key_id=settings.cloudflare_r2_access_key.get_secret_value(),
        aws_secret_access_key=settings.cloudflare_r2_secret_key.get_secret_value(),
        region_name="auto",
        config=AioConfig(connect_timeout=3, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"}),
    ) as client:
        yield S3Storage(client, settings.cloudflare_r2_bucket)
