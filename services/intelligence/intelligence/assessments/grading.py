"""Grading one answer: what the model is asked, and what is made of its verdicts."""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, Field, create_model, model_validator

from intelligence import llm
from intelligence.assessments import lexical, wording
from intelligence.assessments import rubric as rubrics
from intelligence.assessments.masking import mask
from intelligence.assessments.rubric import Grade, Verdict
from intelligence.assessments.steering import without_steering
from intelligence.assessments.wording import Feedback, Words
from intelligence.content import LoadedCourse
from intelligence.llm import Prompt
from shared_schemas.assessments import Confidence, Level, ReviewReason
from shared_schemas.course import OpenQuestion, Rubric

MAXIMUM_TOKENS = 4000
REVIEWED_ONE_IN = 10


class CriterionVerdict(BaseModel):
    """The model's verdict on one criterion."""

    criterion_id: str
    level: Level
    evidence: str = Field(description="A verbatim passage of the answer, or empty for none")
    why: str


class GradeAnswer(BaseModel):
    """What the model must answer with."""

    criteria: list[CriterionVerdict]
    off_topic: bool
    instructions_in_answer: bool
    confidence: Confidence
    strengths: list[str]
    improvements: list[str]
    detailed_feedback: str


@dataclass(frozen=True)
class Assignment:
    """An answer with everything it is graded by. ``shown`` is the answer as the model sees it."""

    question: OpenQuestion
    rubric: Rubric
    shown: str
    steering_removed: bool
    titles: dict[str, str]


@dataclass(frozen=True)
class Result:
    """A grade with its feedback, and why a person should look at it, if one should."""

    grade: Grade
    feedback: Feedback
    instructions_in_answer: bool
    confidence: Confidence
    review_reasons: list[ReviewReason]

    @property
    def needs_review(self) -> bool:
        """Whether there is any reason to look at it."""
        return bool(self.review_reasons)


class QuestionGone(Exception):
    """The course version that an answer was written for has no such question."""


def assignment(course: LoadedCourse, question_id: str, answer: str) -> Assignment:
    """The answer made ready: orders to the grader taken out, personal data masked. Raises QuestionGone."""
    whole = _assignment(course, question_id, answer)
    rubric = whole.rubric
    course_texts = [whole.question.question_text, rubric.excellent_example, rubric.poor_example]
    course_texts += [text for one in rubric.criteria for text in (one.name, one.levels.full, one.levels.none)]
    kept = without_steering(answer, course_texts)
    return whole if kept == answer else replace(whole, shown=mask(kept), steering_removed=True)


def longest_prompt(course: LoadedCourse, question_id: str, answer: str) -> Prompt[GradeAnswer]:
    """About the longest question to the model that the answer can become. Raises QuestionGone.

    Orders to the grader are still in it: to find them takes longer than all the rest of a submission. Should the
    question become longer all the same, what is lacking is held when its call is opened.
    """
    return prompt(_assignment(course, question_id, answer))


def _assignment(course: LoadedCourse, question_id: str, answer: str) -> Assignment:
    question = course.question(question_id)
    if question is None:
        raise QuestionGone(question_id)
    rubric = course.rubric(question_id)
    sections = {section.section_id: section.title for chapter in course.course.chapters for section in chapter.sections}
    wanted = {rubric.section_id, *(one.section_id for one in rubric.criteria)}
    return Assignment(
        question=question,
        rubric=rubric,
        shown=mask(answer),
        steering_removed=False,
        titles={section_id: sections[section_id] for section_id in sorted(wanted & sections.keys())},
    )


def prompt(task: Assignment) -> Prompt[GradeAnswer]:
    """The question to the model. Nothing in it says who the student is."""
    file = llm.load_prompt("grade")
    document = {
        "question": task.question.question_text,
        "criteria": [
            one.model_dump(include={"criterion_id", "name", "points", "levels"}) for one in task.rubric.criteria
        ],
        "excellent_example": task.rubric.excellent_example,
        "poor_example": task.rubric.poor_example,
        "answer": task.shown,
        "sections": task.titles,
    }
    # Escaped, so that nothing in an answer can close the tag.
    encoded = json.dumps(document, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
    return Prompt(
        task="grade",
        version=file.version,
        system=file.system,
        user=f"Grade the answer.\n<task>grade</task>\n<input>{encoded}</input>",
        answer_type=_answer_type(tuple(one.criterion_id for one in task.rubric.criteria)),
        max_tokens=MAXIMUM_TOKENS,
    )


def result(
    task: Assignment, answer: GradeAnswer, *, submission_id: UUID, regraded: bool = False, simulated: bool = False
) -> Result:
    """The model's verdicts checked and added up. ``regraded``: an operator asked for this grade, and will want it.

    ``simulated``: no model said so, and the feedback says that.
    """
    grade = rubrics.grade(
        task.rubric,
        [Verdict(one.criterion_id, one.level, one.evidence, one.why) for one in answer.criteria],
        answer=task.shown,
        question=task.question.question_text,
        off_topic=answer.off_topic,
    )
    instructions = answer.instructions_in_answer or task.steering_removed
    question = task.question.question_text
    reasons: dict[ReviewReason, bool] = {
        "off_topic": answer.off_topic,
        "low_confidence": answer.confidence == "low",
        "instructions_in_answer": instructions,
        "unsupported_quote": not all(one.supported for one in grade.criteria),
        "copied_example": rubrics.is_copied(task.shown, task.rubric.excellent_example),
        "lexical_disagreement": lexical.disagrees(task.rubric, task.shown, question=question, score=grade.score),
        "regraded": regraded,
    }
    return Result(
        grade=grade,
        feedback=wording.feedback(
            grade,
            Words(answer.strengths, answer.improvements, answer.detailed_feedback),
            rubric=task.rubric,
            question=question,
            answer=task.shown,
            titles=task.titles,
            simulated=simulated,
        ),
        instructions_in_answer=instructions,
        confidence=answer.confidence,
        review_reasons=[reason for reason, holds in reasons.items() if holds]
        or (["sample"] if is_sampled(submission_id) else []),
    )


def is_sampled(submission_id: UUID) -> bool:
    """Whether this is the one in ten that a person looks at without a cause; always the same for one submission."""
    return hashlib.sha256(submission_id.bytes).digest()[0] * REVIEWED_ONE_IN < 2**8


@lru_cache
def _answer_type(criterion_ids: tuple[str, ...]) -> type[GradeAnswer]:
    """GradeAnswer that must hold exactly these criteria, so that an answer without one is asked for again."""

    def holds_each_criterion_once(answer: GradeAnswer) -> GradeAnswer:
        if sorted(one.criterion_id for one in answer.criteria) != sorted(criterion_ids):
            raise ValueError(f"criteria must hold each of {', '.join(criterion_ids)} exactly once")
        return answer

    return create_model(
        "GradeAnswer",
        __base__=GradeAnswer,
        __validators__={"holds_each": cast("Any", model_validator(mode="after")(holds_each_criterion_once))},
    )
