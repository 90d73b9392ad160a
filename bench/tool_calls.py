"""What a tool call adds to the API call behind it, for one client, through the gateway."""

import statistics
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import jwt

from bench.compare import Line
from bench.house import House
from core.tokens import mint_access_token

CALLS = 200
MOST_ADDED_MS = 15
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


async def lines(house: House) -> list[Line]:
    """The median of a tool call less that of the same question to the API, asked by turns with one client."""
    student = house.students[0]
    api = {"Authorization": f"Bearer {student.token}"}
    mcp = {
        "Authorization": f"Bearer {_app_token(house)}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "get_streak",
    }
    by_api, by_tool = [], []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{house.system}", timeout=30) as client:
        for _ in range(CALLS):
            by_api.append(await _milliseconds(client, "GET", "/api/v1/progress/streaks", headers=api))
            by_tool.append(await _milliseconds(client, "POST", "/mcp", headers=mcp, json=CALL))
    one, other = statistics.median(by_api), statistics.median(by_tool)
    added, figures = other - one, f"{other:.1f} ms by the tool, {one:.1f} ms by the API"
    return [Line("tool call: added p50 ms, 1 client", added, f"< {MOST_ADDED_MS}", added < MOST_ADDED_MS, figures)]


def _app_token(house: House) -> str:
    """A token of the first student's session for the app, as core makes it at the end of a sign-in."""
    plan, student = house.stack.plan, house.students[0]
    return mint_access_token(
        student_id=student.student_id,
        session_id=UUID(jwt.decode(student.token, options={"verify_signature": False})["sid"]),
        secret=plan.secrets["jwt_secret_key"],
        now=datetime.now(UTC),
        audience=f"{plan.gateway_url}/mcp",
    )


async def _milliseconds(client: httpx.AsyncClient, method: str, path: str, **rest: Any) -> float:
    """How long one request took; raises where it was refused, also by a tool."""
    began = time.perf_counter()
    answer = await client.request(method, path, **rest)
    took = 1000 * (time.perf_counter() - began)
    answer.raise_for_status()
    if method == "POST" and answer.json()["result"].get("isError"):
        raise RuntimeError(f"the tool refused: {answer.text}")
    return took
