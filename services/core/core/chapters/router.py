"""Chapters, sections and search over HTTP. What is read carries an ETag, and is not sent again while it is the same."""

from typing import Annotated

from fastapi import Query, Request, Response

from core.access.gate import CurrentReader, Visit, enter
from core.access.service import open_chapter
from core.chapters import service
from core.content import CurrentCourse
from core.pages import NOT_MODIFIED
from core.routing import PageRoute
from core.routing import router as new_router
from shared_schemas.chapters import ChapterDetail, ChapterList, SearchResults, SectionDetail
from shared_schemas.course import Chapter

router = new_router("/api/v1/chapters", "chapters", kind=PageRoute)
search_router = new_router("/api/v1/search", "search")

Words = Annotated[str, Query(alias="q", min_length=1, max_length=200, description="What to look for")]
Limit = Annotated[int, Query(ge=1, le=50)]
ChapterFilter = Annotated[str | None, Query(max_length=80, description="Search this chapter only")]


@router.get("", response_model=ChapterList, responses=NOT_MODIFIED)
async def list_chapters(request: Request) -> Response:
    """Every chapter, locked ones too."""
    visit = await enter(request)
    own = await service.standings(request.app.state.memory, student_id=visit.learner.student_id)
    page = service.list_page(visit.course, visit.reader)
    return page.answer(request, [own[chapter_id] for chapter_id in visit.course.outlines])


@router.get("/{chapter_id}", response_model=ChapterDetail, responses=NOT_MODIFIED)
async def read_chapter(request: Request, chapter_id: str) -> Response:
    """A whole chapter."""
    visit = await enter(request)
    return await _chapter(request, visit, open_chapter(visit.course, chapter_id, reader=visit.reader))


@router.get("/{chapter_id}/next", response_model=ChapterDetail, responses=NOT_MODIFIED)
async def read_next(request: Request, chapter_id: str) -> Response:
    """The chapter after this one, if the caller may read it."""
    visit = await enter(request)
    chapter = service.open_neighbour(visit.course, chapter_id, steps=1, reader=visit.reader)
    return await _chapter(request, visit, chapter)


@router.get("/{chapter_id}/previous", response_model=ChapterDetail, responses=NOT_MODIFIED)
async def read_previous(request: Request, chapter_id: str) -> Response:
    """The chapter before this one, if the caller may read it."""
    visit = await enter(request)
    chapter = service.open_neighbour(visit.course, chapter_id, steps=-1, reader=visit.reader)
    return await _chapter(request, visit, chapter)


@router.get("/{chapter_id}/sections/{section_id}", response_model=SectionDetail, responses=NOT_MODIFIED)
async def read_section(request: Request, chapter_id: str, section_id: str) -> Response:
    """One section of a chapter."""
    visit = await enter(request)
    chapter = open_chapter(visit.course, chapter_id, reader=visit.reader)
    return service.section_page(visit.course, chapter.chapter_id, section_id).answer(request)


async def _chapter(request: Request, visit: Visit, chapter: Chapter) -> Response:
    own = await service.standings(request.app.state.memory, student_id=visit.learner.student_id)
    return service.chapter_page(visit.course, chapter.chapter_id).answer(request, [own[chapter.chapter_id]])


@search_router.get("")
async def search(
    reader: CurrentReader, course: CurrentCourse, words: Words, limit: Limit = 10, chapter_id: ChapterFilter = None
) -> SearchResults:
    """The sections that fit best; hits stand in `**`, and a locked section shows no text."""
    return await service.search(course=course, reader=reader, query=words, chapter_id=chapter_id, limit=limit)
