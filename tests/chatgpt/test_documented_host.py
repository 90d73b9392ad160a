"""ChatGPT connects by its own document: the MCP client's whole way from a 401 to a tool call, without registering."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import parse_qsl, urlsplit

import httpx
import httpx2
import pytest
import uvicorn
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from starlette.types import ASGIApp

from chatgpt_app.app import create_app
from chatgpt_app.settings import Settings
from core.app import create_app as create_core
from core.auth.oauth.documents import Document
from core.auth.oauth.pages import document_fetcher
from core.auth.oauth.registry import Fetch
from core.storage import LocalStorage
from devstack.gateway import servers as upstreams
from tests.chatgpt.chat import Kept, Person
from tests.conftest import Servers
from tests.core.conftest import PASSWORD, SERVICE_TOKEN, settings_for
from tests.core.factories import write_course
from tests.core.oauth.hosts import DocumentHost, document_host
from tests.gateway.conftest import Gateway, running_gateway

CHATGPT = json.loads(files("core.auth.oauth").joinpath("chatgpt_client.json").read_text())
HOST = "chatgpt.com"


@dataclass
class Installation:
    """core and the app behind a gateway, and a stand-in for the host where ChatGPT's document is."""

    address: str
    chatgpt: DocumentHost
    gateway: Gateway

    def asked_of_gateway(self) -> list[str]:
        lines = (self.gateway.prefix / "access.log").read_text().splitlines()
        return [json.loads(line)["path"] for line in lines]


@asynccontextmanager
async def serving(app: ASGIApp, listening: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", http="httptools"))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


@pytest.fixture(scope="module")
async def installation(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp("documented")
    await write_course(LocalStorage(folder / "course"))
    async with AsyncExitStack() as running:
        host = await running.enter_async_context(document_host(HOST))
        sockets = [running.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        core_at, app_at = (f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)
        behind = {
            "GATEWAY_CORE_SERVERS": upstreams([core_at]),
            "GATEWAY_CHATGPT_APP_SERVERS": upstreams([app_at]),
        }
        gateway = await running.enter_async_context(running_gateway(folder, **behind))
        address = f"http://127.0.0.1:{gateway.port}"
        core_settings = settings_for(servers.new_database().core_url, folder / "course")
        core = create_core(core_settings.model_copy(update={"public_url": address}))
        core.dependency_overrides[document_fetcher] = lambda: through(host)
        app_settings = Settings(
            _env_file=None,
            public_url=address,
            gateway_url=address,
            core_url=f"http://{core_at}",
            core_service_token=SERVICE_TOKEN,
        )
        for application, listening in zip((core, create_app(app_settings)), sockets, strict=True):
            await running.enter_async_context(serving(application, listening))
        yield Installation(address, host, gateway)


def through(host: DocumentHost) -> Fetch:
    """core's own fetching, told that chatgpt.com is on this machine; the port differs, as nobody may listen on 443."""

    async def fetch(url: str) -> Document:
        return await host.fetch()(url.replace(f"https://{HOST}/", f"https://{HOST}:{host.port}/"))

    return fetch


@dataclass
class Visitor(Person):
    """A person who also remembers where the browser was sent and what it showed first."""

    sent_to: str = ""
    first_page: str = ""

    async def visit(self, url: str) -> None:
        async with httpx.AsyncClient() as browser:
            self.sent_to, self.first_page = url, (await browser.get(url)).text
        await super().visit(url)


async def signed_up(address: str) -> Visitor:
    email = f"student-{secrets.token_hex(6)}@example.com"
    async with httpx.AsyncClient(base_url=address) as http:
        made = await http.post("/api/v1/auth/register", json={"email": email, "password": PASSWORD})
    assert made.status_code == 201, made.text
    return Visitor(address, email, password=PASSWORD)


async def test_chatgpt_signs_in_by_its_document_alone(installation: Installation) -> None:
    host, address = installation.chatgpt, installation.address
    host.answer(json.dumps(CHATGPT).encode(), Cache_Control="max-age=3600")
    person, kept = await signed_up(address), Kept()
    provider = OAuthClientProvider(
        f"{address}/mcp",
        OAuthClientMetadata(redirect_uris=CHATGPT["redirect_uris"]),
        kept,
        person.visit,
        person.return_to_client,
        client_metadata_url=CHATGPT["client_id"],
    )
    async with (
        httpx2.AsyncClient(auth=provider, timeout=30) as http,
        Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
    ):
        assert len((await client.call_tool("list_chapters", {})).structured_content["chapters"]) > 1
        first = kept.tokens
        provider.context.token_expiry_time = 1  # an hour has passed, as far as the client knows
        assert not (await client.call_tool("get_progress", {})).is_error
    assert kept.tokens is not None
    assert first is not None
    assert kept.tokens.refresh_token != first.refresh_token
    asked = dict(parse_qsl(urlsplit(person.sent_to).query))
    assert asked.pop("code_challenge")
    assert asked.pop("state") == person.came_back["state"]
    assert asked == {
        "response_type": "code",
        "client_id": "https://chatgpt.com/oauth/client.json",
        "redirect_uri": "https://chatgpt.com/connector_platform_oauth_redirect",
        "code_challenge_method": "S256",
        "resource": f"{address}/mcp",
        "scope": "learn",
    }
    assert person.came_back["iss"] == address
    assert "<strong>ChatGPT</strong> at <strong>chatgpt.com</strong>" in person.first_page
    assert [request[""] for request in host.asked] == ["GET /oauth/client.json HTTP/1.1"], "once, and then remembered"
    assert host.names == [HOST]
    assert "/oauth/token" in installation.asked_of_gateway()
    assert "/oauth/register" not in installation.asked_of_gateway()
