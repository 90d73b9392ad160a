"""Bytes that are no HTTP, sent to each service's own server: the refusal is in the envelope and tells nothing more."""

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator
from importlib import import_module

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from tests.gateway.conftest import parse
from tests.live import Live

PROTOCOLS = [f"{service}.protocol:EnvelopeProtocol" for service in ("core", "intelligence", "chatgpt_app")]
UNREADABLE = [
    b"NONSENSE\r\n\r\n",
    b"GET /?q=caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \x01\r\n\r\n",
]
ADDRESSES = ["/api/v1/chapters", "/api/v2/usage/quota", "/mcp"]


@pytest.fixture(scope="module", params=PROTOCOLS)
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    """Where a server listens that speaks a service's protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            PlainTextResponse("served"), http=request.param, lifespan="off", log_config=None, server_header=False
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield int(listener.getsockname()[1])
        server.should_exit = True
        await serving


async def sent(port: int, raw: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        try:
            return await reader.read()
        finally:
            writer.close()


@pytest.mark.parametrize("raw", UNREADABLE)
async def test_what_is_no_http_is_refused_in_the_envelope(port: int, raw: bytes) -> None:
    answer = parse(await sent(port, raw))
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.headers["Connection"] == "close"
    assert len(answer.headers["X-Request-ID"]) == 32
    assert answer.json() == {
        "error": {"code": "INVALID_REQUEST", "message": "The request could not be understood.", "details": {}}
    }


async def test_what_is_http_is_served(port: int) -> None:
    answer = parse(await sent(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    assert (answer.status, answer.body) == (200, b"served")


def test_the_services_refuse_it_alike() -> None:
    assert len({inspect.getsource(import_module(name.partition(":")[0])) for name in PROTOCOLS}) == 1


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_learner_behind_the_gateway_hears_the_same(live: Live, address: str) -> None:
    head = f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer \x01\r\n\r\n"
    answer = parse(await sent(live.stack.plan.ports.gateway, head.encode()))
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json()["error"]["code"] == "INVALID_REQUEST"
