"""Rows of the ledger: opened before an attempt is sent, settled once it is known what became of it."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from intelligence.database import connection, describe
from intelligence.errors import ServiceError
from intelligence.settings import get_settings
from intelligence.usage.pricing import TokenUsage
from intelligence.usage.service import ServiceBudgetExhausted, SpendCeilingReached, resets_after

logger = logging.getLogger(__name__)

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


async def open_call(call: Call, *, reservation_id: UUID | None, student_id: UUID | None) -> UUID:
    """The id of a committed ledger row for an attempt that may now be sent.

    Raises SpendCeilingReached, ServiceBudgetExhausted or ReservationClosed; then there is no row, so make no call.
    """
    call_id = uuid4()
    try:
        await _open(call_id, call, reservation_id, student_id)
    except IntegrityError as error:  # the account went away between two statements
        raise ReservationClosed from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != DEADLOCK_DETECTED:
            raise
        await _open(call_id, call, reservation_id, student_id)
    return call_id


async def _open(call_id: UUID, call: Call, reservation_id: UUID | None, student_id: UUID | None) -> None:
    settings = get_settings()
    async with connection() as postgres:
        refused_by = await postgres.fetchval(
            _OPEN,
            call_id,
            reservation_id,
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
    if refused_by is not None:
        raise _refusal(refused_by)


def _refusal(refused_by: str) -> ServiceError:
    if refused_by == "reservation_closed":
        return ReservationClosed()
    reset = resets_after(datetime.now(UTC))
    return SpendCeilingReached(reset) if refused_by == "student_ceiling" else ServiceBudgetExhausted(reset)


async def settle(call_id: UUID, settlement: Settlement) -> None:
    """Close the row. Tries again while the database is away or a lock is contested: an answer's cost is lost otherwise.

    When it gives up, the row stays open and the sweeper settles it as unknown.
    """
    for pause in (*SETTLE_PAUSES_SECONDS, None):
        try:
            return await _settle(call_id, settlement)
        except (DBAPIError, PoolTimeoutError, OSError) as error:
            if pause is None:
                logger.error("call %s (%s) could not be settled: %s", call_id, settlement.outcome, describe(error))  # noqa: TRY400  # a traceback quotes rows
                raise
            logger.warning("call %s is not settled yet: %s", call_id, describe(error))
            await asyncio.sleep(pause)
    return None


async def _settle(call_id: UUID, settlement: Settlement) -> None:
    usage, text_given = settlement.usage, settlement.response_text
    async with connection() as postgres:
        await postgres.execute(
            _SETTLE,
            call_id,
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
            None if text_given is None else _storable(text_given),
        )


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
_OPEN = """
    WITH opened AS MATERIALIZED (
        SELECT open_llm_call($1::uuid, $2::uuid, $3::text, $4::integer, $5::text, $6::text, $7::text, $8::numeric,
            $9::numeric, $10::numeric, make_interval(secs => $11::double precision), $12::uuid) AS refused_by
    ), stored AS (
        INSERT INTO llm_exchanges (call_id, student_id, request_body)
        SELECT $1::uuid, $13::uuid, $14::jsonb FROM opened WHERE refused_by IS NULL
    )
    SELECT refused_by FROM opened
"""
_SETTLE = """
    WITH answered AS (
        UPDATE llm_exchanges SET response_text = $13::text WHERE call_id = $1::uuid AND $13::text IS NOT NULL
    )
    SELECT settle_llm_call($1::uuid, $2::text, $3::boolean, $4::integer, $5::integer, $6::integer, $7::integer,
        $8::numeric, $9::jsonb, $10::integer, $11::text, $12::text)
"""
