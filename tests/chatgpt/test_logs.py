"""What goes wrong is logged by kind and place: an error's own text may hold what a learner wrote, or an account."""

import logging

import pytest
from mcp.client.client import Client
from pydantic import BaseModel

from chatgpt_app.errors import Unreachable
from chatgpt_app.gateway import ExchangedToken, _read
from chatgpt_app.server import CourseServer
from chatgpt_app.settings import Settings

WORDS = "what a learner wrote"


class Broken(BaseModel):
    """A shape that the words do not have."""

    number: int


async def raises() -> str:
    raise KeyError(WORDS)


async def does_not_fit() -> str:
    return str(Broken.model_validate({"number": WORDS}))


def test_an_answer_of_another_shape_is_logged_by_place_and_kind(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Unreachable):
        _read(f'{{"access_token": "{WORDS}", "expires_in": "{WORDS}"}}'.encode(), ExchangedToken)
    assert "not a ExchangedToken: expires_in: int_parsing" in caplog.text
    assert WORDS not in caplog.text


@pytest.mark.parametrize(("tool", "logged"), [(raises, "KeyError"), (does_not_fit, "number: int_parsing")])
async def test_a_tool_that_goes_wrong_is_logged_by_place_and_kind(
    caplog: pytest.LogCaptureFixture, tool: object, logged: str
) -> None:
    server = CourseServer(Settings(_env_file=None, public_url="https://course.example"))
    server.add_tool(tool, name="tried")  # type: ignore[arg-type]  # any function will do
    with caplog.at_level(logging.DEBUG):
        async with Client(server, mode="2026-07-28") as client:
            result = await client.call_tool("tried", {})
    assert "on our side" in result.content[0].model_dump()["text"]
    assert f"tried went wrong: {logged}" in caplog.text
    assert "test_logs.py:" in caplog.text or logged != "KeyError", "where it was is there to be read"
    assert not [record for record in caplog.records if WORDS in record.getMessage() or record.exc_info]
