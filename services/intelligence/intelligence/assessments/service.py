"""Open questions, and taking written answers into the queue."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence import activity, content, llm
from intelligence.assessments import grading, reading
from intelligence.assessments.gibberish import is_gibberish
from intelligence.content import LoadedCourse
from intelligence.database import connection
from intelligence.errors import ServiceError
from intelligence.idempotency import Replayed, known_answer
from intelligence.models import AssessmentFeedback, AssessmentSubmission
from intelligence.usage.reservations import limits_of, raise_refusal
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
    learner: Learner, *, question_id: str, answer: str, key: str | None, request_digest: str
) -> SubmissionReceipt | Replayed:
    """Queue a checked answer, a learning action, with one attempt and one quota unit: all of it or nothing.

    A repetition under the same key gets the first one's answer. Raises AttemptsExhausted, then what ``reserve`` raises.
    """
    course = await content.current_course()
    question = course.question(question_id)
    if question is None:  # gone since it was checked
        raise QuestionNotFound
    worst_case_usd = llm.worst_case_usd(grading.longest_prompt(course, question_id, answer))
    for _ in range(RACES_LOST_AT_MOST):
        found = await _attempts(learner.student_id, question_id, key)
        known = known_answer(found, request_digest)
        if known is not None:
            return known
        receipt = _receipt(learner.student_id, question_id, found)
        kept = await _keep(
            receipt,
            *(question.chapter_id, course.course.content_version, answer),
            *limits_of(learner, "assessment"),
            *(worst_case_usd, key, request_digest, receipt.model_dump_json().encode()),
        )
        if kept is None or kept["refused_by"] == "known_key":
            continue
        if kept["refused_by"] is not None:  # whoever was refused after waiting for the last attempt has none left
            _receipt(learner.student_id, question_id, await _attempts(learner.student_id, question_id, key))
        raise_refusal(kept, learner=learner, feature="assessment")
        activity.tell(kept["action_id"], learner.student_id, receipt.submitted_at)
        return receipt
    raise AttemptsExhausted(question_id)


async def _attempts(student_id: UUID, question_id: str, key: str | None) -> asyncpg.Record:
    """The attempt numbers that are taken, how many answers wait to be graded, and what the key has been used for."""
    async with connection() as postgres:
        return await postgres.fetchrow(_ATTEMPTS, student_id, question_id, key)


def _receipt(student_id: UUID, question_id: str, found: asyncpg.Record) -> SubmissionReceipt:
    """What the student is told if nobody else takes the lowest free attempt meanwhile; raises AttemptsExhausted."""
    free = [number for number in range(1, MAXIMUM_ATTEMPTS + 1) if number not in found["taken"]]
    if not free:
        raise AttemptsExhausted(question_id)
    submission_id = uuid4()
    return SubmissionReceipt(
        submission_id=submission_id,
        student_id=student_id,
        question_id=question_id,
        submitted_at=found["now"],
        grading_status="pending",
        attempt_number=free[0],
        attempts_remaining=len(free) - 1,
        estimated_completion_seconds=reading.seconds_behind(found["waiting"]),
        feedback_url=reading.feedback_url(submission_id),
    )


async def _keep(receipt: SubmissionReceipt, *rest: Any) -> asyncpg.Record | None:
    """What `keep_submission` answers; None where another request has taken the attempt.

    The unique index settles that race, and whoever loses it looks for the next free number.
    """
    submission = (receipt.submission_id, receipt.student_id, receipt.question_id)
    attempt = (receipt.attempt_number, receipt.submitted_at)
    try:
        async with connection() as postgres:
            return await postgres.fetchrow(_KEEP, *submission, *attempt, *rest)
    except IntegrityError as error:
        if ATTEMPT_INDEX not in str(error.orig):
            raise
        return None


# One statement, so that a repetition sees either the first request's answer or none of its effects.
_ATTEMPTS = (
    "SELECT now() AS now, ARRAY(SELECT attempt_number FROM assessment_submissions WHERE student_id = $1::uuid"
    " AND question_id = $2::text AND grading_status <> 'failed') AS taken,"
    " (SELECT count(*) FROM assessment_submissions WHERE grading_status IN ('pending', 'processing')) AS waiting,"
    " k.request_digest, k.status_code, k.response_body FROM (SELECT) one"
    " LEFT JOIN intelligence_idempotency_keys k ON k.student_id = $1::uuid AND k.idempotency_key = $3::text"
)
# revision 013 says what the function does, and what it refuses
_KEEP = (
    "SELECT * FROM keep_submission(p_submission_id => $1::uuid, p_student_id => $2::uuid, p_question_id => $3::text,"
    " p_attempt_number => $4::integer, p_submitted_at => $5::timestamptz, p_chapter_id => $6::text,"
    " p_content_version => $7::text, p_answer_text => $8::text, p_quota_limit => $9::integer,"
    " p_student_ceiling => $10::numeric, p_installation_ceiling => $11::numeric, p_switched_on => $12::boolean,"
    " p_worst_case_usd => $13::numeric, p_key => $14::text, p_request_digest => $15::text, p_receipt => $16::bytea)"
)


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
