"""A host connects a student to the app through the gateway, as ChatGPT does: the MCP client's own OAuth, end to end."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.chatgpt.chat import Chat, Kept, Person, public_url, signing_in
from tests.live import Live, Student, eventually


@dataclass
class Host:
    """A program that speaks MCP for a student; it signs in when the app asks for that, and counts how often."""

    live: Live
    student: Student
    kept: Kept = field(default_factory=Kept)

    def __post_init__(self) -> None:
        self.address = public_url(self.live)
        self.person = Person(self.address, self.student.email)

    def connected(self) -> AbstractAsyncContextManager[Chat]:
        return signing_in(self.live, self.person, self.kept)


@pytest.fixture
def host(live: Live) -> Host:
    return Host(live, live.register("premium"))


async def test_a_host_finds_registers_signs_in_and_calls(host: Host) -> None:
    async with host.connected() as chat:
        assert (await chat.shown("list_chapters"))["chapters"]
    [asked] = host.person.asked
    assert asked["resource"] == f"{host.address}/mcp"
    assert asked["scope"] == "learn"
    assert asked["code_challenge_method"] == "S256"
    async with host.connected() as chat:
        await chat.shown("get_progress")
    assert len(host.person.asked) == 1, "the tokens that were kept are good"


async def test_a_host_refreshes_what_has_run_out(host: Host) -> None:
    async with host.connected() as chat:
        await chat.shown("get_progress")
        first = host.kept.tokens
        assert chat.provider is not None
        chat.provider.context.token_expiry_time = 1  # an hour has passed, as far as the host knows
        await chat.shown("get_progress")
    assert first is not None
    assert host.kept.tokens is not None
    assert host.kept.tokens.refresh_token != first.refresh_token
    assert len(host.person.asked) == 1, "without the student"


async def test_the_api_refuses_the_apps_token_and_the_app_the_apis(live: Live, host: Host) -> None:
    async with host.connected() as chat:
        await chat.shown("get_progress")
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
    async with host.connected() as chat:
        await chat.shown("get_progress")
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
        "/oauth/revoke", data={"token": host.kept.tokens.refresh_token, "client_id": host.person.asked[0]["client_id"]}
    )
    assert revoked.status_code == 200
    ended = eventually(
        lambda: got if (got := tool_call()).status_code == 401 else None, "the end of the connection", seconds=1
    )
    assert "invalid_token" in ended.headers["WWW-Authenticate"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": host.kept.tokens.refresh_token,
        "client_id": host.person.asked[0]["client_id"],
    }
    assert live.client.post("/oauth/token", data=form).json()["error"] == "invalid_grant"
