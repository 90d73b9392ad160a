"""Taking a quiz, as a whole or one question at a time. The API marks; no key ever comes here."""

from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from chatgpt_app.auth import Learner
from chatgpt_app.errors import NothingThere
from chatgpt_app.gateway import api_path
from chatgpt_app.tooling import (
    REPEATED_WITHIN,
    Ctx,
    Shown,
    counted,
    course_tool,
    learner_of,
    once,
    reached,
    said,
    utc_now,
)
from shared_schemas.course import Slug
from shared_schemas.quizzes import Answer, QuizAttempt, QuizPaper, QuizSubmission

QuizId = Annotated[Slug, Field(description="A quiz's id as get_chapter shows it, e.g. 01-intro-quiz")]
Answers = Annotated[
    dict[str, Answer],
    Field(
        max_length=100,
        description="By question id: an option's id, true or false, or the learner's own words. Left out counts "
        "as wrong.",
    ),
]


class Option(Shown):
    """One choice."""

    id: str
    text: str


class Question(Shown):
    """A question; ``options`` is empty unless it is multiple choice."""

    question_id: str
    text: str
    type: Literal["multiple-choice", "true-false", "short-answer"]
    options: list[Option]


class Paper(Shown):
    """A quiz to be taken; ``passing_score`` in percent."""

    quiz_id: str
    chapter_id: str
    title: str
    passing_score: int
    questions: list[Question]


class Marked(Shown):
    """What became of one question. ``hints``: ideas that a short answer left out; ``review``: where to read again."""

    question_id: str
    correct: bool
    score: int
    max_score: int
    explanation: str
    feedback: str | None = None
    hints: list[str]
    review: str | None = None


class Result(Shown):
    """A marked attempt; scores in percent."""

    quiz_id: str
    chapter_id: str
    score: int
    best_score: int
    passed: bool
    passing_score: int
    correct: int
    total: int
    questions: list[Marked]
    review: list[str]
    milestones: list[str]


class Step(Shown):
    """Where a quiz taken one question at a time stands; ``result`` once the last answer was given."""

    quiz_id: str
    answered: int
    total: int
    next_question: str | None = None
    result: Result | None = None


@course_tool(
    title="Start a quiz",
    use=(
        "Use this when the learner wants to take or see a chapter's quiz. Ask one question at a time and "
        "never hint at the answer."
    ),
    invoking="Laying out the quiz",
    invoked="The quiz",
    widget="quiz",
)
async def get_quiz(ctx: Ctx, quiz_id: QuizId) -> Annotated[CallToolResult, Paper]:
    """A quiz without its keys."""
    paper = _shown(await _paper(learner_of(ctx), quiz_id))
    lines = [f"{q.question_id}. {q.text}{_choices(q)}" for q in paper.questions]
    return said(f"{paper.title} ({paper.passing_score} % to pass)\n" + "\n".join(lines), paper)


@course_tool(
    title="Hand in a quiz",
    use=(
        "Use this when the learner has answered a quiz in the chat and wants it marked. Records an "
        "attempt; the same answers again within two minutes are no new one."
    ),
    invoking="Marking the quiz",
    invoked="Marked",
    writes=True,
    counts_again=True,
)
async def submit_quiz(ctx: Ctx, quiz_id: QuizId, answers: Answers) -> Annotated[CallToolResult, Result]:
    """A marked attempt."""
    result = await _submit(learner_of(ctx), quiz_id, answers)
    return said(_verdict(result), result)


@course_tool(
    title="Answer a question",
    use=(
        "Use this when the quiz card hands on the answers given so far. The last answer has the attempt "
        "marked and recorded."
    ),
    invoking="Noting the answer",
    invoked="Noted",
    writes=True,
    counts_again=True,
    app_only=True,
)
async def answer_question(
    ctx: Ctx,
    quiz_id: QuizId,
    question_id: Annotated[Slug, Field(description="The question that was just answered")],
    answers: Answers,
) -> Annotated[CallToolResult, Step]:
    """The next question, or the marked attempt when there is none left."""
    learner = learner_of(ctx)
    paper = await _paper(learner, quiz_id)
    order = [question.question_id for question in paper.questions]
    if question_id not in order or question_id not in answers or answers[question_id] == "":
        raise NothingThere("That answer is empty or to no question of this quiz. Choose or write an answer first.")
    left = [one for one in order if one not in answers]
    if left:
        step = Step(quiz_id=quiz_id, answered=len(order) - len(left), total=len(order), next_question=left[0])
        return said(f"Noted. {step.answered} of {counted(step.total, 'question')} answered.", step)
    result = await _submit(learner, quiz_id, answers)
    return said(_verdict(result), Step(quiz_id=quiz_id, answered=len(order), total=len(order), result=result))


async def _paper(learner: Learner, quiz_id: str) -> QuizPaper:
    return await learner.get(api_path("v1", "quizzes", quiz_id), QuizPaper)


async def _attempt(learner: Learner, quiz_id: str, answers: dict[str, str | bool]) -> QuizAttempt:
    """The attempt that was made of the same answers within two minutes, or else a new one.

    The first key of some answers brings their first attempt, and each older attempt leads to the key of the next.
    """
    # in one order, as the API takes the same answers in another order for another request
    submission = QuizSubmission(answers=dict(sorted(answers.items())))

    async def following(earlier: QuizAttempt | None) -> QuizAttempt:
        key = once("quiz", quiz_id, answers, earlier and earlier.attempt_id)
        path = api_path("v1", "quizzes", quiz_id, "submit")
        return await learner.send("POST", path, QuizAttempt, submission, key)

    now = utc_now()
    attempt = await following(None)
    while now - attempt.submitted_at >= REPEATED_WITHIN:
        earlier, attempt = attempt, await following(attempt)
        if attempt.submitted_at - earlier.submitted_at < REPEATED_WITHIN / 2:
            break  # both were made just now: this clock is ahead of the API's, and would ask for ever
    return attempt


async def _submit(learner: Learner, quiz_id: str, answers: dict[str, str | bool]) -> Result:
    attempt = await _attempt(learner, quiz_id, answers)
    return Result(
        quiz_id=attempt.quiz_id,
        chapter_id=attempt.chapter_id,
        score=attempt.score,
        best_score=attempt.best_score,
        passed=attempt.passed,
        passing_score=attempt.passing_score,
        correct=attempt.correct_answers,
        total=attempt.total_questions,
        questions=[
            Marked(
                question_id=question_id,
                correct=grade.correct,
                score=grade.score,
                max_score=grade.max_score,
                explanation=grade.explanation,
                feedback=grade.feedback,
                hints=grade.missing,
                review=grade.review.title if grade.review else None,
            )
            for question_id, grade in attempt.grading_details.items()
        ],
        review=[section.title for section in attempt.sections_to_review],
        milestones=attempt.milestones_reached,
    )


def _shown(paper: QuizPaper) -> Paper:
    return Paper(
        quiz_id=paper.quiz_id,
        chapter_id=paper.chapter_id,
        title=paper.title,
        passing_score=paper.passing_score,
        questions=[
            Question(
                question_id=q.question_id,
                text=q.question_text,
                type=q.type,
                options=[Option(id=option.id, text=option.text) for option in q.options],
            )
            for q in paper.questions
        ],
    )


def _choices(question: Question) -> str:
    if question.type == "true-false":
        return " (true or false)"
    return "".join(f"\n   {option.id}) {option.text}" for option in question.options)


def _verdict(result: Result) -> str:
    head = f"{result.score} %, {result.correct} of {result.total} right: "
    head += "passed." if result.passed else f"not passed yet ({result.passing_score} % is needed)."
    lines = [_outcome(question) for question in result.questions]
    again = f"Read again: {'; '.join(result.review)}." if result.review else ""
    return "\n".join(line for line in (head, *lines, again, reached(result.milestones)) if line)


def _outcome(question: Marked) -> str:
    """One question in words. A short answer earns points; what it left out is hinted at."""
    told = "right" if question.correct else "wrong" if not question.score else "partly right"
    if question.feedback is not None:
        told += f", {question.score} of {counted(question.max_score, 'point')}"
    hints = f"Hints: {' '.join(question.hints)}" if question.hints else None
    sentences = [f"{question.question_id}: {told}.", question.feedback, question.explanation, hints]
    return " ".join(sentence for sentence in sentences if sentence)
