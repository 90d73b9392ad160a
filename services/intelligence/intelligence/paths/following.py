"""Finding a path again and ticking its steps off. Open to students whose plan has run out, too."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import activity
from intelligence.database import transaction
from intelligence.errors import InvalidRequest, ServiceError
from intelligence.models import AdaptivePath as PathRow
from intelligence.models import AdaptivePathCompletion as CompletionRow
from intelligence.paths import stored
from intelligence.paths.stored import StoredPath
from shared_schemas.paths import (
    AdaptivePaths,
    AdaptivePathWithProgress,
    CompletedStep,
    Completion,
    Pagination,
    PathProgress,
    PathStatus,
)

Step = tuple[str, str]

AFTER_THE_LAST_STEP = (
    "Now take the quiz of each chapter in it, again where you have taken it: your next path rests on the results."
)


class PathNotFound(ServiceError):
    """The student has no such path."""

    status = 404
    code = "PATH_NOT_FOUND"
    message = "You have no such learning path."


async def find_path(session: AsyncSession, *, student_id: UUID, path_id: UUID) -> AdaptivePathWithProgress:
    """One of the student's own paths; raises PathNotFound for anybody else's."""
    now, row = await _own(session, _paths(student_id).where(PathRow.path_id == path_id))
    done = await _completions(session, [path_id])
    return _with_progress(row, done[path_id], now)


async def list_paths(
    session: AsyncSession, *, student_id: UUID, status: PathStatus | None, limit: int, offset: int
) -> AdaptivePaths:
    """The student's paths, newest first, of one status where asked."""
    wanted = _paths(student_id)
    if status is not None:
        wanted = wanted.where(_has_status(status))
    total = await session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    rows = (
        await session.execute(wanted.order_by(PathRow.generated_at.desc(), PathRow.path_id).limit(limit).offset(offset))
    ).all()
    done = await _completions(session, [row.path_id for _, row in rows])
    return AdaptivePaths(
        paths=[_with_progress(row, done[row.path_id], now) for now, row in rows],
        pagination=Pagination(total=total, limit=limit, offset=offset, has_more=offset + len(rows) < total),
    )


async def complete_step(*, student_id: UUID, path_id: UUID, chapter_id: str, section_id: str) -> Completion:
    """Tick one step off, as a learning action; a second time changes nothing. The last step completes the path."""
    async with transaction() as session:
        now, row = await _own(session, _paths(student_id).where(PathRow.path_id == path_id).with_for_update())
        path = StoredPath.model_validate(row)
        steps = [(step.chapter_id, step.section_id) for step in path.recommendations]
        if (chapter_id, section_id) not in steps:
            raise InvalidRequest(
                "This section is not a step of this path.",
                details={"recommendations": [{"chapter_id": c, "section_id": s} for c, s in steps]},
            )
        ticked = await session.scalar(
            insert(CompletionRow)
            .values(path_id=path_id, chapter_id=chapter_id, section_id=section_id)
            .on_conflict_do_nothing()
            .returning(CompletionRow.path_id)
        )
        if ticked:
            await activity.owe(session, student_id)
        done = (await _completions(session, [path_id]))[path_id]
        row.followed_at = row.followed_at or now
        if row.status == "active" and done >= set(steps):
            row.status = "completed"
    if row.status != "active":
        stored.forget(student_id)
    progress = _progress(row, done)
    left = [
        one for one in stored.wire_recommendations(path.recommendations) if (one.chapter_id, one.section_id) not in done
    ]
    return Completion(
        path_id=path_id,
        status=_status(row, now),
        completed_recommendations=progress.completed_recommendations,
        total_recommendations=progress.total_recommendations,
        completion_percentage=progress.completion_percentage,
        next_recommendation=left[0] if left else None,
        suggestion=None if left else AFTER_THE_LAST_STEP,
    )


def _paths(student_id: UUID) -> Select[datetime, PathRow]:
    return select(func.now(), PathRow).where(PathRow.student_id == student_id)


def _has_status(status: PathStatus) -> ColumnElement[bool]:
    if status == "active":
        return and_(PathRow.status == "active", PathRow.expires_at > func.now())
    if status == "expired":
        return and_(PathRow.status == "active", PathRow.expires_at <= func.now())
    return PathRow.status == status


async def _own(session: AsyncSession, wanted: Select[datetime, PathRow]) -> tuple[datetime, PathRow]:
    found = (await session.execute(wanted)).one_or_none()
    if found is None:
        raise PathNotFound
    return found[0], found[1]


async def _completions(session: AsyncSession, path_ids: list[UUID]) -> dict[UUID, set[Step]]:
    done: dict[UUID, set[Step]] = {path_id: set() for path_id in path_ids}
    for row in await session.scalars(select(CompletionRow).where(CompletionRow.path_id.in_(path_ids))):
        done[row.path_id].add((row.chapter_id, row.section_id))
    return done


def _status(row: PathRow, now: datetime) -> PathStatus:
    status: PathStatus = "expired" if row.status == "active" and row.expires_at <= now else row.status  # type: ignore[assignment]  # the check constraint holds the rest
    return status


def _progress(row: PathRow, done: set[Step]) -> PathProgress:
    total = len(row.recommendations)
    return PathProgress(
        followed_at=row.followed_at,
        completed_recommendations=len(done),
        total_recommendations=total,
        completion_percentage=round(100 * len(done) / total),
        completed_steps=[CompletedStep(chapter_id=chapter, section_id=section) for chapter, section in sorted(done)],
    )


def _with_progress(row: PathRow, done: set[Step], now: datetime) -> AdaptivePathWithProgress:
    path = stored.answer(StoredPath.model_validate(row), cached=False, include_reasoning=True, status=_status(row, now))
    return AdaptivePathWithProgress(**path.model_dump(), progress=_progress(row, done))
