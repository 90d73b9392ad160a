"""Chapters, sections and search over HTTP. What is read carries an ETag, and is not sent again while it is the same."""

import hashlib
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import BaseModel

from core.access.gate import CurrentReader, OpenChapter
from core.chapters import service
from core.content import CurrentCourse
from core.database import Session
from core.routing import router as new_router
from core.security import CurrentLearner
from shared_schemas.chapters import ChapterDetail, ChapterList, SearchResults, SectionDetail

router = new_router("/api/v1/chapters", "chapters")
search_router = new_router("/api/v1/search", "search")

Words = Annotated[str, Query(alias="q", min_length=1, max_length=200, description="What to look for")]
Limit = Annotated[int, Query(ge=1, le=50)]
ChapterFilter = Annotated[str | None, Query(max_length=80, description="Search this chapter only")]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: what the client holds under this ETag is still right"}
}


def unless_same(request: Request, body: BaseModel) -> Response:
    """The body with an ETag made of it, or 304 without a body where the client holds the same already."""
    content = body.model_dump_json().encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    held = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if held & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


@router.get("", response_model=ChapterList, responses=NOT_MODIFIED)
async def list_chapters(
    request: Request, learner: CurrentLearner, reader: CurrentReader, course: CurrentCourse, session: Session
) -> Response:
    """Every chapter, locked ones too."""
    chapters = await service.list_chapters(session, course=course, reader=reader, student_id=learner.student_id)
    return unless_same(request, chapters)


@router.get("/{chapter_id}", response_model=ChapterDetail, responses=NOT_MODIFIED)
async def read_chapter(
    *,
    request: Request,
    chapter: OpenChapter,
    learner: CurrentLearner,
    reader: CurrentReader,
    course: CurrentCourse,
    session: Session,
) -> Response:
    """A whole chapter."""
    detail = await service.read_chapter(
        session, course=course, chapter=chapter, reader=reader, student_id=learner.student_id
    )
    return unless_same(request, detail)


@router.get("/{chapter_id}/next", response_model=ChapterDetail, responses=NOT_MODIFIED)
async def read_next(
    *,
    request: Request,
    chapter_id: str,
    learner: CurrentLearner,
    reader: CurrentReader,
    course: CurrentCourse,
    session: Session,
) -> Response:
    """The chapter after this one, if the caller may read it."""
    chapter = service.open_neighbour(course, chapter_id, steps=1, reader=reader)
    detail = await service.read_chapter(
        session, course=course, chapter=chapter, reader=reader, student_id=learner.student_id
    )
    return unless_same(request, detail)


@router.get("/{chapter_id}/previous", response_model=ChapterDetail, responses=NOT_MODIFIED)
async def read_previous(
    *,
    request: Request,
    chapter_id: str,
    learner: CurrentLearner,
    reader: CurrentReader,
    course: CurrentCourse,
    session: Session,
) -> Response:
    """The chapter before this one, if the caller may read it."""
    chapter = service.open_neighbour(course, chapter_id, steps=-1, reader=reader)
    detail = await service.read_chapter(
        session, course=course, chapter=chapter, reader=reader, student_id=learner.student_id
    )
    return unless_same(request, detail)


@router.get("/{chapter_id}/sections/{section_id}", response_model=SectionDetail, responses=NOT_MODIFIED)
async def read_section(request: Request, chapter: OpenChapter, section_id: str) -> Response:
    """One section of a chapter."""
    return unless_same(request, service.read_section(chapter, section_id))


@search_router.get("")
async def search(
    reader: CurrentReader, course: CurrentCourse, words: Words, limit: Limit = 10, chapter_id: ChapterFilter = None
) -> SearchResults:
    """The sections that fit best; hits stand in `**`, and a locked section shows no text."""
    return await service.search(course=course, reader=reader, query=words, chapter_id=chapter_id, limit=limit)
