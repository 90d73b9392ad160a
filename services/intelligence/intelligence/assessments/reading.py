"""What a student reads of the answers written so far. Open to students whose plan has run out, too."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.errors import ServiceError
from intelligence.models import AssessmentFeedback as FeedbackRow
from intelligence.models import AssessmentSubmission as SubmissionRow
from shared_schemas.assessments import (
    CriterionResult,
    Feedback,
    FeedbackMetadata,
    FeedbackReview,
    GradingFailure,
    GradingInProgress,
    GradingStatus,
    Submission,
    Submissions,
)
from shared_schemas.errors import ErrorBody
from shared_schemas.paths import Pagination

SECONDS_A_GRADE = 6
GRADED_AT_ONCE = 16
COST_DIGITS = 6


# How a submission finds its grade, and the score that counts: an operator's decision goes before the grading's.
CURRENT_FEEDBACK = and_(FeedbackRow.submission_id == SubmissionRow.submission_id, FeedbackRow.superseded_at.is_(None))
SCORE_THAT_COUNTS = func.coalesce(FeedbackRow.reviewed_score, FeedbackRow.quality_score)


class SubmissionNotFound(ServiceError):
    """The student has no such submission."""

    status = 404
    code = "SUBMISSION_NOT_FOUND"
    message = "You have no such submission."


async def find_feedback(
    session: AsyncSession, *, student_id: UUID, submission_id: UUID
) -> Feedback | GradingInProgress | GradingFailure:
    """What there is to say of one of the student's own submissions; raises SubmissionNotFound for anybody else's."""
    found = (
        await session.execute(
            select(SubmissionRow, FeedbackRow)
            .outerjoin(FeedbackRow, CURRENT_FEEDBACK)
            .where(SubmissionRow.submission_id == submission_id, SubmissionRow.student_id == student_id)
        )
    ).one_or_none()
    if found is None:
        raise SubmissionNotFound
    submission, feedback = found
    if feedback is not None:
        return _feedback(submission, feedback)
    if submission.grading_status == "failed":
        return _failure(submission)
    return GradingInProgress(
        submission_id=submission.submission_id,
        question_id=submission.question_id,
        grading_status=submission.grading_status,
        submitted_at=submission.submitted_at,
        estimated_completion_seconds=await estimated_seconds(session, before=submission.run_after),
    )


def _submission(row: SubmissionRow, status: GradingStatus, score: Decimal | None) -> Submission:
    return Submission(
        submission_id=row.submission_id,
        question_id=row.question_id,
        chapter_id=row.chapter_id,
        answer_text=row.answer_text,
        attempt_number=row.attempt_number,
        grading_status=status,
        quality_score=None if score is None else float(score),
        submitted_at=row.submitted_at,
        feedback_url=feedback_url(row.submission_id),
    )


async def list_submissions(
    session: AsyncSession,
    *,
    student_id: UUID,
    question_id: str | None,
    grading_status: GradingStatus | None,
    limit: int,
    offset: int,
) -> Submissions:
    """The student's submissions, newest first."""
    # Once graded, an answer stays that for its student while an operator waits for another grade.
    status = case((FeedbackRow.feedback_id.is_not(None), "completed"), else_=SubmissionRow.grading_status)
    wanted = (
        select(SubmissionRow, status.label("status"), SCORE_THAT_COUNTS.label("score"))
        .outerjoin(FeedbackRow, CURRENT_FEEDBACK)
        .where(SubmissionRow.student_id == student_id)
    )
    if question_id is not None:
        wanted = wanted.where(SubmissionRow.question_id == question_id)
    if grading_status is not None:
        wanted = wanted.where(status == grading_status)
    total = await session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    newest_first = wanted.order_by(SubmissionRow.submitted_at.desc(), SubmissionRow.submission_id)
    rows = (await session.execute(newest_first.limit(limit).offset(offset))).all()
    return Submissions(
        submissions=[_submission(row, status, score) for row, status, score in rows],
        pagination=Pagination(total=total, limit=limit, offset=offset, has_more=offset + len(rows) < total),
    )


def score_of(row: FeedbackRow) -> float:
    """The score that counts: an operator's, or else the grading's."""
    return float(row.quality_score if row.reviewed_score is None else row.reviewed_score)


def review_of(row: FeedbackRow) -> FeedbackReview | None:
    """What an operator decided on a grade, if one has."""
    if row.reviewed_at is None:
        return None
    return FeedbackReview(original_score=float(row.quality_score), note=row.review_note, reviewed_at=row.reviewed_at)


def feedback_url(submission_id: UUID) -> str:
    """Where the feedback is, or will be: a path under the gateway's address."""
    return f"/api/v2/assessments/feedback/{submission_id}"


async def estimated_seconds(session: AsyncSession, *, before: datetime | None = None) -> int:
    """How long until a submission is graded that is queued now, or stands at ``before`` in the queue."""
    waiting = select(func.count()).where(SubmissionRow.grading_status.in_(["pending", "processing"]))
    if before is not None:
        waiting = waiting.where(SubmissionRow.run_after < before)
    return seconds_behind(await session.scalar(waiting) or 0)


def seconds_behind(waiting: int) -> int:
    """How long until a submission is graded that stands behind so many others."""
    return SECONDS_A_GRADE * (1 + waiting // GRADED_AT_ONCE)


def _feedback(submission: SubmissionRow, row: FeedbackRow) -> Feedback:
    return Feedback(
        feedback_id=row.feedback_id,
        submission_id=submission.submission_id,
        question_id=submission.question_id,
        grading_status="completed",
        quality_score=score_of(row),
        strengths=row.strengths,
        improvements=row.improvements,
        detailed_feedback=row.detailed_feedback,
        criteria=[CriterionResult.model_validate(one) for one in row.criteria],
        off_topic=row.off_topic,
        generated_at=row.generated_at,
        review=review_of(row),
        metadata=FeedbackMetadata(
            model_version=row.model_version,
            tokens_used=row.tokens_used,
            cost_usd=float(round(row.cost_usd, COST_DIGITS)),
            latency_ms=row.latency_ms,
        ),
    )


def _failure(submission: SubmissionRow) -> GradingFailure:
    return GradingFailure(
        submission_id=submission.submission_id,
        question_id=submission.question_id,
        grading_status="failed",
        submitted_at=submission.submitted_at,
        error=ErrorBody(
            code=submission.error_code or "GRADING_FAILED",
            message="This answer could not be graded. It is kept, and the attempt and its quota are yours again.",
        ),
    )
