"""The bucket's two doors, a folder and a real S3 server: what they promise, and what they say when it goes wrong."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from typer.testing import CliRunner

from core.commands import app as commands
from core.storage import LocalStorage, ObjectNotFound, PreconditionFailed, Storage, StorageError, open_storage
from tests.core.publishing.conftest import Bucket
from tests.intelligence.support import served

SOURDOUGH = Path(__file__).parent / "courses" / "sourdough"
WRITE_AND_END = """
import asyncio
from core.settings import ContentSettings
from core.storage import open_storage

async def main():
    async with open_storage(ContentSettings()) as storage:
        await asyncio.gather(*(storage.write(f"short/{n}", b"x") for n in range(16)))
        await storage.read("short/0")

asyncio.run(main())
"""


@pytest.fixture(params=["folder", "S3"])
def either_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each of the two storages, empty."""
    if request.param == "folder":
        return LocalStorage(tmp_path)
    found: Storage = request.getfixturevalue("storage")
    return found


async def test_what_is_written_is_read_back_with_its_etag(either_storage: Storage) -> None:
    storage = either_storage
    etag = await storage.write("v1/chapters/a.json", b"one")
    assert await storage.read("v1/chapters/a.json") == (b"one", etag)
    assert await storage.exists("v1/chapters/a.json")
    assert not await storage.exists("v1/chapters/b.json")
    with pytest.raises(ObjectNotFound):
        await storage.read("v1/chapters/b.json")


async def test_conditions_are_kept(either_storage: Storage) -> None:
    storage = either_storage
    first = await storage.write("course.json", b"one", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        await storage.write("course.json", b"two", if_none_match=True)
    second = await storage.write("course.json", b"two", if_match=first)
    assert second != first
    with pytest.raises(PreconditionFailed):
        await storage.write("course.json", b"three", if_match=first)
    with pytest.raises(PreconditionFailed):
        await storage.write("new.json", b"one", if_match=first)
    assert (await storage.read("course.json"))[0] == b"two"


async def test_of_parallel_writers_one_wins(tmp_path: Path) -> None:
    storages = [LocalStorage(tmp_path) for _ in range(8)]
    writes = [storage.write("course.json", f"{n}".encode(), if_none_match=True) for n, storage in enumerate(storages)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, PreconditionFailed) for outcome in outcomes) == 7


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../outside", "a/../../outside"])
async def test_a_key_stays_inside(tmp_path: Path, key: str) -> None:
    with pytest.raises(StorageError, match="not a key"):
        await LocalStorage(tmp_path / "inside").write(key, b"x")
    assert not (tmp_path / "outside").exists()


async def test_no_short_process_ends_with_an_abort(bucket: Bucket) -> None:
    environment = {"PATH": os.environ["PATH"], **bucket.environment}
    endings = []
    for _ in range(15):  # one in five ended so while obstore was awaited
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITE_AND_END, env=environment)
        endings.append(await process.wait())
    assert endings == [0] * 15


async def without_buckets(_: Request) -> Response:
    """What an S3 server without any bucket says to everything."""
    return Response("<Error><Code>NoSuchBucket</Code><Message>There is no such bucket</Message></Error>", 404)


async def test_a_missing_bucket_is_called_missing(bucket: Bucket) -> None:
    server = Starlette(routes=[Route("/{key:path}", without_buckets, methods=["GET", "PUT"])])
    async with served(server) as url:
        elsewhere = bucket.settings.model_copy(update={"cloudflare_r2_endpoint": url})
        async with open_storage(elsewhere) as storage:
            for call in (storage.write("course.json", b"{}"), storage.read("course.json")):
                with pytest.raises(StorageError, match=f"^there is no bucket {bucket.name}$"):
                    await call


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"CLOUDFLARE_R2_ACCESS_KEY": "unknown"}, "InvalidAccessKeyId: "),
        ({"CLOUDFLARE_R2_SECRET_KEY": "wrong"}, "SignatureDoesNotMatch: "),
        ({"CLOUDFLARE_R2_ENDPOINT": "http://127.0.0.1:9"}, "no connection to the endpoint"),
        ({"CLOUDFLARE_R2_ENDPOINT": "127.0.0.1:9"}, "CLOUDFLARE_R2_ENDPOINT: must be an address that begins with http"),
        ({"CLOUDFLARE_R2_ENDPOINT": "http://"}, "CLOUDFLARE_R2_ENDPOINT: must be an address that begins with http"),
        ({"CLOUDFLARE_R2_ACCESS_KEY": ""}, "CONTENT_SOURCE=r2 needs CLOUDFLARE_R2_ACCESS_KEY"),
    ],
)
async def test_what_an_operator_can_mend_is_one_line(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)  # no .env here
    environment = {**bucket.environment, **changed}
    ended = await asyncio.to_thread(CliRunner().invoke, commands, ["publish", str(SOURDOUGH)], env=environment)
    assert ended.exit_code == 1
    [line] = [line for line in ended.output.splitlines() if line and "0 errors, 0 warnings" not in line]
    assert said in line
