"""Turns a written course into the objects of `shared_schemas.course`. Pure: the same course gives the same bytes."""

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, time

from pydantic import BaseModel

from core.publishing.reading import count_words
from core.publishing.written import (
    WrittenChapter,
    WrittenCourse,
    WrittenMultipleChoice,
    WrittenOpenQuestion,
    WrittenQuizQuestion,
    WrittenSection,
    WrittenTrueFalse,
)
from shared_schemas.course import (
    AnswerPoint,
    AssessmentSet,
    Chapter,
    ChapterOutline,
    Course,
    CoursePointer,
    Criterion,
    Key,
    MultipleChoiceKey,
    OpenQuestion,
    Option,
    Quiz,
    QuizKey,
    QuizQuestion,
    Rubric,
    RubricCriterion,
    RubricSet,
    Section,
    SectionOutline,
    ShortAnswerKey,
    TrueFalseKey,
)

WORDS_PER_MINUTE = 200
VERSION_DIGITS = 16
UNNAMED = "unnamed"  # the version's name in the objects that it is a digest of


@dataclass(frozen=True)
class CompiledCourse:
    """A course ready to publish: object key to bytes, below the version and as plain keys."""

    course: Course
    versioned: dict[str, bytes]
    plain: dict[str, bytes]
    questions: dict[str, int]

    def pointer(self, published_at: datetime) -> CoursePointer:
        """The content of `course.json`."""
        return CoursePointer(
            course_id=self.course.course_id,
            title=self.course.title,
            content_version=self.course.content_version,
            published_at=published_at,
        )


def reading_minutes(text: str) -> int:
    """Minutes to read the prose of ``text`` at 200 words a minute, at least 1."""
    return max(1, math.ceil(count_words(text) / WORDS_PER_MINUTE))


def compile_course(written: WrittenCourse) -> CompiledCourse:
    """Every object of the published course. The version is a digest of them all."""
    digest = hashlib.sha256()
    for key, body in sorted(_compile(written, UNNAMED).versioned.items()):
        digest.update(f"{key} {len(body)}\n".encode() + body)
    return _compile(written, digest.hexdigest()[:VERSION_DIGITS])


def _compile(written: WrittenCourse, version: str) -> CompiledCourse:
    course = _map(written, version)
    updated_at = datetime.combine(written.facts.reviewed_on, time(), UTC)
    faces: dict[str, BaseModel] = {}
    hidden: dict[str, BaseModel] = {}
    questions: dict[str, int] = {}
    for outline, chapter in zip(course.chapters, written.chapters, strict=True):
        faces[f"chapters/{outline.chapter_id}.json"] = _chapter(chapter, outline, version, updated_at)
        faces[f"quizzes/{outline.quiz_id}.json"] = _quiz(chapter, outline)
        faces[f"assessments/{outline.assessment_file}"] = _assessments(chapter)
        hidden[f"quiz-keys/{outline.quiz_id}.json"] = _quiz_key(chapter, outline, version)
        hidden[f"rubrics/{outline.assessment_file}"] = _rubrics(chapter, version)
        questions[outline.assessment_file] = len(chapter.assessments.questions)
    everything = {"course.json": course, **faces, **hidden}
    return CompiledCourse(
        course=course,
        versioned={f"{version}/{key}": _bytes(value) for key, value in everything.items()},
        plain={key: _bytes(value) for key, value in faces.items()},
        questions=questions,
    )


def _bytes(value: BaseModel) -> bytes:
    return value.model_dump_json(indent=1).encode()


def _map(written: WrittenCourse, version: str) -> Course:
    facts = written.facts
    return Course(
        course_id=facts.course_id,
        title=facts.title,
        description=facts.description,
        language=facts.language,
        licence=facts.licence,
        reviewed_on=facts.reviewed_on.isoformat(),
        content_version=version,
        chapters=[_outline(number, chapter) for number, chapter in enumerate(written.chapters, 1)],
        glossary=written.glossary.terms,
    )


def _outline(number: int, chapter: WrittenChapter) -> ChapterOutline:
    minutes = [reading_minutes(section.body) for section in chapter.sections]
    return ChapterOutline(
        chapter_id=chapter.chapter_id,
        chapter_number=number,
        title=chapter.facts.title,
        subtitle=chapter.facts.subtitle,
        access_tier=chapter.tier,
        difficulty_level=chapter.facts.difficulty_level,
        estimated_time_minutes=sum(minutes),
        prerequisites=chapter.facts.prerequisites,
        quiz_id=f"{chapter.chapter_id}-quiz",
        assessment_file=f"{chapter.chapter_id}-assessments.json",
        sections=[
            SectionOutline(
                section_id=section.section_id,
                title=section.title,
                order=section.order,
                estimated_time_minutes=time_needed,
                teaches=section.teaches,
                requires=section.requires,
            )
            for section, time_needed in zip(chapter.sections, minutes, strict=True)
        ],
    )


def _chapter(chapter: WrittenChapter, outline: ChapterOutline, version: str, updated_at: datetime) -> Chapter:
    return Chapter(
        **outline.model_dump(exclude={"sections", "quiz_id", "assessment_file"}),
        learning_objectives=chapter.facts.learning_objectives,
        sections=[_section(section) for section in chapter.sections],
        further_reading=chapter.facts.further_reading,
        content_version=version,
        updated_at=updated_at,
    )


def _section(section: WrittenSection) -> Section:
    return Section(
        section_id=section.section_id,
        title=section.title,
        order=section.order,
        estimated_time_minutes=reading_minutes(section.body),
        content_markdown=section.body,
        explanations=section.explanations,
    )


def _quiz(chapter: WrittenChapter, outline: ChapterOutline) -> Quiz:
    return Quiz(
        quiz_id=outline.quiz_id,
        chapter_id=chapter.chapter_id,
        title=chapter.quiz.title,
        passing_score=chapter.quiz.passing_score,
        questions=[
            QuizQuestion(
                question_id=question.id,
                question_text=question.text,
                type=question.type,
                options=[Option(id=option.id, text=option.text) for option in question.options]
                if isinstance(question, WrittenMultipleChoice)
                else [],
            )
            for question in chapter.quiz.questions
        ],
    )


def _quiz_key(chapter: WrittenChapter, outline: ChapterOutline, version: str) -> QuizKey:
    keys = [question_key(question) for question in chapter.quiz.questions]
    return QuizKey(quiz_id=outline.quiz_id, chapter_id=chapter.chapter_id, content_version=version, keys=keys)


def question_key(question: WrittenQuizQuestion) -> Key:
    """What marking needs of one question."""
    if isinstance(question, WrittenMultipleChoice):
        return MultipleChoiceKey(
            question_id=question.id,
            section_id=question.section,
            concept=question.concept,
            answer=question.answer,
            explanations={option.id: option.explanation for option in question.options},
        )
    if isinstance(question, WrittenTrueFalse):
        return TrueFalseKey(
            question_id=question.id,
            section_id=question.section,
            concept=question.concept,
            answer=question.answer,
            explanation_right=question.explanation_right,
            explanation_wrong=question.explanation_wrong,
        )
    return ShortAnswerKey(
        question_id=question.id,
        section_id=question.section,
        concept=question.concept,
        points=[
            AnswerPoint(point_id=p.id, points=p.points, phrasings=p.phrasings, missing=p.missing)
            for p in question.points
        ],
        must_not=question.must_not,
        model_answers=question.model_answers,
        explanation=question.explanation,
    )


def _assessments(chapter: WrittenChapter) -> AssessmentSet:
    return AssessmentSet(
        chapter_id=chapter.chapter_id,
        questions=[
            OpenQuestion(
                question_id=question.id,
                chapter_id=chapter.chapter_id,
                section_id=question.section,
                question_text=question.text,
                difficulty_level=question.difficulty_level,
                expected_length=question.expected_length,
                evaluation_criteria=[
                    Criterion(criterion_id=c.id, name=c.name, points=c.points) for c in question.criteria
                ],
            )
            for question in chapter.assessments.questions
        ],
    )


def _rubrics(chapter: WrittenChapter, version: str) -> RubricSet:
    return RubricSet(
        chapter_id=chapter.chapter_id,
        content_version=version,
        rubrics=[_rubric(question) for question in chapter.assessments.questions],
    )


def _rubric(question: WrittenOpenQuestion) -> Rubric:
    return Rubric(
        question_id=question.id,
        section_id=question.section,
        concept=question.concept,
        criteria=[
            RubricCriterion(criterion_id=c.id, name=c.name, points=c.points, section_id=c.section, levels=c.levels)
            for c in question.criteria
        ],
        excellent_example=question.excellent_example,
        poor_example=question.poor_example,
    )
