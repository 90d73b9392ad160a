"""`intelligence check-model`: what it prints of an answer, and of none.

`tests/test_anthropic_connection.py` runs it as the installed program.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from intelligence import commands, llm
from intelligence.usage import metering
from tests.intelligence.commanding import Run, environment, run
from tests.intelligence.conftest import Rows
from tests.intelligence.support import ScriptedProvider, answers, fails, says, served

__all__ = ["environment", "run"]


@pytest.fixture
async def model() -> AsyncIterator[tuple[ScriptedProvider, str]]:
    scripted = ScriptedProvider()
    async with served(scripted.app()) as url:
        yield scripted, url


async def test_check_model_prints_model_tokens_and_reply(
    run: Run, model: tuple[ScriptedProvider, str], rows: Rows
) -> None:
    scripted, url = model
    scripted.script = [says('{"reply": "I am ready."}')]
    ended = await run("check-model", ANTHROPIC_BASE_URL=url)
    assert (ended.code, ended.err) == (0, "")
    assert "Model: claude-sonnet-5-5" in ended.out
    assert "Tokens used: 120" in ended.out
    assert "Reply: I am ready." in ended.out
    calls = await rows("SELECT feature, student_id, success FROM llm_usage_logs ORDER BY request_timestamp DESC")
    assert calls[0] == {"feature": "check", "student_id": None, "success": True}


async def test_check_model_has_loaded_what_it_needs_before_the_time_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    async def warm_up() -> None:
        done.append("loaded")

    async def ask(*_: Any, **__: Any) -> None:
        done.append("asked")

    monkeypatch.setattr(llm, "warm_up", warm_up)
    monkeypatch.setattr(metering, "ask", ask)
    await commands._check()
    assert done == ["loaded", "asked"]


async def test_check_model_fails_with_the_reason(run: Run, model: tuple[ScriptedProvider, str]) -> None:
    scripted, url = model
    scripted.script = [fails(401, "authentication_error")]
    refused = await run("check-model", ANTHROPIC_BASE_URL=url)
    assert refused.code == 1
    assert "ANTHROPIC_API_KEY" in refused.out
    unset = await run("check-model", ANTHROPIC_API_KEY="your-key-here")
    assert (unset.code, unset.err.strip()) == (1, "ANTHROPIC_API_KEY is not set.")


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (
            fails(529, "overloaded_error"),
            "overloaded_error, attempts: 1, billed: 0.000000 USD, perhaps billed: up to 0.00",
        ),
        (answers(b"<p>", "text/html"), "NOT_A_MESSAGE, attempts: 1, billed: 0.000000 USD, perhaps billed: up to 0.01"),
        (says("prose"), "MALFORMED_ANSWER, attempts: 2, billed: 0.000800 USD, perhaps billed: up to 0.000000 USD"),
        (None, "CONNECT_FAILED, attempts: 1, billed: 0.000000 USD, perhaps billed: up to 0.01"),
    ],
)
async def test_check_model_ends_with_what_went_wrong_and_what_it_may_have_cost(
    run: Run, model: tuple[ScriptedProvider, str], bad: Any, told: str
) -> None:
    scripted, url = model
    scripted.script = [bad]
    base = url if bad else "http://127.0.0.1:9"
    ended = await run("check-model", ANTHROPIC_BASE_URL=base, ANTHROPIC_MAX_RETRIES="0")
    assert ended.code == 1
    assert ended.err.startswith(f"No answer: {told}")
    assert "charged" not in ended.out + ended.err


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")  # the SDK says so, too
async def test_check_model_warns_of_a_retirement(run: Run, model: tuple[ScriptedProvider, str]) -> None:
    scripted, url = model
    scripted.script = [says('{"reply": "yes"}', model="claude-sonnet-4-5-20250929")]
    ended = await run("check-model", ANTHROPIC_BASE_URL=url, ANTHROPIC_MODEL="claude-sonnet-4-5-20250929")
    assert ended.code == 0
    assert "retires on 2026-11-30" in ended.out
