"""What each file of a course folder may hold. `content/README.md` describes the format to its authors."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared_schemas.course import (
    RUBRIC_POINTS,
    SHORT_ANSWER_POINTS,
    Difficulty,
    ExpectedLength,
    Explanations,
    GlossaryTerm,
    Levels,
    Reference,
    Slug,
    Text,
    Tier,
)

LONGEST_CHAPTER_ID = 75


class Written(BaseModel):
    """A part of a course file; an unknown member is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WrittenSection(Written):
    """A section's front matter with its text; id and order come from the file's name."""

    section_id: Slug
    order: int
    title: Text
    teaches: list[Slug]
    requires: list[Slug]
    explanations: Explanations
    body: Text


class WrittenOption(Written):
    """One choice and what to say to who chose it."""

    id: Slug
    text: Text
    explanation: Text


class WrittenQuestion(Written):
    """What every quiz question has."""

    id: Slug
    section: Slug
    concept: Slug
    text: Text


class WrittenMultipleChoice(WrittenQuestion):
    """A question with options; ``answer`` names the right one."""

    type: Literal["multiple-choice"]
    answer: Slug
    options: list[WrittenOption] = Field(min_length=2)


class WrittenTrueFalse(WrittenQuestion):
    """A statement to judge."""

    type: Literal["true-false"]
    answer: bool
    explanation_right: Text
    explanation_wrong: Text


class WrittenPoint(Written):
    """One idea of a short answer."""

    id: Slug
    points: int = Field(ge=1, le=SHORT_ANSWER_POINTS)
    phrasings: list[Text] = Field(min_length=1)
    missing: Text


class WrittenShortAnswer(WrittenQuestion):
    """A question answered in a sentence or two."""

    type: Literal["short-answer"]
    points: list[WrittenPoint] = Field(min_length=1)
    must_not: list[Text] = []
    model_answers: list[Text] = Field(min_length=3)
    explanation: Text


WrittenQuizQuestion = Annotated[
    WrittenMultipleChoice | WrittenTrueFalse | WrittenShortAnswer, Field(discriminator="type")
]


class WrittenQuiz(Written):
    """`quiz.yaml`."""

    title: Text
    passing_score: int = Field(ge=0, le=100)
    questions: list[WrittenQuizQuestion] = Field(min_length=1)


class WrittenCriterion(Written):
    """A rubric criterion of an open question."""

    id: Slug
    name: Text
    points: int = Field(ge=1, le=RUBRIC_POINTS)
    section: Slug
    levels: Levels


class WrittenOpenQuestion(Written):
    """An open question with its rubric and examples."""

    id: Slug
    section: Slug
    concept: Slug
    difficulty_level: Difficulty
    text: Text
    expected_length: ExpectedLength
    criteria: list[WrittenCriterion] = Field(min_length=1)
    excellent_example: Text
    poor_example: Text


class WrittenAssessments(Written):
    """`assessments.yaml`."""

    questions: list[WrittenOpenQuestion] = Field(min_length=1)


class WrittenChapterFacts(Written):
    """`chapter.yaml`."""

    title: Text
    subtitle: Text
    difficulty_level: Difficulty
    prerequisites: list[Slug]
    learning_objectives: list[Text] = Field(min_length=1)
    further_reading: list[Reference] = []


class ListedChapter(Written):
    """A chapter's entry in `course.yaml`; from its id follow the ids of its quiz and of its open questions."""

    id: Annotated[Slug, Field(max_length=LONGEST_CHAPTER_ID)]
    tier: Tier


class WordRange(Written):
    """How many words a text should have, both ends included."""

    minimum: int = Field(ge=1)
    maximum: int = Field(ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError("the minimum is larger than the maximum")
        return self


class Lengths(Written):
    """How long this course's texts are meant to be. What is left out is what a full course has."""

    section: WordRange = WordRange(minimum=700, maximum=1200)
    explanation: WordRange = WordRange(minimum=100, maximum=250)


class WrittenCourseFacts(Written):
    """`course.yaml`."""

    course_id: Slug
    title: Text
    description: Text
    language: Text
    licence: Text
    reviewed_on: date
    lengths: Lengths = Lengths()
    chapters: list[ListedChapter] = Field(min_length=1)


class WrittenGlossary(Written):
    """`glossary.yaml`."""

    terms: list[GlossaryTerm]


class WrittenChapter(Written):
    """One chapter's files together."""

    chapter_id: Slug
    tier: Tier
    facts: WrittenChapterFacts
    sections: list[WrittenSection]
    quiz: WrittenQuiz
    assessments: WrittenAssessments

    @property
    def facts_file(self) -> str:
        """Where its facts stand, below the course's folder."""
        return f"{self.chapter_id}/chapter.yaml"

    @property
    def quiz_file(self) -> str:
        """Where its quiz stands."""
        return f"{self.chapter_id}/quiz.yaml"

    @property
    def assessments_file(self) -> str:
        """Where its open questions stand."""
        return f"{self.chapter_id}/assessments.yaml"

    def section_file(self, section: WrittenSection) -> str:
        """Where one of its sections stands."""
        return f"{self.chapter_id}/sections/{section.order:02d}-{section.section_id}.md"


class WrittenCourse(Written):
    """A whole course as read from its folder."""

    facts: WrittenCourseFacts
    glossary: WrittenGlossary
    chapters: list[WrittenChapter]
