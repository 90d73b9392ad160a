"""What core and intelligence tell each other about one student, with ``Authorization: Bearer CORE_SERVICE_TOKEN``.

Below ``/internal/v1/learners``: ``POST …/snapshot`` takes a ResolveRequest and answers a LearnerWithSnapshot, which
holds no name, no e-mail address and no answer text, only what learner analysis needs; ``POST …/{student_id}/activity``
takes an Activity.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared_schemas.claims import Learner
from shared_schemas.wire import Request, Response

CompletionStatus = Literal["not_started", "in_progress", "completed"]


class QuizAttemptFacts(Response):
    """One quiz attempt. ``marks``: 0 to 10 per question id. ``concepts``: the concept each question tests."""

    attempt_id: UUID
    quiz_id: str
    chapter_id: str
    score: int
    passed: bool
    completed_at: AwareDatetime
    marks: dict[str, int]
    concepts: dict[str, str]
    sections: dict[str, str]


class SectionFacts(Response):
    """What a student did with one section; ``last_activity_at`` is null from a core that does not tell it yet."""

    section_id: str
    completed: bool
    time_spent_seconds: int
    last_activity_at: AwareDatetime | None = None


class ChapterFacts(Response):
    """What a student did with one chapter; chapters never opened are absent."""

    chapter_id: str
    completion_status: CompletionStatus
    time_spent_seconds: int
    sections: list[SectionFacts]
    last_activity_at: AwareDatetime | None


class LearnerSnapshot(Response):
    """Progress and quiz attempts of one student, oldest attempt first."""

    student_id: UUID
    taken_at: AwareDatetime
    chapters: list[ChapterFacts]
    quiz_attempts: list[QuizAttemptFacts]


class LearnerWithSnapshot(Response):
    """Whose a bearer token is, and what that student has done."""

    learner: Learner
    snapshot: LearnerSnapshot


class Activity(Request):
    """A student learned something at intelligence at that moment."""

    acted_at: AwareDatetime
