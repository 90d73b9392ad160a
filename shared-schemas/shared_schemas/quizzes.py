"""Quizzes on the wire: what a student is asked, sends and gets back."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, PlainValidator, WithJsonSchema

from shared_schemas.course import QuizQuestion
from shared_schemas.wire import Request, Response

ANSWER_CHARACTERS = 2_000
ANSWERS = 100


def read_answer(value: Any) -> str | bool:
    """One answer as it was sent: text or a boolean; numbers, null, lists and objects are refused."""
    if not isinstance(value, str | bool):
        raise ValueError("must be text, true or false")  # noqa: TRY004 - pydantic turns a ValueError into a 422, not a TypeError
    if isinstance(value, str) and len(value) > ANSWER_CHARACTERS:
        raise ValueError(f"must have at most {ANSWER_CHARACTERS:,} characters")
    return value


Answer = Annotated[
    str | bool,
    PlainValidator(read_answer),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": ANSWER_CHARACTERS}, {"type": "boolean"}]}),
]


class QuizSubmission(Request):
    """Answers by question id: an option's id or text, true or false, or free text. What is left out counts as wrong."""

    answers: Annotated[dict[str, Answer], Field(max_length=ANSWERS)]


class QuizPaper(Response):
    """A quiz as a student sees it before answering: no keys, no keywords, no explanations."""

    quiz_id: str
    chapter_id: str
    title: str
    passing_score: int
    total_questions: int
    questions: list[QuizQuestion]


class ReviewSection(Response):
    """Where an answer is taught."""

    section_id: str
    title: str


class QuestionGrade(Response):
    """What became of one question.

    ``score`` of ``max_score``. ``explanation`` says why; ``feedback`` (null but for short answers) says what earned
    credit and what did not. ``matched`` are the student's own words that earned points, ``missing`` a hint for every
    idea left out. ``review`` is where to read again, null when the answer was right.
    """

    correct: bool
    score: int
    max_score: int
    explanation: str
    feedback: str | None
    matched: list[str]
    missing: list[str]
    review: ReviewSection | None


class QuizAttempt(Response):
    """The outcome of one attempt; ``score`` in percent.

    ``sections_to_review`` is empty when the quiz was passed. ``progress_updated`` is true: progress is stored with the
    attempt or neither is. ``best_score`` counts this attempt; ``milestones_reached`` are those that it reached.
    """

    attempt_id: UUID
    quiz_id: str
    chapter_id: str
    score: int
    passed: bool
    passing_score: int
    total_questions: int
    correct_answers: int
    submitted_at: AwareDatetime
    grading_details: dict[str, QuestionGrade]
    sections_to_review: list[ReviewSection]
    progress_updated: bool
    best_score: int
    milestones_reached: list[str]


class Page(Response):
    """Which part of a longer list this is; pages count from 1."""

    page: int
    per_page: int
    total: int
    total_pages: int


class AttemptSummary(Response):
    """One attempt in a list."""

    attempt_id: UUID
    quiz_id: str
    chapter_id: str
    score: int
    passed: bool
    total_questions: int
    correct_answers: int
    submitted_at: AwareDatetime


class AttemptRecord(AttemptSummary):
    """One attempt with what became of every question."""

    grading_details: dict[str, QuestionGrade]


class QuizResults(Response):
    """A student's attempts at one quiz, newest first; ``best_score`` is null before the first."""

    quiz_id: str
    best_score: int | None
    attempts: list[AttemptRecord]
    pagination: Page


class QuizHistory(Response):
    """A student's attempts at all quizzes, newest first."""

    attempts: list[AttemptSummary]
    pagination: Page
