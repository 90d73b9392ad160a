"""The simulator refuses what the real API refuses."""

from typing import Any

import anthropic
import httpx
import pytest
from anthropic import AsyncAnthropic

from tests.simulator.running import KEY, MODEL, Simulator, closed_object

HEADERS = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"}
HELLO = {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": "Hello"}]}


def post(simulator: Simulator, body: Any, headers: dict[str, str] = HEADERS) -> httpx.Response:
    return httpx.post(f"{simulator.url}/v1/messages", json=body, headers=headers)


async def test_the_official_client_gets_a_labelled_message(claude: AsyncAnthropic) -> None:
    raw = await claude.messages.with_raw_response.create(**HELLO)  # type: ignore[call-overload]  # a plain dict
    message = await raw.parse()
    assert message.id.startswith("msg_simulated_")
    assert message.model == f"simulated-{MODEL}"
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[1].text.startswith("[Simulated]")
    assert message.stop_reason == "end_turn"
    assert raw.headers["x-simulated"] == "true"
    assert message._request_id == raw.headers["request-id"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"anthropic-version": "2026-10-21"}, 401),
        ({"x-api-key": KEY, "anthropic-version": "2026-10-21"}, 401),
        ({"authorization": "Bearer", "anthropic-version": "2026-10-21"}, 401),
        ({"authorization": "Bearer your-api-key", "anthropic-version": "2026-10-21"}, 401),
        ({"authorization": "Bearer sk-ant-...", "anthropic-version": "2026-10-21"}, 401),
        ({"authorization": f"Bearer {KEY}"}, 400),
        ({"authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}, 400),
    ],
)
def test_key_and_version_are_required(simulator: Simulator, headers: dict[str, str], status: int) -> None:
    answer = post(simulator, HELLO, headers)
    error = answer.json()
    assert answer.status_code == status
    assert error["type"] == "error"
    assert error["error"]["type"] == {401: "authentication_error", 400: "invalid_request_error"}[status]
    assert error["request_id"] == answer.headers["request-id"]
    assert answer.headers["x-simulated"] == "true"


def output(schema: Any) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"temperature": 0.2}, "temperature"),
        ({"top_p": 0.9}, "top_p"),
        ({"top_k": 5}, "top_k"),
        ({"favourite_colour": "blue"}, "favourite_colour"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "first message"),
        ({"messages": [{"role": "user", "content": ""}]}, "empty"),
        ({"messages": [*HELLO["messages"], {"role": "assistant", "content": "{"}]}, "prefill"),  # type: ignore[misc]  # a list
        ({"thinking": {"type": "disabled"}}, "thinking"),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking"),
        ({"tools": [{"name": "t", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "t"}}, "tool_choice"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"stream": True}, "stream"),
        ({"system": 7}, "system"),
        ({"output_config": {"effort": "heroic"}}, "effort"),
        ({"output_config": {"temperature": 1}}, "output_config.temperature"),
        ({"output_config": {"format": {"type": "text"}}}, "format"),
        (output({"type": "object", "properties": {}}), "additionalProperties"),
        (output({"type": "integer", "minimum": 1}), "minimum"),
        (output({"type": "array", "items": {"type": "string"}, "minItems": 2}), "minItems"),
        (output({"$ref": "#/$defs/a", "$defs": {"a": closed_object(inner={"$ref": "#/$defs/a"})}}), "recursive"),
        (output({"$ref": "#/$defs/b", "$defs": {}}), "nowhere"),
        ({"cache_control": {"type": "eternal"}}, "cache_control"),
        ({"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5}, "at most 4"),
    ],
)
def test_what_the_api_does_not_take_is_400(simulator: Simulator, change: dict[str, Any], named: str) -> None:
    answer = post(simulator, {**HELLO, **change})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_400(simulator: Simulator, body: bytes) -> None:
    answer = httpx.post(f"{simulator.url}/v1/messages", content=body, headers=HEADERS)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_an_unknown_model_is_404(claude: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        await claude.messages.create(
            model="claude-of-tomorrow", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
    assert caught.value.type == "not_found_error"
    assert caught.value.request_id


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/models", 404), ("GET", "/v1/messages", 405)])
def test_other_addresses_get_the_apis_error_body(simulator: Simulator, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, simulator.url + path)
    assert answer.status_code == status
    assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_an_adaptive_request_with_everything_we_send_is_taken(claude: AsyncAnthropic) -> None:
    message = await claude.messages.create(
        model=MODEL,
        max_tokens=500,
        system=[{"type": "text", "text": "You tutor.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        metadata={"user_id": "opaque"},
        thinking={"type": "adaptive"},
        output_config={"effort": "medium"},
    )
    assert message.stop_reason == "end_turn"
