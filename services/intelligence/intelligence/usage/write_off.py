"""Giving back what is held for attempts that got no answer, once an operator knows that the provider billed none."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from intelligence.database import connection

_LOST = """
    FROM llm_usage_logs WHERE outcome = 'unknown' AND request_timestamp >= $1 AND request_timestamp < $2
        AND ($3::uuid IS NULL OR student_id = $3)
"""
_SUMS = f"SELECT count(*) AS calls, coalesce(sum(worst_case_usd), 0) AS held_usd {_LOST}"  # ours alone
# One a transaction, because two would lock the sums of two students around the installation's.
_SETTLE_NEXT = f"""
    SELECT settle_llm_call(call_id, 'rejected', false, 0, 0, 0, 0, 0, NULL, latency_ms, provider_request_id,
        'WRITTEN_OFF') FROM (SELECT call_id, latency_ms, provider_request_id {_LOST} LIMIT 1) AS lost
"""  # noqa: S608  # ours alone


@dataclass(frozen=True)
class Held:
    """Attempts whose cost nobody knows, and the worst case in US dollars that is held for them."""

    calls: int
    held_usd: Decimal


async def find(since: datetime, until: datetime, *, student_id: UUID | None = None) -> Held:
    """What is held for attempts of this time, of one student or of all."""
    async with connection() as postgres:
        return Held(**dict(await postgres.fetchrow(_SUMS, since, until, student_id)))


async def give_back(since: datetime, until: datetime, *, student_id: UUID | None = None) -> int:
    """Settle these attempts as not billed, each to the month it came from; how many there were."""
    given = 0
    async with connection() as postgres:
        while await postgres.fetchval(_SETTLE_NEXT, since, until, student_id):
            given += 1
    return given
