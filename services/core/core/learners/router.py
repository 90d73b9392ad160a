"""The internal endpoints for the other services of this installation; the gateway never routes them."""

from uuid import UUID

from fastapi import Depends, Request, Response

from core import security
from core.clock import Now
from core.content import CurrentCourse
from core.database import RequestDatabase, Session
from core.learners import service
from core.routing import router as new_router
from core.security import RequestSettings
from core.tokens import AUDIENCE
from shared_schemas.claims import Learner, ResolveRequest
from shared_schemas.learners import Activity

router = new_router("/internal/v1/learners", "internal", documented=False)
router.dependencies.append(Depends(security.trusted_service))


@router.post("/resolve")
async def resolve(http: Request, request: ResolveRequest, settings: RequestSettings) -> Learner:
    """Who a bearer token for the API, or for the ChatGPT app, belongs to; 401 when nobody's."""
    audience = settings.app_resource if request.audience == "app" else AUDIENCE
    return await security.resolve(http.app.state.memory, request.token, settings=settings, audience=audience)


@router.post("/snapshot")
async def read_snapshot(
    http: Request, request: ResolveRequest, settings: RequestSettings, database: RequestDatabase
) -> Response:
    """Who a bearer token for the API belongs to, with progress and quiz attempts: a LearnerWithSnapshot; or 401."""
    learner = await resolve(http, request, settings)
    snapshot = await service.snapshot(database, student_id=learner.student_id)
    document = f'{{"learner":{learner.model_dump_json()},"snapshot":{snapshot}}}'
    return Response(document, media_type="application/json")


@router.get("/{student_id}/snapshot")
async def read_snapshot_by_id(student_id: UUID, database: RequestDatabase) -> Response:
    """A LearnerSnapshot, as an intelligence of the release before asks for it: core is installed first."""
    return Response(await service.snapshot(database, student_id=student_id), media_type="application/json")


@router.post("/{student_id}/activity", status_code=204)
async def record_activity(
    student_id: UUID, activity: Activity, course: CurrentCourse, session: Session, now: Now
) -> None:
    """Make the day of what a student learned at intelligence an active day; a second time changes nothing."""
    await service.record_activity(session, student_id=student_id, course=course, acted_at=activity.acted_at, now=now)
