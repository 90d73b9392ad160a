"""The protocol's own test suite against the whole app behind the gateway. Core is played: sign-in has its own tests."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from mcp.types import CallToolResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chatgpt_app import tools
from chatgpt_app.app import create_app
from chatgpt_app.settings import Settings
from chatgpt_app.tooling import CourseTool, Function, Shown, course_tool, said
from tests.chatgpt.node import HERE, run_node
from tests.gateway.conftest import running_gateway

BASELINE = HERE / "conformance.yml"
TOKEN = "a caller's"
FIRST, SECOND = "2025-11-25", "2026-07-28"
SCENARIOS = [
    ("server-initialize", FIRST),
    ("ping", FIRST),
    *((name, era) for era in (FIRST, SECOND) for name in ("tools-list", "resources-list", "prompts-list")),
    *((name, era) for era in (FIRST, SECOND) for name in ("tools-call-simple-text", "tools-call-error")),
    *(("dns-rebinding-protection", era) for era in (FIRST, SECOND)),
    ("http-header-validation", SECOND),
    ("caching", SECOND),
    ("server-stateless", SECOND),
    ("sep-2164-resource-not-found", SECOND),
    ("sep-2640-skills-manifest", ""),
    ("sep-2640-skills-directory", ""),
    ("sep-2640-skills-enumeration", ""),
]


called: list[str] = []


def sample(function: Function) -> CourseTool:
    """A tool that the suite calls by its function's name; the app has none such."""
    return course_tool(title="A sample", use="Use this when the suite asks.", invoking="…", invoked="Done")(function)


@sample
async def test_simple_text() -> Annotated[CallToolResult, Shown]:
    called.append("test_simple_text")
    return said("This is a simple text response for testing.", Shown())


@sample
async def test_error_handling() -> Annotated[CallToolResult, Shown]:
    called.append("test_error_handling")
    raise RuntimeError("This tool intentionally returns an error for testing")


async def exchange(request: Request) -> JSONResponse:
    """Core, which takes one token for good."""
    if (await request.form())["subject_token"] != TOKEN:
        return JSONResponse({"error": "invalid_request"}, 400)
    return JSONResponse({"access_token": "one of the API", "expires_in": 900})


def signed_in(app: ASGIApp) -> ASGIApp:
    """The app for a suite that cannot sign in: the token is added to every request."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"].append((b"authorization", f"Bearer {TOKEN}".encode()))
        await app(scope, receive, send)

    return handle


@pytest.fixture(scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where the gateway offers the app's `/mcp`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        own = f"http://127.0.0.1:{port}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tools, "ALL", [*tools.ALL, test_simple_text, test_error_handling])
            app = create_app(Settings(_env_file=None, public_url=own, core_url=own, core_service_token="core's"))
        routes = [Route("/internal/v1/oauth/token", exchange, methods=["POST"]), Mount("/", signed_in(app))]
        served = Starlette(routes=routes, lifespan=app.router.lifespan_context)
        server = uvicorn.Server(uvicorn.Config(served, log_level="error", http="httptools"))
        serving = asyncio.create_task(server.serve([listening]))
        folder: Path = tmp_path_factory.mktemp("conformance")
        async with running_gateway(
            folder, GATEWAY_CHATGPT_APP_SERVERS=f"server 127.0.0.1:{port} max_fails=0;"
        ) as gateway:
            yield f"http://127.0.0.1:{gateway.port}/mcp"
        server.should_exit = True
        await serving


@pytest.fixture(scope="session")
async def outcomes(address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """Exit code and words of every scenario."""
    runs = [
        ["server", "--url", address, "--scenario", scenario, "--expected-failures", str(BASELINE)]
        + (["--spec-version", era] if era else [])
        for scenario, era in SCENARIOS
    ]
    folder = tmp_path_factory.mktemp("runs")
    given, seen = folder / "given.json", folder / "seen.json"
    given.write_text(json.dumps(runs))
    code, output = await run_node(HERE / "conformance.mjs", str(given), str(seen), seconds=200)
    assert code == 0, output
    return dict(zip(SCENARIOS, json.loads(seen.read_text()), strict=True))


@pytest.mark.parametrize("named", SCENARIOS, ids="-".join)
def test_a_scenario_of_the_official_suite_passes(
    outcomes: dict[tuple[str, str], dict[str, Any]], named: tuple[str, str]
) -> None:
    outcome = outcomes[named]
    assert outcome["code"] == 0, outcome["printed"]
    assert "Passed: 0/" not in outcome["printed"]


def test_the_suite_has_called_the_tools_it_names(outcomes: dict[tuple[str, str], dict[str, Any]]) -> None:
    """It would also be content with the answer that there is no such tool."""
    assert called == ["test_simple_text", "test_error_handling"] * 2


async def test_no_stream_is_opened_that_nothing_would_ever_come_by(address: str) -> None:
    headers = {"Accept": "text/event-stream", "MCP-Protocol-Version": FIRST}
    async with httpx.AsyncClient(timeout=10) as client:
        for method in ("GET", "DELETE"):
            answer = await client.request(method, address, headers=headers)
            assert (answer.status_code, answer.headers["Allow"]) == (405, "POST"), method
