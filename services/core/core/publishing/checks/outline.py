"""The course as a map: ids, the order of concepts, prerequisites of chapters, tiers, the glossary."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.publishing.source import COURSE_FILE, GLOSSARY_FILE, CourseSource, Finding
from core.publishing.written import WrittenChapter, WrittenCourse, WrittenSection


@dataclass(frozen=True)
class Taught:
    """Where a concept is introduced; ``place`` counts the sections of the course in reading order."""

    place: int
    chapter: WrittenChapter
    section: WrittenSection


def sections_in_order(course: WrittenCourse) -> list[tuple[WrittenChapter, WrittenSection]]:
    """Every section with its chapter, in reading order."""
    return [(chapter, section) for chapter in course.chapters for section in chapter.sections]


def concepts_taught(course: WrittenCourse) -> dict[str, Taught]:
    """Where each concept is introduced first."""
    found: dict[str, Taught] = {}
    for place, (chapter, section) in enumerate(sections_in_order(course)):
        for concept in section.teaches:
            found.setdefault(concept, Taught(place, chapter, section))
    return found


def check_outline(source: CourseSource) -> Iterator[Finding]:
    """Findings about the map of the course."""
    yield from _ids(source)
    yield from _teaching(source)
    yield from _requirements(source)
    yield from _prerequisites(source)
    yield from _unreachable(source)
    yield from _untested(source)
    yield from _glossary(source)


def _ids(source: CourseSource) -> Iterator[Finding]:
    course = source.course
    chapters: set[str] = set()
    for number, entry in enumerate(course.facts.chapters):
        if entry.id in chapters:
            yield source.error(COURSE_FILE, ("chapters", number, "id"), f"chapter {entry.id} is listed twice")
        chapters.add(entry.id)
    if course.facts.chapters[0].tier != "free":
        message = "the first chapter is not free, so nobody can try the course"
        yield source.warning(COURSE_FILE, ("chapters", 0, "tier"), message)
    first: dict[str, str] = {}
    for chapter, section in sections_in_order(course):
        file = chapter.section_file(section)
        if first.setdefault(section.section_id, file) != file:
            message = f"section id {section.section_id} is that of {first[section.section_id]} too; ids are unique"
            yield source.error(file, (), message)


def _teaching(source: CourseSource) -> Iterator[Finding]:
    taught = concepts_taught(source.course)
    for place, (chapter, section) in enumerate(sections_in_order(source.course)):
        file = chapter.section_file(section)
        if not section.teaches:
            yield source.error(file, ("teaches",), "a section teaches at least one concept")
        for number, concept in enumerate(section.teaches):
            first = taught[concept]
            if first.place != place or concept in section.teaches[:number]:
                message = f"{concept} is taught in {first.chapter.section_file(first.section)} already"
                yield source.error(file, ("teaches", number), message)


def _requirements(source: CourseSource) -> Iterator[Finding]:
    taught = concepts_taught(source.course)
    for place, (chapter, section) in enumerate(sections_in_order(source.course)):
        file = chapter.section_file(section)
        for number, concept in enumerate(section.requires):
            found = taught.get(concept)
            if found is None:
                message = f"requires {concept}, which no section teaches"
            elif found.place >= place:
                where = "this section itself" if found.place == place else found.chapter.section_file(found.section)
                message = f"requires {concept}, which is taught later, in {where}"
            elif chapter.tier == "free" and found.chapter.tier != "free":
                message = f"requires {concept}, which only the premium chapter {found.chapter.chapter_id} teaches"
            else:
                continue
            yield source.error(file, ("requires", number), message)


def _prerequisites(source: CourseSource) -> Iterator[Finding]:
    chapters = {chapter.chapter_id: chapter for chapter in source.course.chapters}
    places = {chapter_id: place for place, chapter_id in enumerate(chapters)}
    for chapter in source.course.chapters:
        for number, wanted in enumerate(chapter.facts.prerequisites):
            location = ("prerequisites", number)
            if wanted not in chapters:
                message = f"there is no chapter {wanted}; there are {', '.join(chapters)}"
            elif places[wanted] >= places[chapter.chapter_id]:
                way = _way(chapters, wanted, chapter.chapter_id)
                circle = f"; and so they go in a circle: {' needs '.join([chapter.chapter_id, *way])}" if way else ""
                message = f"{wanted} does not come earlier in the course{circle}"
            elif chapter.tier == "free" and chapters[wanted].tier != "free":
                message = f"a free chapter cannot need {wanted}, which is premium"
            else:
                continue
            yield source.error(chapter.facts_file, location, message)


def _way(chapters: dict[str, WrittenChapter], start: str, end: str) -> list[str]:
    """Chapter ids from ``start`` to ``end`` by their prerequisites, both included; empty when there is no way."""
    ways = {start: [start]}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        if here == end:
            return ways[here]
        for following in chapters[here].facts.prerequisites:
            if following in chapters and following not in ways:
                ways[following] = [*ways[here], following]
                waiting.append(following)
    return []


def _unreachable(source: CourseSource) -> Iterator[Finding]:
    """Concepts that nobody can come to, because what they rest on is never taught, opens never or goes in a circle."""
    opening = _chapters_that_open(source.course)
    waiting = sections_in_order(source.course)
    known: set[str] = set()
    learned = True
    while learned:
        learned, still_waiting = False, []
        for chapter, section in waiting:
            if chapter.chapter_id in opening and known.issuperset(section.requires):
                known.update(section.teaches)
                learned = True
            else:
                still_waiting.append((chapter, section))
        waiting = still_waiting
    for chapter, section in waiting:
        missing = [concept for concept in section.requires if concept not in known]
        why = f"it rests on {', '.join(missing)}" if missing else f"chapter {chapter.chapter_id} never opens"
        for number, concept in enumerate(section.teaches):
            message = f"{concept} can never be reached: {why}"
            yield source.error(chapter.section_file(section), ("teaches", number), message)


def _chapters_that_open(course: WrittenCourse) -> set[str]:
    """Chapters whose prerequisites, and theirs in turn, can all be read first."""
    found: set[str] = set()
    before = -1
    while before != len(found):
        before = len(found)
        found.update(c.chapter_id for c in course.chapters if found.issuperset(c.facts.prerequisites))
    return found


def _untested(source: CourseSource) -> Iterator[Finding]:
    tested: set[str] = set()
    for chapter in source.course.chapters:
        tested.update(question.concept for question in chapter.quiz.questions)
        tested.update(question.concept for question in chapter.assessments.questions)
    for chapter, section in sections_in_order(source.course):
        for number, concept in enumerate(section.teaches):
            if concept not in tested:
                message = f"no question tests {concept}"
                yield source.error(chapter.section_file(section), ("teaches", number), message)


def _glossary(source: CourseSource) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, entry in enumerate(source.course.glossary.terms):
        term = " ".join(entry.term.casefold().split())
        if term in seen:
            yield source.error(GLOSSARY_FILE, ("terms", number, "term"), f"the term {entry.term} is explained twice")
        seen.add(term)
