"""The protocol's own suite for authorization servers, against the gateway, with a student who signs in and agrees."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.chatgpt.node import HERE, NODE, package
from tests.conftest import free_port
from tests.core.oauth.browsing import Browser, register
from tests.live import PASSWORD, Live

SUITE = "@modelcontextprotocol/conformance/dist/index.js"
PATIENCE_SECONDS = 60


async def authorize_url(output: asyncio.StreamReader) -> tuple[str, str]:
    """The address at which the suite waits for somebody to sign in, and all it has printed so far."""
    printed = ""
    while line := (await output.readline()).decode():
        printed += line
        for word in line.split():
            if "/oauth/authorize?" in word:
                return word, printed
    raise AssertionError(printed)


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
async def test_the_authorization_scenarios_pass(live: Live, era: str) -> None:
    issuer, port = live.stack.plan.gateway_url, free_port()
    student = live.register()
    async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient(base_url=issuer, timeout=30) as http:
        client = await register(http, redirect_uris=[f"http://127.0.0.1:{port}/callback"])
        arguments = ["--url", issuer, "--client-id", client.client_id, "--resource", f"{issuer}/mcp"]
        arguments += ["--port", str(port), "--spec-version", era]
        suite = await asyncio.create_subprocess_exec(
            NODE,
            package(SUITE),
            "authorization",
            *arguments,
            cwd=HERE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert suite.stdout is not None
        try:
            address, printed = await authorize_url(suite.stdout)
            answer = await Browser(http).follow(dict(parse_qsl(urlsplit(address).query)), student.email, PASSWORD)
            await http.get(answer.headers["Location"])
            printed += (await suite.stdout.read()).decode()
            assert await suite.wait() == 0, printed
        finally:
            if suite.returncode is None:
                suite.kill()
    assert "authorization-code-grant" in printed
    assert "authorization-server-metadata-endpoint" in printed
