"""What the Messages API of anthropic-version 2026-10-21 accepts; everything else is refused as there."""

import json
import re
from collections.abc import Mapping
from typing import Any

from model_simulator.errors import ApiError, invalid
from model_simulator.schema import check_schema

API_VERSION = "2026-10-21"

MODELS = frozenset(
    {
        "claude-fable-5-2",
        "claude-fable-5-1",
        "claude-fable-5",
        "claude-mythos-5-2",
        "claude-mythos-5-1",
        "claude-mythos-5",
        "claude-haiku-5-5",
        "claude-haiku-4-5",
        "claude-haiku-4-5-20251001",
        "claude-sonnet-5-5",
        "claude-sonnet-5",
        "claude-sonnet-4-6",
        "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "claude-opus-5-5",
        "claude-opus-5",
        "claude-opus-4-8",
        "claude-opus-4-7",
        "claude-opus-4-6",
        "claude-opus-4-5",
        "claude-opus-4-5-20251101",
    }
)
# The migration guide of this model lists what it refuses: thinking budgets, disabled thinking, prefill, forced tools.
ADAPTIVE_ONLY_MODELS = frozenset({"claude-sonnet-5-5"})

COUNT_PARAMETERS = frozenset(
    {"messages", "model", "cache_control", "output_config", "speed", "system", "thinking", "tool_choice", "tools"}
)
CREATE_PARAMETERS = COUNT_PARAMETERS | {
    "max_tokens",
    "container",
    "diagnostics",
    "inference_geo",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
}
EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
CONTENT_BLOCKS = frozenset(
    {
        "text",
        "image",
        "document",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_result",
        "search_result",
        "server_tool_use",
    }
)
MAX_BREAKPOINTS = 4
PLACEHOLDER_KEY = re.compile(r"your|placeholder|change.?me|replace|x{4}|\.{3}|[<>]|^(none|null|todo)$", re.IGNORECASE)


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse a caller without a usable bearer key (401) or with another API version (400)."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise ApiError(401, "Authorization: a bearer key is required")
    if PLACEHOLDER_KEY.search(key):
        raise ApiError(401, "invalid bearer key: it is a placeholder")
    version = headers.get("anthropic-version")
    if version != API_VERSION:
        raise invalid(f"anthropic-version: {version or 'missing'} is not served here; send {API_VERSION}")


def read_body(raw: bytes) -> dict[str, Any]:
    """The request's JSON object, or 400."""
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise invalid(f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise invalid("The request body must be a JSON object")
    return body


def check_create(body: Mapping[str, Any]) -> None:
    """Refuse a body that POST /v1/messages would not take."""
    if body.get("stream"):
        raise invalid("stream: this simulated model answers whole messages only; send stream false or leave it out")
    _check_names(body, CREATE_PARAMETERS)
    _check_max_tokens(body)
    _check_prompt(body)


def check_count(body: Mapping[str, Any]) -> None:
    """Refuse a body that POST /v1/messages/count_tokens would not take."""
    _check_names(body, COUNT_PARAMETERS)
    _check_prompt(body)


def _check_names(body: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in body:
        if name not in known:
            raise invalid(f"{name}: Extra inputs are not permitted")


def _check_max_tokens(body: Mapping[str, Any]) -> None:
    max_tokens = body.get("max_tokens")
    if max_tokens is None:
        raise invalid("max_tokens: Field required")
    if not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 0:
        raise invalid("max_tokens: Input should be a whole number, 0 or more")


def _check_prompt(body: Mapping[str, Any]) -> None:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("model: Field required")
    if model not in MODELS:
        raise ApiError(404, f"model: {model}")
    _check_messages(body.get("messages"))
    _check_system(body.get("system"))
    _check_output_config(body.get("output_config"))
    _check_tools(body)
    _check_cache_control(body)
    if model in ADAPTIVE_ONLY_MODELS:
        _check_adaptive_only(body, model)


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise invalid("messages: at least one message is required")
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise invalid(f"messages.{index}: exactly role and content are permitted")
        if message["role"] not in ("user", "assistant"):
            raise invalid(f"messages.{index}.role: Input should be 'user' or 'assistant'")
        _check_content(message["content"], f"messages.{index}.content")
    if messages[0]["role"] != "user":
        raise invalid("messages: first message must use the user role")


def _check_content(content: Any, place: str) -> None:
    if isinstance(content, str):
        if not content:
            raise invalid(f"{place}: text content must not be empty")
        return
    if not isinstance(content, list) or not content:
        raise invalid(f"{place}: Input should be a string or a list of content blocks")
    for index, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if not isinstance(kind, str) or kind not in CONTENT_BLOCKS:
            raise invalid(f"{place}.{index}.type: {kind!r} is not a content block")
        if kind == "text" and (not isinstance(block.get("text"), str) or not block["text"]):
            raise invalid(f"{place}.{index}.text: text content blocks must not be empty")


def _check_system(system: Any) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list) or any(not isinstance(b, dict) or b.get("type") != "text" for b in system):
        raise invalid("system: Input should be a string or a list of text blocks")
    if system:
        _check_content(system, "system")


def _check_output_config(config: Any) -> None:
    if config is None:
        return
    if not isinstance(config, dict):
        raise invalid("output_config: Input should be an object")
    for name in config:
        if name not in ("effort", "format"):
            raise invalid(f"output_config.{name}: Extra inputs are not permitted")
    effort = config.get("effort")
    if effort is not None and (not isinstance(effort, str) or effort not in EFFORTS):
        raise invalid(f"output_config.effort: Input should be one of {', '.join(sorted(EFFORTS))}")
    answer_format = config.get("format")
    if answer_format is None:
        return
    if not isinstance(answer_format, dict) or set(answer_format) != {"type", "schema"}:
        raise invalid("output_config.format: exactly type and schema are required")
    if answer_format["type"] != "json_schema":
        raise invalid("output_config.format.type: Input should be 'json_schema'")
    check_schema(answer_format["schema"], "output_config.format.schema")


def _check_tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools")
    if tools is not None and (not isinstance(tools, list) or any(not isinstance(tool, dict) for tool in tools)):
        raise invalid("tools: Input should be a list of tools")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in ("auto", "none", "any", "tool"):
        raise invalid("tool_choice.type: Input should be 'auto', 'none', 'any' or 'tool'")
    if body.get("model") in ADAPTIVE_ONLY_MODELS:
        return
    if choice["type"] in ("any", "tool"):
        raise invalid("tool_choice: this simulated model calls no tools; use output_config.format")


def _check_cache_control(body: Mapping[str, Any]) -> None:
    markers = [part["cache_control"] for part in _dicts(body) if part.get("cache_control") is not None]
    if len(markers) > MAX_BREAKPOINTS:
        raise invalid(f"cache_control: at most {MAX_BREAKPOINTS} breakpoints are permitted, found {len(markers)}")
    for marker in markers:
        if not isinstance(marker, dict) or marker.get("type") != "ephemeral" or set(marker) - {"type", "ttl"}:
            raise invalid("cache_control: Input should be {'type': 'ephemeral'} with an optional ttl")
        if marker.get("ttl", "5m") not in ("5m", "1h"):
            raise invalid("cache_control.ttl: Input should be '5m' or '1h'")


def _dicts(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every object of a request that may carry a cache marker."""
    found: list[Mapping[str, Any]] = [body]
    contents = [body.get("tools"), body.get("system"), *(message["content"] for message in body["messages"])]
    for content in contents:
        if isinstance(content, list):
            found.extend(block for block in content if isinstance(block, dict))
    return found


def _check_adaptive_only(body: Mapping[str, Any], model: str) -> None:
    thinking = body.get("thinking")
    if thinking is not None and (not isinstance(thinking, dict) or thinking.get("type") != "adaptive"):
        kind = thinking.get("type") if isinstance(thinking, dict) else thinking
        raise invalid(f"thinking.type: {kind!r} is not supported on {model}; thinking is always adaptive")
    choice = body.get("tool_choice")
    if choice is not None and choice["type"] in ("any", "tool"):
        raise invalid(f"tool_choice: forced tool use is not supported on {model}")
    if body["messages"][-1]["role"] == "assistant":
        raise invalid(f"messages: {model} does not support assistant message prefill; end with a user message")
