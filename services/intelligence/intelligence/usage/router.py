"""Quota for students, costs for operators."""

from datetime import date

from fastapi import APIRouter

from intelligence.database import Session
from intelligence.security import AdminLearner, CurrentLearner
from intelligence.usage import costs, export, service
from shared_schemas.usage import CostsByDay, CostsByFeature, CostsByStudent, CostSummary, Quota, UsageExport

router = APIRouter(prefix="/api/v2", tags=["usage"])


@router.get("/usage/quota")
async def read_quota(learner: CurrentLearner, session: Session) -> Quota:
    """What the caller may still do this month; costs nothing."""
    return service.quota_of(learner, await service.quota_use(session, learner.student_id))


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
