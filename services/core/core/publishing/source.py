"""A course as people write it: a folder of Markdown and YAML, read whole or refused whole.

The format is described in `content/README.md`. Every problem is reported with its file and line, all of them at once.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared_schemas.course import (
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

SECTION_FILE = re.compile(r"^(?P<order>\d{2})-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)\.md$")
FRONT_MATTER = re.compile(r"\A---\n(?P<yaml>.*?\n)---\n(?P<body>.*)\Z", re.DOTALL)
FIRST_SECTION_ORDER = 1


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
    points: int
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
    points: int
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
    """A chapter's entry in `course.yaml`."""

    id: Slug
    tier: Tier


class WrittenCourseFacts(Written):
    """`course.yaml`."""

    course_id: Slug
    title: Text
    description: Text
    language: Text
    licence: Text
    reviewed_on: date
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


class WrittenCourse(Written):
    """A whole course as read from its folder."""

    facts: WrittenCourseFacts
    glossary: WrittenGlossary
    chapters: list[WrittenChapter]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a course, and where: ``line`` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class CourseInvalid(Exception):
    """The course has mistakes; ``problems`` lists every one that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


M = TypeVar("M", bound=Written)


@dataclass
class CourseReader:
    """Reads one folder and collects problems instead of stopping at the first."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)

    def read(self) -> WrittenCourse:
        """The whole course; raises CourseInvalid naming every problem."""
        facts = self._yaml("course.yaml", WrittenCourseFacts)
        glossary = self._yaml("glossary.yaml", WrittenGlossary)
        chapters = [self._chapter(entry) for entry in facts.chapters] if facts else []
        if facts is None or glossary is None or self.problems:
            raise CourseInvalid(self.problems)
        return WrittenCourse(facts=facts, glossary=glossary, chapters=[c for c in chapters if c])

    def _chapter(self, entry: ListedChapter) -> WrittenChapter | None:
        facts = self._yaml(f"{entry.id}/chapter.yaml", WrittenChapterFacts)
        quiz = self._yaml(f"{entry.id}/quiz.yaml", WrittenQuiz)
        assessments = self._yaml(f"{entry.id}/assessments.yaml", WrittenAssessments)
        sections = self._sections(entry.id)
        if facts is None or quiz is None or assessments is None:
            return None
        return WrittenChapter(
            chapter_id=entry.id, tier=entry.tier, facts=facts, sections=sections, quiz=quiz, assessments=assessments
        )

    def _sections(self, chapter_id: str) -> list[WrittenSection]:
        paths = sorted((self.folder / chapter_id / "sections").glob("*.md"))
        if not paths:
            self.problems.append(Problem(f"{chapter_id}/sections", 1, "the chapter has no sections"))
        found = [self._section(path, order) for order, path in enumerate(paths, FIRST_SECTION_ORDER)]
        return [section for section in found if section]

    def _section(self, path: Path, order: int) -> WrittenSection | None:
        name = path.relative_to(self.folder).as_posix()
        file_name = SECTION_FILE.match(path.name)
        parts = FRONT_MATTER.match(path.read_text(encoding="utf-8"))
        if not file_name or int(file_name["order"]) != order:
            self.problems.append(Problem(name, 1, f"call it {order:02d}-slug.md: numbers run from 01 without gaps"))
            return None
        if not parts:
            self.problems.append(Problem(name, 1, "begin with front matter between two lines of ---"))
            return None
        extra = {"section_id": file_name["slug"], "order": order, "body": parts["body"].strip()}
        return self._parse(name, parts["yaml"], WrittenSection, extra=extra, first_line=2)

    def _yaml(self, name: str, model: type[M]) -> M | None:
        path = self.folder / name
        if not path.is_file():
            self.problems.append(Problem(name, 1, "the file is missing"))
            return None
        return self._parse(name, path.read_text(encoding="utf-8"), model)

    def _parse(
        self, name: str, text: str, model: type[M], *, extra: dict[str, Any] | None = None, first_line: int = 1
    ) -> M | None:
        try:
            tree = yaml.compose(text, Loader=yaml.SafeLoader)
            data = yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            line = (error.problem_mark.line if error.problem_mark else 0) + first_line
            self.problems.append(Problem(name, line, f"not valid YAML: {error.problem}"))
            return None
        if not isinstance(data, dict):
            self.problems.append(Problem(name, first_line, "the file should hold named members"))
            return None
        try:
            return model.model_validate(data | (extra or {}))
        except ValidationError as error:
            self.problems += [
                Problem(name, line_of(tree, e["loc"]) + first_line, f"{_path(e['loc'])}: {e['msg']}")
                for e in error.errors()
            ]
            return None


def line_of(tree: yaml.Node | None, location: Sequence[str | int]) -> int:
    """The line, from 0, of the deepest part of ``location`` that stands in the YAML tree."""
    line = tree.start_mark.line if tree else 0
    for step in location:
        if isinstance(tree, yaml.MappingNode):
            found = next((pair for pair in tree.value if pair[0].value == str(step)), None)
            if found is None:
                continue  # the name of a union member, or a member that is missing
            line, tree = found[0].start_mark.line, found[1]
        elif isinstance(tree, yaml.SequenceNode) and isinstance(step, int) and step < len(tree.value):
            tree = tree.value[step]
            line = tree.start_mark.line
    return int(line)


def _path(location: Sequence[str | int]) -> str:
    return ".".join(map(str, location)) or "file"


def read_course(folder: Path) -> WrittenCourse:
    """Read a course folder; raises CourseInvalid with every problem, each with file and line."""
    if not folder.is_dir():
        raise CourseInvalid([Problem(str(folder), 1, "there is no such folder")])
    return CourseReader(folder).read()
