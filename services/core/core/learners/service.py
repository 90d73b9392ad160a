"""The learner snapshot, which is what intelligence may know of a student, and what it tells of one."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from core.content import PublishedCourse
from core.database import Database
from core.errors import InvalidFields, ServiceError
from core.progress import service as progress
from core.security import Unauthorized

MOST_ATTEMPTS = 500
CLOCKS_DIFFER_BY = timedelta(minutes=1)

# Asked for with every path, so it is one statement, and PostgreSQL writes the JSON of a LearnerSnapshot itself.
_SNAPSHOT = """
    SELECT json_build_object(
        'student_id', s.student_id,
        'taken_at', now(),
        'chapters', coalesce((
            SELECT json_agg(json_build_object(
                'chapter_id', c.chapter_id,
                'completion_status', c.completion_status,
                'time_spent_seconds', c.time_spent_seconds,
                'sections', coalesce((
                    SELECT json_agg(json_build_object(
                        'section_id', p.section_id,
                        'completed', p.completed_at IS NOT NULL,
                        'time_spent_seconds', p.time_spent_seconds,
                        'last_activity_at', p.last_activity_at) ORDER BY p.section_id)
                    FROM section_progress p
                    WHERE p.student_id = s.student_id AND p.chapter_id = c.chapter_id), '[]'),
                'last_activity_at', c.last_activity_at) ORDER BY c.chapter_id)
            FROM chapter_progress c WHERE c.student_id = s.student_id), '[]'),
        'quiz_attempts', coalesce((
            SELECT json_agg(json_build_object(
                'attempt_id', a.attempt_id,
                'quiz_id', a.quiz_id,
                'chapter_id', a.chapter_id,
                'score', a.score,
                'passed', a.passed,
                'completed_at', a.completed_at,
                'marks', a.marks,
                'concepts', a.concepts,
                'sections', a.sections) ORDER BY a.completed_at, a.attempt_id DESC)
            FROM (
                SELECT q.*, d.* FROM quiz_results q CROSS JOIN LATERAL (
                    SELECT coalesce(json_object_agg(key, value -> 'score'), '{}') AS marks,
                        coalesce(json_object_agg(key, value -> 'concept'), '{}') AS concepts,
                        coalesce(json_object_agg(key, value -> 'section_id'), '{}') AS sections
                    FROM jsonb_each(q.grading_details)) d
                WHERE q.student_id = s.student_id ORDER BY q.completed_at DESC, q.attempt_id LIMIT $2) a), '[]')
        )::text
    FROM students s WHERE s.student_id = $1
"""


class LearnerNotFound(ServiceError):
    """There is no student with this id."""

    status = 404
    code = "RESOURCE_NOT_FOUND"


async def snapshot(database: Database, *, student_id: UUID) -> str:
    """The JSON of a LearnerSnapshot: progress and the newest 500 quiz attempts, oldest first.

    Raises Unauthorized when there is no such student (any more).
    """
    async with database.asking() as connection:
        document: str | None = await connection.fetchval(_SNAPSHOT, student_id, MOST_ATTEMPTS)
    if document is None:
        raise Unauthorized
    return document


async def record_activity(
    session: AsyncSession, *, student_id: UUID, course: PublishedCourse, acted_at: datetime, now: datetime
) -> None:
    """A student learned something at intelligence, perhaps a while ago. Raises InvalidFields and LearnerNotFound."""
    if acted_at > now + CLOCKS_DIFFER_BY:
        raise InvalidFields({"acted_at": "lies in the future"})
    try:
        await progress.record_action(session, student_id=student_id, course=course, now=acted_at)
    except Unauthorized as error:
        raise LearnerNotFound from error
