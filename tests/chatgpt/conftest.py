"""The MCP server on its own, for what needs no signed-in learner."""

from typing import Any

import pytest
from mcp.client.client import Client
from mcp.types import Request, Result

from chatgpt_app.server import CourseServer
from chatgpt_app.settings import Settings


class AsItCame(Result, extra="allow"):
    """Any result, with members that the SDK does not know."""


@pytest.fixture(scope="session")
def server() -> CourseServer:
    return CourseServer(Settings(_env_file=None, public_url="https://course.example"))


@pytest.fixture(params=["2026-07-28", "legacy"])
def era(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def wire(server: CourseServer, era: str, method: str, **params: Any) -> dict[str, Any]:
    """An answer as it goes over the wire, with what the SDK's own types would drop."""
    async with Client(server, mode=era) as client:
        answer = await client.session.send_request(Request(method=method, params=params), AsItCame)
        return answer.model_dump(mode="json", by_alias=True, exclude_unset=True)
