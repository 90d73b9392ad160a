"""The course as a map: ids, the order of concepts, prerequisites of chapters, tiers, the glossary."""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

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
    """Findings about the map of the course, its ids aside."""
    yield from _teaching(source)
    yield from _requirements(source)
    yield from _prerequisites(source)
    yield from _needed_chapters(source)
    yield from _untested(source)
    yield from _glossary(source)


def check_ids(source: CourseSource) -> Iterator[Finding]:
    """Findings about the ids of chapters and sections. Mend these first: others can follow from them."""
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
                way = _way(lambda one: taught[one].section.requires if one in taught else (), concept, section.teaches)
                message = f"requires {concept}, which is taught later, in {where}{_circle(way)}"
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
                way = _way(lambda one: _needs(chapters, one), wanted, [chapter.chapter_id])
                message = f"{wanted} does not come earlier in the course{_circle(way)}"
            elif chapter.tier == "free" and chapters[wanted].tier != "free":
                message = f"a free chapter cannot need {wanted}, which is premium"
            else:
                continue
            yield source.error(chapter.facts_file, location, message)


def _needs(chapters: dict[str, WrittenChapter], chapter_id: str) -> list[str]:
    """The prerequisites of a chapter that exist."""
    known = chapters.get(chapter_id)
    return [one for one in known.facts.prerequisites if one in chapters] if known else []


def _way(following: Callable[[str], Iterable[str]], start: str, ends: Container[str]) -> list[str]:
    """The shortest way from ``start`` to one of the ends, both included; empty when there is none."""
    ways = {start: [start]}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here in ends:
            return ways[here]
        for one in following(here):
            if one not in ways:
                ways[one] = [*ways[here], one]
                waiting.append(one)
    return []


def _circle(way: list[str]) -> str:
    """Says that a way leads back to who needs its beginning."""
    return f"; and so they go in a circle: {' needs '.join([way[-1], *way])}" if way else ""


def _needed_chapters(source: CourseSource) -> Iterator[Finding]:
    """A chapter's prerequisites, and theirs in turn, hold every chapter whose concepts it requires."""
    taught = concepts_taught(source.course)
    read_before: dict[str, set[str]] = {}
    for chapter in source.course.chapters:
        wanted = chapter.facts.prerequisites
        before = read_before[chapter.chapter_id] = {*wanted, *chain(*(read_before.get(one, ()) for one in wanted))}
        if not all(one in read_before for one in wanted):
            continue  # one that is wrong is found elsewhere, and may be this one misspelt
        for section in chapter.sections:
            for concept in section.requires:
                found = taught.get(concept)
                if found is None or found.chapter.chapter_id not in read_before.keys() - before - {chapter.chapter_id}:
                    continue
                before.add(found.chapter.chapter_id)
                message = f"{found.chapter.chapter_id} is missing here: {section.section_id} requires {concept}"
                yield source.error(chapter.facts_file, ("prerequisites",), message)


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
