import json

import pytest
from starlette.responses import RedirectResponse

from intelligence import llm, token_estimate
from intelligence.llm import NoUsableReply, ProviderRefused
from intelligence.usage.pricing import TokenUsage
from tests.intelligence.conftest import Configure
from tests.intelligence.support import ScriptedProvider, answers, fails, hangs, message, prompt, says

WHOLE = json.dumps(message()).encode()


async def test_an_answer_is_text_and_usage(provider: ScriptedProvider) -> None:
    provider.script = [says(usage={"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5})]
    reply = await llm.create(prompt(), timeout_seconds=5)
    assert reply.text == '{"reply": "ready"}'
    assert (reply.usage.prompt_tokens, reply.usage.output_tokens) == (8, 4)
    assert reply.raw_usage["cache_read_input_tokens"] == 5
    assert (reply.request_id, reply.model, reply.stop_reason) == ("req_said", "claude-sonnet-5-5", "end_turn")


async def test_what_is_sent_is_what_the_current_api_accepts(provider: ScriptedProvider) -> None:
    provider.script = [says()]
    await llm.create(prompt(), timeout_seconds=5)
    body = provider.bodies[0]
    assert set(body) == {"model", "max_tokens", "system", "messages", "output_config"}
    assert body["output_config"]["effort"] == "low"
    assert body["output_config"]["format"]["schema"]["additionalProperties"] is False


async def test_the_instructions_may_be_cached_and_a_repair_leaves_them_alone(provider: ScriptedProvider) -> None:
    provider.script = [says()]
    repair = prompt().corrected("reply: int_type")
    for one in (prompt(), repair):
        await llm.create(one, timeout_seconds=5)
    first, second = (body["system"] for body in provider.bodies)
    assert first == [
        {"type": "text", "text": "Answer in one word.", "cache_control": {"type": "ephemeral", "ttl": "5m"}}
    ]
    assert second[:1] == first
    assert "reply: int_type" in second[1]["text"]
    assert llm.worst_case_usd(repair) > llm.worst_case_usd(prompt())


async def test_older_models_are_not_sent_an_effort(configure: Configure) -> None:
    assert "effort" not in prompt().request_body("claude-sonnet-4-5-20250929")["output_config"]


@pytest.mark.parametrize(
    ("content", "content_type", "code"),
    [
        (b"<html>busy</html>", "text/html", "NOT_A_MESSAGE"),
        (WHOLE[:-30], "application/json", "UNREADABLE_BODY"),
        (b"", "application/json", "UNREADABLE_BODY"),
        (json.dumps(message(usage=None)).encode(), "application/json", "NO_USAGE"),
        (b"[]", "application/json", "NOT_A_MESSAGE"),
        (b'"text"', "application/json", "NOT_A_MESSAGE"),
        (b"null", "application/json", "NOT_A_MESSAGE"),
        (b"{}", "application/json", "NO_USAGE"),
    ],
)
async def test_odd_bodies_are_no_reply(
    provider: ScriptedProvider, content: bytes, content_type: str, code: str
) -> None:
    provider.script = [answers(content, content_type)]
    with pytest.raises(NoUsableReply) as caught:
        await llm.create(prompt(), timeout_seconds=5)
    assert (caught.value.error_code, caught.value.request_id) == (code, "req_odd")
    assert not caught.value.unreachable


@pytest.mark.parametrize("usage", [{}, "many", {"input_tokens": 1, "output_tokens": 10**12}])
async def test_a_reply_without_a_usable_usage_is_no_reply(provider: ScriptedProvider, usage: object) -> None:
    provider.script = [says(usage=usage)]
    with pytest.raises(NoUsableReply) as caught:
        await llm.create(prompt(), timeout_seconds=5)
    assert (caught.value.error_code, caught.value.request_id) == ("NO_USAGE", "req_said")


@pytest.mark.parametrize("content", ["hello", [None], [{"type": "text", "text": None}], None, 7])
async def test_odd_content_is_a_reply_that_was_billed(provider: ScriptedProvider, content: object) -> None:
    provider.script = [says(content=content)]
    reply = await llm.create(prompt(), timeout_seconds=5)
    assert (reply.text, reply.usage) == (None, TokenUsage(100, 20))


async def test_no_redirect_is_followed(provider: ScriptedProvider) -> None:
    async def elsewhere(_: object) -> RedirectResponse:
        return RedirectResponse("/v1/messages", 307)

    provider.script = [elsewhere, says()]
    with pytest.raises(ProviderRefused):
        await llm.create(prompt(), timeout_seconds=5)
    assert len(provider.bodies) == 1, "every attempt is a row"


async def test_a_refusing_model_has_no_text(provider: ScriptedProvider) -> None:
    provider.script = [says(None, stop_reason="refusal")]
    reply = await llm.create(prompt(), timeout_seconds=5)
    assert (reply.text, reply.stop_reason, reply.usage.output_tokens) == (None, "refusal", 20)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (400, False),
        (401, False),
        (402, False),
        (403, False),
        (404, False),
        (413, False),
        (409, True),
        (429, True),
        (500, True),
        (503, True),
        (529, True),
    ],
)
async def test_which_refusals_may_be_tried_again(provider: ScriptedProvider, status: int, again: bool) -> None:
    provider.script = [fails(status)]
    with pytest.raises(ProviderRefused) as caught:
        await llm.create(prompt(), timeout_seconds=5)
    assert (caught.value.status, caught.value.can_try_again) == (status, again)
    assert caught.value.request_id == "req_failed"
    assert len(provider.bodies) == 1, "the SDK must not retry on its own"


async def test_a_spend_cap_is_not_tried_again(provider: ScriptedProvider) -> None:
    error = {"type": "rate_limit_error", "message": "no", "details": {"error_code": "enforced_spend_limit_reached"}}
    body = json.dumps({"type": "error", "error": error}).encode()

    async def capped(request: object) -> object:
        response = await answers(body, "application/json")(request)  # type: ignore[arg-type]  # it reads nothing of it
        response.status_code = 429
        return response

    provider.script = [capped]  # type: ignore[list-item]  # the same
    with pytest.raises(ProviderRefused) as caught:
        await llm.create(prompt(), timeout_seconds=5)
    assert not caught.value.can_try_again


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry_after": "Thu, 01 Jan 1970 00:00:00 -0000"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after_ms": "nan"}, None),
        ({}, None),
    ],
)
async def test_retry_after_in_all_its_forms(
    provider: ScriptedProvider, headers: dict[str, str], seconds: float | None
) -> None:
    provider.script = [fails(429, **headers)]
    with pytest.raises(ProviderRefused) as caught:
        await llm.create(prompt(), timeout_seconds=5)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("status", [408, 502, 504, 524])
async def test_a_gateway_that_gave_up_leaves_the_cost_unknown(provider: ScriptedProvider, status: int) -> None:
    provider.script = [fails(status)]
    with pytest.raises(NoUsableReply):
        await llm.create(prompt(), timeout_seconds=5)


async def test_a_silent_provider_times_out(provider: ScriptedProvider) -> None:
    provider.script = [hangs()]
    with pytest.raises(NoUsableReply) as caught:
        await llm.create(prompt(), timeout_seconds=0.2)
    assert (caught.value.error_code, caught.value.unreachable) == ("TIMEOUT", False)


async def test_nobody_listening_is_told_apart(configure: Configure) -> None:
    await configure(ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    with pytest.raises(NoUsableReply) as caught:
        await llm.create(prompt(), timeout_seconds=5)
    assert (caught.value.error_code, caught.value.unreachable) == ("CONNECT_FAILED", True)
    assert not await llm.is_reachable()


async def test_the_newest_version_of_a_prompt_is_loaded() -> None:
    newest = llm.load_prompt("check")
    assert newest.version.startswith("check.v")
    assert llm.load_prompt("check.v1").version == "check.v1"
    with pytest.raises(FileNotFoundError):
        llm.load_prompt("nothing")


async def test_the_worst_case_counts_prompt_and_answer(configure: Configure) -> None:
    await configure(ANTHROPIC_MODEL="claude-sonnet-5-5")
    small, large = llm.worst_case_usd(prompt("a")), llm.worst_case_usd(prompt("a word " * 1000))
    assert 0 < small < large
    # 200 tokens out at 10, and some hundreds in at 2.50, in dollars for a million
    assert 0.002 < small < 0.004


@pytest.mark.parametrize(
    "text", ["", "hello world", "äöü €" * 50, "\U0001f600" * 100, "x" * 5000, "word " * 500, "\ud800"]
)
def test_the_token_estimate_is_an_upper_bound(text: str) -> None:
    counted = len(token_estimate.encoding().encode_ordinary(text)) if text != "\ud800" else 1
    estimated = token_estimate.at_most(text) - token_estimate.OVERHEAD_TOKENS
    assert estimated <= len(text.encode("utf-8", "surrogatepass"))
    assert estimated >= min(counted * 1.5, len(text.encode("utf-8", "surrogatepass")))
