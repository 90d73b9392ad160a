"""The tables of phase 2 as revisions 002 to 004 made them; tests/migrations compares the two."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

USD = Numeric(20, 12)


class Table(DeclarativeBase):
    """What every table shares: names of constraints, and the PostgreSQL type of each Python type."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it as a plain class attribute
        str: Text,
        UUID: Uuid,
        int: Integer,
        date: Date,
        datetime: TIMESTAMP(timezone=True),
        Decimal: USD,
        bytes: LargeBinary,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class Student(Table):
    """Core's table, here only so that foreign keys have something to point at. Its rows can not be read from here."""

    __tablename__ = "students"
    __table_args__ = ({"info": {"stub": True}},)

    student_id: Mapped[UUID] = mapped_column(primary_key=True)


def _student(*, on_delete: str = "CASCADE", primary_key: bool = False) -> Mapped[UUID]:
    return mapped_column(ForeignKey("students.student_id", ondelete=on_delete), primary_key=primary_key)


def _student_or_none(*, on_delete: str) -> Mapped[UUID | None]:
    return mapped_column(ForeignKey("students.student_id", ondelete=on_delete))


def _new_id() -> Mapped[UUID]:
    return mapped_column(primary_key=True, server_default=func.gen_random_uuid())


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


def _zero() -> Mapped[int]:
    return mapped_column(server_default=text("0"))


def _no_money() -> Mapped[Decimal]:
    return mapped_column(server_default=text("0"))


class AdaptivePath(Table):
    """A generated path. `basis`: chapter id to best score when it was made. Status: active, superseded, completed."""

    __tablename__ = "adaptive_paths"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'superseded', 'completed')", name="status"),
        Index(None, "student_id", "generated_at"),
    )

    path_id: Mapped[UUID] = _new_id()
    student_id: Mapped[UUID] = _student()
    status: Mapped[str] = mapped_column(server_default="active")
    content_version: Mapped[str]
    recommendations: Mapped[list[Any]]
    reasoning: Mapped[str | None]
    basis: Mapped[dict[str, Any]]
    generated_at: Mapped[datetime] = _now()
    expires_at: Mapped[datetime]
    followed_at: Mapped[datetime | None]


class AdaptivePathCompletion(Table):
    """One recommendation of a path that the student has done."""

    __tablename__ = "adaptive_path_completions"

    path_id: Mapped[UUID] = mapped_column(
        ForeignKey("adaptive_paths.path_id", ondelete="CASCADE"), primary_key=True
    )
    chapter_id: Mapped[str] = mapped_column(primary_key=True)
    section_id: Mapped[str] = mapped_column(primary_key=True)
    completed_at: Mapped[datetime] = _now()


class AssessmentSubmission(Table):
    """A written answer, which is its own grading job: due at `run_after`, held by a worker until `lease_until`."""

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

    submission_id: Mapped[UUID] = _new_id()
    student_id: Mapped[UUID] = _student()
    question_id: Mapped[str]
    chapter_id: Mapped[str]
    content_version: Mapped[str]
    answer_text: Mapped[str]
    attempt_number: Mapped[int]
    grading_status: Mapped[str] = mapped_column(server_default="pending")
    error_code: Mapped[str | None]
    reservation_id: Mapped[UUID | None] = mapped_column(ForeignKey("llm_reservations.reservation_id"))
    grading_runs: Mapped[int] = _zero()
    run_after: Mapped[datetime] = _now()
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[UUID | None]
    submitted_at: Mapped[datetime] = _now()
    finished_at: Mapped[datetime | None]


class AssessmentFeedback(Table):
    """A grade with its feedback. `quality_score` 0 to 10, one decimal."""

    __tablename__ = "assessment_feedback"
    __table_args__ = (
        UniqueConstraint("submission_id"),
        CheckConstraint("quality_score BETWEEN 0 AND 10", name="quality_score"),
        CheckConstraint("confidence IN ('high', 'medium', 'low')", name="confidence"),
        Index(None, "student_id"),
    )

    feedback_id: Mapped[UUID] = _new_id()
    submission_id: Mapped[UUID] = mapped_column(
        ForeignKey("assessment_submissions.submission_id", ondelete="CASCADE")
    )
    student_id: Mapped[UUID] = _student()
    quality_score: Mapped[Decimal] = mapped_column(Numeric(3, 1))
    strengths: Mapped[list[Any]]
    improvements: Mapped[list[Any]]
    detailed_feedback: Mapped[str]
    criteria: Mapped[list[Any]]
    off_topic: Mapped[bool]
    instructions_in_answer: Mapped[bool]
    confidence: Mapped[str]
    needs_review: Mapped[bool] = mapped_column(server_default=false())
    model_version: Mapped[str]
    prompt_version: Mapped[str]
    tokens_used: Mapped[int]
    cost_usd: Mapped[Decimal]
    latency_ms: Mapped[int]
    generated_at: Mapped[datetime] = _now()


class PremiumUsageQuota(Table):
    """How much of the monthly quota a student has used. `month`: its first day, UTC."""

    __tablename__ = "premium_usage_quotas"
    __table_args__ = (
        CheckConstraint("adaptive_paths_used >= 0", name="adaptive_paths_used"),
        CheckConstraint("assessments_used >= 0", name="assessments_used"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
    )

    student_id: Mapped[UUID] = _student(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    adaptive_paths_used: Mapped[int] = _zero()
    assessments_used: Mapped[int] = _zero()
    updated_at: Mapped[datetime] = _now()


class StudentSpend(Table):
    """A student's money in a month: spent, held for calls not answered yet, and unknown (worst case of lost calls)."""

    __tablename__ = "llm_student_spend"
    __table_args__ = (
        CheckConstraint("held_usd >= 0", name="held_usd"),
        CheckConstraint("unknown_usd >= 0", name="unknown_usd"),
    )

    student_id: Mapped[UUID] = _student(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    spent_usd: Mapped[Decimal] = _no_money()
    held_usd: Mapped[Decimal] = _no_money()
    unknown_usd: Mapped[Decimal] = _no_money()


class InstallationSpend(Table):
    """The same sums for the whole installation; deleting an account takes nothing from them."""

    __tablename__ = "llm_installation_spend"
    __table_args__ = (
        CheckConstraint("held_usd >= 0", name="held_usd"),
        CheckConstraint("unknown_usd >= 0", name="unknown_usd"),
    )

    month: Mapped[date] = mapped_column(primary_key=True)
    spent_usd: Mapped[Decimal] = _no_money()
    held_usd: Mapped[Decimal] = _no_money()
    unknown_usd: Mapped[Decimal] = _no_money()


class Reservation(Table):
    """A quota unit and dollars taken before the work, kept or released after it."""

    __tablename__ = "llm_reservations"
    __table_args__ = (
        CheckConstraint("feature IN ('adaptive_path', 'assessment')", name="feature"),
        CheckConstraint("state IN ('open', 'kept', 'released')", name="state"),
        CheckConstraint("held_usd >= 0", name="held_usd"),
        Index(None, "student_id"),
        Index("ix_llm_reservations_open", "created_at", postgresql_where=text("state = 'open'")),
    )

    reservation_id: Mapped[UUID] = _new_id()
    student_id: Mapped[UUID | None] = _student_or_none(on_delete="SET NULL")
    feature: Mapped[str]
    reference_id: Mapped[UUID]
    quota_month: Mapped[date]
    hold_month: Mapped[date]
    held_usd: Mapped[Decimal]
    state: Mapped[str] = mapped_column(server_default="open")
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()
    closed_at: Mapped[datetime | None]


class UsageLog(Table):
    """The ledger: one row a provider attempt, written before it is sent."""

    __tablename__ = "llm_usage_logs"
    __table_args__ = (
        CheckConstraint("feature IN ('adaptive_path', 'assessment', 'check')", name="feature"),
        CheckConstraint("outcome IN ('open', 'succeeded', 'rejected', 'failed', 'unknown')", name="outcome"),
        CheckConstraint("NOT success OR outcome = 'succeeded'", name="success"),
        CheckConstraint("cost_usd >= 0", name="cost_usd"),
        CheckConstraint("worst_case_usd >= 0", name="worst_case_usd"),
        Index(None, "student_id", "request_timestamp"),
        Index(None, "request_timestamp"),
        Index(None, "reference_id"),
        Index(None, "reservation_id"),
        Index("ix_llm_usage_logs_open", "lease_until", postgresql_where=text("outcome = 'open'")),
    )

    call_id: Mapped[UUID] = _new_id()
    student_id: Mapped[UUID | None] = _student_or_none(on_delete="SET NULL")
    feature: Mapped[str]
    reference_id: Mapped[UUID | None]
    reservation_id: Mapped[UUID | None] = mapped_column(ForeignKey("llm_reservations.reservation_id"))
    attempt: Mapped[int]
    model: Mapped[str]
    prompt_version: Mapped[str]
    price_version: Mapped[str]
    outcome: Mapped[str] = mapped_column(server_default="open")
    success: Mapped[bool] = mapped_column(server_default=false())
    tokens_input: Mapped[int] = _zero()
    tokens_cache_write: Mapped[int] = _zero()
    tokens_cache_read: Mapped[int] = _zero()
    tokens_output: Mapped[int] = _zero()
    tokens_total: Mapped[int] = mapped_column(Computed("tokens_input + tokens_output", persisted=True))
    cost_usd: Mapped[Decimal] = _no_money()
    worst_case_usd: Mapped[Decimal]
    usage: Mapped[dict[str, Any] | None]
    latency_ms: Mapped[int | None]
    provider_request_id: Mapped[str | None]
    error_code: Mapped[str | None]
    spend_month: Mapped[date]
    request_timestamp: Mapped[datetime] = _now()
    lease_until: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Exchange(Table):
    """What was sent to the model and what came back: apart from the numbers, and erased before them."""

    __tablename__ = "llm_exchanges"
    __table_args__ = (Index(None, "student_id"), Index(None, "created_at"))

    call_id: Mapped[UUID] = mapped_column(
        ForeignKey("llm_usage_logs.call_id", ondelete="CASCADE"), primary_key=True
    )
    student_id: Mapped[UUID | None] = _student_or_none(on_delete="CASCADE")
    request_body: Mapped[dict[str, Any]]
    response_text: Mapped[str | None]
    created_at: Mapped[datetime] = _now()


class CostAlert(Table):
    """That a student's alert for a month has been sent."""

    __tablename__ = "llm_cost_alerts"

    student_id: Mapped[UUID] = _student(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    cost_usd: Mapped[Decimal]
    sent_at: Mapped[datetime] = _now()


class IdempotencyKey(Table):
    """A client's key and the answer it got; `status_code` is null while the first request is at work."""

    __tablename__ = "intelligence_idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    student_id: Mapped[UUID] = _student(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[str]
    status_code: Mapped[int | None]
    response_body: Mapped[bytes | None]
    lease_until: Mapped[datetime]
    created_at: Mapped[datetime] = _now()
