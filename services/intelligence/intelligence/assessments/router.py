"""Open questions, answers and feedback over HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from intelligence import idempotency
from intelligence.assessments import reading, service
from intelligence.bodies import BoundedRoute
from intelligence.database import Session, transaction
from intelligence.idempotency import IdempotencyKeyHeader
from intelligence.security import CurrentLearner, PremiumLearner
from intelligence.streams import (
    HEADERS,
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    EventSourceResponse,
    event,
    events,
    shutting_down,
)
from shared_schemas.assessments import (
    Feedback,
    GradingFailure,
    GradingInProgress,
    GradingStatus,
    Question,
    Questions,
    SubmissionReceipt,
    Submissions,
    SubmitRequest,
)
from shared_schemas.course import Slug

FURTHEST_OFFSET = 1_000_000
LOOK_EVERY_SECONDS = 0.5
LONGEST_STREAM_SECONDS = 600.0
STAGES = {"pending": "queued", "processing": "analysing"}

router = APIRouter(prefix="/api/v2/assessments", tags=["assessments"], route_class=BoundedRoute)


@router.get("/questions")
async def list_questions(learner: CurrentLearner, session: Session, chapter_id: Slug | None = None) -> Questions:
    """The course's open questions, with the caller's standing in each."""
    return await service.list_questions(session, student_id=learner.student_id, chapter_id=chapter_id)


@router.get("/questions/{question_id}")
async def read_question(question_id: str, learner: CurrentLearner, session: Session) -> Question:
    """One open question."""
    return await service.find_question(session, student_id=learner.student_id, question_id=question_id)


@router.post("/submit", status_code=202, response_model=SubmissionReceipt)
async def submit_answer(
    request: Request,
    learner: PremiumLearner,
    body: SubmitRequest,
    key: IdempotencyKeyHeader = None,
) -> SubmissionReceipt | Response:
    """Queue a written answer for grading; the receipt says where the feedback will be."""
    answer = await service.check_answer(body.question_id, body.answer_text)
    return await service.submit_answer(
        learner,
        question_id=body.question_id,
        answer=answer,
        key=idempotency.checked(key),
        request_digest=idempotency.digest("POST", request.url.path, body),
    )


@router.get("/feedback/{submission_id}", responses={202: {"model": GradingInProgress}})
async def read_feedback(
    submission_id: UUID, learner: CurrentLearner, session: Session, response: Response
) -> Feedback | GradingInProgress | GradingFailure:
    """The feedback to one of the caller's answers; 202 while there is none yet."""
    found = await reading.find_feedback(session, student_id=learner.student_id, submission_id=submission_id)
    if isinstance(found, GradingInProgress):
        response.status_code = 202
    return found


@router.get(
    "/feedback/{submission_id}/events",
    response_class=Response,
    responses=events(200, "`queued`, `analysing`, `done`: the data is what the feedback's own address answers then."),
)
async def follow_feedback(submission_id: UUID, learner: CurrentLearner) -> EventSourceResponse:
    """The grading of one of the caller's answers as events: `queued`, `analysing`, then `done` with the feedback."""
    async with transaction() as session:
        await reading.find_feedback(session, student_id=learner.student_id, submission_id=submission_id)
    return EventSourceResponse(_events(learner.student_id, submission_id), headers=HEADERS)


@router.get("/submissions")
async def list_submissions(  # noqa: PLR0917  # FastAPI calls it by name
    learner: CurrentLearner,
    session: Session,
    question_id: Slug | None = None,
    grading_status: GradingStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=FURTHEST_OFFSET)] = 0,
) -> Submissions:
    """The caller's answers, newest first."""
    return await reading.list_submissions(
        session,
        student_id=learner.student_id,
        question_id=question_id,
        grading_status=grading_status,
        limit=limit,
        offset=offset,
    )


async def _events(student_id: UUID, submission_id: UUID) -> AsyncIterator[bytes]:
    """Each stage once; ends with `done`, after ten minutes, or when this process is told to end."""
    stop = shutting_down()
    end = time.monotonic() + LONGEST_STREAM_SECONDS
    said = None
    heard = time.monotonic()
    while not stop.is_set() and time.monotonic() < end:
        async with transaction() as session:
            found = await reading.find_feedback(session, student_id=student_id, submission_id=submission_id)
        if not isinstance(found, GradingInProgress):
            yield event("done", found)
            return
        if found.grading_status != said:
            said, heard = found.grading_status, time.monotonic()
            yield event(STAGES[found.grading_status], found)
        elif time.monotonic() - heard > HEARTBEAT_SECONDS:
            heard = time.monotonic()
            yield HEARTBEAT
        await asyncio.sleep(LOOK_EVERY_SECONDS)
