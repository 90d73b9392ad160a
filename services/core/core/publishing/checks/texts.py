"""What students read: length, reading level, the three explanations, headings and code blocks."""

import re
from collections.abc import Iterator
from itertools import combinations
from math import inf

from core.publishing.checks.outline import sections_in_order
from core.publishing.reading import count_words, overlap, reading_grade, unclosed_block, without_code, word_runs
from core.publishing.source import CourseSource, Finding
from core.publishing.written import WordRange, WrittenChapter, WrittenSection

# Flesch-Kincaid grades, see `reading`. Above the highest a text shuts readers out, below the lowest it is a telegram.
# The advanced explanation may be as dense as a good technical article, the beginner's is for anybody.
GRADES = {"section": (2, 12), "beginner": (-inf, 8), "intermediate": (2, 12), "advanced": (4, 16)}
ENGLISH = "en"
COPY = 0.3  # share of word runs by which two explanations count as one
TOP_HEADING = re.compile(r"^# ", re.MULTILINE)


def check_texts(source: CourseSource) -> Iterator[Finding]:
    """Findings about every section's text and explanations."""
    for chapter, section in sections_in_order(source.course):
        yield from _lengths(source, chapter, section)
        if source.course.facts.language.lower().split("-")[0] == ENGLISH:
            yield from _levels(source, chapter, section)
        yield from _copies(source, chapter, section)
        yield from _markdown(source, chapter, section)


def _texts(section: WrittenSection) -> dict[str, str]:
    return {"section": section.body, **section.explanations.model_dump()}


def _place(source: CourseSource, chapter: WrittenChapter, section: WrittenSection, name: str) -> tuple[str, int]:
    """The file and the line on which the section's text, or one of its explanations, begins."""
    file = chapter.section_file(section)
    if name == "section":
        return file, _line(source, file, source.files[file].text.find(section.body))
    return file, source.files[file].line_of(("explanations", name))


def _line(source: CourseSource, file: str, position: int) -> int:
    return source.files[file].text.count("\n", 0, position) + 1


def _lengths(source: CourseSource, chapter: WrittenChapter, section: WrittenSection) -> Iterator[Finding]:
    lengths = source.course.facts.lengths
    for name, text in _texts(section).items():
        wanted: WordRange = lengths.section if name == "section" else lengths.explanation
        words = count_words(text)
        if not wanted.minimum <= words <= wanted.maximum:
            what = "the section" if name == "section" else f"the {name} explanation"
            message = f"{what} has {words} words; {wanted.minimum} to {wanted.maximum} are wanted"
            yield Finding(*_place(source, chapter, section, name), message, "warning")


def _levels(source: CourseSource, chapter: WrittenChapter, section: WrittenSection) -> Iterator[Finding]:
    grades = {name: reading_grade(text) for name, text in _texts(section).items()}
    for name, grade in grades.items():
        lowest, highest = GRADES[name]
        if not lowest <= grade <= highest:
            what = "the section" if name == "section" else f"the {name} explanation"
            message = f"{what} reads at grade {grade:z.1f}; {_wanted(lowest, highest)}"
            yield Finding(*_place(source, chapter, section, name), message, "warning")
    if grades["beginner"] >= grades["advanced"]:
        message = "the beginner explanation is no easier to read than the advanced one"
        yield Finding(*_place(source, chapter, section, "beginner"), message, "warning")


def _wanted(lowest: float, highest: float) -> str:
    return f"{lowest} to {highest} are wanted" if lowest > -inf else f"{highest} at most is wanted"


def _copies(source: CourseSource, chapter: WrittenChapter, section: WrittenSection) -> Iterator[Finding]:
    runs = {name: word_runs(text) for name, text in _texts(section).items()}
    for earlier, name in combinations(runs, 2):
        if overlap(runs[earlier], runs[name]) > COPY:
            other = "the section's text" if earlier == "section" else f"the {earlier} explanation"
            message = f"the {name} explanation is largely {other}, word for word"
            yield Finding(*_place(source, chapter, section, name), message)


def _markdown(source: CourseSource, chapter: WrittenChapter, section: WrittenSection) -> Iterator[Finding]:
    file, first_line = _place(source, chapter, section, "section")
    begins = unclosed_block(section.body)
    if begins is not None:
        yield Finding(file, first_line + begins, "the code block that begins here never ends")
    body = without_code(section.body)
    for heading in TOP_HEADING.finditer(body):
        line = first_line + body.count("\n", 0, heading.start())
        yield Finding(file, line, "headings start at ##; the section's title is in the front matter")
