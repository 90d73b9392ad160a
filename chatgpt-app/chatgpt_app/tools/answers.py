"""Open questions: choosing one, answering it in one's own words, and the graded feedback."""

import asyncio
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field, TypeAdapter

from chatgpt_app.auth import Learner
from chatgpt_app.errors import NothingThere, Refused
from chatgpt_app.following import followed
from chatgpt_app.gateway import api_path
from chatgpt_app.tooling import Ctx, Shown, counted, course_tool, learner_of, once, said
from chatgpt_app.tools.access import has_graded_work
from chatgpt_app.wording import NO_GRADED_WORK
from shared_schemas.assessments import (
    MAXIMUM_ANSWER_LENGTH,
    Feedback,
    GradingFailure,
    Question,
    Questions,
    Submission,
    SubmissionReceipt,
    Submissions,
    SubmitRequest,
)
from shared_schemas.course import Slug

QuestionId = Annotated[Slug, Field(description="A question's id as list_open_questions shows it")]
GRADING = {"queued": "Your answer waits its turn", "analysing": "Reading your answer"}
STILL_GRADING = "Your answer is still being graded. Ask for the feedback again in a minute; nothing is lost."
FEEDBACK: TypeAdapter[Feedback | GradingFailure] = TypeAdapter(Feedback | GradingFailure)
FAILED = "Your answer could not be graded. It is kept, and the attempt was given back: please submit it again."


class OpenQuestion(Shown):
    """An open question, by what it is graded, and where the learner stands with it; scores from 0 to 10."""

    question_id: str
    chapter_id: str
    text: str
    criteria: list[str]
    words: str
    attempts_left: int
    latest_score: float | None = None


class OpenQuestions(Shown):
    """The questions in course order. ``part_of_plan``: whether the learner's plan has their answers graded."""

    part_of_plan: bool
    questions: list[OpenQuestion]


class AnswerTaken(Shown):
    """An answer that waits for its grade."""

    question_id: str
    attempt: int
    attempts_left: int
    ready_in_seconds: int


class CriterionGrade(Shown):
    """One criterion: ``points`` of ``out_of``; ``quote`` is the learner's own words that earned them, or empty."""

    criterion: str
    points: float
    out_of: int
    quote: str
    why: str
    section_id: str


class Review(Shown):
    """That a person has looked at the grade: what it was before, and what they say."""

    original_score: float
    note: str | None = None


class GradedAnswer(Shown):
    """Feedback on an answer; ``score`` from 0 to 10. ``question`` is missing where the course asks it no more."""

    question_id: str
    question: str | None = None
    score: float
    off_topic: bool
    summary: str
    strengths: list[str]
    improvements: list[str]
    criteria: list[CriterionGrade]
    review: Review | None = None


@course_tool(
    title="List open questions",
    use="Use this when the learner wants to answer a question in their own words, or asks how such answers are graded.",
    invoking="Looking up the questions",
    invoked="Open questions",
)
async def list_open_questions(
    ctx: Ctx, chapter_id: Annotated[Slug | None, Field(description="Only of this chapter")] = None
) -> Annotated[CallToolResult, OpenQuestions]:
    """Open questions with their criteria."""
    learner = learner_of(ctx)
    found, graded = await asyncio.gather(
        learner.get("/api/v2/assessments/questions", Questions, chapter_id=chapter_id), has_graded_work(learner)
    )
    shown = [
        OpenQuestion(
            question_id=q.question_id,
            chapter_id=q.chapter_id,
            text=q.question_text,
            criteria=[
                f"{criterion.name} ({counted(criterion.points, 'point')})" for criterion in q.evaluation_criteria
            ],
            words=f"{q.expected_length.minimum_words} to {q.expected_length.maximum_words} words",
            attempts_left=q.student_status.attempts_remaining if graded else 0,
            latest_score=q.student_status.latest_score,
        )
        for q in found.questions
    ]
    if not shown:
        raise NothingThere("There are no open questions there. Call it without a chapter to see all of them.")
    head = "Open questions:" if graded else f"{NO_GRADED_WORK} These are the open questions, to think about:"
    lines = [f"- {q.question_id}: {q.text} ({_terms(q, graded=graded)})" for q in shown]
    return said("\n".join([head, *lines]), OpenQuestions(part_of_plan=graded, questions=shown))


@course_tool(
    title="Hand in an answer",
    use=(
        "Use this when the learner has written their own answer to an open question and wants it graded. "
        "Counts as one attempt of three."
    ),
    invoking="Handing in your answer",
    invoked="Handed in",
    writes=True,
)
async def submit_answer(
    ctx: Ctx,
    question_id: QuestionId,
    answer_text: Annotated[
        str,
        Field(
            max_length=MAXIMUM_ANSWER_LENGTH, description="The learner's own words, unchanged; 50 characters or more"
        ),
    ],
) -> Annotated[CallToolResult, AnswerTaken]:
    """A receipt. The same text again is the same attempt, unless its grading failed for good."""
    learner = learner_of(ctx)
    text = answer_text.strip()
    failed = sum(
        earlier.grading_status == "failed" and earlier.answer_text == text
        for earlier in await _submissions(learner, question_id)
    )
    receipt = await learner.send(
        "POST",
        "/api/v2/assessments/submit",
        SubmissionReceipt,
        SubmitRequest(question_id=question_id, answer_text=text),
        once("answer", question_id, text, failed),
    )
    shown = AnswerTaken(
        question_id=question_id,
        attempt=receipt.attempt_number,
        attempts_left=receipt.attempts_remaining,
        ready_in_seconds=receipt.estimated_completion_seconds,
    )
    soon = f"Feedback comes in about {shown.ready_in_seconds} seconds: get_feedback."
    return said(f"Handed in as attempt {shown.attempt}; {shown.attempts_left} left. {soon}", shown)


@course_tool(
    title="Show feedback",
    use=(
        "Use this when the learner has handed in an answer and wants its grade and feedback. Waits while "
        "it is being graded."
    ),
    invoking="Waiting for your feedback",
    invoked="Your feedback",
    widget="feedback",
)
async def get_feedback(ctx: Ctx, question_id: QuestionId) -> Annotated[CallToolResult, GradedAnswer]:
    """Feedback on the newest answer to a question."""
    learner = learner_of(ctx)
    submissions, question = await asyncio.gather(_submissions(learner, question_id), _text_of(learner, question_id))
    if not submissions:
        await learner.get(api_path("v2", "assessments", "questions", question_id), Question)  # or there is none
        if not await has_graded_work(learner):
            raise NothingThere(NO_GRADED_WORK)
        raise NothingThere("You have not answered this question yet. submit_answer hands an answer in.")
    feedback = await followed(
        ctx,
        "GET",
        api_path("v2", "assessments", "feedback", str(submissions[0].submission_id), "events"),
        FEEDBACK,
        stages=GRADING,
        still=STILL_GRADING,
    )
    if isinstance(feedback, GradingFailure):
        raise NothingThere(FAILED)
    shown = _graded(feedback, question)
    return said(_words(shown), shown)


async def _text_of(learner: Learner, question_id: str) -> str | None:
    try:
        return (await learner.get(api_path("v2", "assessments", "questions", question_id), Question)).question_text
    except Refused:
        return None


def _graded(feedback: Feedback, question: str | None) -> GradedAnswer:
    review = feedback.review
    return GradedAnswer(
        question_id=feedback.question_id,
        question=question,
        score=feedback.quality_score,
        off_topic=feedback.off_topic,
        summary=feedback.detailed_feedback,
        strengths=feedback.strengths,
        improvements=[] if feedback.off_topic else feedback.improvements,  # the summary repeats the question already
        criteria=[
            CriterionGrade(
                criterion=one.criterion,
                points=one.points,
                out_of=one.of,
                quote=one.evidence,
                why=one.why,
                section_id=one.section_id,
            )
            for one in feedback.criteria
        ],
        review=Review(original_score=review.original_score, note=review.note) if review else None,
    )


def _terms(question: OpenQuestion, *, graded: bool) -> str:
    attempts = f", {counted(question.attempts_left, 'attempt')} left" if graded else ""
    return f"{question.words}{attempts}; graded by {', '.join(question.criteria)}"


async def _submissions(learner: Learner, question_id: str) -> list[Submission]:
    """The learner's answers to a question, newest first."""
    found = await learner.get("/api/v2/assessments/submissions", Submissions, question_id=question_id, limit=100)
    return found.submissions


def _words(graded: GradedAnswer) -> str:
    lines = [f"Question: {graded.question}"] if graded.question else []
    lines.append(f"{graded.score:g} of 10. {graded.summary}")
    if graded.review:
        was = graded.review.original_score
        before = f"; it was {was:g} before" if was != graded.score else ""
        lines.append(f"A person has looked at this grade{before}. {graded.review.note or ''}".rstrip())
    lines += [f"+ {strength}" for strength in graded.strengths]
    lines += [f"- {improvement}" for improvement in graded.improvements]
    for one in graded.criteria:
        quote = f" “{one.quote}”" if one.quote else ""
        lines.append(f"{one.criterion}: {one.points:g} of {one.out_of}.{quote} {one.why}")
    return "\n".join(lines)
