"""Making a path, giving one again, and following one."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy.exc import SQLAlchemyError

from intelligence import background, content, llm
from intelligence.content import LoadedCourse
from intelligence.database import connection, transaction
from intelligence.errors import ServiceError
from intelligence.idempotency import Claim
from intelligence.paths import analysis as analyses
from intelligence.paths import stored, wording
from intelligence.paths.findings import Analysis
from intelligence.paths.stored import StoredPath
from intelligence.paths.wording import WordedPath
from intelligence.settings import get_settings
from intelligence.usage import metering
from intelligence.usage.attempts import Cause
from intelligence.usage.ledger import Due
from intelligence.usage.metering import Answer
from intelligence.usage.reservations import Reservation, close_reservation
from intelligence.usage.service import QuotaUse
from intelligence.usage.trouble import ModelUnavailable
from shared_schemas.claims import Learner, SubscriptionTier
from shared_schemas.learners import LearnerSnapshot
from shared_schemas.paths import AdaptivePath, PathFallback

logger = logging.getLogger(__name__)

REQUIRED_QUIZZES = 2
LIFETIME = timedelta(hours=24)
DEADLINE_SECONDS = 25.0
LEASE_SECONDS = 40.0

Stage = Literal["queued", "analysing"]


class InsufficientData(ServiceError):
    """Too few quizzes to say anything about the student."""

    status = 400
    code = "INSUFFICIENT_DATA"

    def __init__(self, completed: int) -> None:
        super().__init__(
            f"Take at least {REQUIRED_QUIZZES} different quizzes first, so that your path can rest on something.",
            extra={
                "required_quizzes": REQUIRED_QUIZZES,
                "completed_quizzes": completed,
                "next_steps": [
                    "Read a chapter and take its quiz.",
                    f"Ask for your path again after {REQUIRED_QUIZZES - completed} more of them.",
                ],
            },
        )


Report = Callable[[Stage], None]


@dataclass(frozen=True)
class GivenPath:
    """A path, and what the student has used with it; None where that has not been looked up on the way."""

    answer: AdaptivePath
    quota_use: QuotaUse | None = None


async def create_path(
    learner: Learner,
    snapshot: LearnerSnapshot,
    *,
    tier: SubscriptionTier,
    force_refresh: bool,
    include_reasoning: bool,
    claim: Claim,
    report: Report = lambda _: None,
) -> GivenPath:
    """A path for this student: the one of the last 24 hours while it still fits, otherwise a new one.

    Either takes one quota unit; any failure gives it back. The answer is remembered under ``claim`` together with
    that; ``report`` is told each stage as it begins.
    """
    report("queued")
    completed = analyses.quizzes_taken(snapshot)
    if completed < REQUIRED_QUIZZES:
        raise InsufficientData(completed)
    work = _Work(
        learner=learner,
        snapshot=snapshot,
        course=await content.current_course(),
        include_reasoning=include_reasoning,
        claim=claim,
    )
    if get_settings().enable_phase2_caching and not force_refresh:
        given_again = await _give_again(work)
        if given_again is not None:
            return given_again
    return await _make(work, analyses.analyse(snapshot, work.course.course, tier), report)


@dataclass(frozen=True)
class _Work:
    """What one request for a path works with."""

    learner: Learner
    snapshot: LearnerSnapshot
    course: LoadedCourse
    include_reasoning: bool
    claim: Claim


async def _give_again(work: _Work) -> GivenPath | None:
    """The student's last path with a quota unit taken for it, or None when it no longer fits."""
    remembered = await stored.recall(work.learner.student_id)
    async with transaction() as session:
        path = await stored.find_active(session, work.learner.student_id, remembered=remembered)
    if path is None or not _fits(path, work):
        return None
    answer = stored.answer(path, cached=True, include_reasoning=work.include_reasoning)
    given = await stored.give_again(path, learner=work.learner, claim=work.claim, answer=answer)
    return GivenPath(answer) if given else None


def _fits(path: StoredPath, work: _Work) -> bool:
    gone = any(work.course.section(step.chapter_id, step.section_id) is None for step in path.recommendations)
    return not gone and not stored.is_outdated(path, work.snapshot)


async def _make(work: _Work, analysis: Analysis, report: Report) -> GivenPath:
    prompt = wording.prompt(analysis)
    reservation = Reservation(
        learner=work.learner,
        feature="adaptive_path",
        reference_id=uuid4(),
        worst_case_usd=llm.worst_case_usd(prompt),
        lease_seconds=LEASE_SECONDS,
        when_taken=partial(report, "analysing"),
    )
    try:
        answer = await metering.ask(
            prompt,
            Cause("adaptive_path", reservation, work.learner.student_id),
            deadline_seconds=DEADLINE_SECONDS,
            keep=partial(_keep, work, analysis, reservation),
        )
    except BaseException as error:  # also a cancelled request: whatever ends early takes no quota
        if reservation.reservation_id is not None:
            await background.finish(_give_back(reservation.reservation_id))
        if isinstance(error, ServiceError) and error.code == ModelUnavailable.code:
            error.extra["fallback"] = _fallback(analysis).model_dump()
        raise
    path, given = answer.result
    if get_settings().enable_phase2_caching:
        stored.remember(path)
    return given


async def _keep(
    work: _Work, analysis: Analysis, reservation: Reservation, worded: Answer[WordedPath], due: Due
) -> tuple[StoredPath, GivenPath]:
    """Store the path, keep its quota unit and settle what it cost, in one transaction."""
    steps, reasoning = wording.choose(worded.result, analysis.candidates)
    path = StoredPath(
        path_id=reservation.reference_id,
        student_id=work.learner.student_id,
        recommendations=steps,
        reasoning=reasoning,
        basis=analysis.best_scores,
        # the moment the facts are from: a quiz taken while the model was at work is a newer one
        generated_at=work.snapshot.taken_at,
        expires_at=work.snapshot.taken_at + LIFETIME,
    )
    answer = stored.answer(path, cached=False, include_reasoning=work.include_reasoning)
    use = await stored.keep(
        path,
        content_version=work.course.course.content_version,
        reservation_id=reservation.reservation_id,
        due=due,
        claim=work.claim,
        answer=answer,
    )
    return path, GivenPath(answer, use)


async def _give_back(reservation_id: UUID) -> None:
    try:
        async with connection() as postgres:
            await close_reservation(postgres, reservation_id, keep=False)
    except (SQLAlchemyError, OSError, TimeoutError):
        logger.exception("reservation %s could not be released now; the sweeper will", reservation_id)


def _fallback(analysis: Analysis) -> PathFallback:
    weak = [area.chapter_id for area in analysis.weak_areas]
    if not analysis.candidates:
        return PathFallback(suggestion="Go on with the next chapter that is open to you.", weak_chapters=weak)
    first = analysis.candidates[0]
    return PathFallback(suggestion=f"Meanwhile, start with “{first.title}”. {first.reason}", weak_chapters=weak)
