"""What operators do with grades, over HTTP."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from intelligence import idempotency
from intelligence.assessments import reviewing
from intelligence.assessments.router import FURTHEST_OFFSET
from intelligence.bodies import BoundedRoute
from intelligence.database import Session
from intelligence.idempotency import IdempotencyKeyHeader
from intelligence.security import AdminLearner
from shared_schemas.reviews import RegradeRequest, Regrading, Review, ReviewQueue, ReviewRequest

router = APIRouter(prefix="/api/v2/admin/feedback", tags=["operators"], route_class=BoundedRoute)


@router.get("/unreviewed")
async def list_unreviewed(
    _: AdminLearner,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=FURTHEST_OFFSET)] = 0,
) -> ReviewQueue:
    """Grades to look at: every doubtful one and one in ten of the others, the oldest first."""
    return await reviewing.unreviewed(limit=limit, offset=offset)


@router.post("/{feedback_id}/review", response_model=Review)
async def review_feedback(  # noqa: PLR0917  # FastAPI calls it by name
    feedback_id: UUID,
    request: Request,
    operator: AdminLearner,
    session: Session,
    body: ReviewRequest,
    key: IdempotencyKeyHeader = None,
) -> Response:
    """Give another score with a note that the student reads, or let the grade stand."""
    return await idempotency.answer_within(
        session,
        key,
        student_id=operator.student_id,
        request_digest=idempotency.digest("POST", request.url.path, body),
        status=200,
        work=partial(
            reviewing.review,
            session,
            operator_id=operator.student_id,
            feedback_id=feedback_id,
            score=body.quality_score,
            note=body.note,
        ),
    )


@router.post("/{feedback_id}/regrade", status_code=202, response_model=Regrading)
async def regrade_answer(  # noqa: PLR0917  # the same
    feedback_id: UUID,
    request: Request,
    operator: AdminLearner,
    session: Session,
    body: RegradeRequest | None = None,
    key: IdempotencyKeyHeader = None,
) -> Response:
    """Have the answer graded once more; its student is charged nothing and reads the old grade until then."""
    wanted = body or RegradeRequest()
    return await idempotency.answer_within(
        session,
        key,
        student_id=operator.student_id,
        request_digest=idempotency.digest("POST", request.url.path, wanted),
        status=202,
        work=partial(
            reviewing.regrade,
            session,
            operator_id=operator.student_id,
            feedback_id=feedback_id,
            note=wanted.note,
            force=wanted.force,
        ),
    )
