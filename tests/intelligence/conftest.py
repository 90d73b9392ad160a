import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from intelligence import background, cache, core_client, database, llm
from intelligence.settings import get_settings
from intelligence.usage import metering
from tests.conftest import Database
from tests.intelligence.support import SERVICE_TOKEN, FakeCore, ScriptedProvider, browser_of, served, whole_service

Configure = Callable[..., Awaitable[None]]
MakeStudent = Callable[[], Awaitable[UUID]]


@pytest.fixture(scope="session")
def intelligence_database(postgres: Database) -> Database:
    return postgres


@pytest.fixture(scope="module")
def base_environment(
    intelligence_database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the service is told unless a test says otherwise. Nothing listens where it points by default."""
    return {
        "INTELLIGENCE_DATABASE_URL": intelligence_database.intelligence_url,
        "REDIS_URL": redis_url,
        "CORE_URL": "http://127.0.0.1:9",
        "CORE_SERVICE_TOKEN": SERVICE_TOKEN,
        "CONTENT_SOURCE": "local",
        "CONTENT_DIRECTORY": str(tmp_path_factory.mktemp("content")),
        "ANTHROPIC_API_KEY": "key-of-the-tests",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    }


@pytest.fixture
async def configure(base_environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Configure]:
    """Change settings for one test: `await configure(LLM_WAITING="0")`. Everything goes back afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # no .env of the developer is read
        for name in set_names():
            patch.delenv(name, raising=False)

        async def change(**settings: str) -> None:
            await forget_settings()
            for name, value in settings.items():
                patch.setenv(name, value)

        await change(**base_environment)
        yield change
        await background.drain()
    await forget_settings()
    await database.dispose()


def set_names() -> list[str]:
    return [name for name in os.environ if name.startswith(("ANTHROPIC_", "LLM_", "SMTP_", "PREMIUM_", "ENABLE_"))]


async def forget_settings() -> None:
    get_settings.cache_clear()
    metering.forget()
    await llm.close()
    await core_client.close()
    await cache.close()


@pytest.fixture
async def owner(intelligence_database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, for looking at what happened."""
    connection = await asyncpg.connect(intelligence_database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def make_student(intelligence_database: Database) -> AsyncIterator[MakeStudent]:
    """Insert a student as core would; the id."""
    connection = await asyncpg.connect(intelligence_database.core_url)

    async def make() -> UUID:
        student_id = uuid4()
        await connection.execute(
            "INSERT INTO students (student_id, email, password_hash) VALUES ($1, $2, '-')",
            student_id,
            f"{student_id}@example.com",
        )
        return student_id

    yield make
    await connection.close()


@pytest.fixture
async def student(make_student: MakeStudent) -> UUID:
    return await make_student()


@pytest.fixture
async def fake_core(configure: Configure) -> AsyncIterator[FakeCore]:
    core = FakeCore()
    async with served(core.app()) as url:
        await configure(CORE_URL=url)
        yield core
        await core_client.close()


@pytest.fixture
async def provider(configure: Configure) -> AsyncIterator[ScriptedProvider]:
    scripted = ScriptedProvider()
    async with served(scripted.app()) as url:
        await configure(ANTHROPIC_BASE_URL=url)
        yield scripted
        await llm.close()


@pytest.fixture
async def client(fake_core: FakeCore) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service behind a socket."""
    async with served(whole_service()) as url, browser_of(url) as browser:
        yield browser


@pytest.fixture(autouse=True)
def quiet_root_logger() -> Iterator[None]:
    """A command or an app configures the root logger; the next test starts without that."""
    before = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = before


Rows = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def rows(owner: asyncpg.Connection) -> Rows:
    """The rows of a query as dictionaries."""

    async def fetch(query: str, *arguments: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await owner.fetch(query, *arguments)]

    return fetch
