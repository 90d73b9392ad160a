"""Answers that people have marked: the training part of SemEval-2013 task 7, read from JSON lines.

Dzikovska et al., SemEval-2013 Task 7: The Joint Student Response Analysis and 8th Recognizing Textual Entailment
Challenge (Beetle and SciEntsBank; CC BY-SA 3.0). The files are never part of this repository.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared_schemas.course import AnswerPoint, ShortAnswerKey

QUESTIONS = "semeval2013_train_questions.jsonl"
ANSWERS = "semeval2013_train_answers.jsonl"
FEWEST_MODEL_ANSWERS = 3


class MissingData(Exception):
    """There are no human marks to measure against."""


@dataclass(frozen=True)
class MarkedQuestion:
    """A question, a key of its reference answers alone, and each answer with whether people called it correct."""

    question_id: str
    corpus: str
    text: str
    key: ShortAnswerKey
    answers: tuple[tuple[str, bool], ...]


def read_questions(folder: Path) -> list[MarkedQuestion]:
    """Every question that has answers. Raises MissingData, naming the file that is not there."""
    answers: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for answer in _lines(folder / ANSWERS):
        answers[answer["qid"]].append(answer)
    return [
        MarkedQuestion(
            question_id=question["qid"],
            corpus=marked[0]["corpus"],
            text=question["question"],
            key=key_of([reference["text"] for reference in question["references"]]),
            answers=tuple((one["answer"], one["label"] == "correct") for one in marked),
        )
        for question in _lines(folder / QUESTIONS)
        if (marked := answers[question["qid"]])
    ]


def key_of(model_answers: list[str], points: list[AnswerPoint] | None = None) -> ShortAnswerKey:
    """The key of a question of which only answers are known; one alone is repeated, as a key holds three or more."""
    return ShortAnswerKey(
        question_id="question",
        section_id="section",
        concept="concept",
        points=points or [],
        must_not=[],
        model_answers=model_answers * (1 if len(model_answers) >= FEWEST_MODEL_ANSWERS else FEWEST_MODEL_ANSWERS),
        explanation=model_answers[0],
    )


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise MissingData(f"{file} cannot be read: {problem.strerror}") from problem
    return map(json.loads, text.splitlines())
