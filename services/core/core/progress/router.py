"""Progress over HTTP."""

from core.access.gate import CurrentReader, OpenChapter
from core.clock import Now
from core.content import CurrentCourse
from core.database import Session
from core.progress import overview, service
from core.routing import router as new_router
from core.security import CurrentLearner
from shared_schemas.progress import Progress, ProgressUpdate, ProgressUpdated, Streaks

router = new_router("/api/v1/progress", "progress")


@router.get("")
async def read_progress(
    learner: CurrentLearner, reader: CurrentReader, course: CurrentCourse, session: Session, now: Now
) -> Progress:
    """Where the caller stands in the whole course."""
    return await overview.progress(
        session, student_id=learner.student_id, course=course, may_read=reader.may_read, now=now
    )


@router.get("/streaks")
async def read_streaks(learner: CurrentLearner, course: CurrentCourse, session: Session, now: Now) -> Streaks:
    """The caller's streak in their own calendar."""
    return await overview.read_streaks(session, student_id=learner.student_id, course=course, now=now)


@router.put("/chapter/{chapter_id}")
async def update_progress(
    *,
    learner: CurrentLearner,
    chapter: OpenChapter,
    course: CurrentCourse,
    update: ProgressUpdate,
    session: Session,
    now: Now,
) -> ProgressUpdated:
    """Record what the caller read. Of the time reported no more counts than has passed on the wall clock."""
    recorded = await service.record_reading(
        session,
        student_id=learner.student_id,
        course=course,
        chapter_id=chapter.chapter_id,
        section_id=update.section_id,
        completed=update.completed,
        time_spent_seconds=update.time_spent_seconds,
        now=now,
    )
    return await overview.updated(
        session, student_id=learner.student_id, course=course, chapter_id=chapter.chapter_id, recorded=recorded
    )
