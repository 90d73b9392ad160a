"""Chapters and sections as a student reads them, and search through them."""

import asyncio
import time
from collections.abc import Mapping
from functools import lru_cache, partial
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.access.service import ChapterNotFound, Reader, open_chapter
from core.chapters.search import Hit, Index
from core.chapters.snippets import snippet
from core.content import PublishedCourse
from core.errors import ServiceError
from core.memory import Memory
from core.pages import ReadyPage
from shared_schemas.chapters import (
    ChapterDetail,
    ChapterList,
    ChapterStanding,
    ChapterSummary,
    FurtherReading,
    SearchHit,
    SearchResults,
    SectionDetail,
    SectionText,
)
from shared_schemas.course import Chapter, ChapterOutline, Section

PAGES_KEPT = 1_000  # of each kind; a large course has some hundred sections

STANDINGS = text("""
    SELECT chapter_id, completion_status, best_quiz_score FROM chapter_progress WHERE student_id = :student_id
""")


class SectionNotFound(ServiceError):
    """There is no section with this id in the chapter."""

    status = 404
    code = "RESOURCE_NOT_FOUND"

    def __init__(self, section_id: str, chapter: Chapter) -> None:
        known = [section.section_id for section in chapter.sections]
        super().__init__(
            f"There is no section with this id in the chapter. It has: {', '.join(known)}.",
            details={"chapter_id": chapter.chapter_id, "section_id": section_id, "available_sections": known},
        )


class NoNeighbour(ServiceError):
    """The course has no further chapter in this direction."""

    status = 404
    code = "RESOURCE_NOT_FOUND"


_indexes: WeakKeyDictionary[PublishedCourse, asyncio.Task[Index]] = WeakKeyDictionary()


async def standings(memory: Memory, *, student_id: UUID) -> Mapping[str, bytes]:
    """How far a student is with each chapter: a ChapterStanding as JSON, or null for one that was not begun."""
    return await memory.recall(student_id, "standings", partial(_standings, student_id=student_id))


async def _standings(connection: AsyncConnection, *, student_id: UUID) -> Mapping[str, bytes]:
    found = await connection.execute(STANDINGS, {"student_id": student_id})
    begun = {
        row.chapter_id: ChapterStanding(completion_status=row.completion_status, quiz_score=row.best_quiz_score)
        for row in found
    }
    return _Standings({chapter_id: standing.model_dump_json().encode() for chapter_id, standing in begun.items()})


class _Standings(dict[str, bytes]):
    def __missing__(self, _chapter_id: str) -> bytes:
        return b"null"


@lru_cache(PAGES_KEPT)
def list_page(course: PublishedCourse, reader: Reader) -> ReadyPage:
    """The ChapterList of a reader's tier, with a gap for the standing in each chapter."""
    summaries = [
        ChapterSummary(**_summary(outline, open_to_reader=reader.may_read(outline.access_tier)))
        for outline in course.outlines.values()
    ]
    chapters = ChapterList(chapters=summaries, total_chapters=len(summaries), user_subscription=reader.tier)
    return ReadyPage(chapters, gap="user_progress")


@lru_cache(PAGES_KEPT)
def chapter_page(course: PublishedCourse, chapter_id: str) -> ReadyPage:
    """The ChapterDetail of a chapter for those who may read it, with a gap for their standing in it."""
    chapter, outline = course.chapters[chapter_id], course.outlines[chapter_id]
    following, preceding = course.neighbour(chapter_id, 1), course.neighbour(chapter_id, -1)
    detail = ChapterDetail(
        **_summary(outline, open_to_reader=True),
        quiz_id=outline.quiz_id,
        learning_objectives=chapter.learning_objectives,
        prerequisites=chapter.prerequisites,
        sections=[_section_text(section) for section in chapter.sections],
        further_reading=[FurtherReading(**reference.model_dump()) for reference in chapter.further_reading],
        next_chapter=following and following.chapter_id,
        previous_chapter=preceding and preceding.chapter_id,
        content_version=chapter.content_version,
        updated_at=chapter.updated_at,
    )
    return ReadyPage(detail, gap="user_progress")


@lru_cache(PAGES_KEPT)
def section_page(course: PublishedCourse, chapter_id: str, section_id: str) -> ReadyPage:
    """The SectionDetail of one section; SectionNotFound where the chapter has none with this id."""
    chapter = course.chapters[chapter_id]
    ids = [section.section_id for section in chapter.sections]
    if section_id not in ids:
        raise SectionNotFound(section_id, chapter)
    index = ids.index(section_id)
    detail = SectionDetail(
        **_section_text(chapter.sections[index]).model_dump(),
        chapter_id=chapter.chapter_id,
        chapter_title=chapter.title,
        next_section=ids[index + 1] if index + 1 < len(ids) else None,
        previous_section=ids[index - 1] if index > 0 else None,
        content_version=chapter.content_version,
        updated_at=chapter.updated_at,
    )
    return ReadyPage(detail)


def open_neighbour(course: PublishedCourse, chapter_id: str, *, steps: int, reader: Reader) -> Chapter:
    """The chapter so many steps away, by the same access rules; NoNeighbour beyond the ends of the course."""
    if chapter_id not in course.outlines:
        raise ChapterNotFound(chapter_id, course)
    outline = course.neighbour(chapter_id, steps)
    if outline is None:
        end = "last" if steps > 0 else "first"
        raise NoNeighbour(f"This is the {end} chapter of the course.", details={"chapter_id": chapter_id})
    return open_chapter(course, outline.chapter_id, reader=reader)


async def search(
    *, course: PublishedCourse, reader: Reader, query: str, chapter_id: str | None, limit: int
) -> SearchResults:
    """The sections that fit the query best, locked ones without a snippet; ChapterNotFound for an unknown filter."""
    started = time.perf_counter()
    if chapter_id is not None and chapter_id not in course.outlines:
        raise ChapterNotFound(chapter_id, course)
    hits = (await _index(course)).search(query, chapter_id=chapter_id)
    return SearchResults(
        query=query,
        results=[_search_hit(hit, reader) for hit in hits[:limit]],
        total_results=len(hits),
        query_time_ms=round((time.perf_counter() - started) * 1000, 2),
    )


async def prepare_search(course: PublishedCourse) -> None:
    """Build the index of this course beside the event loop, so that no search has to wait for it."""
    await _index(course)


async def _index(course: PublishedCourse) -> Index:
    """The index of this course, built once however many ask for it meanwhile."""
    if course not in _indexes:
        _indexes[course] = asyncio.create_task(asyncio.to_thread(Index, course.chapters.values()))
    return await asyncio.shield(_indexes[course])


def _search_hit(hit: Hit, reader: Reader) -> SearchHit:
    open_to_reader = reader.may_read(hit.chapter.access_tier)
    return SearchHit(
        chapter_id=hit.chapter.chapter_id,
        chapter_title=hit.chapter.title,
        section_id=hit.section.section_id,
        section_title=hit.section.title,
        snippet=snippet(hit.text, hit.matched) if open_to_reader else None,
        relevance_score=round(hit.relevance, 3),
        locked=not open_to_reader,
    )


def _summary(outline: ChapterOutline, *, open_to_reader: bool) -> dict[str, object]:
    return {
        "chapter_id": outline.chapter_id,
        "chapter_number": outline.chapter_number,
        "title": outline.title,
        "subtitle": outline.subtitle,
        "access_tier": outline.access_tier,
        "estimated_time_minutes": outline.estimated_time_minutes,
        "difficulty_level": outline.difficulty_level,
        "user_has_access": open_to_reader,
        "user_progress": None,
    }


def _section_text(section: Section) -> SectionText:
    return SectionText(
        section_id=section.section_id,
        title=section.title,
        order=section.order,
        estimated_time_minutes=section.estimated_time_minutes,
        content_markdown=section.content_markdown,
        explanations=section.explanations,
    )
