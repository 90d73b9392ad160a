"""core with a mail server, on a database of its own: no other app sends these tests' mail."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from core.settings import Settings
from tests.conftest import Database, Servers
from tests.core.accounts.smtp import MailServer, mail_server
from tests.core.conftest import PASSWORD, Student, running, sign_in

AUTH = "/api/v1/auth"
Try = Callable[[], Awaitable[httpx.Response]]


def new_email() -> str:
    return f"someone-{secrets.token_hex(6)}@example.com"


def client_of(app: FastAPI, address: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://core")


@dataclass
class House:
    """An app that sends mail, somebody who calls it, its mail server, and its database as the owner sees it."""

    app: FastAPI
    client: httpx.AsyncClient
    smtp: MailServer
    owner: asyncpg.Connection
    settings: Settings

    async def post(self, path: str, body: dict[str, Any], student: Student | None = None) -> httpx.Response:
        return await self.client.post(f"{AUTH}{path}", json=body, headers=student.headers if student else {})

    async def register(self, **members: Any) -> Student:
        email = new_email()
        answer = await self.post("/register", {"email": email, "password": PASSWORD, **members})
        assert answer.status_code == 201, answer.text
        return await sign_in(self.client, email)

    async def works(self, student: Student) -> bool:
        return (await self.client.get(f"{AUTH}/me", headers=student.headers)).status_code == 200

    async def forget(self, student: Student, number: int = 1) -> str:
        """The token of a mailed password reset."""
        assert (await self.post("/password/forgot", {"email": student.email})).status_code == 202
        return await self.smtp.token(student.email, "Reset", number)


@pytest.fixture(scope="session")
def spare_database(servers: Servers) -> Database:
    """For houses that a test builds itself, one at a time."""
    return servers.new_database()


@asynccontextmanager
async def house_on(database: Database, settings: Settings, **changes: Any) -> AsyncIterator[House]:
    """A house of its own; every app on a database sends its mail, so no two stand on one at a time."""
    async with AsyncExitStack() as stack:
        smtp = await stack.enter_async_context(mail_server())
        values = {
            **settings.model_dump(),
            "core_database_url": database.core_url,
            "smtp_server": "127.0.0.1",
            "smtp_port": smtp.port,
            "smtp_from": "course@example.org",
            "mail_poll_seconds": 0.05,
        }
        own = Settings.model_validate({**values, **changes})
        app = await stack.enter_async_context(running(own))
        client = await stack.enter_async_context(client_of(app))
        owner = await asyncpg.connect(database.owner_url)
        stack.push_async_callback(owner.close)
        yield House(app, client, smtp, owner, own)


@pytest.fixture(scope="session")
async def house(servers: Servers, settings: Settings) -> AsyncIterator[House]:
    async with house_on(servers.new_database(), settings) as house:
        yield house


@pytest.fixture(scope="module")
async def strict_house(servers: Servers, settings: Settings) -> AsyncIterator[House]:
    """The limits as they are shipped."""
    async with house_on(servers.new_database(), settings, sign_in_limits_scale=1) as house:
        yield house


@pytest.fixture
async def strict(strict_house: House) -> House:
    """Nothing has been tried yet."""
    await strict_house.owner.execute("DELETE FROM throttles")
    return strict_house


def guess(house: House, email: str, address: str = "127.0.0.1", password: str = "not this one") -> Try:
    async def call() -> httpx.Response:
        async with client_of(house.app, address) as client:
            return await client.post(f"{AUTH}/login", json={"email": email, "password": password})

    return call


async def statuses(call: Try, times: int) -> list[int]:
    return [(await call()).status_code for _ in range(times)]
