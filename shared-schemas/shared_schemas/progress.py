"""Progress and streaks on the wire."""

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field, StrictBool, StrictInt

from shared_schemas.course import Slug
from shared_schemas.learners import CompletionStatus
from shared_schemas.wire import Request, Response, WholeNumber

SECONDS_A_DAY = 86_400


class ProgressUpdate(Request):
    """What a student did in a chapter: a section they were in, the time they spent, or both.

    ``completed`` speaks of the section named by ``section_id`` and is never taken back by a later false.
    ``time_spent_seconds`` is an increment: seconds since the last report.
    """

    section_id: Slug | None = None
    completed: StrictBool = False
    time_spent_seconds: Annotated[StrictInt, Field(ge=0, le=SECONDS_A_DAY), WholeNumber] = 0


class ChapterState(Response):
    """How far a student is in one chapter.

    ``progress_percentage``: each section is one step and the quiz is the last one; a passed quiz makes it 100.
    """

    chapter_id: str
    chapter_number: int
    title: str
    completion_status: CompletionStatus
    progress_percentage: int
    quiz_score: int | None
    completed_sections: list[str]
    total_sections: int
    time_spent_seconds: int
    last_section_id: str | None
    completed_at: AwareDatetime | None
    last_activity_at: AwareDatetime | None


class ProgressUpdated(ChapterState):
    """A chapter after an update; ``time_credited_seconds`` is what the wall clock allowed of the time reported."""

    time_credited_seconds: int
    milestones_reached: list[str]


class AchievedMilestone(Response):
    """A milestone, and when it was reached."""

    milestone: str
    achieved_at: AwareDatetime


class NextMilestone(Response):
    """The nearest milestone not yet reached: ``current`` of ``target``, in words too."""

    milestone: str
    description: str
    current: int
    target: int


class Milestones(Response):
    """What was reached, oldest first, and what comes next (null when nothing is left)."""

    achieved: list[AchievedMilestone]
    next_milestone: NextMilestone | None


class Streak(Response):
    """Days in a row with a learning action, in the student's own calendar."""

    current: int
    longest: int
    last_activity_date: date | None


class Resume(Response):
    """Where to go on; ``section_id`` is null when every section is read and the quiz is what is left."""

    chapter_id: str
    section_id: str | None


class Progress(Response):
    """Where a student stands; ``overall_progress`` in percent of the course.

    ``resume`` is null when every chapter that is open to the student is done.
    """

    overall_progress: int
    completed_chapters: int
    total_chapters: int
    chapters: list[ChapterState]
    streak: Streak
    milestones: Milestones
    resume: Resume | None


class CalendarDay(Response):
    """One day of the student's calendar."""

    date: date
    active: bool


class Streaks(Streak):
    """A student's streak with the last five weeks, oldest day first, and a kind word."""

    timezone: str
    activity_calendar: list[CalendarDay]
    milestones: Milestones
    encouragement: str
