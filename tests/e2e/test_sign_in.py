"""A host connects a student to the app through the gateway, as ChatGPT does: the MCP client's own OAuth, end to end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import httpx2
import pytest
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from tests.chatgpt.chat import Kept
from tests.core.oauth.browsing import Browser
from tests.live import PASSWORD, Live, Student, eventually

REDIRECT = "http://127.0.0.1:3055/callback"


class Host:
    """A program that speaks MCP for a student; it signs in when the app asks for that, and counts how often."""

    def __init__(self, live: Live, student: Student) -> None:
        self.address = live.stack.plan.gateway_url
        self.student = student
        self.kept = Kept()
        self.asked: list[dict[str, str]] = []
        self.provider: OAuthClientProvider | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        metadata = OAuthClientMetadata(redirect_uris=[REDIRECT], client_name="A host of the tests")
        self.provider = OAuthClientProvider(
            f"{self.address}/mcp", metadata, self.kept, redirect_handler=self.open, callback_handler=self.callback
        )
        async with httpx2.AsyncClient(auth=self.provider, timeout=30) as http:
            transport = streamable_http_client(f"{self.address}/mcp", http_client=http)
            async with Client(transport) as client:
                yield client

    async def open(self, url: str) -> None:
        self.asked.append(dict(parse_qsl(urlsplit(url).query)))

    async def callback(self) -> AuthorizationCodeResult:
        async with httpx.AsyncClient(base_url=self.address, timeout=30) as client:
            answer = await Browser(client).allow(self.asked[-1], self.student.email, PASSWORD)
        return AuthorizationCodeResult(code=answer["code"], state=answer["state"], iss=answer["iss"])


@pytest.fixture
def host(live: Live) -> Host:
    return Host(live, live.register("premium"))


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer
    assert answer.structured_content is not None
    return dict(answer.structured_content)


async def test_a_host_finds_registers_signs_in_and_calls(host: Host) -> None:
    async with host.connected() as client:
        assert (await call(client, "list_chapters"))["chapters"]
    [asked] = host.asked
    assert asked["resource"] == f"{host.address}/mcp"
    assert asked["scope"] == "learn"
    assert asked["code_challenge_method"] == "S256"
    async with host.connected() as client:
        await call(client, "get_progress")
    assert len(host.asked) == 1, "the tokens that were kept are good"


async def test_a_host_refreshes_what_has_run_out(host: Host) -> None:
    async with host.connected() as client:
        await call(client, "get_progress")
        first = host.kept.tokens
        assert host.provider is not None
        host.provider.context.token_expiry_time = 1  # an hour has passed, as far as the host knows
        await call(client, "get_progress")
    assert first is not None
    assert host.kept.tokens is not None
    assert host.kept.tokens.refresh_token != first.refresh_token
    assert len(host.asked) == 1, "without the student"


async def test_the_api_refuses_the_apps_token_and_the_app_the_apis(live: Live, host: Host) -> None:
    async with host.connected() as client:
        await call(client, "get_progress")
    assert host.kept.tokens is not None
    for_the_app = {"Authorization": f"Bearer {host.kept.tokens.access_token}"}
    for path in ("/api/v1/progress", "/api/v2/usage/quota"):
        assert live.client.get(path, headers=for_the_app).status_code == 401
        assert host.student.get(path).status_code == 200
    refused = host.student.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, Accept="application/json")
    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert f'resource_metadata="{host.address}/.well-known/oauth-protected-resource/mcp"' in challenge
    assert 'scope="learn"' in challenge


async def test_revoking_ends_the_connection_within_a_second(live: Live, host: Host) -> None:
    async with host.connected() as client:
        await call(client, "get_progress")
    assert host.kept.tokens is not None
    headers = {
        "Authorization": f"Bearer {host.kept.tokens.access_token}",
        "Accept": "application/json, text/event-stream",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_progress", "arguments": {}}}

    def tool_call() -> httpx.Response:
        return live.client.post("/mcp", json=body, headers=headers)

    assert '"isError":false' in tool_call().text
    revoked = live.client.post(
        "/oauth/revoke", data={"token": host.kept.tokens.refresh_token, "client_id": host.asked[0]["client_id"]}
    )
    assert revoked.status_code == 200
    ended = eventually(
        lambda: got if (got := tool_call()).status_code == 401 else None, "the end of the connection", seconds=1
    )
    assert "invalid_token" in ended.headers["WWW-Authenticate"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": host.kept.tokens.refresh_token,
        "client_id": host.asked[0]["client_id"],
    }
    assert live.client.post("/oauth/token", data=form).json()["error"] == "invalid_grant"
