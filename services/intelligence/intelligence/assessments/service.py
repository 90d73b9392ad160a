"""Open questions, and taking written answers into the queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import activity, content, llm
from intelligence.assessments import grading, reading
from intelligence.assessments.gibberish import is_gibberish
from intelligence.content import LoadedCourse
from intelligence.database import driver
from intelligence.errors import ServiceError
from intelligence.models import AssessmentFeedback, AssessmentSubmission
from intelligence.usage.service import reserve
from shared_schemas.assessments import (
    MAXIMUM_ANSWER_LENGTH,
    MAXIMUM_ATTEMPTS,
    MINIMUM_ANSWER_LENGTH,
    Question,
    Questions,
    StudentStatus,
    SubmissionReceipt,
)
from shared_schemas.claims import Learner
from shared_schemas.course import OpenQuestion

ATTEMPT_INDEX = "uq_assessment_submissions_attempt"
RACES_LOST_AT_MOST = 20

Remember = Callable[[AsyncSession, SubmissionReceipt], Awaitable[None]]


class InvalidAnswerLength(ServiceError):
    """The answer is too short or too long."""

    status = 400
    code = "INVALID_ANSWER_LENGTH"

    def __init__(self, length: int) -> None:
        super().__init__(
            f"An answer has {MINIMUM_ANSWER_LENGTH} to {MAXIMUM_ANSWER_LENGTH} characters; this one has {length}.",
            extra={
                "current_length": length,
                "minimum_length": MINIMUM_ANSWER_LENGTH,
                "maximum_length": MAXIMUM_ANSWER_LENGTH,
            },
        )


class InvalidSubmission(ServiceError):
    """The answer is plain gibberish; nothing was charged."""

    status = 400
    code = "INVALID_SUBMISSION"
    message = "This does not read like an answer. Nothing was counted."

    def __init__(self) -> None:
        super().__init__(
            extra={"suggestion": "Write in your own words, in full sentences, what the question asks for."}
        )


class QuestionNotFound(ServiceError):
    """The course has no such open question."""

    status = 404
    code = "QUESTION_NOT_FOUND"
    message = "There is no such question in this course."


class AttemptsExhausted(ServiceError):
    """All three attempts at this question are used."""

    status = 409
    code = "ATTEMPTS_EXHAUSTED"

    def __init__(self, question_id: str) -> None:
        super().__init__(
            f"You have used all {MAXIMUM_ATTEMPTS} attempts at this question.",
            details={"question_id": question_id, "maximum_attempts": MAXIMUM_ATTEMPTS, "attempts_remaining": 0},
        )


@dataclass(frozen=True)
class _Standing:
    """A student's standing with one question."""

    attempts: int
    latest_score: Decimal | None


async def list_questions(session: AsyncSession, *, student_id: UUID, chapter_id: str | None) -> Questions:
    """Every open question of the course, or of one chapter, in course order."""
    course = await content.current_course()
    standings = await _standings(session, student_id)
    questions = [
        _question(course, question, standings.get(question.question_id))
        for chapter in course.course.chapters
        if chapter_id in {None, chapter.chapter_id}
        for question in course.assessments[chapter.chapter_id].questions
    ]
    return Questions(
        questions=questions,
        total=len(questions),
        chapters_covered=list(dict.fromkeys(question.chapter_id for question in questions)),
    )


async def find_question(session: AsyncSession, *, student_id: UUID, question_id: str) -> Question:
    """One open question; raises QuestionNotFound."""
    course = await content.current_course()
    question = course.question(question_id)
    if question is None:
        raise QuestionNotFound
    standings = await _standings(session, student_id)
    return _question(course, question, standings.get(question_id))


async def check_answer(question_id: str, answer_text: str) -> str:
    """The answer as it is stored; raises what is wrong with it, or with the question, before anything is written."""
    answer = answer_text.strip()
    if not MINIMUM_ANSWER_LENGTH <= len(answer) <= MAXIMUM_ANSWER_LENGTH:
        raise InvalidAnswerLength(len(answer))
    if is_gibberish(answer):
        raise InvalidSubmission
    if (await content.current_course()).question(question_id) is None:
        raise QuestionNotFound
    return answer


async def submit_answer(
    session: AsyncSession, *, learner: Learner, question_id: str, answer: str, remember: Remember
) -> SubmissionReceipt:
    """Queue a checked answer, a learning action, with one attempt and one quota unit taken in the caller's transaction.

    Raises AttemptsExhausted, then what ``reserve`` raises. ``remember`` stores the receipt in the same transaction.
    """
    course = await content.current_course()
    task = grading.assignment(course, question_id, answer)
    worst_case_usd = llm.worst_case_usd(grading.prompt(task))
    submission, attempts = await _take_attempt(
        session,
        student_id=learner.student_id,
        question=task.question,
        content_version=course.course.content_version,
        answer=answer,
    )
    receipt = SubmissionReceipt(
        submission_id=submission.submission_id,
        student_id=learner.student_id,
        question_id=question_id,
        submitted_at=submission.submitted_at,
        grading_status="pending",
        attempt_number=submission.attempt_number,
        attempts_remaining=MAXIMUM_ATTEMPTS - attempts,
        estimated_completion_seconds=await reading.estimated_seconds(session),
        feedback_url=reading.feedback_url(submission.submission_id),
    )
    await remember(session, receipt)
    await activity.owe(session, learner.student_id)
    submission.reservation_id = await reserve(
        await driver(session),
        learner=learner,
        feature="assessment",
        reference_id=uuid4(),
        worst_case_usd=worst_case_usd,
        lease_seconds=None,
    )
    return receipt


async def _take_attempt(
    session: AsyncSession, *, student_id: UUID, question: OpenQuestion, content_version: str, answer: str
) -> tuple[AssessmentSubmission, int]:
    """The submission stored under the lowest free attempt number, and how many are taken then.

    The unique index settles a race: whoever loses one looks for the next free number.
    """
    for _ in range(RACES_LOST_AT_MOST):
        taken = set(
            await session.scalars(
                select(AssessmentSubmission.attempt_number).where(
                    AssessmentSubmission.student_id == student_id,
                    AssessmentSubmission.question_id == question.question_id,
                    AssessmentSubmission.grading_status != "failed",
                )
            )
        )
        free = [number for number in range(1, MAXIMUM_ATTEMPTS + 1) if number not in taken]
        if not free:
            break
        submission = AssessmentSubmission(
            student_id=student_id,
            question_id=question.question_id,
            chapter_id=question.chapter_id,
            content_version=content_version,
            answer_text=answer,
            attempt_number=free[0],
        )
        try:
            async with session.begin_nested():
                session.add(submission)
        except IntegrityError as error:
            if ATTEMPT_INDEX not in str(error.orig):
                raise
        else:
            return submission, len(taken) + 1
    raise AttemptsExhausted(question.question_id)


async def _standings(session: AsyncSession, student_id: UUID) -> dict[str, _Standing]:
    rows = await session.execute(
        select(AssessmentSubmission.question_id, reading.SCORE_THAT_COUNTS)
        .outerjoin(AssessmentFeedback, reading.CURRENT_FEEDBACK)
        .where(AssessmentSubmission.student_id == student_id, AssessmentSubmission.grading_status != "failed")
        .order_by(AssessmentSubmission.submitted_at)
    )
    standings: dict[str, _Standing] = {}
    for question_id, score in rows:
        before = standings.get(question_id, _Standing(0, None))
        standings[question_id] = _Standing(before.attempts + 1, before.latest_score if score is None else score)
    return standings


def _question(course: LoadedCourse, question: OpenQuestion, standing: _Standing | None) -> Question:
    attempts = standing.attempts if standing else 0
    score = standing.latest_score if standing else None
    rubric = course.rubric(question.question_id)
    return Question(
        **question.model_dump(),
        student_status=StudentStatus(
            attempted=attempts > 0,
            latest_score=None if score is None else float(score),
            attempts_remaining=MAXIMUM_ATTEMPTS - attempts,
        ),
        excellent_example=None if score is None else rubric.excellent_example,
        poor_example=None if score is None else rubric.poor_example,
    )
