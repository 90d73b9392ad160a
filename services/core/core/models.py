"""Core's tables, exactly as the migrations make them. Nothing else in core describes a table."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, PrimaryKeyConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import Text

from shared_schemas.claims import SubscriptionTier

NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Base(DeclarativeBase):
    """Constraints are named by one convention; text is `text`, an instant is `timestamptz`."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {str: Text, datetime: TIMESTAMP(timezone=True), dict[str, Any]: JSONB, bytes: BYTEA}  # noqa: RUF012  # SQLAlchemy reads it from the class


def _student(*, primary_key: bool = False, index: bool = False) -> Mapped[UUID]:
    return mapped_column(
        ForeignKey("students.student_id", ondelete="CASCADE"), primary_key=primary_key, index=index, nullable=False
    )


class Student(Base):
    """An account. `role` is student or admin, `subscription_tier` what was bought.

    ``time_credited_until``: no reading time before this moment is credited any more; null before the first.
    """

    __tablename__ = "students"
    __table_args__ = (
        CheckConstraint("length(email) BETWEEN 3 AND 320", name="email_length"),
        CheckConstraint("length(full_name) <= 200", name="full_name_length"),
        CheckConstraint("role IN ('student', 'admin')", name="role"),
        CheckConstraint("subscription_tier IN ('free', 'premium', 'pro')", name="subscription_tier"),
        Index("uq_students_email_lower", func.lower(text("email")), unique=True),
    )

    student_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    email: Mapped[str]
    password_hash: Mapped[str]
    full_name: Mapped[str | None]
    timezone: Mapped[str] = mapped_column(server_default=text("'UTC'"))
    role: Mapped[str] = mapped_column(server_default=text("'student'"))
    subscription_tier: Mapped[SubscriptionTier] = mapped_column(Text, server_default=text("'free'"))
    subscription_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    email_verified_at: Mapped[datetime | None]
    time_credited_until: Mapped[datetime | None]


class SignInSession(Base):
    """One signed-in device; `generation` is that of its current refresh token."""

    __tablename__ = "sessions"
    __table_args__ = (CheckConstraint("generation >= 0", name="generation"),)

    session_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    student_id: Mapped[UUID] = _student(index=True)
    generation: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    rotated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ChapterProgress(Base):
    """What a student has done with a chapter; chapters never opened have no row."""

    __tablename__ = "chapter_progress"
    __table_args__ = (
        PrimaryKeyConstraint("student_id", "chapter_id"),
        CheckConstraint("completion_status IN ('in_progress', 'completed')", name="completion_status"),
        CheckConstraint("time_spent_seconds >= 0", name="time_spent_seconds"),
        CheckConstraint("best_quiz_score BETWEEN 0 AND 100", name="best_quiz_score"),
    )

    student_id: Mapped[UUID] = _student()
    chapter_id: Mapped[str]
    completion_status: Mapped[str] = mapped_column(server_default=text("'in_progress'"))
    time_spent_seconds: Mapped[int] = mapped_column(server_default=text("0"))
    best_quiz_score: Mapped[int | None]
    last_section_id: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]
    last_activity_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SectionProgress(Base):
    """What a student has done with a section."""

    __tablename__ = "section_progress"
    __table_args__ = (
        PrimaryKeyConstraint("student_id", "chapter_id", "section_id"),
        CheckConstraint("time_spent_seconds >= 0", name="time_spent_seconds"),
    )

    student_id: Mapped[UUID] = _student()
    chapter_id: Mapped[str]
    section_id: Mapped[str]
    time_spent_seconds: Mapped[int] = mapped_column(server_default=text("0"))
    completed_at: Mapped[datetime | None]
    last_activity_at: Mapped[datetime] = mapped_column(server_default=func.now())


class QuizResult(Base):
    """One attempt at a quiz; never changed afterwards."""

    __tablename__ = "quiz_results"
    __table_args__ = (
        CheckConstraint("score BETWEEN 0 AND 100", name="score"),
        CheckConstraint("correct_answers BETWEEN 0 AND total_questions", name="correct_answers"),
        Index("ix_quiz_results_student_id_completed_at", "student_id", "completed_at"),
    )

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    student_id: Mapped[UUID] = _student()
    quiz_id: Mapped[str]
    chapter_id: Mapped[str]
    content_version: Mapped[str]
    score: Mapped[int]
    passed: Mapped[bool]
    correct_answers: Mapped[int]
    total_questions: Mapped[int]
    answers: Mapped[dict[str, Any]]
    grading_details: Mapped[dict[str, Any]]
    completed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ActivityDay(Base):
    """A local calendar day on which a student learned something.

    ``earned_at`` is its first action, ``timezone`` that of its latest; null for days from before revision 008.
    """

    __tablename__ = "activity_days"
    __table_args__ = (PrimaryKeyConstraint("student_id", "day"),)

    student_id: Mapped[UUID] = _student()
    day: Mapped[date]
    earned_at: Mapped[datetime | None]
    timezone: Mapped[str | None]


class MilestoneReached(Base):
    """A milestone and when it was first reached."""

    __tablename__ = "milestones"
    __table_args__ = (PrimaryKeyConstraint("student_id", "milestone"),)

    student_id: Mapped[UUID] = _student()
    milestone: Mapped[str]
    achieved_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SubscriptionChange(Base):
    """The audit of entitlement: one row a change."""

    __tablename__ = "subscription_changes"

    change_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    student_id: Mapped[UUID] = _student(index=True)
    changed_by: Mapped[UUID | None] = mapped_column(ForeignKey("students.student_id", ondelete="SET NULL"), index=True)
    previous_tier: Mapped[str]
    previous_expires_at: Mapped[datetime | None]
    new_tier: Mapped[str]
    new_expires_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Base):
    """An answer kept under the key of its request."""

    __tablename__ = "core_idempotency_keys"
    __table_args__ = (PrimaryKeyConstraint("owner", "idempotency_key"),)

    owner: Mapped[str]
    idempotency_key: Mapped[str]
    student_id: Mapped[UUID | None] = mapped_column(ForeignKey("students.student_id", ondelete="CASCADE"), index=True)
    request_digest: Mapped[str]
    status_code: Mapped[int]
    response_body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class AccountMail(Base):
    """A mail to a student, and until ``expires_at`` the right that its token gives; to nobody without a student."""

    __tablename__ = "account_mails"
    __table_args__ = (
        CheckConstraint("kind IN ('email_verification', 'password_reset', 'password_changed')", name="kind"),
        CheckConstraint("attempts >= 0", name="attempts"),
        Index("ix_account_mails_due", "due_at", postgresql_where=text("sent_at IS NULL")),
    )

    mail_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    student_id: Mapped[UUID | None] = mapped_column(ForeignKey("students.student_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    sent_at: Mapped[datetime | None]


class OAuthClient(Base):
    """A program that may ask students for access: one that registered itself, or one whose document was read.

    ``fresh_until`` is when a document has to be read again; who registered has none.
    """

    __tablename__ = "oauth_clients"
    __table_args__ = (
        CheckConstraint("length(client_id) BETWEEN 1 AND 2000", name="client_id_length"),
        CheckConstraint("length(client_name) <= 200", name="client_name_length"),
        CheckConstraint("cardinality(redirect_uris) BETWEEN 1 AND 20", name="redirect_uris"),
    )

    client_id: Mapped[str] = mapped_column(primary_key=True)
    client_name: Mapped[str | None]
    redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    fresh_until: Mapped[datetime | None]


class OAuthConsent(Base):
    """That a student let a client in, and to what."""

    __tablename__ = "oauth_consents"
    __table_args__ = (PrimaryKeyConstraint("student_id", "client_id"),)

    student_id: Mapped[UUID] = _student()
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"), index=True)
    scope: Mapped[str]
    granted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OAuthGrant(Base):
    """What makes a session a client's: its authorization code opens it once, with exactly these values."""

    __tablename__ = "oauth_grants"

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("sessions.session_id", ondelete="CASCADE"), primary_key=True, nullable=False
    )
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.client_id"), index=True)
    redirect_uri: Mapped[str]
    code_challenge: Mapped[str]
    scope: Mapped[str]
    resource: Mapped[str]
    redeemed_at: Mapped[datetime | None]


class Throttle(Base):
    """A bucket that fills with every attempt and has drained at ``drained_at``; the key is a keyed digest."""

    __tablename__ = "throttles"

    throttle_key: Mapped[str] = mapped_column(primary_key=True)
    drained_at: Mapped[datetime] = mapped_column(index=True)
