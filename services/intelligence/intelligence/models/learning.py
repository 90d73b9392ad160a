"""Paths, written answers, their feedback, and what operators do."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, false, text
from sqlalchemy.orm import Mapped, mapped_column

from intelligence.models.base import Table, new_id, student, student_or_none, written_now, zero


class AdaptivePath(Table):
    """A generated path. `basis`: chapter id to best score when it was made. Status: active, superseded, completed."""

    __tablename__ = "adaptive_paths"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'superseded', 'completed')", name="status"),
        Index(None, "student_id", "generated_at"),
    )

    path_id: Mapped[UUID] = new_id()
    student_id: Mapped[UUID] = student()
    status: Mapped[str] = mapped_column(server_default="active")
    content_version: Mapped[str]
    recommendations: Mapped[list[Any]]
    reasoning: Mapped[str | None]
    basis: Mapped[dict[str, Any]]
    generated_at: Mapped[datetime] = written_now()
    expires_at: Mapped[datetime]
    followed_at: Mapped[datetime | None]


class AdaptivePathCompletion(Table):
    """One recommendation of a path that the student has done."""

    __tablename__ = "adaptive_path_completions"

    path_id: Mapped[UUID] = mapped_column(ForeignKey("adaptive_paths.path_id", ondelete="CASCADE"), primary_key=True)
    chapter_id: Mapped[str] = mapped_column(primary_key=True)
    section_id: Mapped[str] = mapped_column(primary_key=True)
    completed_at: Mapped[datetime] = written_now()


class AssessmentSubmission(Table):
    """A written answer, which is its own grading job: due at `run_after`, held by a worker until `lease_until`.

    `regrade_feedback_id` is the id of its next grade while an operator waits for one, since `regrade_asked_at`.
    """

    __tablename__ = "assessment_submissions"
    __table_args__ = (
        CheckConstraint("grading_status IN ('pending', 'processing', 'completed', 'failed')", name="grading_status"),
        CheckConstraint("attempt_number BETWEEN 1 AND 3", name="attempt_number"),
        CheckConstraint("length(answer_text) BETWEEN 50 AND 5000", name="answer_text"),
        Index(None, "student_id", "submitted_at"),
        Index(
            "uq_assessment_submissions_attempt",
            "student_id",
            "question_id",
            "attempt_number",
            unique=True,
            postgresql_where=text("grading_status <> 'failed'"),
        ),
        Index(
            "ix_assessment_submissions_due",
            "run_after",
            postgresql_where=text("grading_status IN ('pending', 'processing')"),
        ),
    )

    submission_id: Mapped[UUID] = new_id()
    student_id: Mapped[UUID] = student()
    question_id: Mapped[str]
    chapter_id: Mapped[str]
    content_version: Mapped[str]
    answer_text: Mapped[str]
    attempt_number: Mapped[int]
    grading_status: Mapped[str] = mapped_column(server_default="pending")
    error_code: Mapped[str | None]
    reservation_id: Mapped[UUID | None] = mapped_column(ForeignKey("llm_reservations.reservation_id"))
    grading_runs: Mapped[int] = zero()
    run_after: Mapped[datetime] = written_now()
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    submitted_at: Mapped[datetime] = written_now()
    finished_at: Mapped[datetime | None]
    regrade_feedback_id: Mapped[UUID | None]
    regrade_asked_at: Mapped[datetime | None]


class AssessmentFeedback(Table):
    """A grade with its feedback. `quality_score` 0 to 10, one decimal.

    What an operator decided stands beside it; a later grade of the same answer supersedes it.
    """

    __tablename__ = "assessment_feedback"
    __table_args__ = (
        CheckConstraint("quality_score BETWEEN 0 AND 10", name="quality_score"),
        CheckConstraint("reviewed_score BETWEEN 0 AND 10", name="reviewed_score"),
        CheckConstraint("confidence IN ('high', 'medium', 'low')", name="confidence"),
        Index(None, "student_id"),
        Index(None, "submission_id"),
        Index(
            "uq_assessment_feedback_current",
            "submission_id",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index(
            "ix_assessment_feedback_unreviewed",
            "generated_at",
            postgresql_where=text("needs_review AND reviewed_at IS NULL AND superseded_at IS NULL"),
        ),
    )

    feedback_id: Mapped[UUID] = new_id()
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("assessment_submissions.submission_id", ondelete="CASCADE"))
    student_id: Mapped[UUID] = student()
    quality_score: Mapped[Decimal] = mapped_column(Numeric(3, 1))
    strengths: Mapped[list[Any]]
    improvements: Mapped[list[Any]]
    detailed_feedback: Mapped[str]
    criteria: Mapped[list[Any]]
    off_topic: Mapped[bool]
    instructions_in_answer: Mapped[bool]
    confidence: Mapped[str]
    needs_review: Mapped[bool] = mapped_column(server_default=false())
    review_reasons: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    model_version: Mapped[str]
    prompt_version: Mapped[str]
    tokens_used: Mapped[int]
    cost_usd: Mapped[Decimal]
    latency_ms: Mapped[int]
    generated_at: Mapped[datetime] = written_now()
    superseded_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    reviewed_score: Mapped[Decimal | None] = mapped_column(Numeric(3, 1))
    review_note: Mapped[str | None]


class OperatorAction(Table):
    """What an operator did to a student's grade or quota, and why; `reference_id`: the feedback, if it was one."""

    __tablename__ = "operator_actions"
    __table_args__ = (
        CheckConstraint("action IN ('review', 'regrade', 'quota_gift')", name="action"),
        Index(None, "student_id"),
        Index(None, "operator_id"),
    )

    action_id: Mapped[UUID] = new_id()
    operator_id: Mapped[UUID | None] = student_or_none(on_delete="SET NULL")
    student_id: Mapped[UUID] = student()
    action: Mapped[str]
    reference_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]]
    note: Mapped[str | None]
    done_at: Mapped[datetime] = written_now()


class LearningAction(Table):
    """Something a student learned here of which core has yet to hear."""

    __tablename__ = "learning_actions"
    __table_args__ = (Index(None, "student_id"),)

    action_id: Mapped[UUID] = new_id()
    student_id: Mapped[UUID] = student()
    acted_at: Mapped[datetime] = written_now()
