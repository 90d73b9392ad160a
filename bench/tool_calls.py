"""What a tool call adds to the API call behind it: `.venv/bin/python -m bench.tool_calls http://localhost:8000`.

Signs in the demo student both ways, then asks for the streak by the API and by the tool in turn, so that both meet the
same machine. Prints the medians in milliseconds, and what one adds to the other.
"""

import asyncio
import statistics
import sys
import time
from types import SimpleNamespace
from typing import Any, cast

import httpx2

from tests.chatgpt.chat import app_token
from tests.live import Live

ROUNDS = 200
EMAIL, PASSWORD = "premium@test.com", "premium123"
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {
        "name": "get_streak",
        "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}


async def milliseconds(client: httpx2.AsyncClient, method: str, path: str, **rest: Any) -> float:
    """How long one request took."""
    began = time.perf_counter()
    answer = await client.request(method, path, **rest)
    answer.raise_for_status()
    return 1000 * (time.perf_counter() - began)


async def main(gateway: str) -> None:
    """Measure both ways and say the ratio."""
    live = cast("Live", SimpleNamespace(stack=SimpleNamespace(plan=SimpleNamespace(gateway_url=gateway))))
    tool_token = await app_token(live, EMAIL, PASSWORD)
    async with httpx2.AsyncClient(base_url=gateway, timeout=30) as client:
        login = await client.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
        api = {"Authorization": f"Bearer {login.json()['access_token']}"}
        mcp = {"Authorization": f"Bearer {tool_token}", "Accept": "application/json, text/event-stream"}
        mcp |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "get_streak"}
        by_api, by_tool = [], []
        for _ in range(ROUNDS):
            by_api.append(await milliseconds(client, "GET", "/api/v1/progress/streaks", headers=api))
            by_tool.append(await milliseconds(client, "POST", "/mcp", headers=mcp, json=CALL))
    one, other = statistics.median(by_api), statistics.median(by_tool)
    print(f"API p50 {one:.1f} ms, tool p50 {other:.1f} ms ({ROUNDS} each)")
    print(f"A tool call takes {other / one:.2f} times its API call: {other - one:.1f} ms more.")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8000"))
