"""Entitlement over HTTP, for students and for operators."""

from uuid import UUID

from core.access import service
from core.access.gate import CurrentReader
from core.content import CurrentCourse
from core.database import Session
from core.routing import router as new_router
from core.security import AdminLearner, CurrentLearner
from shared_schemas.access import AccessStatus, Subscription, SubscriptionChangeRequest, UpgradeOffer

router = new_router("/api/v1/access", "access")
admin_router = new_router("/api/v1/admin", "admin")


@router.get("/check")
async def check_access(learner: CurrentLearner, reader: CurrentReader, course: CurrentCourse) -> AccessStatus:
    """What the caller may read now."""
    return service.status(course, learner=learner, reader=reader)


@router.get("/upgrade")
async def show_upgrade(learner: CurrentLearner, reader: CurrentReader, course: CurrentCourse) -> UpgradeOffer:
    """The plans above the caller's own."""
    return service.offer(course, learner=learner, reader=reader)


@admin_router.put("/students/{student_id}/subscription")
async def set_subscription(
    admin: AdminLearner, student_id: UUID, change: SubscriptionChangeRequest, session: Session
) -> Subscription:
    """Set what a student has bought; audited."""
    return await service.set_subscription(session, student_id=student_id, change=change, changed_by=admin.student_id)
