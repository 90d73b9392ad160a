"""Reads a course folder, whole or not at all, and knows the line on which every part of it stands."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import ValidationError

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

COURSE_FILE = "course.yaml"
GLOSSARY_FILE = "glossary.yaml"
READ_BY_PEOPLE = "README.md"

SECTION_FILE = re.compile(r"^(?P<order>\d{2})-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)\.md$")
FRONT_MATTER = re.compile(r"\A---\n(?P<yaml>.*?\n)---\n(?P<body>.*)\Z", re.DOTALL)
FRONT_MATTER_LINE = 2
FIRST_SECTION_ORDER = 1

# The parser in C does the same ten times faster; not every platform's wheel of PyYAML holds it.
YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Location = Sequence[str | int]
M = TypeVar("M", bound=Written)


@dataclass(frozen=True)
class Finding:
    """Something about a course that is wrong (error) or that a person should look at (warning).

    ``file`` is relative to the course's folder, ``line`` counts from 1.
    """

    file: str
    line: int
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity}: {self.message}"


class CourseInvalid(Exception):
    """The course has mistakes; ``findings`` lists every one that was found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = list(findings)


@dataclass(frozen=True)
class SourceFile:
    """One file's text, and the YAML in it, which begins on ``first_line``."""

    text: str
    written: str
    first_line: int = 1

    def line_of(self, location: Location) -> int:
        """The line of the deepest part of ``location`` that stands in the YAML.

        The tree that knows lines is made anew for every question: few are asked, and trees are many times larger than
        their texts.
        """
        tree, _ = _load(self.written)
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
        return int(line) + self.first_line


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
    files: dict[str, SourceFile] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def read(self) -> CourseSource:
        """The whole course; raises CourseInvalid naming every mistake."""
        facts = self._yaml(COURSE_FILE, WrittenCourseFacts)
        glossary = self._yaml(GLOSSARY_FILE, WrittenGlossary)
        chapters = [self._chapter(entry) for entry in facts.chapters] if facts else []
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
            return (self.folder / file).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            self._mistake(file, 1, "the file is missing")
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            self._mistake(file, line, "the text is not UTF-8")
        except OSError as error:
            self._mistake(file, 1, f"cannot be read: {error.strerror}")
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
        """``written``, the YAML in ``text``, as a model; None after noting what is wrong with it."""
        try:
            tree, data = _load(written)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            reason = getattr(error, "problem", None) or str(error).partition("\n")[0]
            self._mistake(file, (mark.line if mark else 0) + first_line, f"not valid YAML: {reason}")
            return None
        source = self.files[file] = SourceFile(text, written, first_line)
        if not isinstance(data, dict):
            self._mistake(file, first_line, "the file should hold named members")
            return None
        for line, name in _written_twice(tree, set()):
            self._mistake(file, line + first_line, f"{name} is written twice here; only the last one would count")
        try:
            return model.model_validate(data | (extra or {}))
        except ValidationError as error:
            for e in error.errors():
                where = ".".join(map(str, e["loc"])) or "file"
                self._mistake(file, source.line_of(e["loc"]), f"{where}: {e['msg']}")
            return None

    def _mistake(self, file: str, line: int, message: str) -> None:
        self.findings.append(Finding(file, line, message))

    def _unread(self) -> Iterator[str]:
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder)
            hidden = any(part.startswith(".") for part in name.parts)
            if path.is_file() and not hidden and path.name != READ_BY_PEOPLE and name.as_posix() not in self.files:
                yield name.as_posix()


def _load(text: str) -> tuple[yaml.Node | None, Any]:
    """The tree of a YAML text, which knows its lines, and the data in it."""
    loader = YamlLoader(text)
    try:
        tree = loader.get_single_node()
        return tree, loader.construct_document(tree) if tree else None
    finally:
        loader.dispose()


def _written_twice(tree: yaml.Node | None, seen: set[int]) -> Iterator[tuple[int, str]]:
    """Names that occur twice in one mapping, with the line, from 0, of the second."""
    if tree is None or id(tree) in seen:
        return
    seen.add(id(tree))
    if isinstance(tree, yaml.MappingNode):
        names: set[str] = set()
        for name, value in tree.value:
            if isinstance(name, yaml.ScalarNode) and name.value in names:
                yield name.start_mark.line, name.value
            names.add(str(name.value))
            yield from _written_twice(value, seen)
    elif isinstance(tree, yaml.SequenceNode):
        for value in tree.value:
            yield from _written_twice(value, seen)


def read_source(folder: Path) -> CourseSource:
    """Read a course folder with its lines; raises CourseInvalid with every mistake that keeps it from being read."""
    if not folder.is_dir():
        raise CourseInvalid([Finding(str(folder), 1, "there is no such folder")])
    return CourseReader(folder).read()


def read_course(folder: Path) -> WrittenCourse:
    """Read a course folder; raises CourseInvalid with every mistake, each with file and line."""
    return read_source(folder).course
