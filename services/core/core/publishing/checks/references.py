"""What every question names: the section to review and the concept it tests."""

from collections.abc import Iterator

from core.publishing.checks.outline import concepts_taught, sections_in_order
from core.publishing.source import CourseSource, Finding, Location
from core.publishing.written import WrittenChapter, WrittenOpenQuestion, WrittenQuizQuestion


class References:
    """The sections and concepts of one course, to hold questions against."""

    def __init__(self, source: CourseSource) -> None:
        self._source = source
        self._taught = {c: found.section.section_id for c, found in concepts_taught(source.course).items()}
        self._chapters = {chapter.chapter_id: number for number, chapter in enumerate(source.course.chapters)}
        self._chapter_of: dict[str, int] = {}
        for chapter, section in sections_in_order(source.course):
            self._chapter_of.setdefault(section.section_id, self._chapters[chapter.chapter_id])

    def check(
        self, chapter: WrittenChapter, file: str, place: Location, question: WrittenQuizQuestion | WrittenOpenQuestion
    ) -> Iterator[Finding]:
        """Findings about the section and concept of a question that stands at ``place`` in a file of the chapter."""
        if question.section not in {section.section_id for section in chapter.sections}:
            message = f"{question.section} is no section of chapter {chapter.chapter_id}"
            yield self._source.error(file, (*place, "section"), message)
        where = self._taught.get(question.concept)
        if where is None:
            yield self._source.error(file, (*place, "concept"), f"no section teaches the concept {question.concept}")
        elif where != question.section:
            message = f"{question.concept} is taught in {where}, not in {question.section}"
            yield self._source.error(file, (*place, "concept"), message)

    def check_review(self, chapter: WrittenChapter, file: str, place: Location, section_id: str) -> Iterator[Finding]:
        """Findings about a section to read again: it stands in this chapter or an earlier one."""
        found = self._chapter_of.get(section_id)
        if found is None:
            yield self._source.error(file, place, f"there is no section {section_id}")
        elif found > self._chapters[chapter.chapter_id]:
            yield self._source.error(file, place, f"{section_id} comes in a later chapter")
