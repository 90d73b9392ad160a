"""A question to the model when the provider, its answer or whoever asks is in trouble: what it costs, who hears."""

import asyncio
import logging
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from intelligence import background, llm
from intelligence.settings import get_settings
from intelligence.usage import circuit, trouble
from intelligence.usage.service import SpendCeilingReached
from intelligence.usage.trouble import ModelAnswerInvalid, ModelDeclined, ModelUnavailable
from tests.intelligence.asking import COST, Asked
from tests.intelligence.conftest import Configure, Rows
from tests.intelligence.support import ScriptedProvider, answers, fails, hangs, prompt, says


@pytest.fixture
def asked(provider: ScriptedProvider, student: UUID, rows: Rows) -> Asked:
    return Asked(student, rows)


async def test_retry_after_that_fits_is_obeyed(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [fails(429, "rate_limit_error", retry_after="1"), says()]
    started = time.monotonic()
    await asked()
    assert time.monotonic() - started >= 1
    assert await asked.outcomes() == [("rejected", "rate_limit_error"), ("succeeded", None)]
    assert [row["cost_usd"] for row in await asked.log()] == [0, COST]


async def test_retry_after_that_does_not_fit_is_passed_on(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [fails(429, retry_after="3600")]
    with pytest.raises(ModelUnavailable) as caught:
        await asked()
    assert caught.value.extra["retry_after_seconds"] == 3600
    assert caught.value.headers["Retry-After"] == "3600"
    assert len(provider.bodies) == 1, "nobody waits an hour"


async def test_overload_is_tried_again_until_the_retries_are_used(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(ANTHROPIC_MAX_RETRIES="1")
    provider.script = [fails(529, "overloaded_error")]
    with pytest.raises(ModelUnavailable):
        await asked()
    assert await asked.outcomes() == [("rejected", "overloaded_error")] * 2
    spend = await asked.spend()
    assert (spend["spent_usd"], spend["held_usd"], spend["unknown_usd"]) == (0, 0, 0)


async def test_a_provider_overloaded_in_a_row_is_left_alone(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(ANTHROPIC_MAX_RETRIES="0")
    provider.script = [fails(529)]
    for _ in range(circuit.IN_A_ROW + 3):
        with pytest.raises(ModelUnavailable):
            await asked()
    assert len(provider.bodies) == circuit.IN_A_ROW


def test_the_circuit_closes_again_however_long_the_provider_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(circuit, "time", SimpleNamespace(monotonic=lambda: now))
    sick = circuit.Circuit()
    for retry_after, pause in [(86_400.0, 60), (None, 10), (4.0, 4)]:
        for _ in range(circuit.IN_A_ROW):
            assert sick.seconds_to_wait() == 0
            sick.overloaded(retry_after)
        assert sick.seconds_to_wait() == pause
        now += pause
        assert sick.seconds_to_wait() == 0, "a trial"
        assert sick.seconds_to_wait() == circuit.TRIAL_SECONDS, "the others wait for it"
        sick.answered()


def test_each_lost_answer_more_doubles_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(circuit, "time", SimpleNamespace(monotonic=lambda: now))
    sick = circuit.Circuit()
    sick.lost(unreachable=True)
    for _ in range(circuit.IN_A_ROW - 1):
        sick.lost(unreachable=False)
        assert sick.seconds_to_wait() == 0
    for pause in (10, 20, 40, 80, 160, 300, 300):
        sick.lost(unreachable=False)
        assert sick.seconds_to_wait() == pause
        now += pause
    sick.answered()
    assert sick.seconds_to_wait() == sick.seconds_to_wait() == 0


async def test_a_provider_that_loses_answers_is_left_alone(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(ANTHROPIC_MAX_RETRIES="0")
    provider.script = [fails(504)]
    for _ in range(circuit.IN_A_ROW + 3):
        with pytest.raises(ModelUnavailable):
            await asked()
    assert len(provider.bodies) == circuit.IN_A_ROW, "each holds its worst case until the month has ended"


async def test_a_question_whose_time_is_up_is_not_asked(asked: Asked, provider: ScriptedProvider) -> None:
    with pytest.raises(ModelUnavailable):
        await asked(deadline_seconds=0.9)
    assert (provider.bodies, await asked.log()) == ([], [])


async def test_a_timeout_holds_its_worst_case_as_unknown(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [hangs()]
    with pytest.raises(ModelUnavailable):
        await asked(deadline_seconds=1.5)
    assert await asked.outcomes() == [("unknown", "TIMEOUT")]
    (row,) = await asked.log()
    spend = await asked.spend()
    assert (spend["unknown_usd"], spend["spent_usd"]) == (row["worst_case_usd"], 0)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413])
async def test_what_an_operator_must_see_to_is_not_retried(
    asked: Asked, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    provider.script = [fails(status)]
    with caplog.at_level(logging.ERROR), pytest.raises(ModelUnavailable):
        await asked()
    assert len(provider.bodies) == 1
    assert [outcome for outcome, _ in await asked.outcomes()] == ["rejected"]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert status != 401 or "ANTHROPIC_API_KEY" in line


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (fails(503, "api_error"), "api_error"),
        (answers(b"<html></html>", "text/html"), "NOT_A_MESSAGE"),
        (says("prose"), "MALFORMED_ANSWER"),
        (says(None, stop_reason="refusal"), "REFUSAL"),
    ],
)
async def test_operators_are_told_once_a_minute_why_students_get_no_answer(  # noqa: PLR0917  # fixtures
    asked: Asked,
    provider: ScriptedProvider,
    configure: Configure,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    bad: Any,
    code: str,
) -> None:
    await configure(ANTHROPIC_MAX_RETRIES="0")
    monkeypatch.setattr(circuit, "IN_A_ROW", 100)
    provider.script = [bad]

    async def lines_of_two_questions() -> list[str]:
        caplog.clear()
        for _ in range(2):
            with pytest.raises(ModelUnavailable) as caught:
                await asked()
            assert "Nothing was charged" not in caught.value.message, "it may have been"
            assert code in caught.value.told
        return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]

    (line,) = await lines_of_two_questions()
    assert "ANTHROPIC_BASE_URL" in line
    assert code in line
    assert await lines_of_two_questions() == [], "the same within a minute"
    monkeypatch.setattr(trouble, "TELL_AGAIN_SECONDS", 0.0)
    assert len(await lines_of_two_questions()) == 2


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (says("this is prose"), "MALFORMED_ANSWER"),
        (says('{"reply": 5}'), "MALFORMED_ANSWER"),
        (says('{"reply": "rea', stop_reason="max_tokens"), "CUT_OFF"),
        (says(None), "MALFORMED_ANSWER"),
        (says(r'{"reply": "\\\u0000"}'), "MALFORMED_ANSWER"),
    ],
)
async def test_a_malformed_answer_is_billed_and_repaired_once(
    asked: Asked, provider: ScriptedProvider, bad: Any, code: str
) -> None:
    provider.script = [bad, says()]
    answer = await asked()
    assert await asked.outcomes() == [("failed", code), ("succeeded", None)]
    assert [row["cost_usd"] for row in await asked.log()] == [COST, COST]
    assert (answer.cost_usd, answer.tokens_used) == (2 * COST, 240)
    assert (await asked.spend())["spent_usd"] == 2 * COST
    assert provider.bodies[1]["max_tokens"] > provider.bodies[0]["max_tokens"]


async def test_an_answer_may_speak_of_nul_characters(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [says(r'{"reply": "\\u0000"}')]
    assert (await asked()).result.reply == r"\u0000"


async def test_a_second_malformed_answer_is_the_end(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [says("prose")]
    with pytest.raises(ModelAnswerInvalid):
        await asked()
    assert len(provider.bodies) == 2


async def test_a_refusal_is_billed_and_not_repeated(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [says(None, stop_reason="refusal")]
    with pytest.raises(ModelDeclined):
        await asked()
    assert await asked.outcomes() == [("failed", "REFUSAL")]
    assert (await asked.log())[0]["cost_usd"] == COST


async def test_an_answer_without_usage_is_unknown_and_asked_again(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [answers(b"<html></html>", "text/html"), says()]
    await asked()
    assert await asked.outcomes() == [("unknown", "NOT_A_MESSAGE"), ("succeeded", None)]


async def test_a_cancelled_question_is_settled_as_unknown(asked: Asked, provider: ScriptedProvider) -> None:
    reached = asyncio.Event()

    async def hang(request: Any) -> Any:
        reached.set()
        return await hangs()(request)

    provider.script = [hang]
    task = asyncio.create_task(asked())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await background.drain()
    assert await asked.outcomes() == [("unknown", "CancelledError")]


async def test_an_unreachable_provider_costs_one_row_however_often_it_is_asked(
    asked: Asked, configure: Configure
) -> None:
    await configure(ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            await asked(deadline_seconds=3)
    assert await asked.outcomes() == [("unknown", "CONNECT_FAILED")]


async def test_a_provider_that_comes_back_is_asked_again(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    provider.script = [says()]
    here = get_settings().anthropic_base_url
    await configure(ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    with pytest.raises(ModelUnavailable):
        await asked(deadline_seconds=2)
    known = circuit.provider()
    await configure(ANTHROPIC_BASE_URL=here)
    circuit.provider().unreachable = known.unreachable
    assert (await asked()).result.reply == "ready"


async def test_a_repair_that_would_pass_the_ceiling_is_not_made(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(LLM_STUDENT_MONTHLY_CEILING_USD=str(llm.worst_case_usd(prompt())))
    provider.script = [says("prose"), says()]
    with pytest.raises(SpendCeilingReached):
        await asked()
    assert len(provider.bodies) == 1
