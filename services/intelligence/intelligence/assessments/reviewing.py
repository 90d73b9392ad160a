"""What operators do with grades: look through those that need it, decide otherwise, have an answer graded again."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import content
from intelligence.assessments import queue
from intelligence.assessments.reading import CURRENT_FEEDBACK, review_of, score_of
from intelligence.content import LoadedCourse
from intelligence.database import transaction
from intelligence.errors import ServiceError
from intelligence.models import AssessmentFeedback as FeedbackRow
from intelligence.models import AssessmentSubmission as SubmissionRow
from intelligence.settings import get_settings
from intelligence.usage import audit
from intelligence.usage.service import FeatureDisabled
from shared_schemas.assessments import CriterionResult
from shared_schemas.paths import Pagination
from shared_schemas.reviews import FeedbackToReview, PreviousGrade, Regrading, Review, ReviewQueue


class FeedbackNotFound(ServiceError):
    """No such feedback, or a newer grade of the same answer has taken its place."""

    status = 404
    code = "RESOURCE_NOT_FOUND"
    message = "There is no such feedback, or a newer grade has taken its place."


class AlreadyReviewed(ServiceError):
    """A person has decided on this grade, and another grading would take the decision's place."""

    status = 409
    code = "ALREADY_REVIEWED"
    message = "A person has decided on this grade. With `force` another grading takes the place of that decision."

    def __init__(self, feedback: FeedbackRow) -> None:
        decided = review_of(feedback)
        details = {"quality_score": score_of(feedback)} | (decided.model_dump(mode="json") if decided else {})
        super().__init__(details=details)


async def unreviewed(*, limit: int, offset: int) -> ReviewQueue:
    """The grades that a person should look at and nobody has, the oldest first."""
    async with transaction() as session:
        total, rows = await _waiting(session, limit=limit, offset=offset)
        previous = await _superseded(session, [submission.submission_id for submission, _ in rows])
    versions = {submission.content_version for submission, _ in rows}
    courses = {version: await _course(version) for version in versions}
    return ReviewQueue(
        feedback=[
            _to_review(
                submission, feedback, previous.get(submission.submission_id), courses[submission.content_version]
            )
            for submission, feedback in rows
        ],
        pagination=Pagination(total=total, limit=limit, offset=offset, has_more=offset + len(rows) < total),
    )


async def _waiting(
    session: AsyncSession, *, limit: int, offset: int
) -> tuple[int, Sequence[Row[SubmissionRow, FeedbackRow]]]:
    """How many grades wait for a person, and one page of them."""
    waiting = (
        select(SubmissionRow, FeedbackRow)
        .join(FeedbackRow, CURRENT_FEEDBACK)
        .where(FeedbackRow.needs_review, FeedbackRow.reviewed_at.is_(None))
    )
    total = await session.scalar(select(func.count()).select_from(waiting.subquery())) or 0
    oldest_first = waiting.order_by(FeedbackRow.generated_at, FeedbackRow.feedback_id)
    return total, (await session.execute(oldest_first.limit(limit).offset(offset))).all()


async def _superseded(session: AsyncSession, submission_ids: Sequence[UUID]) -> dict[UUID, FeedbackRow]:
    """The grade before the current one, of each submission that had one."""
    found = await session.scalars(
        select(FeedbackRow)
        .where(FeedbackRow.submission_id.in_(submission_ids), FeedbackRow.superseded_at.is_not(None))
        .order_by(FeedbackRow.superseded_at)
    )
    return {row.submission_id: row for row in found}


async def _course(version: str) -> LoadedCourse | None:
    """The version that an answer was written for; None where it can not be read, for the queue can do without."""
    try:
        return await content.course_version(version)
    except content.CourseUnavailable:
        return None


async def review(
    session: AsyncSession, *, operator_id: UUID, feedback_id: UUID, score: Decimal | None, note: str | None
) -> Review:
    """Take a decision on a grade: another score, or None to let it stand. A later decision replaces it."""
    feedback = await _find(session, feedback_id)
    now = (await session.execute(select(func.now()))).scalar_one()
    await audit.record(
        session,
        operator_id=operator_id,
        student_id=feedback.student_id,
        action="review",
        reference_id=feedback_id,
        details={
            "graded": float(feedback.quality_score),
            "before": _number(feedback.reviewed_score),
            "decided": _number(score),
        },
        note=note,
    )
    feedback.reviewed_score = score
    feedback.review_note = note
    feedback.reviewed_at = now
    return Review(
        feedback_id=feedback_id,
        submission_id=feedback.submission_id,
        student_id=feedback.student_id,
        original_score=float(feedback.quality_score),
        quality_score=float(feedback.quality_score if score is None else score),
        note=note,
        reviewed_at=now,
    )


async def regrade(
    session: AsyncSession, *, operator_id: UUID, feedback_id: UUID, note: str | None, force: bool
) -> Regrading:
    """Queue the answer behind this feedback for another grade, unless one is waited for already.

    Raises AlreadyReviewed where a person has decided on this one, unless by ``force``.
    """
    feedback = await _find(session, feedback_id)
    if feedback.reviewed_at is not None and not force:
        raise AlreadyReviewed(feedback)
    if not get_settings().enable_llm_assessments:
        raise FeatureDisabled("assessment")
    asked = await queue.ask_again(session, feedback.submission_id)
    if asked.is_new:
        await audit.record(
            session,
            operator_id=operator_id,
            student_id=feedback.student_id,
            action="regrade",
            reference_id=feedback_id,
            details={"new_feedback_id": str(asked.feedback_id)},
            note=note,
        )
    return Regrading(
        submission_id=feedback.submission_id,
        feedback_id=feedback_id,
        new_feedback_id=asked.feedback_id,
        grading_status=asked.grading_status,
    )


async def _find(session: AsyncSession, feedback_id: UUID) -> FeedbackRow:
    found = await session.scalar(
        select(FeedbackRow).where(FeedbackRow.feedback_id == feedback_id, FeedbackRow.superseded_at.is_(None))
    )
    if found is None:
        raise FeedbackNotFound
    return found


def _to_review(
    submission: SubmissionRow, feedback: FeedbackRow, previous: FeedbackRow | None, course: LoadedCourse | None
) -> FeedbackToReview:
    question = course.question(submission.question_id) if course else None
    return FeedbackToReview(
        feedback_id=feedback.feedback_id,
        submission_id=submission.submission_id,
        student_id=submission.student_id,
        question_id=submission.question_id,
        question_text=question.question_text if question else None,
        excellent_example=course.rubric(submission.question_id).excellent_example if course and question else None,
        attempt_number=submission.attempt_number,
        answer_text=submission.answer_text,
        quality_score=float(feedback.quality_score),
        criteria=[CriterionResult.model_validate(one) for one in feedback.criteria],
        detailed_feedback=feedback.detailed_feedback,
        off_topic=feedback.off_topic,
        instructions_in_answer=feedback.instructions_in_answer,
        confidence=feedback.confidence,
        reasons=feedback.review_reasons,
        generated_at=feedback.generated_at,
        model_version=feedback.model_version,
        prompt_version=feedback.prompt_version,
        regrading=_regrading(submission),
        previous=PreviousGrade(quality_score=score_of(previous), review=review_of(previous)) if previous else None,
    )


def _regrading(submission: SubmissionRow) -> Literal["none", "queued", "failed"]:
    if submission.regrade_feedback_id is not None:
        return "queued"
    return "none" if submission.error_code is None else "failed"


def _number(score: Decimal | None) -> float | None:
    return None if score is None else float(score)
