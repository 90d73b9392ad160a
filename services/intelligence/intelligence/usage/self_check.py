"""Whether the sums agree: the ledger, what students and installation are charged with, units, and what operators see.

All is read in one snapshot of the database, so that work going on meanwhile makes no difference. What an account took
with it when it was deleted is on neither side of a student's sum; the installation's keeps it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import get_args

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.usage import costs
from intelligence.usage.service import next_month
from shared_schemas.usage import DayCost, FeatureCost, StudentCost

Amount = Decimal | int

SHOWN_TO = Decimal("0.00000001")  # as many digits of dollars as a JSON number surely holds


@dataclass(frozen=True)
class Sum:
    """One amount booked when it happened and counted again now; `differing`: how many students' amounts differ."""

    month: date
    what: str
    booked: Amount
    counted: Amount
    differing: int = 0

    @property
    def agrees(self) -> bool:
        """Whether both ways came to the same, for everybody."""
        return self.booked == self.counted and not self.differing


_COMPARED = """
SELECT coalesce(sum(b.amount), 0) AS booked, coalesce(sum(c.amount), 0) AS counted,
    count(*) FILTER (WHERE coalesce(b.amount, 0) <> coalesce(c.amount, 0)) AS differing
FROM ({booked}) b FULL JOIN (SELECT key, sum(amount) AS amount FROM ({counted}) every GROUP BY key) c USING (key)
"""
_LEDGER = "SELECT {key} AS key, {amount} AS amount FROM llm_usage_logs WHERE spend_month = :month AND {where}"
_OPEN_RESERVATIONS = (
    "SELECT {key} AS key, held_usd AS amount FROM llm_reservations "
    "WHERE hold_month = :month AND state = 'open' AND {where}"
)
_COUNTED = {
    "spent": _LEDGER.format(key="{key}", amount="cost_usd", where="{where}"),
    "unknown": _LEDGER.format(key="{key}", amount="worst_case_usd", where="outcome = 'unknown' AND {where}"),
    "held": _LEDGER.format(key="{key}", amount="worst_case_usd", where="outcome = 'open' AND {where}")
    + " UNION ALL "
    + _OPEN_RESERVATIONS,
}
_TAKEN_UNITS = (
    "SELECT student_id AS key, 1 AS amount FROM llm_reservations WHERE quota_month = :month "
    "AND feature = '{feature}' AND state IN ('open', 'kept') AND student_id IS NOT NULL"
)


def _money_checks() -> Iterable[tuple[str, str]]:
    for kind, counted in _COUNTED.items():
        yield (
            f"{kind} USD of the installation",
            _COMPARED.format(
                booked=f"SELECT 1 AS key, {kind}_usd AS amount FROM llm_installation_spend WHERE month = :month",  # noqa: S608  # constants of this module
                counted=counted.format(key="1", where="true"),
            ),
        )
        yield (
            f"{kind} USD of each student",
            _COMPARED.format(
                booked=f"SELECT student_id AS key, {kind}_usd AS amount FROM llm_student_spend WHERE month = :month",  # noqa: S608  # the same
                counted=counted.format(key="student_id", where="student_id IS NOT NULL"),
            ),
        )


def _unit_checks() -> Iterable[tuple[str, str]]:
    for feature, used in (("adaptive_path", "adaptive_paths_used"), ("assessment", "assessments_used")):
        yield (
            f"{used.replace('_', ' ')} by each student",
            _COMPARED.format(
                booked=f"SELECT student_id AS key, {used} AS amount FROM premium_usage_quotas WHERE month = :month",  # noqa: S608  # the same
                counted=_TAKEN_UNITS.format(feature=feature),
            ),
        )
    yield (
        "answers not failed of each student",
        _COMPARED.format(
            booked="SELECT s.student_id AS key, count(*) AS amount FROM assessment_submissions s "
            "JOIN llm_reservations r USING (reservation_id) "
            "WHERE s.grading_status <> 'failed' AND r.quota_month = :month GROUP BY 1",
            counted=_TAKEN_UNITS.format(feature="assessment"),
        ),
    )


_CHECKS = [(what, text(statement)) for what, statement in (*_money_checks(), *_unit_checks())]
_VISIBLE = text(
    "SELECT count(*) AS requests, coalesce(sum(cost_usd), 0) AS cost FROM llm_usage_logs "
    "WHERE spend_month = :month AND deleted_at IS NULL"
)


async def check(session: AsyncSession, *, months: int) -> list[Sum]:
    """Every sum of this month and of those before it, the newest first; US dollars or units.

    Give it a transaction of its own: it makes it a snapshot.
    """
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    month: date = (await session.execute(text("SELECT current_utc_month()"))).scalar_one()
    found: list[Sum] = []
    for _ in range(months):
        for what, statement in _CHECKS:
            row = (await session.execute(statement, {"month": month})).one()
            found.append(Sum(month, what, row.booked, row.counted, row.differing))
        found += await _what_operators_see(session, month)
        month = (month - timedelta(days=1)).replace(day=1)
    return found


def table(sums: Iterable[Sum]) -> list[str]:
    """The sums as lines of text, each beside what was counted; the first is the heading."""
    lines = [f"{'month':9}{'sum':38}{'booked':>20}{'counted':>20}"]
    for one in sums:
        students = f" for {one.differing} students" if one.differing else ""
        differs = "" if one.agrees else f"  DIFFERS{students}"
        lines.append(f"{one.month:%Y-%m}  {one.what:38}{_plain(one.booked):>20}{_plain(one.counted):>20}{differs}")
    return lines


def _plain(amount: Amount) -> str:
    """Digits only: Decimal writes the sum of nothing as 0E-12."""
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)


async def _what_operators_see(session: AsyncSession, month: date) -> list[Sum]:
    """The ledger against the answers of /admin/costs; rows that an operator has hidden are in neither."""
    ledger = (await session.execute(_VISIBLE, {"month": month})).one()
    last_day = next_month(month).date() - timedelta(days=1)
    found = []
    for group in get_args(costs.GroupBy):
        seen = await costs.costs(session, start_date=month, end_date=last_day, group_by=group)
        parts: list[FeatureCost | StudentCost | DayCost] = getattr(seen, f"breakdown_by_{group}")
        requests = sum(part.total_requests for part in parts)
        usd = sum((Decimal(repr(part.total_cost_usd)) for part in parts), Decimal(0))
        found += [
            Sum(month, f"calls shown by {group}", requests, ledger.requests),
            Sum(month, f"USD shown by {group}", usd.quantize(SHOWN_TO), ledger.cost.quantize(SHOWN_TO)),
        ]
    return found
