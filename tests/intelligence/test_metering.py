"""A question to the model that is answered: what it leaves in the ledger."""

import asyncio
import json
import logging
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from intelligence.usage import metering
from intelligence.usage.places import ServiceBusy
from intelligence.usage.trouble import ModelUnavailable
from tests.intelligence.asking import COST, Asked
from tests.intelligence.conftest import Configure, Rows
from tests.intelligence.support import Said, ScriptedProvider, message, says


@pytest.fixture
def asked(provider: ScriptedProvider, student: UUID, rows: Rows) -> Asked:
    return Asked(student, rows)


async def test_a_good_answer_is_one_row(asked: Asked, provider: ScriptedProvider, rows: Rows) -> None:
    provider.script = [says()]
    answer = await asked()
    assert (answer.result, answer.tokens_used, answer.cost_usd) == (Said(reply="ready"), 120, COST)
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


async def test_without_a_key_nothing_is_asked_and_nothing_written(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(ANTHROPIC_API_KEY="your-key-here")
    with pytest.raises(ModelUnavailable):
        await asked()
    assert await asked.log() == []
    assert provider.bodies == []


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
    [row] = await asked.log()
    assert row["price_version"].startswith("claude-sonnet-5-5@"), "what was asked, and set aside for"
    assert json.loads(row["usage"])["price_version"].startswith("claude-haiku-5-5@")


async def test_a_simulator_names_itself_and_is_priced_as_the_model_it_stands_in_for(
    asked: Asked, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.script = [says(model="simulated-claude-sonnet-5-5")]
    answer = await asked()
    assert (answer.model, answer.simulated, answer.cost_usd) == ("simulated-claude-sonnet-5-5", True, COST)
    (row,) = await asked.log()
    assert row["model"] == "claude-sonnet-5-5"
    assert "no price" not in caplog.text


async def test_no_prompt_or_answer_is_logged(
    asked: Asked, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.script = [says('{"reply": 5, "canary": "canary-in-answer"}'), says()]
    with caplog.at_level(logging.DEBUG):
        await asked()
    assert message()["id"] not in caplog.text
    assert "canary-in-answer" not in caplog.text
    assert "Answer in one word" not in caplog.text
