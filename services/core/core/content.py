"""The published course, held in memory: whole, of one version, and replaced in one step when a new one is published."""

import asyncio
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from core.errors import ServiceError
from core.storage import ObjectNotFound, Storage, StorageError
from shared_schemas.course import Chapter, ChapterOutline, Course, CoursePointer, Key, Quiz, QuizKey

logger = logging.getLogger(__name__)

POINTER_KEY = "course.json"
READS_AT_ONCE = 16

Part = TypeVar("Part", bound=BaseModel)


class CourseUnavailable(ServiceError):
    """No course is published here yet. Please try again shortly."""

    status = 503
    code = "SERVICE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "20"})


@dataclass(frozen=True, eq=False)  # one version is loaded once, and is only ever equal to itself
class PublishedCourse:
    """One version of a course. Keys are apart from the quizzes that students see; only marking looks at them."""

    course: Course
    chapters: dict[str, Chapter]
    quizzes: dict[str, Quiz]
    quiz_keys: dict[str, QuizKey]

    @property
    def content_version(self) -> str:
        """The version's name."""
        return self.course.content_version

    @cached_property
    def outlines(self) -> dict[str, ChapterOutline]:
        """The map of each chapter by its id, in reading order."""
        return {outline.chapter_id: outline for outline in self.course.chapters}

    @cached_property
    def section_titles(self) -> dict[tuple[str, str], str]:
        """Titles by chapter id and section id."""
        return {
            (outline.chapter_id, section.section_id): section.title
            for outline in self.course.chapters
            for section in outline.sections
        }

    def keys_of(self, quiz_id: str) -> list[Key]:
        """The keys of one quiz, in the order of its questions."""
        return self.quiz_keys[quiz_id].keys

    def neighbour(self, chapter_id: str, steps: int) -> ChapterOutline | None:
        """The chapter so many steps ahead (or behind, below zero), or None beyond the ends of the course."""
        ids = list(self.outlines)
        index = ids.index(chapter_id) + steps
        return self.outlines[ids[index]] if 0 <= index < len(ids) else None


class Shelf:
    """Holds the published course of one process and looks for a new one now and then."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._published: PublishedCourse | None = None
        self._trouble: str | None = None

    @property
    def published(self) -> PublishedCourse:
        """The course as it is published; CourseUnavailable before the first one could be loaded."""
        if self._published is None:
            raise CourseUnavailable
        return self._published

    async def refresh(self) -> None:
        """Load the published version if it is another one than is held. On any failure the one that is held stays."""
        try:
            body, _ = await self._storage.read(POINTER_KEY)
            version = CoursePointer.model_validate_json(body).content_version
            if self._published is None or self._published.content_version != version:
                self._published = await load_version(self._storage, version)
                logger.info("course version %s is loaded", version)
        except ObjectNotFound as error:
            self._say_once("no course can be loaded: %s", str(error))
        except Exception as error:  # noqa: BLE001  # whatever a read raised, the next look must still come
            self._say_once("the published course cannot be loaded: %s", _cause(error))
        else:
            self._trouble = None

    def _say_once(self, line: str, trouble: str) -> None:
        """One line for a trouble that lasts, however often it is met."""
        if trouble != self._trouble:
            logger.warning(line, trouble)
        self._trouble = trouble

    async def refresh_every(self, seconds: float) -> None:
        """Refresh for ever; every second at least while there is no course yet."""
        while True:
            await asyncio.sleep(seconds if self._published else min(seconds, 1.0))
            await self.refresh()


async def load_version(storage: Storage, version: str) -> PublishedCourse:
    """Every object of one version; an error where one is missing or not what it should be."""
    places = asyncio.Semaphore(READS_AT_ONCE)

    async def read(key: str, part: type[Part]) -> Part:
        async with places:
            body, _ = await storage.read(f"{version}/{key}")
        return part.model_validate_json(body)

    course = await read("course.json", Course)
    async with asyncio.TaskGroup() as group:
        chapters = {
            o.chapter_id: group.create_task(read(f"chapters/{o.chapter_id}.json", Chapter)) for o in course.chapters
        }
        quizzes = {o.quiz_id: group.create_task(read(f"quizzes/{o.quiz_id}.json", Quiz)) for o in course.chapters}
        keys = {o.quiz_id: group.create_task(read(f"quiz-keys/{o.quiz_id}.json", QuizKey)) for o in course.chapters}
    return PublishedCourse(
        course=course,
        chapters={name: task.result() for name, task in chapters.items()},
        quizzes={name: task.result() for name, task in quizzes.items()},
        quiz_keys={name: task.result() for name, task in keys.items()},
    )


def _cause(error: BaseException) -> str:
    """The first cause in one line; never the text of an object."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ValidationError):
        return f"it is not a valid {error.title}"
    return str(error) if isinstance(error, StorageError) else type(error).__name__


async def request_course(request: Request) -> PublishedCourse:
    """The published course, one and the same for the whole request."""
    shelf: Shelf = request.app.state.shelf
    return shelf.published


CurrentCourse = Annotated[PublishedCourse, Depends(request_course)]
