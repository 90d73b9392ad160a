import asyncio
import logging
import time
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from intelligence import background, llm
from intelligence.database import transaction
from intelligence.settings import get_settings
from intelligence.usage import circuit, metering, service
from intelligence.usage.metering import Answer, ModelAnswerInvalid, ModelDeclined, ModelUnavailable
from intelligence.usage.places import ServiceBusy
from intelligence.usage.service import SpendCeilingReached
from tests.intelligence.conftest import Configure, Rows
from tests.intelligence.support import Said, ScriptedProvider, answers, fails, hangs, learner, message, prompt, says

COST = Decimal("0.0004")  # 100 in at 2, 20 out at 10, for a million


async def reserve(student: UUID) -> UUID:
    async with transaction() as session:
        return await service.reserve(
            session,
            learner=learner(student),
            feature="adaptive_path",
            reference_id=uuid4(),
            worst_case_usd=llm.worst_case_usd(prompt()),
            lease_seconds=60,
        )


class Asked:
    """One question asked for a student, and what the ledger says of it."""

    def __init__(self, student: UUID, rows: Rows) -> None:
        self.student = student
        self._rows = rows

    async def __call__(self, deadline_seconds: float = 10) -> Answer[Said]:
        return await metering.ask(
            prompt(),
            feature="adaptive_path",
            reservation_id=await reserve(self.student),
            student_id=self.student,
            deadline_seconds=deadline_seconds,
        )

    async def log(self) -> list[dict[str, Any]]:
        return await self._rows(
            "SELECT * FROM llm_usage_logs WHERE student_id = $1 ORDER BY request_timestamp", self.student
        )

    async def outcomes(self) -> list[tuple[str, str | None]]:
        return [(row["outcome"], row["error_code"]) for row in await self.log()]

    async def spend(self) -> dict[str, Any]:
        found = await self._rows("SELECT * FROM llm_student_spend WHERE student_id = $1", self.student)
        return found[0]


@pytest.fixture
def asked(provider: ScriptedProvider, student: UUID, rows: Rows) -> Asked:
    return Asked(student, rows)


async def test_a_good_answer_is_one_row(asked: Asked, provider: ScriptedProvider, rows: Rows) -> None:
    provider.script = [says()]
    answer = await asked()
    assert (answer.parsed, answer.tokens_used, answer.cost_usd) == (Said(reply="ready"), 120, COST)
    (row,) = await asked.log()
    assert (row["outcome"], row["success"], row["cost_usd"], row["attempt"]) == ("succeeded", True, COST, 1)
    assert (row["tokens_input"], row["tokens_output"], row["tokens_total"]) == (100, 20, 120)
    assert (row["provider_request_id"], row["prompt_version"]) == ("req_said", "check.v1")
    assert row["reference_id"] is not None
    (exchange,) = await rows("SELECT * FROM llm_exchanges WHERE call_id = $1", row["call_id"])
    assert "ready" in exchange["request_body"]
    assert exchange["response_text"] == '{"reply": "ready"}'
    assert (await asked.spend())["spent_usd"] == COST


async def test_the_row_is_there_before_the_attempt_is_sent(
    asked: Asked, provider: ScriptedProvider, rows: Rows
) -> None:
    seen: list[dict[str, Any]] = []

    async def look(request: Any) -> Any:
        seen.extend(await asked.log())
        return await says()(request)

    provider.script = [look]
    await asked()
    assert [row["outcome"] for row in seen] == ["open"]


async def test_retry_after_that_fits_is_obeyed(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [fails(429, "rate_limit_error", retry_after="1"), says()]
    started = time.monotonic()
    await asked()
    assert time.monotonic() - started >= 1
    assert await asked.outcomes() == [("rejected", "rate_limit_error"), ("succeeded", None)]
    assert [row["cost_usd"] for row in await asked.log()] == [0, COST]


async def test_retry_after_that_does_not_fit_is_passed_on(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [fails(429, retry_after="3600")]
    started = time.monotonic()
    with pytest.raises(ModelUnavailable) as caught:
        await asked()
    assert time.monotonic() - started < 3
    assert caught.value.extra["retry_after_seconds"] == 3600
    assert caught.value.headers["Retry-After"] == "3600"
    assert len(provider.bodies) == 1


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
    for _ in range(circuit.OVERLOADED_IN_A_ROW + 3):
        with pytest.raises(ModelUnavailable):
            await asked()
    assert len(provider.bodies) == circuit.OVERLOADED_IN_A_ROW


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
        (says("this is prose"), "MALFORMED_ANSWER"),
        (says('{"reply": 5}'), "MALFORMED_ANSWER"),
        (says('{"reply": "rea', stop_reason="max_tokens"), "CUT_OFF"),
        (says(None), "MALFORMED_ANSWER"),
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
    known = metering._circuit()
    await configure(ANTHROPIC_BASE_URL=here)
    metering._circuit().unreachable = known.unreachable
    assert (await asked()).parsed.reply == "ready"


async def test_without_a_key_nothing_is_asked_and_nothing_written(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(ANTHROPIC_API_KEY="your-key-here")
    with pytest.raises(ModelUnavailable):
        await asked()
    assert await asked.log() == []
    assert provider.bodies == []


async def test_a_repair_that_would_pass_the_ceiling_is_not_made(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(LLM_STUDENT_MONTHLY_CEILING_USD=str(llm.worst_case_usd(prompt())))
    provider.script = [says("prose"), says()]
    with pytest.raises(SpendCeilingReached):
        await asked()
    assert len(provider.bodies) == 1


async def test_one_too_many_is_turned_away_at_once(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(LLM_CONCURRENCY="2", LLM_WAITING="1")
    release = asyncio.Event()

    async def slow(request: Any) -> Any:
        await release.wait()
        return await says()(request)

    provider.script = [slow]
    tasks = [asyncio.create_task(asked()) for _ in range(3)]
    while len(provider.bodies) < 2 or metering._places()._waiting < 1:  # noqa: ASYNC110  # no event says so
        await asyncio.sleep(0.01)
    with pytest.raises(ServiceBusy) as caught:
        await asked()
    assert "Retry-After" in caught.value.headers
    assert len(await asked.log()) == 2
    release.set()
    assert len(await asyncio.gather(*tasks)) == 3


async def test_the_price_is_that_of_the_model_that_answered(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [says(model="claude-haiku-5-5")]
    answer = await asked()
    assert (answer.model, answer.cost_usd) == ("claude-haiku-5-5", Decimal("0.00002"))


async def test_no_prompt_or_answer_is_logged(
    asked: Asked, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.script = [says('{"reply": 5, "canary": "canary-in-answer"}'), says()]
    with caplog.at_level(logging.DEBUG):
        await asked()
    assert message()["id"] not in caplog.text
    assert "canary-in-answer" not in caplog.text
    assert "Answer in one word" not in caplog.text
