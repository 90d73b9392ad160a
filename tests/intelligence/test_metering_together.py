"""What is committed together: a reservation with its first attempt, and an answer with what was made of it."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from intelligence import background
from intelligence.settings import get_settings
from intelligence.usage import circuit, ledger, metering
from intelligence.usage.attempts import Cause
from intelligence.usage.ledger import Due
from intelligence.usage.metering import Answer
from intelligence.usage.reservations import Reservation
from intelligence.usage.service import QuotaExceeded, SpendCeilingReached
from tests.conftest import Database
from tests.intelligence.asking import COST, Asked, wanted
from tests.intelligence.assessments.running import eventually
from tests.intelligence.conftest import Configure, Rows
from tests.intelligence.support import Said, ScriptedProvider, prompt, says

WAITING = "SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))"


@pytest.fixture
def asked(provider: ScriptedProvider, student: UUID, rows: Rows) -> Asked:
    return Asked(student, rows)


async def ask(reservation: Reservation, **more: Any) -> Answer[Any]:
    """One question, paid for by a reservation that is not taken yet."""
    cause = Cause("adaptive_path", reservation, reservation.learner.student_id)
    return await metering.ask(prompt(), cause, deadline_seconds=10, **more)


async def test_a_reservation_and_its_first_row_are_there_together(
    asked: Asked, provider: ScriptedProvider, rows: Rows
) -> None:
    seen: list[dict[str, Any]] = []

    async def look(request: Any) -> Any:
        seen.extend(
            await rows(
                "SELECT attempt, q.xmin = l.xmin AS together FROM premium_usage_quotas q JOIN llm_usage_logs l "
                "USING (student_id) WHERE student_id = $1 AND outcome = 'open'",
                asked.student,
            )
        )
        return await says("not JSON" if len(seen) == 1 else '{"reply": "ready"}')(request)

    provider.script = [look]
    reservation = wanted(asked.student)
    told: list[UUID | None] = []
    reservation.when_taken = lambda: told.append(reservation.reservation_id)
    await ask(reservation)
    assert seen == [{"attempt": 1, "together": True}, {"attempt": 2, "together": False}]
    assert {row["reservation_id"] for row in await asked.log()} == set(told)
    assert {row["reference_id"] for row in await asked.log()} == {reservation.reference_id}
    assert len(told) == 1
    spend = await asked.spend()
    assert (spend["spent_usd"], spend["held_usd"]) == (2 * COST, 0)


async def test_one_cancelled_while_it_is_taken_leaves_a_row_that_was_never_sent(
    asked: Asked, provider: ScriptedProvider, rows: Rows, intelligence_database: Database
) -> None:
    reservation = wanted(asked.student)
    other = await asyncpg.connect(intelligence_database.owner_url)
    try:
        async with other.transaction():
            await other.execute("SELECT lock_limits($1, false)", asked.student)
            asking = asyncio.create_task(ask(reservation))
            await eventually(lambda: rows(WAITING, other.get_server_pid()), "the reservation does not wait")
            asking.cancel()
            await asyncio.wait([asking], timeout=0.01)
    finally:
        await other.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await background.drain()
    assert await asked.outcomes() == [("unknown", "NOT_SENT")]
    assert provider.bodies == []
    assert (await asked.spend())["held_usd"] == 0
    assert reservation.reservation_id is not None, "so that it can be given back"


async def test_what_is_refused_is_neither_reserved_nor_asked(
    asked: Asked, provider: ScriptedProvider, configure: Configure, rows: Rows
) -> None:
    await configure(PREMIUM_ADAPTIVE_PATHS_LIMIT="1")
    provider.script = [says()]
    await ask(wanted(asked.student))
    refused = wanted(asked.student)
    with pytest.raises(QuotaExceeded):
        await ask(refused)
    assert refused.reservation_id is None
    await configure(PREMIUM_ADAPTIVE_PATHS_LIMIT="5", LLM_STUDENT_MONTHLY_CEILING_USD="0.0001")
    with pytest.raises(SpendCeilingReached):
        await ask(wanted(asked.student))
    assert len(await asked.log()) == len(provider.bodies) == 1
    assert len(await rows("SELECT FROM llm_reservations WHERE student_id = $1", asked.student)) == 1


async def test_a_row_that_is_refused_leaves_the_reservation_to_be_given_back(
    asked: Asked, provider: ScriptedProvider, configure: Configure
) -> None:
    await configure(LLM_STUDENT_MONTHLY_CEILING_USD=str(COST))
    reservation = wanted(asked.student)
    reservation.worst_case_usd = Decimal(0)  # less than the attempt may cost: its prompt has become longer
    with pytest.raises(SpendCeilingReached):
        await ask(reservation)
    assert reservation.reservation_id is not None
    assert (await asked.log(), provider.bodies) == ([], [])


async def test_of_two_that_lock_each_other_out_the_one_undone_is_tried_again(
    asked: Asked, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.script = [says()]
    fetchrow = asyncpg.Connection.fetchrow
    undone: list[str] = []

    async def first_undone(postgres: asyncpg.Connection, statement: str, *values: Any) -> Any:
        if undone:
            return await fetchrow(postgres, statement, *values)
        undone.append(statement)
        raise asyncpg.DeadlockDetectedError("deadlock detected")

    monkeypatch.setattr(asyncpg.Connection, "fetchrow", first_undone)
    await ask(wanted(asked.student))
    assert len(undone) == 1
    assert await asked.outcomes() == [("succeeded", None)]


@pytest.mark.parametrize("trouble", ["no place", "no key", "a circuit that is open"])
async def test_a_quota_that_is_used_up_is_told_before_any_trouble_of_the_service(
    asked: Asked, provider: ScriptedProvider, configure: Configure, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    await configure(
        PREMIUM_ADAPTIVE_PATHS_LIMIT="1", LLM_CONCURRENCY="1" if trouble == "no place" else "2", LLM_WAITING="0"
    )
    release = asyncio.Event()

    async def slow(request: Any) -> Any:
        await release.wait()
        return await says()(request)

    provider.script = [slow]
    first = asyncio.create_task(ask(wanted(asked.student)))

    async def asked_once() -> bool:
        return bool(provider.bodies)

    await eventually(asked_once, "the model is not asked")
    try:
        if trouble == "no key":
            monkeypatch.setattr(get_settings(), "anthropic_api_key", SecretStr(""))
        elif trouble == "a circuit that is open":
            for _ in range(circuit.IN_A_ROW):
                circuit.provider().lost(unreachable=False)
        with pytest.raises(QuotaExceeded):
            await ask(wanted(asked.student))
    finally:
        release.set()
        await first
    assert len(await asked.log()) == 1


async def test_what_an_answer_is_for_is_kept_together_with_what_it_cost(
    asked: Asked, provider: ScriptedProvider
) -> None:
    provider.script = [says()]

    async def keep(answer: Answer[Said], due: Due) -> str:
        await ledger.settle(due)
        return answer.result.reply.upper()

    answer = await ask(wanted(asked.student), keep=keep)
    assert (answer.result, answer.cost_usd) == ("READY", COST)
    assert await asked.outcomes() == [("succeeded", None)]


async def test_an_answer_that_can_not_be_kept_is_paid_for_all_the_same(
    asked: Asked, provider: ScriptedProvider, rows: Rows
) -> None:
    provider.script = [says()]

    async def breaks(_answer: Answer[Said], _due: Due) -> str:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk"):
        await ask(wanted(asked.student), keep=breaks)
    [row] = await asked.log()
    assert (row["outcome"], row["success"], row["error_code"]) == ("failed", False, "NOT_KEPT")
    assert row["cost_usd"] == (await asked.spend())["spent_usd"] == COST
    assert await rows("SELECT response_text FROM llm_exchanges WHERE call_id = $1", row["call_id"]) == [
        {"response_text": '{"reply": "ready"}'}
    ]
    assert (await asked.spend())["held_usd"] == 0


async def test_keeping_is_tried_again_while_the_database_is_away(asked: Asked, provider: ScriptedProvider) -> None:
    provider.script = [says()]
    tries: list[str] = []

    async def keep(answer: Answer[Said], due: Due) -> str:
        tries.append(answer.result.reply)
        if len(tries) < 3:
            raise ConnectionRefusedError
        await ledger.settle(due)
        return answer.result.reply

    assert (await ask(wanted(asked.student), keep=keep)).result == "ready"
    assert len(tries) == 3
    assert len(provider.bodies) == 1, "an answer that is there is not asked for again"
    assert await asked.outcomes() == [("succeeded", None)]


async def test_keeping_is_given_up_when_nobody_waits_any_more(
    asked: Asked, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metering, "KEEPING_SECONDS", -10.0)  # ten seconds are the deadline of `ask`
    provider.script = [says()]
    tries: list[str] = []

    async def keep(answer: Answer[Said], _due: Due) -> str:
        tries.append(answer.result.reply)
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        await ask(wanted(asked.student), keep=keep)
    assert len(tries) == 1
    assert await asked.outcomes() == [("failed", "NOT_KEPT")]
