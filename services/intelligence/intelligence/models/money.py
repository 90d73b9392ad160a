"""Quotas, spend, the ledger and what keeps it exact."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from intelligence.models.base import Table, new_id, no_money, student, student_or_none, written_now, zero


class PremiumUsageQuota(Table):
    """How much of the monthly quota a student has used. `month`: its first day, UTC.

    `…_gifted` units come on top of the plan's; `…_limit` is what the plan had when units were last taken (None: no
    limit), for operators to look at.
    """

    __tablename__ = "premium_usage_quotas"
    __table_args__ = (
        CheckConstraint("adaptive_paths_used >= 0", name="adaptive_paths_used"),
        CheckConstraint("assessments_used >= 0", name="assessments_used"),
        CheckConstraint("adaptive_paths_gifted >= 0", name="adaptive_paths_gifted"),
        CheckConstraint("assessments_gifted >= 0", name="assessments_gifted"),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
        Index(None, "month"),
    )

    student_id: Mapped[UUID] = student(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    adaptive_paths_used: Mapped[int] = zero()
    assessments_used: Mapped[int] = zero()
    adaptive_paths_gifted: Mapped[int] = zero()
    assessments_gifted: Mapped[int] = zero()
    adaptive_paths_limit: Mapped[int | None]
    assessments_limit: Mapped[int | None]
    updated_at: Mapped[datetime] = written_now()


class StudentSpend(Table):
    """A student's money in a month: spent, held for calls not answered yet, and unknown (worst case of lost calls)."""

    __tablename__ = "llm_student_spend"
    __table_args__ = (
        CheckConstraint("held_usd >= 0", name="held_usd"),
        CheckConstraint("unknown_usd >= 0", name="unknown_usd"),
    )

    student_id: Mapped[UUID] = student(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    spent_usd: Mapped[Decimal] = no_money()
    held_usd: Mapped[Decimal] = no_money()
    unknown_usd: Mapped[Decimal] = no_money()


class InstallationSpend(Table):
    """The same sums for the whole installation; deleting an account takes nothing from them."""

    __tablename__ = "llm_installation_spend"
    __table_args__ = (
        CheckConstraint("held_usd >= 0", name="held_usd"),
        CheckConstraint("unknown_usd >= 0", name="unknown_usd"),
    )

    month: Mapped[date] = mapped_column(primary_key=True)
    spent_usd: Mapped[Decimal] = no_money()
    held_usd: Mapped[Decimal] = no_money()
    unknown_usd: Mapped[Decimal] = no_money()


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

    reservation_id: Mapped[UUID] = new_id()
    student_id: Mapped[UUID | None] = student_or_none(on_delete="SET NULL")
    feature: Mapped[str]
    reference_id: Mapped[UUID]
    quota_month: Mapped[date]
    hold_month: Mapped[date]
    held_usd: Mapped[Decimal]
    state: Mapped[str] = mapped_column(server_default="open")
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = written_now()
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

    call_id: Mapped[UUID] = new_id()
    student_id: Mapped[UUID | None] = student_or_none(on_delete="SET NULL")
    feature: Mapped[str]
    reference_id: Mapped[UUID | None]
    reservation_id: Mapped[UUID | None] = mapped_column(ForeignKey("llm_reservations.reservation_id"))
    attempt: Mapped[int]
    model: Mapped[str]
    prompt_version: Mapped[str]
    price_version: Mapped[str]
    outcome: Mapped[str] = mapped_column(server_default="open")
    success: Mapped[bool] = mapped_column(server_default=false())
    tokens_input: Mapped[int] = zero()
    tokens_cache_write: Mapped[int] = zero()
    tokens_cache_read: Mapped[int] = zero()
    tokens_output: Mapped[int] = zero()
    tokens_total: Mapped[int] = mapped_column(Computed("tokens_input + tokens_output", persisted=True))
    cost_usd: Mapped[Decimal] = no_money()
    worst_case_usd: Mapped[Decimal]
    usage: Mapped[dict[str, Any] | None]
    latency_ms: Mapped[int | None]
    provider_request_id: Mapped[str | None]
    error_code: Mapped[str | None]
    spend_month: Mapped[date]
    request_timestamp: Mapped[datetime] = written_now()
    lease_until: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Exchange(Table):
    """What was sent to the model and what came back: apart from the numbers, and erased before them."""

    __tablename__ = "llm_exchanges"
    __table_args__ = (Index(None, "student_id"), Index(None, "created_at"))

    call_id: Mapped[UUID] = mapped_column(ForeignKey("llm_usage_logs.call_id", ondelete="CASCADE"), primary_key=True)
    student_id: Mapped[UUID | None] = student_or_none(on_delete="CASCADE")
    request_body: Mapped[dict[str, Any]]
    response_text: Mapped[str | None]
    created_at: Mapped[datetime] = written_now()


class CostAlert(Table):
    """A student's alert for a month: claimed until `lease_until`, sent once `sent_at` is set."""

    __tablename__ = "llm_cost_alerts"

    student_id: Mapped[UUID] = student(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    cost_usd: Mapped[Decimal]
    sent_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    lease_until: Mapped[datetime | None]


class IdempotencyKey(Table):
    """A client's key and the answer it got; `status_code` is null while the first request is at work."""

    __tablename__ = "intelligence_idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    student_id: Mapped[UUID] = student(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[str]
    status_code: Mapped[int | None]
    response_body: Mapped[bytes | None]
    lease_until: Mapped[datetime]
    created_at: Mapped[datetime] = written_now()
