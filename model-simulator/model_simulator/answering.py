"""One call, from its setting to the bytes: a message as the API sends it, or the fault that was asked for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from model_simulator.control import Mode, Setting
from model_simulator.errors import SPEND_LIMIT_CODE, ApiError
from model_simulator.schema import LABEL
from model_simulator.tutor import Oracle, say
from model_simulator.usage import BYTES_PER_TOKEN, PromptCache, count_tokens, thinking_tokens, usage_of

SIMULATED_MODEL = "simulated-"  # before the name of the model asked for: what shows a model shows this too
PAGE = b"<!doctype html><title>Simulated</title><p>A page from something between you and the model."


@dataclass(frozen=True)
class Answer:
    """What goes out with status 200; ``promised`` bytes are announced, more than there are for a drop."""

    payload: bytes
    promised: int
    content_type: str
    usage: Mapping[str, Any]


def fault(setting: Setting) -> ApiError:
    """The error of mode ``error``."""
    headers = {} if setting.retry_after is None else {"retry-after": str(setting.retry_after)}
    if setting.error_code == SPEND_LIMIT_CODE:
        message = f"{LABEL} The organization has crossed its monthly API usage threshold"
    else:
        message = f"{LABEL} error {setting.status}, as asked for"
    return ApiError(setting.status, message, error_code=setting.error_code, headers=headers)


def answer(body: Mapping[str, Any], mode: Mode, *, oracle: Oracle, cache: PromptCache) -> Answer:
    """The answer to one valid request, spoiled where the mode says so."""
    message = _message(body, mode, oracle, cache)
    usage = message["usage"]
    if mode is Mode.NO_USAGE:
        del message["usage"]
    whole = json.dumps(message, ensure_ascii=False).encode()
    if mode is Mode.HTML:
        return Answer(PAGE, len(PAGE), "text/html; charset=utf-8", usage)
    if mode is Mode.CUT:
        return Answer(whole[: len(whole) // 2], len(whole) // 2, "application/json", usage)
    if mode is Mode.DROP:
        return Answer(whole[: len(whole) // 2], len(whole), "application/json", usage)
    return Answer(whole, len(whole), "application/json", usage)


def _message(body: Mapping[str, Any], mode: Mode, oracle: Oracle, cache: PromptCache) -> dict[str, Any]:
    text = say(body, mode, oracle)
    spent = cache.settle(body)
    thinking = min(thinking_tokens(body), body["max_tokens"])
    content: list[dict[str, str]] = [{"type": "thinking", "thinking": "", "signature": "sim"}]
    stop_reason, stop_details = "end_turn", None
    if mode is Mode.REFUSAL:
        text, content, stop_reason = "", [], "refusal"
        stop_details = {"type": "refusal", "category": None, "explanation": f"{LABEL} refusal, as asked for"}
    elif mode is Mode.MALFORMED:
        text = f'{LABEL} Certainly! Here is the JSON you asked for: {{"not": json'
    elif mode is Mode.CUT_TEXT:
        text, stop_reason = text[: len(text) // 2], "max_tokens"
    room = body["max_tokens"] - thinking
    if count_tokens(text) > room:
        text, stop_reason = _first_tokens(text, room), "max_tokens"
    if text:
        content.append({"type": "text", "text": text})
    return {
        "id": f"msg_simulated_{uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": SIMULATED_MODEL + body["model"],
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": stop_details,
        "usage": usage_of(spent, output=thinking + count_tokens(text), thinking=thinking),
    }


def _first_tokens(text: str, tokens: int) -> str:
    return text.encode("utf-8", "replace")[: tokens * BYTES_PER_TOKEN].decode("utf-8", "ignore")
