"""The short answers of the shipped course, as marking sees them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.publishing.compile import compile_course
from core.publishing.source import read_course
from shared_schemas.course import Quiz, QuizKey, ShortAnswerKey

CONTENT = Path(__file__).resolve().parents[3] / "content"


@dataclass(frozen=True)
class ShortQuestion:
    """One short-answer question with its key."""

    name: str
    text: str
    key: ShortAnswerKey


@cache
def quizzes() -> list[tuple[Quiz, QuizKey]]:
    """Every quiz of the shipped course with its key."""
    objects = compile_course(read_course(CONTENT)).versioned
    papers = [Quiz.model_validate_json(body) for name, body in objects.items() if "/quizzes/" in f"/{name}"]
    keys = [QuizKey.model_validate_json(body) for name, body in objects.items() if "/quiz-keys/" in f"/{name}"]
    by_id = {key.quiz_id: key for key in keys}
    return [(paper, by_id[paper.quiz_id]) for paper in papers]


@cache
def short_questions() -> list[ShortQuestion]:
    """Every short-answer question of the shipped course."""
    return [
        ShortQuestion(f"{quiz.quiz_id}:{one.question_id}", question.question_text, one)
        for quiz, key in quizzes()
        for question, one in zip(quiz.questions, key.keys, strict=True)
        if isinstance(one, ShortAnswerKey)
    ]
