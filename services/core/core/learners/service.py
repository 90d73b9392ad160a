"""The learner snapshot: what intelligence may know of a student."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ServiceError
from core.models import ChapterProgress, QuizResult, SectionProgress, Student
from shared_schemas.learners import ChapterFacts, LearnerSnapshot, QuizAttemptFacts, SectionFacts

MOST_ATTEMPTS = 500


class LearnerNotFound(ServiceError):
    """There is no student with this id."""

    status = 404
    code = "RESOURCE_NOT_FOUND"


async def snapshot(session: AsyncSession, *, student_id: UUID) -> LearnerSnapshot:
    """Progress and the newest 500 quiz attempts of one student, oldest first; LearnerNotFound where there is none."""
    taken_at = await session.scalar(select(func.now()).where(Student.student_id == student_id))
    if taken_at is None:
        raise LearnerNotFound
    return LearnerSnapshot(
        student_id=student_id,
        taken_at=taken_at,
        chapters=await _chapters(session, student_id),
        quiz_attempts=await _attempts(session, student_id),
    )


async def _chapters(session: AsyncSession, student_id: UUID) -> list[ChapterFacts]:
    sections: dict[str, list[SectionFacts]] = defaultdict(list)
    found = await session.scalars(
        select(SectionProgress)
        .where(SectionProgress.student_id == student_id)
        .order_by(SectionProgress.chapter_id, SectionProgress.section_id)
    )
    for row in found:
        facts = SectionFacts(
            section_id=row.section_id,
            completed=row.completed_at is not None,
            time_spent_seconds=row.time_spent_seconds,
        )
        sections[row.chapter_id].append(facts)
    chapters = await session.scalars(
        select(ChapterProgress).where(ChapterProgress.student_id == student_id).order_by(ChapterProgress.chapter_id)
    )
    return [
        ChapterFacts(
            chapter_id=row.chapter_id,
            completion_status=row.completion_status,
            time_spent_seconds=row.time_spent_seconds,
            sections=sections[row.chapter_id],
            last_activity_at=row.last_activity_at,
        )
        for row in chapters
    ]


async def _attempts(session: AsyncSession, student_id: UUID) -> list[QuizAttemptFacts]:
    newest = await session.scalars(
        select(QuizResult)
        .where(QuizResult.student_id == student_id)
        .order_by(QuizResult.completed_at.desc(), QuizResult.attempt_id)
        .limit(MOST_ATTEMPTS)
    )
    return [
        QuizAttemptFacts(
            attempt_id=row.attempt_id,
            quiz_id=row.quiz_id,
            chapter_id=row.chapter_id,
            score=row.score,
            passed=row.passed,
            completed_at=row.completed_at,
            marks={name: mark["score"] for name, mark in row.grading_details.items()},
            concepts={name: mark["concept"] for name, mark in row.grading_details.items()},
            sections={name: mark["section_id"] for name, mark in row.grading_details.items()},
        )
        for row in reversed(list(newest))
    ]
