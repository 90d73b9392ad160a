"""Dependencies that open a chapter or a quiz to the caller: 401, 403 and 404 come before anything about the body."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from core.access import service
from core.access.service import Reader
from core.clock import Now
from core.content import CurrentCourse, PublishedCourse, request_course
from core.security import CurrentLearner, RequestSettings, current_learner
from shared_schemas.claims import Learner
from shared_schemas.course import Chapter, Quiz


async def current_reader(learner: CurrentLearner, settings: RequestSettings, now: Now) -> Reader:
    """The caller as a reader of the course."""
    return Reader(learner.effective_tier(now), settings.upgrade_url, ended_at=learner.ended_at(now))


CurrentReader = Annotated[Reader, Depends(current_reader)]


async def open_chapter(chapter_id: str, reader: CurrentReader, course: CurrentCourse) -> Chapter:
    """The chapter in the path, if the caller may read it."""
    return service.open_chapter(course, chapter_id, reader=reader)


async def open_quiz(quiz_id: str, reader: CurrentReader, course: CurrentCourse) -> Quiz:
    """The quiz in the path, if the caller may read its chapter."""
    return service.open_quiz(course, quiz_id, reader=reader)


async def known_quiz(quiz_id: str, _reader: CurrentReader, course: CurrentCourse) -> Quiz:
    """The quiz in the path, also where its chapter is locked now."""
    return service.find_quiz(course, quiz_id)


@dataclass(frozen=True)
class Visit:
    """Somebody who comes to read a page."""

    learner: Learner
    reader: Reader
    course: PublishedCourse


async def enter(request: Request) -> Visit:
    """The caller of a PageRoute, which has no dependencies: by the same steps, in the same order."""
    now = datetime.now(UTC)
    learner = await current_learner(request, now)
    reader = await current_reader(learner, request.app.state.settings, now)
    return Visit(learner, reader, await request_course(request))


OpenChapter = Annotated[Chapter, Depends(open_chapter)]
OpenQuiz = Annotated[Quiz, Depends(open_quiz)]
KnownQuiz = Annotated[Quiz, Depends(known_quiz)]
