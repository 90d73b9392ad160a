"""Rows of the ledger: opened before an attempt is sent, settled once it is known what became of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import asyncpg
import orjson
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from intelligence.database import after, connection, describe, in_one
from intelligence.errors import ServiceError
from intelligence.settings import get_settings
from intelligence.usage.pricing import TokenUsage
from intelligence.usage.reservations import RESERVE, RESERVE_VALUES, Reservation
from intelligence.usage.service import ServiceBudgetExhausted, SpendCeilingReached, resets_after

logger = logging.getLogger(__name__)

R = TypeVar("R")
Outcome = Literal["succeeded", "rejected", "failed", "unknown"]

# A crashed process's row is swept when its lease has run out: the attempt's own time and this much more.
LEASE_MARGIN_SECONDS = 10.0
SETTLE_PAUSES_SECONDS = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0)
DEADLOCK_DETECTED = "40P01"
NO_TOKENS = TokenUsage(input_tokens=0, output_tokens=0)


class ReservationClosed(ServiceError):
    """The reservation was swept or its student's account deleted: there is nobody to make this call for."""

    status = 503
    code = "LLM_SERVICE_UNAVAILABLE"
    message = "This request took too long and was given up. Nothing was counted; please try again."


@dataclass(frozen=True)
class Call:
    """An attempt about to be sent, as its ledger row tells it. A reservation's reference goes before its own."""

    feature: str
    attempt: int
    model: str
    prompt_version: str
    price_version: str
    worst_case_usd: Decimal
    seconds: float
    request_body: dict[str, Any]
    reference_id: UUID | None = None


@dataclass(frozen=True)
class Settlement:
    """What became of an attempt. `error_code` is for operators, `response_text` for the audit."""

    outcome: Outcome
    latency_ms: int
    usage: TokenUsage = NO_TOKENS
    cost_usd: Decimal = Decimal(0)
    raw_usage: dict[str, Any] | None = None
    request_id: str | None = None
    error_code: str | None = None
    response_text: str | None = None


@dataclass(frozen=True)
class Due:
    """What became of an attempt, before the ledger says so."""

    call_id: UUID
    settlement: Settlement

    def unused(self) -> "Due":
        """The same of an answer that could not be kept: it is paid for, and no success."""
        return replace(self, settlement=replace(self.settlement, outcome="failed", error_code="NOT_KEPT"))

    @property
    def values(self) -> tuple[Any, ...]:
        """What SETTLE and KEEP_ANSWER are asked with: $1 to $13."""
        settlement, usage = self.settlement, self.settlement.usage
        return (
            self.call_id,
            settlement.outcome,
            settlement.outcome == "succeeded",
            usage.prompt_tokens,
            usage.cache_write,
            usage.cache_read,
            usage.output_tokens,
            settlement.cost_usd,
            None if settlement.raw_usage is None else orjson.dumps(_storable(settlement.raw_usage)).decode(),
            settlement.latency_ms,
            settlement.request_id,
            settlement.error_code,
            None if settlement.response_text is None else _storable(settlement.response_text),
        )


async def open_call(call: Call, *, reservation_id: UUID | None, student_id: UUID | None) -> UUID:
    """The id of a committed ledger row for an attempt that may now be sent.

    Raises SpendCeilingReached, ServiceBudgetExhausted or ReservationClosed; then there is no row, so make no call.
    """
    call_id = uuid4()
    try:
        opened = await _row_of(_OPEN, *_values(call_id, call, student_id), reservation_id)
    except IntegrityError as error:  # the account went away between two statements
        raise ReservationClosed from error
    if opened["call_refused_by"] is not None:
        raise _refusal(opened["call_refused_by"])
    return call_id


async def reserve_and_open(call: Call, reservation: Reservation) -> UUID:
    """Take the reservation, and open the row of its first attempt, in one transaction: the row's id.

    Raises what `Reservation.take` raises, but for FeatureDisabled: where that is to be raised, `take`. Where only the
    row is refused, which raises SpendCeilingReached or ServiceBudgetExhausted too, the reservation is taken and has its
    id: give it back. Raises IntegrityError where there is no such student any more.
    """
    call_id = uuid4()
    values = _values(call_id, call, reservation.learner.student_id)
    opened = await _row_of(_RESERVE_AND_OPEN, *reservation.values, *values)
    reservation.taken(opened)
    if opened["call_refused_by"] is not None:
        raise _refusal(opened["call_refused_by"])
    return call_id


async def _row_of(statement: str, *values: Any) -> asyncpg.Record:
    """The row that the statement answers. Of two that lock each other out PostgreSQL undoes one: it is tried again."""
    try:
        async with connection() as postgres:
            return await postgres.fetchrow(statement, *values)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != DEADLOCK_DETECTED:
            raise
    async with connection() as postgres:
        return await postgres.fetchrow(statement, *values)


def _values(call_id: UUID, call: Call, student_id: UUID | None) -> tuple[Any, ...]:
    settings = get_settings()
    return (
        call_id,
        call.feature,
        call.attempt,
        call.model,
        call.prompt_version,
        call.price_version,
        call.worst_case_usd,
        settings.llm_student_monthly_ceiling_usd,
        settings.llm_monthly_ceiling_usd,
        call.seconds + LEASE_MARGIN_SECONDS,
        call.reference_id,
        student_id,
        orjson.dumps(_storable(call.request_body)).decode(),
    )


def _refusal(refused_by: str) -> ServiceError:
    if refused_by == "reservation_closed":
        return ReservationClosed()
    reset = resets_after(datetime.now(UTC))
    return SpendCeilingReached(reset) if refused_by == "student_ceiling" else ServiceBudgetExhausted(reset)


async def settle(due: Due) -> None:
    """Close the row. When the database stays away, the row stays open and the sweeper settles it as unknown."""

    async def write() -> None:
        async with connection() as postgres:
            await settle_within(postgres, due)

    await patiently(due, write)


async def settle_within(postgres: asyncpg.Connection, due: Due) -> None:
    """Close the row in the transaction of what the answer was for: last of all, because it locks the limits' sums."""
    await postgres.execute(_SETTLE_ALONE, *due.values)


async def patiently(
    due: Due, write: Callable[[], Awaitable[R]], *, again: Callable[[Exception], bool] = lambda _: True
) -> R:
    """What ``write`` returns, which settles what is due.

    Where the database fails it is tried again, if ``again`` says so: an answer that was paid for is lost otherwise.
    So a try may come after one that was committed and could not say so.
    """
    pauses = iter(SETTLE_PAUSES_SECONDS)
    while True:
        try:
            return await write()
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if not again(error):
                raise
            pause = next(pauses, None)
            level = logging.ERROR if pause is None else logging.WARNING
            logger.log(level, "call %s, %s, is not settled: %s", due.call_id, due.settlement.outcome, describe(error))
            if pause is None:
                raise
            await asyncio.sleep(pause)


def _storable(value: Any) -> Any:
    """The same JSON without what PostgreSQL's text can not hold: NUL characters and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _storable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value


# One statement each, so that the row and the text that belongs to it cost one round trip and are there together. The
# text is its student's: where the account is gone, the foreign key undoes all of it.
_OPEN_CALL = """
    SELECT open_llm_call($1::uuid, {reservation_id}, $2::text, $3::integer, $4::text, $5::text, $6::text, $7::numeric,
        $8::numeric, $9::numeric, make_interval(secs => $10::double precision), $11::uuid) AS call_refused_by
"""
_KEEP_REQUEST = """
    INSERT INTO llm_exchanges (call_id, student_id, request_body)
        SELECT $1::uuid, $12::uuid, $13::jsonb FROM opened WHERE call_refused_by IS NULL
"""
_OPEN = in_one(
    {"opened": _OPEN_CALL.format(reservation_id="$14::uuid"), "kept": _KEEP_REQUEST},
    "SELECT call_refused_by FROM opened",
)
_OPEN_RESERVED = _OPEN_CALL.format(reservation_id="reserved.reservation_id")
_RESERVE_AND_OPEN = in_one(
    {
        "reserved": RESERVE,
        "opened": f"{after(RESERVE_VALUES, _OPEN_RESERVED)} FROM reserved WHERE reservation_id IS NOT NULL",
        "kept": after(RESERVE_VALUES, _KEEP_REQUEST),
    },
    "SELECT * FROM reserved LEFT JOIN opened ON true",
)
SETTLE = """
    SELECT settle_llm_call($1::uuid, $2::text, $3::boolean, $4::integer, $5::integer, $6::integer, $7::integer,
        $8::numeric, $9::jsonb, $10::integer, $11::text, $12::text)
"""
KEEP_ANSWER = "UPDATE llm_exchanges SET response_text = $13::text WHERE call_id = $1::uuid AND $13::text IS NOT NULL"
_SETTLE_ALONE = in_one({"answered": KEEP_ANSWER}, SETTLE)
