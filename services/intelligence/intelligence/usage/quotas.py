"""Quotas as operators see and change them: who is near a limit, and gifts."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.errors import ServiceError
from intelligence.models import PremiumUsageQuota as QuotaRow
from intelligence.settings import get_settings
from intelligence.usage import audit
from intelligence.usage.service import next_month
from shared_schemas.paths import Pagination
from shared_schemas.usage import (
    Limit,
    QuotaGift,
    QuotaName,
    SpendStanding,
    StudentNearLimit,
    StudentsNearLimits,
    UnitsStanding,
)

NEAR = Decimal("0.8")
EFFECT_OF_A_GIFT = (
    "Raises the limit of a premium plan this month. A free or ended plan stays at 0, and pro has no limit to raise: "
    "GET /api/v1/admin/students?student_id=ID shows the plan."
)


class StudentNotFound(ServiceError):
    """There is no such student."""

    status = 404
    code = "RESOURCE_NOT_FOUND"
    message = "There is no such student."


# Shares of each limit in the current month; null where there is no limit. The plan's limit is the one of the student's
# last request, so what nobody has asked for since a plan changed still shows the plan before.
_NEAR = """
FROM (
    SELECT *, greatest(paths_share, answers_share, spend_share) AS share
    FROM (
        SELECT student_id, adaptive_paths_used, adaptive_paths_limit, adaptive_paths_gifted, assessments_used,
            assessments_limit, assessments_gifted, coalesce(spent_usd + held_usd + unknown_usd, 0) AS committed_usd,
            adaptive_paths_used::numeric / nullif(adaptive_paths_limit + adaptive_paths_gifted, 0) AS paths_share,
            assessments_used::numeric / nullif(assessments_limit + assessments_gifted, 0) AS answers_share,
            (spent_usd + held_usd + unknown_usd) / nullif(CAST(:ceiling AS numeric), 0) AS spend_share
        FROM (SELECT * FROM premium_usage_quotas WHERE month = current_utc_month()) quotas
        FULL JOIN (SELECT * FROM llm_student_spend WHERE month = current_utc_month()) spend USING (student_id)
    ) shares
) near WHERE share >= :near
"""
_COUNT = text(f"SELECT count(*) AS total, current_utc_month() AS month {_NEAR}")  # constants of this module only
_PAGE = text(f"SELECT * {_NEAR} ORDER BY share DESC, student_id LIMIT :limit OFFSET :offset")  # the same


async def near_limits(session: AsyncSession, *, limit: int, offset: int) -> StudentsNearLimits:
    """Students who have used 80 % or more of a count or of the spend ceiling this month, the nearest first."""
    ceiling = get_settings().llm_student_monthly_ceiling_usd
    wanted = {"ceiling": ceiling, "near": NEAR}
    count = (await session.execute(_COUNT, wanted)).one()
    rows = (await session.execute(_PAGE, wanted | {"limit": limit, "offset": offset})).all()
    return StudentsNearLimits(
        month=f"{count.month:%Y-%m}",
        reset_date=next_month(count.month),
        students=[_standing(row, ceiling) for row in rows],
        pagination=Pagination(total=count.total, limit=limit, offset=offset, has_more=offset + len(rows) < count.total),
    )


async def give(
    session: AsyncSession, *, operator_id: UUID, student_id: UUID, feature: QuotaName, units: int, note: str
) -> QuotaGift:
    """Raise a student's limit of this month by so many units; the next reservation reckons with it."""
    gifted = {f"{feature}_gifted": units}
    counter = QuotaRow.__table__.c[f"{feature}_gifted"]
    statement = (
        insert(QuotaRow)
        .values(student_id=student_id, month=func.current_utc_month(), **gifted)
        .on_conflict_do_update(
            index_elements=[QuotaRow.student_id, QuotaRow.month],
            set_={counter.name: counter + units, "updated_at": func.now()},
        )
        .returning(QuotaRow.month, counter)
    )
    try:
        month, total = (await session.execute(statement)).one()
    except IntegrityError as error:
        if "_student_id_students" in str(error.orig):
            raise StudentNotFound from error
        raise
    done = await audit.record(
        session,
        operator_id=operator_id,
        student_id=student_id,
        action="quota_gift",
        details={"feature": feature, "units": units, "month": f"{month:%Y-%m}"},
        note=note,
    )
    return QuotaGift(
        gift_id=done.action_id,
        student_id=student_id,
        month=f"{month:%Y-%m}",
        feature=feature,
        units=units,
        gifted_this_month=total,
        effect=EFFECT_OF_A_GIFT,
        note=note,
        given_at=done.done_at,
    )


def _standing(row: Row[Any], ceiling: Decimal | None) -> StudentNearLimit:
    shares: dict[Limit, Decimal | None] = {
        "adaptive_paths": row.paths_share,
        "assessments": row.answers_share,
        "spend": row.spend_share,
    }
    return StudentNearLimit(
        student_id=row.student_id,
        near=[name for name, share in shares.items() if share is not None and share >= NEAR],
        adaptive_paths=_units(row.adaptive_paths_used, row.adaptive_paths_limit, row.adaptive_paths_gifted),
        assessments=_units(row.assessments_used, row.assessments_limit, row.assessments_gifted),
        spend=SpendStanding(
            committed_usd=float(row.committed_usd), ceiling_usd=None if ceiling is None else float(ceiling)
        ),
    )


def _units(used: int | None, plan: int | None, gifted: int | None) -> UnitsStanding:
    extra = gifted or 0
    return UnitsStanding(used=used or 0, limit=None if plan is None else plan + extra, gifted=extra)
