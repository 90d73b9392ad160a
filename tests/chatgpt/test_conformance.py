"""The protocol's own test suite against the app behind the gateway. Sign-in is left out: it has tests of its own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from chatgpt_app.app import allowed
from chatgpt_app.server import CourseServer
from chatgpt_app.settings import Settings
from tests.chatgpt.node import HERE, run_node
from tests.gateway.conftest import running_gateway

BASELINE = HERE / "conformance.yml"
FIRST, SECOND = "2025-11-25", "2026-07-28"
SCENARIOS = [
    ("server-initialize", FIRST),
    ("ping", FIRST),
    *((name, era) for era in (FIRST, SECOND) for name in ("tools-list", "resources-list", "prompts-list")),
    *((name, era) for era in (FIRST, SECOND) for name in ("tools-call-error", "dns-rebinding-protection")),
    ("http-header-validation", SECOND),
    ("caching", SECOND),
    ("server-stateless", SECOND),
    ("sep-2164-resource-not-found", SECOND),
    ("sep-2640-skills-manifest", ""),
    ("sep-2640-skills-directory", ""),
    ("sep-2640-skills-enumeration", ""),
]


@pytest.fixture(scope="session")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Where the gateway offers the app's `/mcp`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        settings = Settings(_env_file=None, public_url=f"http://127.0.0.1:{port}")
        app = CourseServer(settings).streamable_http_app(stateless_http=True, transport_security=allowed(settings))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", http="httptools"))
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
