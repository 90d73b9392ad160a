"""What the ledger says that things cost, for operators."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import llm
from intelligence.errors import InvalidRequest
from intelligence.settings import get_settings
from shared_schemas.usage import (
    CostAlert,
    CostPeriod,
    CostsByDay,
    CostsByFeature,
    CostsByStudent,
    CostSummary,
    DayCost,
    FeatureCost,
    StudentCost,
)

GroupBy = Literal["feature", "student", "day"]
TOP_USERS = 10

# Of a call: that the simulator answered it, so that nobody pays what the ledger says it cost.
SIMULATED = f"usage->>'model' LIKE '{llm.SIMULATED_MODEL}%'"

# Rows an operator has hidden (deleted_at) do not count; days and months are UTC.
_PERIOD = (
    "FROM llm_usage_logs WHERE deleted_at IS NULL "
    "AND request_timestamp >= CAST(:start_date AS date)::timestamp AT TIME ZONE 'UTC' "
    "AND request_timestamp < (CAST(:end_date AS date) + 1)::timestamp AT TIME ZONE 'UTC'"
)
_SUMS = "count(*) AS requests, sum(cost_usd) AS cost"
_TOTALS = text(
    f"SELECT {_SUMS}, count(DISTINCT student_id) AS students, "  # constants of this module only
    "sum(cost_usd) FILTER (WHERE student_id IS NOT NULL) AS students_cost, "
    "count(*) FILTER (WHERE outcome = 'unknown') AS unknown_requests, "
    "sum(worst_case_usd) FILTER (WHERE outcome = 'unknown') AS unknown_cost, "
    f"count(*) FILTER (WHERE {SIMULATED}) AS simulated_requests, "
    f"count(*) FILTER (WHERE outcome IN ('failed', 'rejected', 'unknown')) AS failed_requests {_PERIOD}"
)
_GROUPS = {
    "feature": text(f"SELECT feature AS name, {_SUMS} {_PERIOD} GROUP BY 1 ORDER BY 1"),  # the same
    "student": text(
        f"SELECT student_id AS name, {_SUMS} {_PERIOD} GROUP BY 1 ORDER BY cost DESC, 1"  # the same
    ),
    "day": text(
        f"SELECT (request_timestamp AT TIME ZONE 'UTC')::date AS name, {_SUMS} {_PERIOD} "  # the same
        "GROUP BY 1 ORDER BY 1"
    ),
}
_TOP_USERS = text(
    f"SELECT student_id AS name, {_SUMS} {_PERIOD} AND student_id IS NOT NULL "  # the same
    "GROUP BY 1 ORDER BY cost DESC, 1 LIMIT :top"
)
_OVER_THRESHOLD = text(
    "SELECT student_id, date_trunc('month', request_timestamp AT TIME ZONE 'UTC')::date AS month, "  # the same
    f"sum(cost_usd) AS cost, bool_or({SIMULATED}) AS simulated {_PERIOD} AND student_id IS NOT NULL GROUP BY 1, 2 "
    "HAVING sum(cost_usd) > :threshold ORDER BY cost DESC, 1"
)
_SPEND = text(
    "SELECT sum(spent_usd) AS spent_usd, sum(held_usd) AS held_usd, sum(unknown_usd) AS unknown_usd "
    "FROM llm_installation_spend WHERE month = current_utc_month()"
)


AnyCosts = CostsByFeature | CostsByStudent | CostsByDay


async def costs(
    session: AsyncSession, *, start_date: date | None, end_date: date | None, group_by: GroupBy
) -> AnyCosts:
    """The cost of a period, both dates inclusive in UTC; by default the current month until today."""
    end = end_date or datetime.now(UTC).date()
    period = CostPeriod(start_date=start_date or end.replace(day=1), end_date=end)
    if period.start_date > period.end_date:
        raise InvalidRequest("start_date must not be after end_date.")
    bounds = {"start_date": period.start_date, "end_date": period.end_date}
    totals = (await session.execute(_TOTALS, bounds)).one()
    rows = (await session.execute(_GROUPS[group_by], bounds)).all()
    top = (await session.execute(_TOP_USERS, bounds | {"top": TOP_USERS})).all()
    shared: dict[str, Any] = {
        "period": period,
        "total_cost_usd": _usd(totals.cost),
        "total_requests": totals.requests,
        "average_cost_per_student": _usd((totals.students_cost or 0) / Decimal(totals.students or 1)),
        "unknown_requests": totals.unknown_requests,
        "unknown_cost_usd": _usd(totals.unknown_cost),
        "simulated_requests": totals.simulated_requests,
        "top_users_by_cost": [_student(row) for row in top],
        "alerts": await alerts(session, start_date=period.start_date, end_date=period.end_date),
    }
    if group_by == "feature":
        return CostsByFeature(breakdown_by_feature=_features(rows), **shared)
    if group_by == "student":
        return CostsByStudent(breakdown_by_student=[_student(row) for row in rows], **shared)
    return CostsByDay(breakdown_by_day=[DayCost(day=row.name, **_numbers(row)) for row in rows], **shared)


async def alerts(session: AsyncSession, *, start_date: date, end_date: date) -> list[CostAlert]:
    """Students whose cost within one month of the period is over LLM_COST_ALERT_THRESHOLD, the dearest first."""
    threshold = get_settings().llm_cost_alert_threshold
    rows = await session.execute(
        _OVER_THRESHOLD, {"start_date": start_date, "end_date": end_date, "threshold": threshold}
    )
    return [_alert(row, threshold) for row in rows]


async def summary(session: AsyncSession) -> CostSummary:
    """This month at a glance, month and sums by PostgreSQL's clock."""
    month: date = (await session.execute(text("SELECT current_utc_month()"))).scalar_one()
    bounds = {"start_date": month, "end_date": month + timedelta(days=30)}  # what lies beyond today has no rows yet
    totals = (await session.execute(_TOTALS, bounds)).one()
    spend = (await session.execute(_SPEND)).one()
    ceiling = get_settings().llm_monthly_ceiling_usd
    return CostSummary(
        month=f"{month:%Y-%m}",
        spent_usd=_usd(spend.spent_usd),
        held_usd=_usd(spend.held_usd),
        unknown_usd=_usd(spend.unknown_usd),
        ceiling_usd=None if ceiling is None else float(ceiling),
        total_requests=totals.requests,
        simulated_requests=totals.simulated_requests,
        failed_requests=totals.failed_requests,
        active_students=totals.students,
        breakdown_by_feature=_features((await session.execute(_GROUPS["feature"], bounds)).all()),
    )


def _alert(row: Row[Any], threshold: Decimal) -> CostAlert:
    unpaid = " Simulated calls are counted in: nobody pays for them." if row.simulated else ""
    return CostAlert(
        type="COST_THRESHOLD_EXCEEDED",
        student_id=row.student_id,
        month=f"{row.month:%Y-%m}",
        cost_usd=_usd(row.cost),
        threshold_usd=_usd(threshold),
        message=f"{row.cost:.4f} USD in {row.month:%Y-%m} is over the threshold of {threshold:.2f} USD a student."
        + unpaid,
    )


def _features(rows: Sequence[Row[Any]]) -> list[FeatureCost]:
    return [FeatureCost(feature=row.name, **_numbers(row)) for row in rows]


def _student(row: Row[Any]) -> StudentCost:
    return StudentCost(student_id=row.name, **_numbers(row))


def _numbers(row: Row[Any]) -> dict[str, Any]:
    return {
        "total_requests": row.requests,
        "total_cost_usd": _usd(row.cost),
        "average_cost_per_request": _usd(row.cost / row.requests),
    }


def _usd(amount: Decimal | None) -> float:
    """A sum that is exact until here, as the nearest JSON number."""
    return float(amount or 0)
