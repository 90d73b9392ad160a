"""Answers whose worth is known: our own, written for this, and those of other people's collections."""

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from core.publishing.compile import compile_course
from core.publishing.source import read_course
from intelligence.assessments.rubric import CREDIT
from intelligence.content import LoadedCourse
from shared_schemas.assessments import Level
from shared_schemas.course import (
    AssessmentSet,
    ChapterOutline,
    Course,
    Criterion,
    ExpectedLength,
    Levels,
    OpenQuestion,
    Rubric,
    RubricCriterion,
    RubricSet,
    SectionOutline,
)

ROOT = Path(__file__).resolve().parents[2]
AUTHORED = Path(__file__).with_name("answers")
# question, answer, label, worth and level of one row of another collection
_Row = tuple[str, str, str, float, Level]
DRAWN_WITH = 20261122  # the seed of every sample: two runs see the same answers


@dataclass(frozen=True)
class Case:
    """One answer. ``expected`` is what it is worth, 0 to 10; ``levels`` what each criterion deserves."""

    course: LoadedCourse
    question_id: str
    answer: str
    quality: str
    expected: float
    levels: Mapping[str, Level]


@cache
def own_course() -> LoadedCourse:
    """The course of this repository, compiled as it is published."""
    compiled = compile_course(read_course(ROOT / "content"))
    version = compiled.course.content_version
    sets = {
        chapter.chapter_id: (
            AssessmentSet.model_validate_json(compiled.versioned[f"{version}/assessments/{chapter.assessment_file}"]),
            RubricSet.model_validate_json(compiled.versioned[f"{version}/rubrics/{chapter.assessment_file}"]),
        )
        for chapter in compiled.course.chapters
    }
    return LoadedCourse(
        course=compiled.course,
        assessments={chapter_id: questions for chapter_id, (questions, _) in sets.items()},
        rubrics={rubric.question_id: rubric for _, rubrics in sets.values() for rubric in rubrics.rubrics},
    )


def own_cases() -> list[Case]:
    """The authored answers: five a question, each with the level that every criterion of its rubric deserves."""
    course = own_course()
    cases = []
    for file in sorted(AUTHORED.glob("*.yaml")):
        for question_id, answers in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            criteria = course.rubric(question_id).criteria
            for quality, written in answers.items():
                levels = dict(zip((one.criterion_id for one in criteria), written["levels"], strict=True))
                expected = sum(float(one.points * CREDIT[levels[one.criterion_id]]) for one in criteria)
                cases.append(Case(course, question_id, written["text"], quality, expected, levels))
    return cases


def saf_cases(folder: Path, *, limit: int) -> list[Case]:
    """A sample of Short Answer Feedback 2.0 (Filighera et al., ACL 2022): scores by people, 0 to 1, times ten."""
    level_of: dict[str, Level] = {"Correct": "full", "Partially correct": "partial", "Incorrect": "none"}
    questions = {
        one["qid"]: (one["question"], one["reference"]) for one in _lines(folder / "saf2_train_questions.jsonl")
    }
    rows = [
        (one["qid"], one["answer"], one["label"], 10 * one["score01"], level_of[one["label"]])
        for one in _lines(folder / "saf2_train_answers.jsonl")
    ]
    return _foreign("saf2", questions, rows, limit)


def semeval_cases(folder: Path, *, limit: int) -> list[Case]:
    """A sample of SemEval-2013 task 7 (Dzikovska et al. 2013): correct is worth 10, anything else 0."""
    questions = {
        one["qid"]: (one["question"], " Or: ".join(other["text"] for other in one["references"][:3]))
        for one in _lines(folder / "semeval2013_train_questions.jsonl")
    }
    rows: list[_Row] = [
        (one["qid"], one["answer"], one["label"], 10.0 * right, "full" if right else "none")
        for one in _lines(folder / "semeval2013_train_answers.jsonl")
        for right in [one["label"] == "correct"]
    ]
    return _foreign("semeval2013", questions, rows, limit)


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _foreign(
    name: str,
    questions: Mapping[str, tuple[str, str]],
    rows: Iterable[_Row],
    limit: int,
) -> list[Case]:
    slugs = {foreign_id: f"{name}-{n}-{_slug(foreign_id)}" for n, foreign_id in enumerate(questions)}
    course = _course_of(name, {slugs[foreign_id]: texts for foreign_id, texts in questions.items()})
    written = sorted(row for row in rows if row[1].strip())
    chosen = random.Random(DRAWN_WITH).sample(written, min(limit, len(written)))
    return [
        Case(course, slugs[foreign_id], answer.strip(), label, expected, {"meaning": level})
        for foreign_id, answer, label, expected, level in chosen
    ]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")


def _course_of(name: str, questions: Mapping[str, tuple[str, str]]) -> LoadedCourse:
    """A course of one chapter. The collections have a model answer and no rubric: one criterion holds its meaning."""
    section = SectionOutline(section_id="all", title=name, order=1, estimated_time_minutes=1, teaches=[], requires=[])
    chapter = ChapterOutline(
        chapter_id=name,
        chapter_number=1,
        title=name,
        subtitle=name,
        access_tier="free",
        difficulty_level="beginner",
        estimated_time_minutes=1,
        prerequisites=[],
        quiz_id=f"{name}-quiz",
        assessment_file=f"{name}.json",
        sections=[section],
    )
    course = Course(
        course_id=name,
        title=name,
        description=name,
        language="en",
        licence="see its source",
        reviewed_on="never",
        content_version=name,
        chapters=[chapter],
        glossary=[],
    )
    return LoadedCourse(
        course=course,
        assessments={
            name: AssessmentSet(chapter_id=name, questions=[_question(name, *one) for one in questions.items()])
        },
        rubrics={question_id: _rubric(question_id, reference) for question_id, (_, reference) in questions.items()},
    )


def _question(chapter_id: str, question_id: str, texts: tuple[str, str]) -> OpenQuestion:
    return OpenQuestion(
        question_id=question_id,
        chapter_id=chapter_id,
        section_id="all",
        question_text=texts[0],
        difficulty_level="beginner",
        expected_length=ExpectedLength(minimum_words=1, maximum_words=500),
        evaluation_criteria=[Criterion(criterion_id="meaning", name="Meaning", points=10)],
    )


def _rubric(question_id: str, reference: str) -> Rubric:
    levels = Levels(
        full=f"Says, in any words, what is asked for of this: {reference}",
        partial="Says a part of it, or all of it with a mistake.",
        none="Says nothing of it, or contradicts it.",
    )
    criterion = RubricCriterion(
        criterion_id="meaning", name="Says what the model answer says", points=10, section_id="all", levels=levels
    )
    return Rubric(
        question_id=question_id,
        section_id="all",
        concept="meaning",
        criteria=[criterion],
        excellent_example=reference,
        poor_example="I do not know.",
    )
