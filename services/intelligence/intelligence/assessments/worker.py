"""The grading worker: claims submissions, has them graded with no transaction open, and stores each result once.

Nothing is lost with a worker that dies: its leases run out and another takes the jobs up. While the provider is away
jobs wait and are tried again for a day; what can not be graded at all gives attempt and quota back.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from intelligence import background, content
from intelligence.assessments import grading, queue
from intelligence.assessments.grading import Assignment, GradeAnswer, Result
from intelligence.assessments.queue import Job
from intelligence.content import CourseUnavailable
from intelligence.database import connection, driver, transaction
from intelligence.models import AssessmentFeedback, UsageLog
from intelligence.settings import get_settings
from intelligence.usage import metering
from intelligence.usage.attempts import Cause
from intelligence.usage.ledger import Due, ReservationClosed, settle_within
from intelligence.usage.metering import Answer
from intelligence.usage.places import ServiceBusy
from intelligence.usage.reservations import close_reservation
from intelligence.usage.service import ServiceBudgetExhausted, SpendCeilingReached
from intelligence.usage.trouble import ModelAnswerInvalid, ModelDeclined, ModelUnavailable

logger = logging.getLogger(__name__)

GRADING_FAILED = "GRADING_FAILED"
CONCURRENT_JOBS = 16
POLL_SECONDS = 0.5
PAUSE_WITHOUT_DATABASE_SECONDS = 2.0
DEADLINE_SECONDS = 60.0
GRACE_SECONDS = DEADLINE_SECONDS + 5
GIVE_UP_AFTER_SECONDS = 24 * 3600.0
FIRST_PAUSE_SECONDS = 2.0
PAUSE_GROWTH = 1.6
LONGEST_PAUSE_SECONDS = 300.0
MOST_ANSWERS = 3  # paid answers of the model, for one submission, that came to nothing


# Trying again would not help: no such question in the course, a refusal, nobody to grade for.
FOR_GOOD = (grading.QuestionGone, ModelDeclined, ReservationClosed)
FOR_NOW = (
    *(ModelUnavailable, ServiceBusy, ServiceBudgetExhausted, CourseUnavailable),
    *(SQLAlchemyError, OSError, TimeoutError),
)


@dataclass(frozen=True)
class Rhythm:
    """How often and how long; tests go faster."""

    concurrent_jobs: int = CONCURRENT_JOBS
    poll_seconds: float = POLL_SECONDS
    lease_seconds: float = queue.LEASE_SECONDS
    first_pause_seconds: float = FIRST_PAUSE_SECONDS
    grace_seconds: float = GRACE_SECONDS


async def run(stop: asyncio.Event, rhythm: Rhythm | None = None, alive: Callable[[], None] = lambda: None) -> None:
    """Grade until ``stop`` is set; then claim nothing more and finish, or put back, what is at work.

    ``alive`` is called before each look at the queue, and by a worker that hangs no more.
    """
    rhythm = rhythm or Rhythm()
    if not get_settings().enable_llm_assessments:
        logger.warning("ENABLE_LLM_ASSESSMENTS is off: submissions wait, nothing is graded")
        rhythm = replace(rhythm, concurrent_jobs=0)
    at_work: set[asyncio.Task[None]] = set()
    while not stop.is_set():
        alive()
        job = await _claim(rhythm) if len(at_work) < rhythm.concurrent_jobs else None
        if job is not None:
            task = asyncio.create_task(_hold_and_grade(job, rhythm))
            at_work.add(task)
            task.add_done_callback(at_work.discard)
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), rhythm.poll_seconds)
    if at_work:
        _, unfinished = await asyncio.wait(at_work, timeout=rhythm.grace_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)


async def _claim(rhythm: Rhythm) -> Job | None:
    try:
        async with transaction() as session:
            return await queue.claim(session, lease_seconds=rhythm.lease_seconds)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        logger.warning("the queue can not be read, trying again: %s", type(error).__name__)
        await asyncio.sleep(PAUSE_WITHOUT_DATABASE_SECONDS)
        return None


_SUPERSEDE = text(
    "UPDATE assessment_feedback SET superseded_at = now() "
    "WHERE submission_id = CAST(:submission_id AS uuid) AND superseded_at IS NULL"
)


async def _hold_and_grade(job: Job, rhythm: Rhythm) -> None:
    """Grade one job under a heartbeat. Never raises but for being cancelled: then the job is put back at once."""
    heartbeat = asyncio.create_task(_heartbeat(job, rhythm))
    try:
        await _grade_or_put_back(job, rhythm)
    except asyncio.CancelledError:
        await background.finish(_put_back(job, after_seconds=0))
        raise
    except Exception:  # the database is away: the lease runs out and the job is taken up again
        logger.exception("submission %s is left to its lease", job.submission_id)
    finally:
        heartbeat.cancel()


async def _heartbeat(job: Job, rhythm: Rhythm) -> None:
    while True:
        await asyncio.sleep(rhythm.lease_seconds / 3)
        try:
            async with transaction() as session:
                if not await queue.extend(session, job, lease_seconds=rhythm.lease_seconds):
                    return
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            logger.warning("lease of submission %s not extended: %s", job.submission_id, type(error).__name__)


async def _grade_or_put_back(job: Job, rhythm: Rhythm) -> None:
    lost = 0
    try:
        # Counted before, too: what is given back between the refusal and the count was held when it was refused.
        lost = await _attempts(job, "unknown") if job.grading_runs > 1 else 0
        await _grade(job)
    except SpendCeilingReached as error:
        # Where attempts at this very answer were lost, money is held for them that may come back.
        lost = lost or await _attempts(job, "unknown")
        await (_wait(job, error, rhythm) if lost else _fail(job, type(error).__name__))
    except FOR_GOOD as error:
        await _fail(job, type(error).__name__)
    except ModelAnswerInvalid as error:
        await _try_again_while_it_is_worth(job, error, rhythm)
    except FOR_NOW as error:
        await _wait(job, error, rhythm)
    except Exception as error:
        logger.exception("grading submission %s went wrong (run %s)", job.submission_id, job.grading_runs)
        await _try_again_while_it_is_worth(job, error, rhythm)


async def _wait(job: Job, error: Exception, rhythm: Rhythm) -> None:
    """Try again later, for a day."""
    if job.age_seconds > GIVE_UP_AFTER_SECONDS:
        await _fail(job, type(error).__name__)
    else:
        await _put_back(job, after_seconds=_pause(job, rhythm))


async def _try_again_while_it_is_worth(job: Job, error: Exception, rhythm: Rhythm) -> None:
    """After an answer that cannot be used, or a mistake of ours: what trying again may cost has an end."""
    if job.age_seconds > GIVE_UP_AFTER_SECONDS or await _attempts(job, "succeeded", "failed") >= MOST_ANSWERS:
        await _fail(job, type(error).__name__)
    else:
        await _put_back(job, after_seconds=_pause(job, rhythm))


async def _grade(job: Job) -> None:
    course = await content.course_version(job.content_version)
    task = grading.assignment(course, job.question_id, job.answer_text)
    await metering.ask(
        grading.prompt(task),
        Cause("assessment", job.reservation_id, job.student_id, job.feedback_id),
        deadline_seconds=DEADLINE_SECONDS,
        keep=partial(_keep, job, task),
    )


async def _keep(job: Job, task: Assignment, answer: Answer[GradeAnswer], due: Due) -> None:
    """Store the grade, keep the quota unit and settle what it cost, in one transaction.

    After a try that was committed and could not say so, the job is not ours any more and its cost is settled already.
    """
    regraded = job.reservation_id is None
    result = grading.result(
        task, answer.result, submission_id=job.submission_id, regraded=regraded, simulated=answer.simulated
    )
    async with transaction() as session:
        postgres = await driver(session)
        if not await queue.finish(session, job):
            logger.info("submission %s was taken over or erased; this result is dropped", job.submission_id)
            await settle_within(postgres, due.unused())
            return
        await session.execute(_SUPERSEDE, {"submission_id": job.submission_id})
        session.add(_feedback(job, result, answer))
        await session.flush()
        if job.reservation_id is not None:
            await close_reservation(postgres, job.reservation_id, keep=True)
        await settle_within(postgres, due)


def _feedback(job: Job, result: Result, answer: Answer[GradeAnswer]) -> AssessmentFeedback:
    return AssessmentFeedback(
        feedback_id=job.feedback_id,
        submission_id=job.submission_id,
        student_id=job.student_id,
        quality_score=result.grade.score,
        strengths=result.feedback.strengths,
        improvements=result.feedback.improvements,
        detailed_feedback=result.feedback.detailed_feedback,
        criteria=[
            {
                "criterion_id": one.criterion.criterion_id,
                "criterion": one.criterion.name,
                "points": float(one.points),
                "of": one.criterion.points,
                "level": one.level,
                "evidence": one.evidence,
                "why": why,
                "section_id": one.criterion.section_id,
            }
            for one, why in zip(result.grade.criteria, result.feedback.whys, strict=True)
        ],
        off_topic=result.grade.off_topic,
        instructions_in_answer=result.instructions_in_answer,
        confidence=result.confidence,
        needs_review=result.needs_review,
        review_reasons=result.review_reasons,
        model_version=answer.model,
        prompt_version=answer.prompt_version,
        tokens_used=answer.tokens_used,
        cost_usd=answer.cost_usd,
        latency_ms=answer.latency_ms,
    )


async def _fail(job: Job, reason: str) -> None:
    """Fail for good: the answer is kept, its attempt number is free again, and the quota unit goes back.

    Where another grade was asked for, the answer keeps the one it has.
    """
    async with connection() as postgres:
        failed = await queue.fail(postgres, job, error_code=GRADING_FAILED)
    if failed:
        logger.warning("submission %s can not be graded: %s", job.submission_id, reason)


async def _put_back(job: Job, *, after_seconds: float) -> None:
    async with transaction() as session:
        await queue.put_back(session, job, after_seconds=after_seconds)


async def _attempts(job: Job, *outcomes: str) -> int:
    """How many attempts at this answer ended so."""
    counted = (UsageLog.reference_id == job.feedback_id, UsageLog.outcome.in_(outcomes))
    async with transaction() as session:
        count = await session.scalar(select(func.count()).where(*counted))
    return count or 0


def _pause(job: Job, rhythm: Rhythm) -> float:
    """Longer after every run, so that waiting stays in proportion to how long the provider has been away; jittered."""
    pause = min(rhythm.first_pause_seconds * PAUSE_GROWTH ** (job.grading_runs - 1), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.8, 1.2)
