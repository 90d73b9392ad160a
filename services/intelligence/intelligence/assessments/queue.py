"""The grading queue in PostgreSQL: who may grade what, until when. Times are PostgreSQL's own.

A job is a submission. A worker holds it by a lease with a token that only this claim knows; every later step asks
whether the token still holds, so that a job taken over from a slow worker is finished once.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LEASE_SECONDS = 30.0


@dataclass(frozen=True)
class Job:
    """A claimed submission. ``feedback_id``: what its grade will be called; ``age_seconds``: since it was asked for.

    ``reservation_id`` is None where an operator asked for another grade, which is charged to nobody's quota.
    """

    submission_id: UUID
    student_id: UUID
    question_id: str
    content_version: str
    answer_text: str
    reservation_id: UUID | None
    feedback_id: UUID
    lease_token: UUID
    grading_runs: int
    age_seconds: float


@dataclass(frozen=True)
class Asked:
    """Another grade that is waited for: its id to be, and whether it was asked for just now."""

    feedback_id: UUID
    grading_status: Literal["pending", "processing"]
    is_new: bool


_CLAIM = text(
    """
    WITH due AS (
        SELECT s.submission_id
        FROM assessment_submissions s
        WHERE s.grading_status IN ('pending', 'processing') AND s.reservation_id IS NOT NULL
            AND s.run_after <= now() AND (s.lease_until IS NULL OR s.lease_until < now())
        -- fair between students: first whose answers are being graded least, then who has waited longest
        ORDER BY (
            SELECT count(*) FROM assessment_submissions busy
            WHERE busy.student_id = s.student_id AND busy.grading_status = 'processing' AND busy.lease_until >= now()
        ), s.run_after
        LIMIT 1
        FOR UPDATE OF s SKIP LOCKED
    )
    UPDATE assessment_submissions s
    SET grading_status = 'processing', lease_token = gen_random_uuid(), grading_runs = s.grading_runs + 1,
        lease_until = now() + make_interval(secs => :lease_seconds)
    FROM due, llm_reservations r
    WHERE s.submission_id = due.submission_id AND r.reservation_id = s.reservation_id
    RETURNING s.submission_id, s.student_id, s.question_id, s.content_version, s.answer_text,
        CASE WHEN s.regrade_feedback_id IS NULL THEN s.reservation_id END AS reservation_id,
        coalesce(s.regrade_feedback_id, r.reference_id) AS feedback_id, s.lease_token, s.grading_runs,
        extract(epoch FROM now() - coalesce(s.regrade_asked_at, s.submitted_at))::double precision AS age_seconds
    """
)


_ENDED = (
    "lease_until = NULL, lease_token = NULL, finished_at = now(), regrade_feedback_id = NULL, regrade_asked_at = NULL"
)
_FAIL = (
    "WITH failed AS (UPDATE assessment_submissions SET error_code = $3::text, grading_status = "  # noqa: S608  # a constant
    f"CASE WHEN regrade_feedback_id IS NULL THEN 'failed' ELSE 'completed' END, {_ENDED} "
    "WHERE submission_id = $1::uuid AND lease_token = $2::uuid AND grading_status = 'processing' RETURNING 1) "
    "SELECT close_reservation($4::uuid, false) FROM failed"
)
_ASK_AGAIN = text(
    "UPDATE assessment_submissions SET grading_status = 'pending', regrade_feedback_id = gen_random_uuid(), "
    "regrade_asked_at = now(), run_after = now(), grading_runs = 0, error_code = NULL "
    "WHERE submission_id = CAST(:submission_id AS uuid) RETURNING regrade_feedback_id AS feedback_id, grading_status"
)
_WAITED_FOR = text(
    "SELECT regrade_feedback_id AS feedback_id, grading_status FROM assessment_submissions "
    "WHERE submission_id = CAST(:submission_id AS uuid) FOR UPDATE"
)


async def claim(session: AsyncSession, *, lease_seconds: float = LEASE_SECONDS) -> Job | None:
    """The next due submission under a fresh lease, or None when nothing is due."""
    row = (await session.execute(_CLAIM, {"lease_seconds": lease_seconds})).mappings().one_or_none()
    return Job(**row) if row else None


async def extend(session: AsyncSession, job: Job, *, lease_seconds: float = LEASE_SECONDS) -> bool:
    """Hold the job longer; false when it is no longer ours."""
    return await _change(
        session, job, "lease_until = now() + make_interval(secs => :seconds)", {"seconds": lease_seconds}
    )


async def put_back(session: AsyncSession, job: Job, *, after_seconds: float) -> bool:
    """Let any worker take the job up again after a while."""
    changes = (
        "grading_status = 'pending', lease_until = NULL, lease_token = NULL, "
        "run_after = now() + make_interval(secs => :seconds)"
    )
    return await _change(session, job, changes, {"seconds": after_seconds})


async def finish(session: AsyncSession, job: Job) -> bool:
    """Mark the job completed; false when it is no longer ours, and then its result must be dropped."""
    return await _change(session, job, f"grading_status = 'completed', error_code = NULL, {_ENDED}", {})


async def fail(postgres: asyncpg.Connection, job: Job, *, error_code: str) -> bool:
    """Mark the job failed for good and give its quota unit back, or a graded answer graded as it was.

    False when it is no longer ours. One statement, so that no lock of a limit waits for this process.
    """
    mine = (job.submission_id, job.lease_token, error_code, job.reservation_id)
    return await postgres.fetchrow(_FAIL, *mine) is not None


async def ask_again(session: AsyncSession, submission_id: UUID) -> Asked:
    """Queue a graded answer for another grade; where one is waited for already, nothing changes."""
    before = (await session.execute(_WAITED_FOR, {"submission_id": submission_id})).one()
    if before.feedback_id is not None:
        return Asked(before.feedback_id, before.grading_status, is_new=False)
    asked = (await session.execute(_ASK_AGAIN, {"submission_id": submission_id})).one()
    return Asked(asked.feedback_id, asked.grading_status, is_new=True)


async def _change(session: AsyncSession, job: Job, changes: str, values: dict[str, object]) -> bool:
    statement = (
        f"UPDATE assessment_submissions SET {changes} "  # noqa: S608  # `changes` are the constants above
        "WHERE submission_id = :submission_id AND lease_token = :lease_token AND grading_status = 'processing' "
        "RETURNING submission_id"
    )
    keys = {"submission_id": job.submission_id, "lease_token": job.lease_token}
    return (await session.execute(text(statement), values | keys)).one_or_none() is not None
