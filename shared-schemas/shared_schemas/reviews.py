"""What operators do with grades, on the wire."""

from decimal import Decimal
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool, StringConstraints, model_validator

from shared_schemas.assessments import STORABLE, Confidence, CriterionResult, FeedbackReview, ReviewReason
from shared_schemas.paths import Pagination
from shared_schemas.wire import Request, Response

Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), STORABLE]
Score = Annotated[Decimal, Field(ge=0, le=10, max_digits=3, decimal_places=1)]


class PreviousGrade(Response):
    """The grade that another grading has superseded: what counted until then, and what a person had decided."""

    quality_score: float
    review: FeedbackReview | None


class FeedbackToReview(Response):
    """A grade with all that a person needs to judge it. ``regrading``: whether another grade is on its way.

    ``question_text`` and ``excellent_example`` are those the answer was graded by; null where that version of the
    course can not be read any more.
    """

    feedback_id: UUID
    submission_id: UUID
    student_id: UUID
    question_id: str
    question_text: str | None
    excellent_example: str | None
    attempt_number: int
    answer_text: str
    quality_score: float
    criteria: list[CriterionResult]
    detailed_feedback: str
    off_topic: bool
    instructions_in_answer: bool
    confidence: Confidence
    reasons: list[ReviewReason]
    generated_at: AwareDatetime
    model_version: str
    prompt_version: str
    regrading: Literal["none", "queued", "failed"]
    previous: PreviousGrade | None


class ReviewQueue(Response):
    """Grades that nobody has looked at yet, the oldest first."""

    feedback: list[FeedbackToReview]
    pagination: Pagination


class ReviewRequest(Request):
    """An operator's decision: another score, with the reason for the student, or that the grade ``stands``."""

    quality_score: Score | None = None
    stands: StrictBool = False
    note: Note | None = None

    @model_validator(mode="after")
    def _decides_and_explains(self) -> Self:
        if self.stands is (self.quality_score is not None):
            raise ValueError("decide one of two: another quality_score, or that the grade stands")
        if self.quality_score is not None and self.note is None:
            raise ValueError("another score needs a note that explains it to the student")
        return self


class Review(Response):
    """A decision taken. ``quality_score`` is what counts now, ``original_score`` what the grading said."""

    feedback_id: UUID
    submission_id: UUID
    student_id: UUID
    original_score: float
    quality_score: float
    note: str | None
    reviewed_at: AwareDatetime


class RegradeRequest(Request):
    """Why an answer should be graded once more; for the record, the student does not see it.

    ``force``: also where a person has decided, although the new grade takes that decision's place.
    """

    force: StrictBool = False
    note: Note | None = None


class Regrading(Response):
    """An answer queued for another grade, which will supersede the one it has and charges the student nothing."""

    submission_id: UUID
    feedback_id: UUID
    new_feedback_id: UUID
    grading_status: Literal["pending", "processing"]
