"""Quota for students; costs, limits and gifts for operators."""

from datetime import date
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from intelligence import idempotency
from intelligence.database import Session, driver
from intelligence.idempotency import IdempotencyKeyHeader
from intelligence.security import AdminLearner, CurrentLearner
from intelligence.usage import costs, export, quotas, service
from shared_schemas.usage import (
    CostsByDay,
    CostsByFeature,
    CostsByStudent,
    CostSummary,
    GiftRequest,
    Quota,
    QuotaGift,
    StudentsNearLimits,
    UsageExport,
)

FURTHEST_OFFSET = 1_000_000

router = APIRouter(prefix="/api/v2", tags=["usage"])


@router.get("/usage/quota")
async def read_quota(request: Request, learner: CurrentLearner, session: Session) -> Quota:
    """What the caller may still do this month; costs nothing."""
    use = request.state.quota_use = await service.quota_use(await driver(session), learner.student_id)
    return service.quota_of(learner, use)


@router.get("/usage/export")
async def export_everything(learner: CurrentLearner, session: Session) -> UsageExport:
    """Everything this service keeps on the caller, as one document."""
    return await export.everything(session, learner.student_id)


@router.get("/admin/costs")
async def read_costs(
    _: AdminLearner,
    session: Session,
    start_date: date | None = None,
    end_date: date | None = None,
    group_by: costs.GroupBy = "feature",
) -> CostsByFeature | CostsByStudent | CostsByDay:
    """What the model cost in a period, both dates inclusive, UTC."""
    return await costs.costs(session, start_date=start_date, end_date=end_date, group_by=group_by)


@router.get("/admin/costs/summary")
async def read_summary(_: AdminLearner, session: Session) -> CostSummary:
    """This month at a glance."""
    return await costs.summary(session)


@router.get("/admin/quotas")
async def list_students_near_limits(
    _: AdminLearner,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=FURTHEST_OFFSET)] = 0,
) -> StudentsNearLimits:
    """Students who have used 80 % or more of a limit this month, the nearest first."""
    return await quotas.near_limits(session, limit=limit, offset=offset)


@router.post("/admin/students/{student_id}/quota-gift", status_code=201, response_model=QuotaGift)
async def give_units(  # noqa: PLR0917  # FastAPI calls it by name
    student_id: UUID,
    request: Request,
    operator: AdminLearner,
    session: Session,
    body: GiftRequest,
    key: IdempotencyKeyHeader = None,
) -> Response:
    """Raise a student's limit of this month, with a note for the record."""
    give = partial(quotas.give, session, operator_id=operator.student_id, student_id=student_id)
    return await idempotency.answer_within(
        session,
        key,
        student_id=operator.student_id,
        request_digest=idempotency.digest("POST", request.url.path, body),
        status=201,
        work=partial(give, feature=body.feature, units=body.units, note=body.note),
    )
