"""Open questions and their rubrics."""

from collections.abc import Iterator

from core.publishing.checks.references import References
from core.publishing.reading import count_words, overlap, word_runs
from core.publishing.source import CourseSource, Finding, Location
from core.publishing.written import WrittenChapter, WrittenOpenQuestion
from shared_schemas.course import RUBRIC_POINTS

QUESTIONS = 3
FEWEST_CRITERIA = 4
MOST_CRITERIA = 5
COPY = 0.5


def check_assessments(source: CourseSource) -> Iterator[Finding]:
    """Findings about the open questions of every chapter."""
    references = References(source)
    for chapter in source.course.chapters:
        file = chapter.assessments_file
        questions = chapter.assessments.questions
        if len(questions) != QUESTIONS:
            message = f"a chapter has {QUESTIONS} open questions, not {len(questions)}"
            yield source.error(file, ("questions",), message)
        seen: set[str] = set()
        for number, question in enumerate(questions):
            place = ("questions", number)
            wanted = f"{chapter.chapter_id}-q{number + 1}"
            if question.id in seen:
                yield source.error(file, (*place, "id"), f"question id {question.id} is used twice")
            elif question.id != wanted:
                yield source.error(file, (*place, "id"), f"call it {wanted}")
            seen.add(question.id)
            yield from references.check(chapter, file, place, question)
            yield from _rubric(source, chapter, place, question, references)
            yield from _examples(source, file, place, question)


def _rubric(
    source: CourseSource,
    chapter: WrittenChapter,
    place: Location,
    question: WrittenOpenQuestion,
    references: References,
) -> Iterator[Finding]:
    file = chapter.assessments_file
    total = sum(criterion.points for criterion in question.criteria)
    if total != RUBRIC_POINTS:
        message = f"the points of {question.id} add up to {total}, not to {RUBRIC_POINTS}"
        yield source.error(file, (*place, "criteria"), message)
    if not FEWEST_CRITERIA <= len(question.criteria) <= MOST_CRITERIA:
        message = f"a rubric has {FEWEST_CRITERIA} or {MOST_CRITERIA} criteria, not {len(question.criteria)}"
        yield source.error(file, (*place, "criteria"), message)
    seen: set[str] = set()
    for number, criterion in enumerate(question.criteria):
        here = (*place, "criteria", number)
        if criterion.id in seen:
            yield source.error(file, (*here, "id"), f"criterion id {criterion.id} is used twice in {question.id}")
        seen.add(criterion.id)
        yield from references.check_review(chapter, file, (*here, "section"), criterion.section)
        levels = criterion.levels
        if len({levels.full, levels.partial, levels.none}) < len(type(levels).model_fields):
            yield source.error(file, (*here, "levels"), "two levels of this criterion say the same")


def _examples(source: CourseSource, file: str, place: Location, question: WrittenOpenQuestion) -> Iterator[Finding]:
    shortest, longest = question.expected_length.minimum_words, question.expected_length.maximum_words
    if shortest > longest:
        yield source.error(file, (*place, "expected_length"), "the minimum is larger than the maximum")
    elif not shortest <= (words := count_words(question.excellent_example)) <= longest:
        message = f"the excellent example has {words} words; {shortest} to {longest} are expected of a student"
        yield source.warning(file, (*place, "excellent_example"), message)
    if overlap(word_runs(question.excellent_example), word_runs(question.poor_example)) > COPY:
        message = "the poor example is largely the excellent one, word for word"
        yield source.error(file, (*place, "poor_example"), message)
