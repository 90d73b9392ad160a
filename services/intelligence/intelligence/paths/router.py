"""Adaptive paths over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel

from intelligence import background, idempotency
from intelligence.bodies import BoundedRoute
from intelligence.database import Session
from intelligence.failures import told
from intelligence.idempotency import Claim, IdempotencyKeyHeader
from intelligence.paths import following, service
from intelligence.security import CurrentLearner, PremiumLearnerWithSnapshot
from intelligence.streams import HEADERS, HEARTBEAT, HEARTBEAT_SECONDS, EventSourceResponse, event, events
from shared_schemas.learners import LearnerWithSnapshot
from shared_schemas.paths import (
    AdaptivePath,
    AdaptivePaths,
    AdaptivePathWithProgress,
    CompleteRequest,
    Completion,
    PathRequest,
    PathStatus,
)

FURTHEST_OFFSET = 1_000_000

router = APIRouter(prefix="/api/v2/adaptive", tags=["adaptive paths"], route_class=BoundedRoute)


@router.post(
    "/path",
    response_model=AdaptivePath,
    responses=events(200, "`queued` and `analysing`, then `done` with the path or `error` with the envelope."),
)
async def create_path(
    request: Request,
    known: PremiumLearnerWithSnapshot,
    body: PathRequest | None = None,
    key: IdempotencyKeyHeader = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """A personal path of one to five sections; with `Accept: text/event-stream` its making as events.

    For 24 hours it is the same path again, unless a quiz has said something new or `force_refresh` asks for another.
    Every answer takes one of the month's units.
    """
    create = partial(_create, request, known, key, body or PathRequest())
    if "text/event-stream" in accept:
        return await _stream(create)
    return await create(report=lambda _: None)


@router.get("/path/{path_id}")
async def read_path(path_id: UUID, learner: CurrentLearner, session: Session) -> AdaptivePathWithProgress:
    """One of the caller's paths."""
    return await following.find_path(session, student_id=learner.student_id, path_id=path_id)


@router.get("/paths")
async def list_paths(
    learner: CurrentLearner,
    session: Session,
    status: PathStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
    offset: Annotated[int, Query(ge=0, le=FURTHEST_OFFSET)] = 0,
) -> AdaptivePaths:
    """The caller's paths, newest first."""
    return await following.list_paths(session, student_id=learner.student_id, status=status, limit=limit, offset=offset)


@router.post("/path/{path_id}/complete")
async def complete_step(path_id: UUID, learner: CurrentLearner, body: CompleteRequest) -> Completion:
    """Tick one step of a path off."""
    return await following.complete_step(
        student_id=learner.student_id, path_id=path_id, chapter_id=body.chapter_id, section_id=body.section_id
    )


async def _create(
    request: Request,
    known: LearnerWithSnapshot,
    key: str | None,
    wanted: PathRequest,
    *,
    report: service.Report,
) -> Response:
    async def work(claim: Claim) -> tuple[int, BaseModel]:
        given = await service.create_path(
            known.learner,
            known.snapshot,
            tier=known.learner.effective_tier(datetime.now(UTC)),
            force_refresh=wanted.force_refresh,
            include_reasoning=wanted.include_reasoning,
            claim=claim,
            report=report,
        )
        request.state.quota_use = given.quota_use
        return 200, given.answer

    request_digest = idempotency.digest("POST", request.url.path, wanted)
    return await idempotency.run_once(
        key, student_id=known.learner.student_id, request_digest=request_digest, work=work
    )


async def _stream(create: Callable[..., Coroutine[Any, Any, Response]]) -> Response:
    """The making as events; whatever refuses it before the model is asked answers like a plain POST.

    A client that goes away changes nothing: the work goes on to its end, is charged like a plain POST, and the path is
    there to be read. The model's deadline bounds the stream, so the end of the process need not cut it short.
    """
    stages: asyncio.Queue[service.Stage | None] = asyncio.Queue()
    decided = asyncio.Event()

    def report(stage: service.Stage) -> None:
        stages.put_nowait(stage)
        if stage == "analysing":
            decided.set()

    def ended(task: asyncio.Task[Response]) -> None:
        if not task.cancelled():
            task.exception()  # looked at here, because a client that went away leaves nobody else to do it
        stages.put_nowait(None)
        decided.set()

    work = background.start(create(report=report))
    work.add_done_callback(ended)
    await decided.wait()
    if work.done():
        work.result()
    return EventSourceResponse(_events(work, stages), headers=HEADERS)


async def _events(work: asyncio.Task[Response], stages: asyncio.Queue[service.Stage | None]) -> AsyncIterator[bytes]:
    """The stages as they begin, then `done` with the path or `error` with the envelope and the status it stands for."""
    while True:
        try:
            stage = await asyncio.wait_for(stages.get(), HEARTBEAT_SECONDS)
        except TimeoutError:
            yield HEARTBEAT
            continue
        if stage is None:
            yield _last_event(work)
            return
        yield event(stage, "{}")


def _last_event(work: asyncio.Task[Response]) -> bytes:
    failure = work.exception()
    if failure is None:
        return event("done", bytes(work.result().body).decode())
    error = told(failure)
    error.extra["status"] = error.status
    return event("error", json.dumps(error.envelope()))
