"""Open questions, written answers and their feedback on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime

from shared_schemas.course import Criterion, Difficulty, ExpectedLength, Slug
from shared_schemas.errors import ErrorBody
from shared_schemas.paths import Pagination
from shared_schemas.wire import Request, Response

GradingStatus = Literal["pending", "processing", "completed", "failed"]
Level = Literal["full", "partial", "none"]
Confidence = Literal["high", "medium", "low"]
# Why a person should look at a grade; `sample` is one in ten of those without any other reason.
ReviewReason = Literal[
    "off_topic",
    "low_confidence",
    "instructions_in_answer",
    "unsupported_quote",
    "copied_example",
    "lexical_disagreement",
    "regraded",
    "sample",
]

MINIMUM_ANSWER_LENGTH = 50
MAXIMUM_ANSWER_LENGTH = 5000
MAXIMUM_ATTEMPTS = 3


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain a lone surrogate")
    return text


# For a text that PostgreSQL is to keep.
STORABLE = AfterValidator(_storable)


class SubmitRequest(Request):
    """A written answer; its length counts in characters, without white space around it."""

    question_id: Slug
    answer_text: Annotated[str, STORABLE]


class StudentStatus(Response):
    """Where the student stands with one question; a failed grading does not count as an attempt."""

    attempted: bool
    latest_score: float | None
    attempts_remaining: int


class Question(Response):
    """An open question; the two examples stay null until the student has a graded attempt."""

    question_id: str
    chapter_id: str
    section_id: str
    question_text: str
    difficulty_level: Difficulty
    expected_length: ExpectedLength
    evaluation_criteria: list[Criterion]
    student_status: StudentStatus
    excellent_example: str | None
    poor_example: str | None


class Questions(Response):
    """Open questions in course order."""

    questions: list[Question]
    total: int
    chapters_covered: list[str]


class SubmissionReceipt(Response):
    """A submission taken into the queue."""

    submission_id: UUID
    student_id: UUID
    question_id: str
    submitted_at: AwareDatetime
    grading_status: GradingStatus
    attempt_number: int
    attempts_remaining: int
    estimated_completion_seconds: int
    feedback_url: str


class GradingInProgress(Response):
    """The answer to a request for feedback that does not exist yet."""

    submission_id: UUID
    question_id: str
    grading_status: Literal["pending", "processing"]
    submitted_at: AwareDatetime
    estimated_completion_seconds: int


class CriterionResult(Response):
    """One criterion: ``points`` earned ``of`` so many, shown by ``evidence``, a quote of the answer or empty."""

    criterion: str
    points: float
    of: int
    level: Level
    evidence: str
    why: str
    section_id: str


class FeedbackMetadata(Response):
    """What the grading took."""

    model_version: str
    tokens_used: int
    cost_usd: float
    latency_ms: int


class FeedbackReview(Response):
    """That a course operator has looked at a grade: what it was before, and what the operator says."""

    original_score: float
    note: str | None
    reviewed_at: AwareDatetime


class Feedback(Response):
    """A graded answer: 0 to 10 with one decimal, by arithmetic over the criteria, or as an operator decided."""

    feedback_id: UUID
    submission_id: UUID
    question_id: str
    grading_status: Literal["completed"]
    quality_score: float
    strengths: list[str]
    improvements: list[str]
    detailed_feedback: str
    criteria: list[CriterionResult]
    off_topic: bool
    generated_at: AwareDatetime
    review: FeedbackReview | None
    metadata: FeedbackMetadata


class GradingFailure(Response):
    """An answer that could not be graded for good: it is kept, attempt and quota are given back."""

    submission_id: UUID
    question_id: str
    grading_status: Literal["failed"]
    submitted_at: AwareDatetime
    error: ErrorBody


class Submission(Response):
    """One written answer as its student finds it again."""

    submission_id: UUID
    question_id: str
    chapter_id: str
    answer_text: str
    attempt_number: int
    grading_status: GradingStatus
    quality_score: float | None
    submitted_at: AwareDatetime
    feedback_url: str


class Submissions(Response):
    """A student's answers, newest first."""

    submissions: list[Submission]
    pagination: Pagination
