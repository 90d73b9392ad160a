import asyncio
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from intelligence.database import connection, driver, transaction
from intelligence.errors import ServiceError
from intelligence.settings import Settings
from intelligence.usage import ledger, service, sweeper
from intelligence.usage.ledger import Call, Due, ReservationClosed, Settlement
from intelligence.usage.reservations import Reservation, close_reservation
from intelligence.usage.service import QuotaExceeded, ServiceBudgetExhausted, SpendCeilingReached
from shared_schemas.claims import Learner, SubscriptionTier
from tests.intelligence.assessments.running import eventually
from tests.intelligence.conftest import Configure, MakeStudent, Rows
from tests.intelligence.support import learner

CENT = Decimal("0.01")
AT_ONCE = 200


async def reserve(
    who: Learner, *, feature: service.Feature = "adaptive_path", worst: Decimal = CENT, lease: float | None = 60
) -> UUID:
    async with connection() as postgres:
        return await Reservation(who, feature, uuid4(), worst, lease).take(postgres)


async def close(reservation_id: UUID, *, keep: bool) -> bool:
    async with connection() as postgres:
        return await close_reservation(postgres, reservation_id, keep=keep)


def call(worst: Decimal = CENT, seconds: float = 30) -> Call:
    return Call(
        feature="adaptive_path",
        attempt=1,
        model="claude-sonnet-5-5",
        prompt_version="path.v1",
        price_version="claude-sonnet-5-5@2026-10-07",
        worst_case_usd=worst,
        seconds=seconds,
        request_body={"model": "claude-sonnet-5-5", "odd": "nul \x00 and half \ud800"},
    )


async def many(number: int, who: list[Learner], worst: Decimal = CENT) -> list[UUID | ServiceError]:
    async def one(n: int) -> UUID | ServiceError:
        try:
            return await reserve(who[n % len(who)], worst=worst)
        except ServiceError as refusal:
            return refusal

    async with asyncio.TaskGroup() as group:  # one that breaks ends the others, so that none outlives its test
        tasks = [group.create_task(one(n)) for n in range(number)]
    return [task.result() for task in tasks]


def refusals(results: list[UUID | ServiceError]) -> set[type]:
    return {type(result) for result in results if not isinstance(result, UUID)}


async def test_200_at_once_on_a_quota_of_ten_admit_exactly_ten(configure: Configure, student: UUID, rows: Rows) -> None:
    await configure(PREMIUM_ADAPTIVE_PATHS_LIMIT="10")
    results = await many(AT_ONCE, [learner(student)])
    assert sum(isinstance(result, UUID) for result in results) == 10
    assert refusals(results) == {QuotaExceeded}
    refusal = next(result for result in results if isinstance(result, QuotaExceeded))
    assert refusal.extra["quota"]["used"] == refusal.extra["quota"]["limit"] == 10
    assert refusal.extra["quota"]["feature"] == "adaptive_paths"
    assert refusal.extra["upgrade_option"]["tier"] == "pro"
    spend = await rows("SELECT * FROM llm_student_spend WHERE student_id = $1", student)
    assert spend[0]["held_usd"] == 10 * CENT


async def test_the_student_ceiling_holds_from_its_first_row(configure: Configure, student: UUID) -> None:
    await configure(LLM_STUDENT_MONTHLY_CEILING_USD="0.05")
    results = await many(AT_ONCE, [learner(student, "pro")])
    assert sum(isinstance(result, UUID) for result in results) == 5
    assert refusals(results) == {SpendCeilingReached}


async def test_the_installation_ceiling_holds_over_all_students(
    configure: Configure, make_student: MakeStudent, rows: Rows
) -> None:
    spent = await rows("SELECT sum(spent_usd + held_usd + unknown_usd) AS usd FROM llm_installation_spend")
    await configure(LLM_MONTHLY_CEILING_USD=str((spent[0]["usd"] or 0) + 7 * CENT))
    students = [learner(await make_student(), "pro") for _ in range(20)]
    results = await many(AT_ONCE, students)
    assert sum(isinstance(result, UUID) for result in results) == 7
    assert refusals(results) == {ServiceBudgetExhausted}
    units = await rows(
        "SELECT sum(adaptive_paths_used) AS used FROM premium_usage_quotas WHERE student_id = ANY($1)",
        [one.student_id for one in students],
    )
    assert units[0]["used"] == 7


async def test_a_refund_gives_back_exactly_once(configure: Configure, student: UUID, rows: Rows) -> None:
    reservation_id = await reserve(learner(student))
    closed = await asyncio.gather(*(close(reservation_id, keep=False) for _ in range(10)))
    assert sorted(closed) == [False] * 9 + [True]
    async with transaction() as session:
        assert (await service.quota_use(await driver(session), student)).adaptive_paths == 0
    spend = await rows("SELECT * FROM llm_student_spend WHERE student_id = $1", student)
    assert (spend[0]["held_usd"], spend[0]["spent_usd"], spend[0]["unknown_usd"]) == (0, 0, 0)


async def test_a_call_takes_over_the_hold_and_settles_to_what_it_cost(
    configure: Configure, student: UUID, rows: Rows
) -> None:
    reservation_id = await reserve(learner(student))
    call_id = await ledger.open_call(call(), reservation_id=reservation_id, student_id=student)
    spend = "SELECT spent_usd, held_usd, unknown_usd FROM llm_student_spend WHERE student_id = $1"
    assert (await rows(spend, student))[0]["held_usd"] == CENT
    await asyncio.gather(
        *(
            ledger.settle(Due(call_id, Settlement("succeeded", 5, cost_usd=Decimal("0.004"), response_text="a\x00b")))
            for _ in range(5)
        )
    )
    assert await close(reservation_id, keep=True)
    assert (await rows(spend, student))[0] == {"spent_usd": Decimal("0.004"), "held_usd": 0, "unknown_usd": 0}
    exchange = await rows("SELECT * FROM llm_exchanges WHERE call_id = $1", call_id)
    assert exchange[0]["response_text"] == "ab"
    assert exchange[0]["student_id"] == student


async def test_the_truth_about_an_unknown_call_is_taken_later(configure: Configure, student: UUID, rows: Rows) -> None:
    reservation_id = await reserve(learner(student))
    call_id = await ledger.open_call(call(), reservation_id=reservation_id, student_id=student)
    await ledger.settle(Due(call_id, Settlement("unknown", 5, error_code="TIMEOUT")))
    spend = "SELECT spent_usd, held_usd, unknown_usd FROM llm_student_spend WHERE student_id = $1"
    assert (await rows(spend, student))[0] == {"spent_usd": 0, "held_usd": 0, "unknown_usd": CENT}
    await ledger.settle(Due(call_id, Settlement("failed", 5, cost_usd=Decimal("0.002"))))
    assert (await rows(spend, student))[0] == {"spent_usd": Decimal("0.002"), "held_usd": 0, "unknown_usd": 0}


async def test_what_a_crash_left_open_is_swept(configure: Configure, student: UUID, rows: Rows) -> None:
    reservation_id = await reserve(learner(student), lease=0.0)
    call_id = await ledger.open_call(call(seconds=-30), reservation_id=reservation_id, student_id=student)
    await sweeper.sweep_once()
    log = await rows("SELECT outcome, error_code, success FROM llm_usage_logs WHERE call_id = $1", call_id)
    assert log == [{"outcome": "unknown", "error_code": "ABANDONED", "success": False}]
    state = await rows("SELECT state FROM llm_reservations WHERE reservation_id = $1", reservation_id)
    assert state == [{"state": "released"}]
    async with transaction() as session:
        assert (await service.quota_use(await driver(session), student)).adaptive_paths == 0
    with pytest.raises(ReservationClosed):
        await ledger.open_call(call(), reservation_id=reservation_id, student_id=student)


async def test_what_still_runs_is_not_swept_although_its_reservation_has_run_out(
    configure: Configure, student: UUID, rows: Rows
) -> None:
    reservation_id = await reserve(learner(student), lease=0.0)
    await ledger.open_call(call(), reservation_id=reservation_id, student_id=student)
    await sweeper.sweep_once()
    state = await rows("SELECT state FROM llm_reservations WHERE reservation_id = $1", reservation_id)
    assert state == [{"state": "open"}]


def test_a_crash_is_settled_within_a_minute() -> None:
    longest = Settings.model_json_schema()["properties"]["anthropic_timeout"]["maximum"]
    assert longest + ledger.LEASE_MARGIN_SECONDS + sweeper.EVERY_SECONDS <= 60


async def test_no_call_is_made_for_a_deleted_account_and_its_texts_are_gone(
    configure: Configure, student: UUID, rows: Rows
) -> None:
    reservation_id = await reserve(learner(student))
    call_id = await ledger.open_call(call(), reservation_id=reservation_id, student_id=student)
    await rows("DELETE FROM students WHERE student_id = $1", student)
    await ledger.settle(Due(call_id, Settlement("succeeded", 5, cost_usd=Decimal("0.001"), response_text="text")))
    assert await rows("SELECT 1 FROM llm_exchanges WHERE call_id = $1", call_id) == []
    log = await rows("SELECT student_id, outcome, cost_usd FROM llm_usage_logs WHERE call_id = $1", call_id)
    assert log == [{"student_id": None, "outcome": "succeeded", "cost_usd": Decimal("0.001")}]
    with pytest.raises(ReservationClosed):
        await ledger.open_call(call(), reservation_id=reservation_id, student_id=student)


async def test_a_settlement_waits_for_a_database_that_fails_for_a_moment(
    configure: Configure, student: UUID, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    reservation_id = await reserve(learner(student))
    call_id = await ledger.open_call(call(), reservation_id=reservation_id, student_id=student)
    await rows("ALTER FUNCTION settle_llm_call RENAME TO settle_llm_call_away")
    try:
        settling = asyncio.create_task(ledger.settle(Due(call_id, Settlement("succeeded", 5, cost_usd=CENT))))

        async def told() -> bool:
            return f"{call_id}, succeeded, is not settled" in caplog.text

        await eventually(told, "nobody hears of the trouble")
    finally:
        await rows("ALTER FUNCTION settle_llm_call_away RENAME TO settle_llm_call")
    await settling
    log = await rows("SELECT outcome FROM llm_usage_logs WHERE call_id = $1", call_id)
    assert log == [{"outcome": "succeeded"}]


@pytest.mark.parametrize(("tier", "limit"), [("premium", 20), ("pro", None), ("free", 0)])
async def test_each_plan_has_its_limit(
    configure: Configure, student: UUID, tier: SubscriptionTier, limit: int | None
) -> None:
    assert service.limit_of(learner(student, tier), "assessment") == limit


async def test_many_settlements_and_a_sweep_at_once_lose_no_money(
    configure: Configure, make_student: MakeStudent, rows: Rows
) -> None:
    students = [await make_student() for _ in range(10)]
    calls: list[UUID] = []
    for who in students * 2:
        reservation_id = await reserve(learner(who), lease=0.0)
        calls.append(await ledger.open_call(call(seconds=-30), reservation_id=reservation_id, student_id=who))

    known = Settlement("succeeded", 1, cost_usd=Decimal("0.003"))
    await asyncio.gather(
        *(ledger.settle(Due(call_id, known)) for call_id in calls), sweeper.sweep_once(), sweeper.sweep_once()
    )
    spend = await rows(
        "SELECT sum(spent_usd) AS spent, sum(held_usd) AS held, sum(unknown_usd) AS unknown "
        "FROM llm_student_spend WHERE student_id = ANY($1)",
        students,
    )
    logged = await rows(
        "SELECT sum(cost_usd) AS spent, coalesce(sum(worst_case_usd) FILTER (WHERE outcome = 'unknown'), 0) AS unknown "
        "FROM llm_usage_logs WHERE call_id = ANY($1)",
        calls,
    )
    assert spend[0]["spent"] == logged[0]["spent"] == 20 * Decimal("0.003")
    assert spend[0]["unknown"] == logged[0]["unknown"] == 0
