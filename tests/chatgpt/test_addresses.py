"""No argument of a tool leads a request of the app anywhere but to what the tool is about."""

from typing import Any

import pytest
from mcp.client.client import Client
from mcp.types import Tool

from chatgpt_app.gateway import api_path
from chatgpt_app.server import CourseServer

ELSEWHERE = ["../auth/me", "../auth/email/resend?", "01-intro/../..", "a\0b", "..", ".", "", "a%2fb", "a?b", "a#b", "Ä"]


def id_names(tool: Tool) -> list[str]:
    return [name for name in tool.input_schema.get("properties", {}) if name.endswith("_id")]


def arguments_of(tool: Tool, **ids: str) -> dict[str, Any]:
    """A call that is right but for its ids."""
    rest = {"answers": {"q1": "a"}, "answer_text": "In my own words.", "query": "tokens"}
    proper = dict.fromkeys(id_names(tool), "01-intro")
    return {**proper, **{name: value for name, value in rest.items() if name in tool.input_schema["properties"]}, **ids}


@pytest.mark.parametrize("hostile", ELSEWHERE)
async def test_an_id_that_is_none_is_refused_before_anything_is_asked(server: CourseServer, hostile: str) -> None:
    """Nobody is signed in here, so a tool that came as far as asking would have failed in other words."""
    async with Client(server, mode="2026-07-28") as client:
        tools = [tool for tool in (await client.list_tools()).tools if id_names(tool)]
        assert len(tools) == 12
        for tool in tools:
            for name in id_names(tool):
                result = await client.call_tool(tool.name, arguments_of(tool, **{name: hostile}))
                text = result.content[0].model_dump()["text"]
                assert result.is_error
                assert f"it does not take: {name} is no id; " in text, (tool.name, text)
            asked = await client.call_tool(tool.name, arguments_of(tool))
            assert "on our side" in asked.content[0].model_dump()["text"], "a proper id comes as far as asking"


def test_every_step_of_an_address_stays_one_step() -> None:
    assert api_path("v1", "chapters", "01-intro") == "/api/v1/chapters/01-intro"
    assert api_path("v1", "a/b?c#d%2f", "e") == "/api/v1/a%2Fb%3Fc%23d%252f/e"
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="step"):
            api_path("v1", name, "complete")
