"""core as an app, on a real database and a published small course."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from core.app import create_app
from core.auth import passwords
from core.push import Push
from core.settings import Settings
from core.storage import LocalStorage
from tests.conftest import Database
from tests.core.factories import write_course

SECRET = "a-secret-that-only-tests-know-0123456789"
SERVICE_TOKEN = "a-token-that-only-other-services-know-01"
PASSWORD = "a long enough password"
QUICK_HASHER = PasswordHasher(memory_cost=1024, time_cost=1, parallelism=1)
QUICK_HASH_OF_NOBODY = QUICK_HASHER.hash(secrets.token_hex())


@dataclass(frozen=True)
class Student:
    """A signed-in person; ``headers`` carry the access token."""

    student_id: str
    email: str
    access_token: str
    refresh_token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


SignUp = Callable[..., Awaitable[Student]]


@pytest.fixture(autouse=True)
def hashing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same argon2id with little memory: most of the work of making a student would be hashing its password."""
    if "shipped_hashing" not in request.fixturenames:
        monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)
        monkeypatch.setattr(passwords, "NOBODYS_HASH", QUICK_HASH_OF_NOBODY)


@pytest.fixture
def shipped_hashing() -> None:
    """For tests of what a hash costs: passwords are hashed as in production."""


@pytest.fixture(scope="session")
def core_database_url(postgres: Database) -> str:
    return postgres.core_url


@pytest.fixture(scope="session")
async def settings(core_database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """core's settings, with the small course published in a folder of their own."""
    folder = tmp_path_factory.mktemp("published")
    await write_course(LocalStorage(folder))
    return settings_for(core_database_url, folder, redis_url)


def settings_for(database_url: str, folder: Path, redis_url: str | None = None) -> Settings:
    return Settings.model_validate(
        {
            "public_url": "http://course.example",
            "core_database_url": database_url,
            "redis_url": redis_url,
            "jwt_secret_key": SECRET,
            "core_service_token": SERVICE_TOKEN,
            "sign_in_limits_scale": 1000,
            "content_source": "local",
            "content_directory": folder,
            "content_reload_seconds": 3600,
        }
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    """An app of its own, started and stopped as a server would."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://core") as client:
        yield client


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(settings) as app:
        yield app


@pytest.fixture(scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(app) as client:
        yield client


async def heard(app: FastAPI) -> None:
    """Wait until ``app`` has been told of every commit until now, those of the database's owner too."""
    push: Push = app.state.push
    while not push.complete:  # noqa: ASYNC110  # the connection may only just be made; no event is worth it for tests
        await asyncio.sleep(0.01)
    await push.caught_up()


@pytest.fixture(scope="session")
async def owner(postgres: Database) -> AsyncIterator[asyncpg.Connection]:
    """The database as its owner sees it."""
    connection = await asyncpg.connect(postgres.owner_url)
    try:
        yield connection
    finally:
        await connection.close()


async def sign_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> Student:
    answer = await client.post("/api/v1/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return Student(body["user"]["user_id"], email, body["access_token"], body["refresh_token"])


@pytest.fixture(scope="session")
def sign_up(client: httpx.AsyncClient, owner: asyncpg.Connection) -> SignUp:
    """Make a signed-in student of a tier, or an operator: ``await sign_up("premium", expires_at=...)``."""

    async def make(
        tier: str = "free",
        *,
        expires_at: datetime | None = None,
        role: str = "student",
        timezone: str = "UTC",
    ) -> Student:
        email = f"student-{secrets.token_hex(6)}@example.com"
        body = {"email": email, "password": PASSWORD, "timezone": timezone}
        answer = await client.post("/api/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        await owner.execute(
            "UPDATE students SET subscription_tier = $1, subscription_expires_at = $2, role = $3 WHERE email = $4",
            tier,
            expires_at,
            role,
            email,
        )
        return await sign_in(client, email)

    return make
