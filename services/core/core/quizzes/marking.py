"""Marks a quiz: the same answers always get the same score. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.quizzes.criteria import mark_short_answer
from shared_schemas.course import (
    SHORT_ANSWER_POINTS,
    Key,
    MultipleChoiceKey,
    Quiz,
    QuizKey,
    QuizQuestion,
    ShortAnswerKey,
    TrueFalseKey,
)

FULL_MARKS = SHORT_ANSWER_POINTS
GOOD_SHORT_ANSWER = 7
NOT_ANSWERED = "This one was not answered, so it counts as wrong."
VERDICTS = {"true": True, "false": False}


class AnswersNotUnderstood(ValueError):
    """Answers that cannot be marked; ``problems`` says by question id why."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class Mark:
    """What one question earned: ``score`` of 10. The members from ``feedback`` on are for short answers only."""

    question_id: str
    section_id: str
    correct: bool
    score: int
    explanation: str
    feedback: str | None = None
    matched: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class MarkedQuiz:
    """A quiz marked whole; ``score`` in percent, rounded half up."""

    marks: tuple[Mark, ...]
    score: int

    @property
    def correct_answers(self) -> int:
        """How many questions count as right."""
        return sum(mark.correct for mark in self.marks)


def mark_quiz(quiz: Quiz, key: QuizKey, answers: Mapping[str, str | bool]) -> MarkedQuiz:
    """The marks of every question; one that was left out earns 0. Raises AnswersNotUnderstood, naming every problem."""
    questions = {question.question_id: question for question in quiz.questions}
    read: dict[str, str | bool | None] = {}
    problems: dict[str, str] = {}
    for question_id, answer in answers.items():
        if question_id not in questions:
            problems[question_id] = f"there is no such question; there are {', '.join(questions)}"
            continue
        try:
            read[question_id] = _understand(questions[question_id], answer)
        except ValueError as problem:
            problems[question_id] = str(problem)
    if problems:
        raise AnswersNotUnderstood(problems)
    marks = tuple(_mark(questions[one.question_id], one, read.get(one.question_id)) for one in key.keys)
    earned, possible = sum(mark.score for mark in marks), FULL_MARKS * len(marks)
    return MarkedQuiz(marks=marks, score=(200 * earned + possible) // (2 * possible))


def _understand(question: QuizQuestion, answer: str | bool) -> str | bool | None:
    """The answer as its key speaks of it: an option's id, a verdict, a text; None for blank text. Raises ValueError."""
    if isinstance(answer, str) and not answer.strip():
        return None
    if question.type == "multiple-choice":
        return _chosen_option(question, answer)
    if question.type == "true-false":
        verdict = answer if isinstance(answer, bool) else VERDICTS.get(_plain(answer))
        if verdict is None:
            raise ValueError("must be true or false")
        return verdict
    if isinstance(answer, bool):
        raise ValueError("must be text")  # noqa: TRY004  # collected with the other answers that cannot be marked
    return answer


def _chosen_option(question: QuizQuestion, answer: str | bool) -> str:
    wanted = _plain(answer) if isinstance(answer, str) else None
    for option in question.options:
        if wanted in {_plain(option.id), _plain(option.text)}:
            return option.id
    ids = ", ".join(option.id for option in question.options)
    raise ValueError(f"must be one of {ids}, or the text of that option")


def _plain(text: str) -> str:
    """The text without regard to case, spacing and a closing full stop or bracket."""
    return " ".join(text.casefold().split()).rstrip(" .)")


def _mark(question: QuizQuestion, key: Key, answer: str | bool | None) -> Mark:
    if isinstance(key, ShortAnswerKey):
        return _short(question, key, "" if answer is None else str(answer))
    correct = answer is not None and answer == key.answer
    return Mark(
        question_id=key.question_id,
        section_id=key.section_id,
        correct=correct,
        score=FULL_MARKS if correct else 0,
        explanation=NOT_ANSWERED if answer is None else _explanation(key, answer, correct=correct),
    )


def _explanation(key: MultipleChoiceKey | TrueFalseKey, answer: str | bool, *, correct: bool) -> str:
    if isinstance(key, MultipleChoiceKey):
        return key.explanations[str(answer)]
    return key.explanation_right if correct else key.explanation_wrong


def _short(question: QuizQuestion, key: ShortAnswerKey, text: str) -> Mark:
    found = mark_short_answer(text, question=question.question_text, key=key)
    return Mark(
        question_id=key.question_id,
        section_id=key.section_id,
        correct=found.score >= GOOD_SHORT_ANSWER,
        score=found.score,
        explanation=key.explanation if text else NOT_ANSWERED,
        feedback=found.feedback,
        matched=found.matched,
        missing=found.missing,
    )
