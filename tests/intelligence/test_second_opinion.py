"""The door to the model against LLMock, a stand-in for the provider that other people wrote, with its verdict on us.

LLMock knows no structured output, so its answers are scripted; it gives no request id, so ours is null there.
"""

import json
from collections.abc import Callable
from uuid import UUID

import pytest
from llmock.pytest_plugin import LLMock

from intelligence.usage.trouble import ModelAnswerInvalid, ModelUnavailable
from tests.intelligence.asking import Asked
from tests.intelligence.conftest import Configure, Rows
from tests.intelligence.support import Said

READY = json.dumps({"reply": "ready"})
OVERLOADED = 529


@pytest.fixture
async def asked(configure: Configure, llmock: LLMock, student: UUID, rows: Rows) -> Asked:
    await configure(ANTHROPIC_BASE_URL=llmock.base_url("anthropic"))
    return Asked(student, rows)


async def test_an_answer_is_read_priced_and_ledgered(asked: Asked, llmock: LLMock) -> None:
    llmock.reply(READY)
    answer = await asked()
    assert answer.result == Said(reply="ready")
    assert answer.cost_usd > 0
    (row,) = await asked.log()
    assert (row["outcome"], row["provider_request_id"]) == ("succeeded", None)
    assert row["tokens_total"] == answer.tokens_used > 0
    assert llmock.last_request.path == "/anthropic/v1/messages"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda mock: mock.rate_limit(retry_after=1), id="rate limit"),
        pytest.param(lambda mock: mock.fail(OVERLOADED), id="overloaded"),
        pytest.param(lambda mock: mock.fail(503, times=2), id="twice unavailable"),
        pytest.param(lambda mock: mock.fail(500), id="a mistake of the provider's"),
    ],
)
async def test_trouble_that_passes_is_tried_again_as_it_should_be(
    asked: Asked, llmock: LLMock, fault: Callable[[LLMock], LLMock]
) -> None:
    fault(llmock).reply(READY)
    assert (await asked()).result == Said(reply="ready")
    llmock.assert_resilient(strict=True)
    outcomes = [outcome for outcome, _ in await asked.outcomes()]
    assert outcomes == ["rejected"] * (len(llmock.requests) - 1) + ["succeeded"], "each attempt it saw is a row"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413])
async def test_what_no_retry_can_mend_is_asked_once(asked: Asked, llmock: LLMock, status: int) -> None:
    llmock.fail(status, times=None)
    with pytest.raises(ModelUnavailable):
        await asked()
    llmock.assert_resilient(strict=True)
    assert [outcome for outcome, _ in await asked.outcomes()] == ["rejected"]
    assert len(llmock.requests) == 1


async def test_an_outage_ends_in_time_and_costs_nothing(asked: Asked, llmock: LLMock) -> None:
    llmock.outage()
    with pytest.raises(ModelUnavailable):
        await asked(deadline_seconds=5)
    llmock.assert_resilient(strict=True)
    spend = await asked.spend()
    assert (spend["spent_usd"], spend["held_usd"], spend["unknown_usd"]) == (0, 0, 0)


async def test_prose_is_billed_repaired_once_and_then_given_up(asked: Asked, llmock: LLMock) -> None:
    with pytest.raises(ModelAnswerInvalid):
        await asked()  # unscripted, it answers in plain words
    assert await asked.outcomes() == [("failed", "MALFORMED_ANSWER")] * 2
    assert (await asked.spend())["spent_usd"] > 0
