"""A small true course about plants, for tests: three chapters of two sections, as objects of the course format.

Every quiz has the same shape: ``q1`` (right: ``a``) and ``q2`` (right: ``b``) are multiple choice with options ``a`` to
``c``, ``q3`` is a statement that is true, ``q4`` a short answer. ``01-first`` and ``02-second`` are
free, ``03-third`` is premium.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from core.storage import Storage
from shared_schemas.course import (
    AnswerPoint,
    AssessmentSet,
    Chapter,
    ChapterOutline,
    Course,
    CoursePointer,
    Criterion,
    ExpectedLength,
    Explanations,
    GlossaryTerm,
    Levels,
    MultipleChoiceKey,
    OpenQuestion,
    Option,
    Quiz,
    QuizKey,
    QuizQuestion,
    Reference,
    Rubric,
    RubricCriterion,
    RubricSet,
    Section,
    SectionOutline,
    ShortAnswerKey,
    TrueFalseKey,
)
from tests.core.plants import FULL_SHORT_ANSWERS, SUBJECTS, Subject

PUBLISHED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class TinyCourse:
    """Every object of one published version; quizzes and keys by quiz id, the rest by chapter id."""

    pointer: CoursePointer
    course: Course
    chapters: dict[str, Chapter]
    quizzes: dict[str, Quiz]
    keys: dict[str, QuizKey]
    assessments: dict[str, AssessmentSet]
    rubrics: dict[str, RubricSet]

    def objects(self) -> dict[str, bytes]:
        """Storage key to body, without the pointer."""
        version = self.course.content_version
        found: dict[str, BaseModel] = {f"{version}/course.json": self.course}
        for outline in self.course.chapters:
            chapter_id, quiz_id, file = outline.chapter_id, outline.quiz_id, outline.assessment_file
            found[f"{version}/chapters/{chapter_id}.json"] = self.chapters[chapter_id]
            found[f"{version}/quizzes/{quiz_id}.json"] = self.quizzes[quiz_id]
            found[f"{version}/quiz-keys/{quiz_id}.json"] = self.keys[quiz_id]
            found[f"{version}/assessments/{file}"] = self.assessments[chapter_id]
            found[f"{version}/rubrics/{file}"] = self.rubrics[chapter_id]
        return {key: value.model_dump_json().encode() for key, value in found.items()}


def tiny_course(content_version: str = "v1", *, title: str = "Plants") -> TinyCourse:
    """The course under a version name of your choice."""
    outlines = [_outline(number, subject) for number, subject in enumerate(SUBJECTS, 1)]
    pairs = list(zip(SUBJECTS, outlines, strict=True))
    return TinyCourse(
        pointer=CoursePointer(
            course_id="plants", title=title, content_version=content_version, published_at=PUBLISHED_AT
        ),
        course=Course(
            course_id="plants",
            title=title,
            description="How plants begin, feed and multiply.",
            language="en",
            licence="CC BY 4.0",
            reviewed_on="2026-03-01",
            content_version=content_version,
            chapters=outlines,
            glossary=[GlossaryTerm(term="Germination", definition="The waking of a seed.")],
        ),
        chapters={o.chapter_id: _chapter(s, o, content_version) for s, o in pairs},
        quizzes={o.quiz_id: _quiz(s, o) for s, o in pairs},
        keys={o.quiz_id: _key(s, o, content_version) for s, o in pairs},
        assessments={o.chapter_id: _assessments(o) for o in outlines},
        rubrics={o.chapter_id: _rubrics(o, content_version) for o in outlines},
    )


async def write_course(storage: Storage, course: TinyCourse | None = None) -> TinyCourse:
    """Store the course as a published one, the pointer last; returns what was stored."""
    course = course or tiny_course()
    for key, body in course.objects().items():
        await storage.write(key, body)
    await storage.write("course.json", course.pointer.model_dump_json().encode())
    return course


def right_answers(chapter_id: str) -> dict[str, Any]:
    """Answers to the chapter's quiz that deserve full marks."""
    return {"q1": "a", "q2": "b", "q3": True, "q4": FULL_SHORT_ANSWERS[chapter_id]}


def _outline(number: int, subject: Subject) -> ChapterOutline:
    return ChapterOutline(
        chapter_id=subject.chapter_id,
        chapter_number=number,
        title=subject.title,
        subtitle=f"The part of a plant that matters in chapter {number}",
        access_tier="premium" if number == len(SUBJECTS) else "free",
        difficulty_level="beginner",
        estimated_time_minutes=10,
        prerequisites=[earlier.chapter_id for earlier in SUBJECTS[: number - 1]],
        quiz_id=f"{subject.chapter_id}-quiz",
        assessment_file=f"{subject.chapter_id}-assessments.json",
        sections=[
            SectionOutline(
                section_id=section_id,
                title=title,
                order=order,
                estimated_time_minutes=5,
                teaches=[section_id],
                requires=[],
            )
            for order, (section_id, title, _text) in enumerate(subject.sections, 1)
        ],
    )


def _chapter(subject: Subject, outline: ChapterOutline, version: str) -> Chapter:
    return Chapter(
        **outline.model_dump(exclude={"sections", "quiz_id", "assessment_file"}),
        learning_objectives=[f"Explain what {subject.title.lower()} do"],
        sections=[
            Section(
                section_id=section_id,
                title=title,
                order=order,
                estimated_time_minutes=5,
                content_markdown=text,
                explanations=Explanations(
                    beginner=f"{title}, for a child: watch a plant for a week.",
                    intermediate=f"{title}, step by step.",
                    advanced=f"{title}, with its chemistry.",
                ),
            )
            for order, (section_id, title, text) in enumerate(subject.sections, 1)
        ],
        further_reading=[
            Reference(title="The Power of Movement in Plants", author="Charles Darwin", year=1880, why="A classic.")
        ],
        content_version=version,
        updated_at=PUBLISHED_AT,
    )


def _quiz(subject: Subject, outline: ChapterOutline) -> Quiz:
    choices = [
        QuizQuestion(
            question_id=f"q{number}",
            question_text=question,
            type="multiple-choice",
            options=[Option(id=option_id, text=text) for option_id, text in zip("abc", texts, strict=True)],
        )
        for number, (question, texts) in enumerate(subject.choices, 1)
    ]
    return Quiz(
        quiz_id=outline.quiz_id,
        chapter_id=subject.chapter_id,
        title=f"{subject.title}: check yourself",
        passing_score=70,
        questions=[
            *choices,
            QuizQuestion(question_id="q3", question_text=subject.statement, type="true-false", options=[]),
            QuizQuestion(question_id="q4", question_text=subject.short_question, type="short-answer", options=[]),
        ],
    )


def _key(subject: Subject, outline: ChapterOutline, version: str) -> QuizKey:
    first, second = (section_id for section_id, _title, _text in subject.sections)

    def choice(number: int, answer: str, section_id: str) -> MultipleChoiceKey:
        return MultipleChoiceKey(
            question_id=f"q{number}",
            section_id=section_id,
            concept=section_id,
            answer=answer,
            explanations={
                option: f"Option {option} is {'right' if option == answer else 'wrong'}: the key says {answer}."
                for option in "abc"
            },
        )

    return QuizKey(
        quiz_id=outline.quiz_id,
        chapter_id=subject.chapter_id,
        content_version=version,
        keys=[
            choice(1, "a", first),
            choice(2, "b", second),
            TrueFalseKey(
                question_id="q3",
                section_id=first,
                concept=first,
                answer=True,
                explanation_right="Yes, the statement holds.",
                explanation_wrong="The statement holds after all.",
            ),
            ShortAnswerKey(
                question_id="q4",
                section_id=second,
                concept=second,
                points=[
                    AnswerPoint(point_id=point_id, points=5, phrasings=phrasings, missing=missing)
                    for point_id, phrasings, missing in subject.points
                ],
                must_not=subject.must_not,
                model_answers=subject.model_answers,
                explanation="A full answer names both ideas.",
            ),
        ],
    )


def _assessments(outline: ChapterOutline) -> AssessmentSet:
    question = OpenQuestion(
        question_id=f"{outline.chapter_id}-q1",
        chapter_id=outline.chapter_id,
        section_id=outline.sections[0].section_id,
        question_text=f"Explain in your own words what {outline.title.lower()} do for a plant.",
        difficulty_level="beginner",
        expected_length=ExpectedLength(minimum_words=20, maximum_words=200),
        evaluation_criteria=[Criterion(criterion_id="purpose", name="Names the purpose", points=10)],
    )
    return AssessmentSet(chapter_id=outline.chapter_id, questions=[question])


def _rubrics(outline: ChapterOutline, version: str) -> RubricSet:
    section_id = outline.sections[0].section_id
    rubric = Rubric(
        question_id=f"{outline.chapter_id}-q1",
        section_id=section_id,
        concept=section_id,
        criteria=[
            RubricCriterion(
                criterion_id="purpose",
                name="Names the purpose",
                points=10,
                section_id=section_id,
                levels=Levels(full="Names it and says why.", partial="Names it.", none="Does not name it."),
            )
        ],
        excellent_example=f"{outline.title} matter, because a plant could not live or multiply without them.",
        poor_example="Plants are nice.",
    )
    return RubricSet(chapter_id=outline.chapter_id, content_version=version, rubrics=[rubric])
