"""A chat client as a host is one: it discovers, registers, signs in on the pages with PKCE, and calls tools."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import httpx2
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp.types import CallToolResult

from tests.core.oauth.browsing import Browser
from tests.live import PASSWORD, Live

REDIRECT = "http://127.0.0.1/callback"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
# A question of the course speaks of an insurer's premiums: only the plan's name sells anything.
SELLING = re.compile(r"upgrade|premium(?!s)|pricing|\$ ?\d|subscri|per month", re.IGNORECASE)


@dataclass
class Kept:
    """What a client keeps of its sign-in."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Person:
    """Somebody in front of a browser; ``new`` signs up, otherwise an account is there already.

    ``asked``: what each request said that brought the browser to the sign-in page.
    """

    gateway: str
    email: str
    new: bool = False
    password: str = PASSWORD
    came_back: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    async def visit(self, url: str) -> None:
        self.asked.append(dict(parse_qsl(urlsplit(url).query)))
        async with httpx.AsyncClient(base_url=self.gateway, timeout=30) as client:
            browser = Browser(client)
            page = await client.get(url)
            assert page.status_code == 200, page.text
            if self.new:
                page = await browser.submit(page, "sign-up")
                page = await browser.submit(
                    page, "sign-up", email=self.email, password=PASSWORD, timezone="Europe/Berlin"
                )
            else:
                page = await browser.submit(page, "sign-in", email=self.email, password=self.password)
            if page.status_code == 200:
                page = await browser.submit(page, "consent", decision="allow")
            assert page.status_code == 303, page.text
        query = parse_qs(urlsplit(page.headers["Location"]).query)
        self.came_back = {name: values[0] for name, values in query.items()}

    async def return_to_client(self) -> AuthorizationCodeResult:
        back = self.came_back
        return AuthorizationCodeResult(code=back["code"], state=back["state"], iss=back["iss"])


@dataclass
class Chat:
    """A conversation: every result is looked through for what no tool may show."""

    client: Client
    provider: OAuthClientProvider | None = None
    heard: list[str] = field(default_factory=list)

    async def call(self, name: str, **arguments: Any) -> CallToolResult:
        async def hear(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            self.heard.append(message or "")

        result = await self.client.call_tool(name, arguments, progress_callback=hear)
        assert isinstance(result, CallToolResult)
        shown = result.model_dump_json(by_alias=True)
        for forbidden in (UUID, TIME, SELLING):
            assert not forbidden.search(shown), (name, shown)
        return result

    async def shown(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool shows; it must not refuse."""
        result = await self.call(name, **arguments)
        assert not result.is_error, result
        assert result.content
        content: dict[str, Any] = result.structured_content
        return content

    async def refused(self, name: str, **arguments: Any) -> str:
        """What a tool says instead."""
        result = await self.call(name, **arguments)
        assert result.is_error, result
        return text_of(result)


def text_of(result: CallToolResult) -> str:
    """What the model reads."""
    return str(result.content[0].model_dump()["text"])


def public_url(live: Live) -> str:
    return live.stack.plan.gateway_url


@asynccontextmanager
async def signing_in(live: Live, person: Person, kept: Kept, mode: str = "auto") -> AsyncIterator[Chat]:
    """A chat that begins with a 401 and finds its way from there."""
    address = f"{public_url(live)}/mcp"
    metadata = OAuthClientMetadata(
        client_name="A chat",
        redirect_uris=[REDIRECT],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    provider = OAuthClientProvider(address, metadata, kept, person.visit, person.return_to_client)
    async with (
        httpx2.AsyncClient(auth=provider, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        yield Chat(client, provider)


@asynccontextmanager
async def chatting(address: str, token: str, mode: str = "auto") -> AsyncIterator[Chat]:
    """A chat with a token from before."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        yield Chat(client)


async def app_token(live: Live, email: str, password: str = PASSWORD) -> str:
    """A token for the app."""
    kept = Kept()
    async with signing_in(live, Person(public_url(live), email, password=password), kept):
        assert kept.tokens is not None
        return kept.tokens.access_token
