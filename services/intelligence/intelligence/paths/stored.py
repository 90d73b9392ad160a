"""A path as it is kept: in PostgreSQL for good; Redis holds its id for the 24 hours in which it is given again.

What a path says of its student stands in PostgreSQL alone, and goes with the account. The key in Redis that outlives it
by at most a day holds a random number that leads nowhere.
"""

import json
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import cache
from intelligence.database import after, connection, in_one
from intelligence.errors import ServiceError
from intelligence.idempotency import Claim, ClaimLost
from intelligence.models import AdaptivePath as PathRow
from intelligence.paths.analysis import best_scores
from intelligence.paths.wording import ChosenStep
from intelligence.usage.ledger import KEEP_ANSWER, SETTLE, Due
from intelligence.usage.reservations import limits_of, raise_refusal
from intelligence.usage.service import QUOTA_USE, QuotaUse
from intelligence.usage.trouble import ModelUnavailable
from shared_schemas.claims import Learner
from shared_schemas.learners import LearnerSnapshot
from shared_schemas.paths import AdaptivePath, Links, PathMetadata, PathStatus, Recommendation

CACHE_SECONDS = 86400
MOVED_BY = 20


class StoredPath(BaseModel):
    """A path with what it rests on. ``basis``: chapter id to best score when it was made."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    path_id: UUID
    student_id: UUID
    recommendations: list[ChosenStep]
    reasoning: str | None
    basis: dict[str, int]
    generated_at: AwareDatetime
    expires_at: AwareDatetime


class ReservationLost(ModelUnavailable):
    """The reservation ran out before the path was ready; it has been given back."""


class Remembered(BaseModel):
    """What Redis holds of a student's path."""

    path_id: UUID


def answer(path: StoredPath, *, cached: bool, include_reasoning: bool, status: PathStatus = "active") -> AdaptivePath:
    """The path as it goes over the wire."""
    recommendations = wire_recommendations(path.recommendations)
    return AdaptivePath(
        path_id=path.path_id,
        student_id=path.student_id,
        generated_at=path.generated_at,
        expires_at=path.expires_at,
        status=status,
        recommendations=recommendations,
        reasoning=path.reasoning if include_reasoning else None,
        metadata=PathMetadata(
            total_recommendations=len(recommendations),
            high_priority_count=sum(one.estimated_impact == "high" for one in recommendations),
            estimated_total_time_minutes=sum(one.estimated_time_minutes for one in recommendations),
            cached=cached,
        ),
    )


def wire_recommendations(steps: list[ChosenStep]) -> list[Recommendation]:
    """The steps with their priority and where to read them."""
    return [
        Recommendation(
            **step.model_dump(),
            priority=priority,
            links=Links(
                chapter=f"/api/v1/chapters/{step.chapter_id}",
                section=f"/api/v1/chapters/{step.chapter_id}/sections/{step.section_id}",
            ),
        )
        for priority, step in enumerate(steps, start=1)
    ]


def is_outdated(path: StoredPath, snapshot: LearnerSnapshot) -> bool:
    """Whether the student has since taken a new chapter's quiz, or moved a chapter's score by more than 20 points."""
    best = best_scores(snapshot)
    if any(
        chapter_id not in path.basis or abs(best[chapter_id] - path.basis[chapter_id]) > MOVED_BY for chapter_id in best
    ):
        return True
    return any(
        attempt.completed_at > path.generated_at and abs(attempt.score - path.basis[attempt.chapter_id]) > MOVED_BY
        for attempt in snapshot.quiz_attempts
    )


async def find_active(session: AsyncSession, student_id: UUID, *, remembered: UUID | None) -> StoredPath | None:
    """The student's path of the last 24 hours, unless it has been completed: the remembered one, if it is still that.

    PostgreSQL has the last word.
    """
    mine = select(PathRow).where(
        PathRow.student_id == student_id, PathRow.status == "active", PathRow.expires_at > func.now()
    )
    row = None
    if remembered is not None:
        row = await session.scalar(mine.where(PathRow.path_id == remembered))
    if row is None:
        row = await session.scalar(mine.order_by(PathRow.generated_at.desc()).limit(1))
    return StoredPath.model_validate(row) if row else None


async def keep(
    path: StoredPath, *, content_version: str, reservation_id: UUID | None, due: Due, claim: Claim, answer: AdaptivePath
) -> QuotaUse:
    """Make a new path the student's active one, with its quota unit, cost and remembered answer: all of it or nothing.

    A second try after one that was committed changes nothing. The answer is what the student had used when this began,
    this unit counted unless it is of the month before.
    Raises ReservationLost, or ClaimLost when another request has taken the work over.
    """
    try:
        use = await _run(
            _KEEP,
            path.student_id,
            path.path_id,
            content_version,
            json.dumps([step.model_dump() for step in path.recommendations]),
            path.reasoning,
            json.dumps(path.basis),
            path.generated_at,
            path.expires_at,
            reservation_id,
            *_remembering(claim, answer),
            *due.values,
        )
    except IntegrityError as error:
        if getattr(error.orig, "constraint_name", None) != "pk_adaptive_paths":
            raise
        use = await _run(QUOTA_USE, path.student_id)  # it was kept by an earlier try, whose reply was lost
    claim.stored = True
    return QuotaUse(*use)


async def give_again(path: StoredPath, *, learner: Learner, claim: Claim, answer: AdaptivePath) -> bool:
    """Take a quota unit for the student's active path, and remember the answer: both or nothing.

    False when it is not the active one any more. Raises what `Reservation.take` raises, or ClaimLost when another
    request has taken the work over.
    """
    limits = limits_of(learner, "adaptive_path")
    given = await _run(_GIVE_AGAIN, path.path_id, path.student_id, *limits, *_remembering(claim, answer))
    if given["refused_by"] == "path_gone":
        return False
    raise_refusal(given, learner=learner, feature="adaptive_path")
    claim.stored = True
    return True


def _remembering(claim: Claim, answer: AdaptivePath) -> tuple[Any, ...]:
    return claim.key, claim.token, answer.model_dump_json().encode()


async def _run(function: str, *values: Any) -> asyncpg.Record:
    """What a database function answers; its own refusals are raised as errors of this service."""
    try:
        async with connection() as postgres:
            return await postgres.fetchrow(function, *values)
    except DBAPIError as error:
        refusal = _REFUSALS.get(getattr(error.orig, "sqlstate", None) or "")
        if refusal is None:
            raise
        raise refusal from error


def remember(path: StoredPath) -> None:
    """Keep in Redis, for 24 hours, which path is the student's: its id alone, which says nothing of anybody."""
    value = Remembered(path_id=path.path_id).model_dump(mode="json")
    cache.put_json(_key(path.student_id), value, ttl_seconds=CACHE_SECONDS)


async def recall(student_id: UUID) -> UUID | None:
    """Which path Redis remembers, if it does."""
    try:
        return Remembered.model_validate(await cache.get_json(_key(student_id))).path_id
    except ValidationError:
        return None


def forget(student_id: UUID) -> None:
    """Drop what Redis remembers."""
    cache.delete(_key(student_id))


def _key(student_id: UUID) -> str:
    return f"adaptive_path:{student_id}"


# revision 013 says what the functions do, and what they refuse
# The quota unit was counted when it was reserved. Settling comes after keeping, because it locks the limits' sums.
_KEEP_PATH = """
    SELECT keep_path($2::uuid, $1::uuid, $3::text, $4::jsonb, $5::text, $6::jsonb, $7::timestamptz,
        $8::timestamptz, $9::uuid, $10::text, $11::timestamptz, $12::bytea)
"""
_KEEP = in_one(
    {"kept": _KEEP_PATH, "settled": f"{after(12, SETTLE)} FROM kept", "answered": after(12, KEEP_ANSWER)},
    f"{QUOTA_USE} CROSS JOIN kept CROSS JOIN settled",
)
_GIVE_AGAIN = (
    "SELECT * FROM give_path_again($1::uuid, $2::uuid, $3::integer, $4::numeric, $5::numeric, $6::boolean, $7::text, "
    "$8::timestamptz, $9::bytea)"
)
_REFUSALS: dict[str, type[ServiceError]] = {"CC001": ClaimLost, "CC002": ReservationLost}
