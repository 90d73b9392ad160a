"""The published course: the JSON objects a bucket holds, and what each of them promises.

A published course stands under ``<content_version>/``; ``course.json`` at the top points to it::

    course.json                                  CoursePointer
    <content_version>/course.json                Course: order, tiers, sections and concepts, no teaching text
    <content_version>/chapters/<chapter_id>.json Chapter: what a student reads
    <content_version>/quizzes/<quiz_id>.json     Quiz: questions without keys
    <content_version>/quiz-keys/<quiz_id>.json   QuizKey: keys, criteria and explanations; only marking reads it
    <content_version>/assessments/<file>         AssessmentSet: open questions without levels and examples
    <content_version>/rubrics/<file>             RubricSet: levels and model answers; only grading reads it
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Tier = Literal["free", "premium"]
Difficulty = Literal["beginner", "intermediate", "advanced"]
QuestionType = Literal["multiple-choice", "true-false", "short-answer"]

POINTER_KEY = "course.json"
SHORT_ANSWER_POINTS = 10
RUBRIC_POINTS = 10


class CourseObject(BaseModel):
    """A part of a published course: immutable, and an unknown member is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CoursePointer(CourseObject):
    """Which version is published now."""

    course_id: Slug
    title: Text
    content_version: Slug
    published_at: AwareDatetime


class Reference(CourseObject):
    """A book, paper or standard to read further; never a link that can break."""

    title: Text
    author: Text
    year: int
    why: Text


class GlossaryTerm(CourseObject):
    """One term in one or two sentences."""

    term: Text
    definition: Text


class SectionOutline(CourseObject):
    """A section as the map of the course shows it."""

    section_id: Slug
    title: Text
    order: int = Field(ge=1)
    estimated_time_minutes: int = Field(ge=1)
    teaches: list[Slug]
    requires: list[Slug]


class ChapterOutline(CourseObject):
    """A chapter as the map of the course shows it."""

    chapter_id: Slug
    chapter_number: int = Field(ge=1)
    title: Text
    subtitle: Text
    access_tier: Tier
    difficulty_level: Difficulty
    estimated_time_minutes: int = Field(ge=1)
    prerequisites: list[Slug]
    quiz_id: Slug
    assessment_file: Text
    sections: list[SectionOutline] = Field(min_length=1)


class Course(CourseObject):
    """The map of one version of a course: chapters and sections in reading order."""

    course_id: Slug
    title: Text
    description: Text
    language: Text
    licence: Text
    reviewed_on: Text
    content_version: Slug
    chapters: list[ChapterOutline] = Field(min_length=1)
    glossary: list[GlossaryTerm]


class Explanations(CourseObject):
    """One idea at three depths."""

    beginner: Text
    intermediate: Text
    advanced: Text


class Section(CourseObject):
    """A section as a student reads it."""

    section_id: Slug
    title: Text
    order: int = Field(ge=1)
    estimated_time_minutes: int = Field(ge=1)
    content_markdown: Text
    explanations: Explanations


class Chapter(CourseObject):
    """A chapter as a student reads it."""

    chapter_id: Slug
    chapter_number: int = Field(ge=1)
    title: Text
    subtitle: Text
    access_tier: Tier
    difficulty_level: Difficulty
    estimated_time_minutes: int = Field(ge=1)
    learning_objectives: list[Text] = Field(min_length=1)
    prerequisites: list[Slug]
    sections: list[Section] = Field(min_length=1)
    further_reading: list[Reference]
    content_version: Slug
    updated_at: datetime


class Option(CourseObject):
    """One choice of a multiple-choice question."""

    id: Slug
    text: Text


class QuizQuestion(CourseObject):
    """A quiz question as a student sees it; ``options`` is empty unless it is multiple choice."""

    question_id: Slug
    question_text: Text
    type: QuestionType
    options: list[Option]


class Quiz(CourseObject):
    """A quiz as a student sees it; ``passing_score`` in percent."""

    quiz_id: Slug
    chapter_id: Slug
    title: Text
    passing_score: int = Field(ge=0, le=100)
    questions: list[QuizQuestion] = Field(min_length=1)


class QuestionKey(CourseObject):
    """What every key has: where the answer is taught."""

    question_id: Slug
    section_id: Slug
    concept: Slug


class MultipleChoiceKey(QuestionKey):
    """The right option, and for every option why it is right or wrong."""

    type: Literal["multiple-choice"] = "multiple-choice"
    answer: Slug
    explanations: dict[Slug, Text]


class TrueFalseKey(QuestionKey):
    """The right verdict, and what to say to either."""

    type: Literal["true-false"] = "true-false"
    answer: bool
    explanation_right: Text
    explanation_wrong: Text


class AnswerPoint(CourseObject):
    """One idea a short answer should hold.

    ``points`` of 10; any one of ``phrasings`` expresses the idea; ``missing`` is the hint for who left it out.
    """

    point_id: Slug
    points: int = Field(ge=1, le=SHORT_ANSWER_POINTS)
    phrasings: list[Text] = Field(min_length=1)
    missing: Text


class ShortAnswerKey(QuestionKey):
    """Authored criteria of a short answer. ``points`` add up to 10; without any, model answers decide."""

    type: Literal["short-answer"] = "short-answer"
    points: list[AnswerPoint]
    must_not: list[Text]
    model_answers: list[Text] = Field(min_length=3)
    explanation: Text


Key = Annotated[MultipleChoiceKey | TrueFalseKey | ShortAnswerKey, Field(discriminator="type")]


class QuizKey(CourseObject):
    """The answers of one quiz, in the order of its questions."""

    quiz_id: Slug
    chapter_id: Slug
    content_version: Slug
    keys: list[Key]


class ExpectedLength(CourseObject):
    """How long a good answer is, in words."""

    minimum_words: int = Field(ge=1)
    maximum_words: int = Field(ge=1)


class Criterion(CourseObject):
    """A rubric criterion as a student sees it before answering."""

    criterion_id: Slug
    name: Text
    points: int = Field(ge=1, le=RUBRIC_POINTS)


class OpenQuestion(CourseObject):
    """An open question as a student sees it."""

    question_id: Slug
    chapter_id: Slug
    section_id: Slug
    question_text: Text
    difficulty_level: Difficulty
    expected_length: ExpectedLength
    evaluation_criteria: list[Criterion] = Field(min_length=1)


class AssessmentSet(CourseObject):
    """The open questions of one chapter."""

    chapter_id: Slug
    questions: list[OpenQuestion] = Field(min_length=1)


class Levels(CourseObject):
    """What full, partial and no credit look like for one criterion."""

    full: Text
    partial: Text
    none: Text


class RubricCriterion(CourseObject):
    """A criterion with what the grader needs: levels, and the section to read again."""

    criterion_id: Slug
    name: Text
    points: int = Field(ge=1, le=RUBRIC_POINTS)
    section_id: Slug
    levels: Levels


class Rubric(CourseObject):
    """How one open question is graded. Criterion points add up to 10."""

    question_id: Slug
    section_id: Slug
    concept: Slug
    criteria: list[RubricCriterion] = Field(min_length=1)
    excellent_example: Text
    poor_example: Text


class RubricSet(CourseObject):
    """The rubrics of one chapter."""

    chapter_id: Slug
    content_version: Slug
    rubrics: list[Rubric] = Field(min_length=1)
