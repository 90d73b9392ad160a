"""Reads a course folder, whole or not at all, and knows the line on which every part of it stands."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from core.publishing.files import Unreadable, read_text
from core.publishing.plain_words import in_plain_words
from core.publishing.written import (
    ListedChapter,
    Written,
    WrittenAssessments,
    WrittenChapter,
    WrittenChapterFacts,
    WrittenCourse,
    WrittenCourseFacts,
    WrittenGlossary,
    WrittenQuiz,
    WrittenSection,
)
from core.publishing.yaml_text import TextInFile, line_in, read_yaml

COURSE_FILE = "course.yaml"
GLOSSARY_FILE = "glossary.yaml"
READ_BY_PEOPLE = "README.md"

SECTION_FILE = re.compile(r"^(?P<order>[0-9]{2})-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)\.md$")
FRONT_MATTER = re.compile(r"\A---\n(?P<yaml>.*?\n)---\n(?P<body>.*)\Z", re.DOTALL)
FRONT_MATTER_LINE = 2
FIRST_SECTION_ORDER = 1

MOST_FINDINGS = 50  # of one file's members: who writes one thing wrong in every line need not read it of every line

Location = Sequence[str | int]
Step = Callable[[int, str], None]  # told after a part of long work how many parts there are, and this one's name
M = TypeVar("M", bound=Written)


@dataclass(frozen=True)
class Finding:
    """Something about a course that is wrong (error) or that a person should look at (warning).

    ``file`` is relative to the course's folder, and empty for the folder itself; ``line`` counts from 1.
    """

    file: str
    line: int
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return self.below(Path())

    def below(self, folder: Path) -> str:
        """One line that names the file as it is found from where the folder is."""
        file = "".join(letter if letter.isprintable() else "?" for letter in str(folder / self.file))
        return f"{file}:{self.line}: {self.severity}: {self.message}"


class CourseInvalid(Exception):
    """The course has mistakes; ``findings`` lists every one that was found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = list(findings)


@dataclass(frozen=True)
class SourceFile:
    """One file's text, and the YAML in it with its texts, which begins on ``first_line``."""

    text: str
    written: str
    first_line: int = 1
    texts: tuple[TextInFile, ...] = ()

    def line_of(self, location: Location) -> int:
        """The line of the deepest part of ``location`` that stands in the YAML."""
        return line_in(self.written, location) + self.first_line - 1

    def shown(self) -> Iterator[TextInFile]:
        """Every text that somebody may read: those in the YAML, and the Markdown below it."""
        above = self.first_line - 1
        for one in self.texts:
            yield replace(one, line=one.line + above) if above else one
        if parts := FRONT_MATTER.match(self.text):
            yield TextInFile(self.text.count("\n", 0, parts.start("body")) + 1, parts["body"])


@dataclass(frozen=True)
class CourseSource:
    """A course as it was read, with its files by name; ``unread`` names files that are no part of any course."""

    course: WrittenCourse
    files: dict[str, SourceFile]
    unread: tuple[str, ...]

    def error(self, file: str, location: Location, message: str) -> Finding:
        """A mistake at a part of a file's YAML."""
        return Finding(file, self.files[file].line_of(location), message)

    def warning(self, file: str, location: Location, message: str) -> Finding:
        """Something to look at, at a part of a file's YAML."""
        return Finding(file, self.files[file].line_of(location), message, "warning")


@dataclass
class CourseReader:
    """Reads one folder and collects findings instead of stopping at the first."""

    folder: Path
    step: Step
    files: dict[str, SourceFile] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def read(self) -> CourseSource:
        """The whole course; raises CourseInvalid naming every mistake."""
        facts = self._yaml(COURSE_FILE, WrittenCourseFacts)
        glossary = self._yaml(GLOSSARY_FILE, WrittenGlossary)
        listed = facts.chapters if facts else []
        chapters = []
        for entry in listed:
            chapters.append(self._chapter(entry))
            self.step(len(listed), f"{entry.id} is read")
        if facts is None or glossary is None or self.findings:
            raise CourseInvalid(list(dict.fromkeys(self.findings)))
        course = WrittenCourse(facts=facts, glossary=glossary, chapters=[c for c in chapters if c])
        return CourseSource(course, self.files, tuple(self._unread()))

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
        names = sorted(path.name for path in (self.folder / chapter_id / "sections").glob("*.md"))
        if not names:
            self._mistake(f"{chapter_id}/sections", 1, "the chapter has no sections")
        found = [self._section(chapter_id, name, order) for order, name in enumerate(names, FIRST_SECTION_ORDER)]
        return [section for section in found if section]

    def _section(self, chapter_id: str, name: str, order: int) -> WrittenSection | None:
        file = f"{chapter_id}/sections/{name}"
        named = SECTION_FILE.match(name)
        text = self._text(file)
        if not named or int(named["order"]) != order:
            self._mistake(file, 1, f"call it {order:02d}-slug.md: numbers run from 01 without gaps")
            return None
        if text is None:
            return None
        parts = FRONT_MATTER.match(text)
        if not parts:
            self._mistake(file, 1, "begin with front matter between two lines of ---")
            return None
        extra = {"section_id": named["slug"], "order": order, "body": parts["body"].strip()}
        return self._parse(file, text, parts["yaml"], WrittenSection, extra=extra, first_line=FRONT_MATTER_LINE)

    def _yaml(self, file: str, model: type[M]) -> M | None:
        text = self._text(file)
        return None if text is None else self._parse(file, text, text, model)

    def _text(self, file: str) -> str | None:
        try:
            return read_text(self.folder, file)
        except Unreadable as error:
            self._mistake(file, error.line, str(error))
            return None

    def _parse(
        self,
        file: str,
        text: str,
        written: str,
        model: type[M],
        *,
        extra: dict[str, Any] | None = None,
        first_line: int = 1,
    ) -> M | None:
        """``written``, the YAML in ``text``, as a model with ``extra``; None after noting what is wrong with it."""
        try:
            read = read_yaml(written)
        except Unreadable as error:
            self._mistake(file, error.line + first_line - 1, str(error))
            return None
        source = self.files[file] = SourceFile(text, written, first_line, read.texts)
        data = read.data
        if not isinstance(data, dict):
            self._mistake(file, first_line, "the file should hold named members")
            return None
        for line, name in read.twice:
            self._mistake(file, line + first_line - 1, f"{name} is written twice here; only the last one would count")
        for name in [name for name in extra or {} if name in data]:
            self._mistake(file, source.line_of([name]), f"{name} is not known here: it follows from the file's name")
        try:
            return model.model_validate(data | (extra or {}))
        except ValidationError as error:
            self._misfits(file, error, data)
            return None

    def _misfits(self, file: str, error: ValidationError, data: object) -> None:
        """Note what the model of a file says against its data."""
        errors = error.errors(include_url=False)
        for one in errors[:MOST_FINDINGS]:
            self._mistake(file, self.files[file].line_of(one["loc"]), in_plain_words(one, data))
        if more := errors[MOST_FINDINGS:]:
            line = self.files[file].line_of(more[0]["loc"])
            self._mistake(file, line, f"{len(more)} more mistakes of these kinds follow from here on")

    def _mistake(self, file: str, line: int, message: str) -> None:
        self.findings.append(Finding(file, line, message))

    def _unread(self) -> Iterator[str]:
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            hidden = any(part.startswith(".") for part in name.parts)
            if path.is_file() and not hidden and path.name != READ_BY_PEOPLE and name.as_posix() not in self.files:
                yield name.as_posix()


def say_nothing(_steps: int, _name: str) -> None:
    """The Step of work that nobody watches."""


def read_source(folder: Path, *, step: Step = say_nothing) -> CourseSource:
    """Read a course folder with its lines; raises CourseInvalid with every mistake that keeps it from being read.

    ``step`` is told each chapter.
    """
    if not folder.is_dir():
        what = f"name the folder that holds {COURSE_FILE}, not a file" if folder.exists() else "there is no such folder"
        raise CourseInvalid([Finding("", 1, what)])
    return CourseReader(folder, step).read()


def read_course(folder: Path) -> WrittenCourse:
    """Read a course folder; raises CourseInvalid with every mistake, each with file and line."""
    return read_source(folder).course
