"""The published course, held in memory: whole, of one version, and replaced in one step when a new one is published."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from core.errors import ServiceError
from core.storage import Storage, StorageError
from shared_schemas.course import (
    POINTER_KEY,
    Chapter,
    ChapterOutline,
    Course,
    CoursePointer,
    Key,
    MultipleChoiceKey,
    Quiz,
    QuizKey,
    QuizQuestion,
)

logger = logging.getLogger(__name__)

READS_AT_ONCE = 16

Part = TypeVar("Part", bound=BaseModel)


class CourseUnavailable(ServiceError):
    """The course is not available at the moment. Please try again shortly."""

    status = 503
    code = "SERVICE_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "20"})


class CourseBroken(Exception):
    """An object of a version is not what it should be; the message names its key, never its text."""


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


async def _as_it_is(_course: PublishedCourse) -> None:
    """Nothing has to be made ready."""


class Shelf:
    """Holds the published course of one process and looks for a new one now and then.

    ``prepare`` is awaited for each new version before it takes the place of the old one; a first one is served at once.
    """

    def __init__(
        self, storage: Storage, prepare: Callable[[PublishedCourse], Coroutine[Any, Any, None]] = _as_it_is
    ) -> None:
        self._storage = storage
        self._prepare = prepare
        self._published: PublishedCourse | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._trouble: str | None = None

    @property
    def published(self) -> PublishedCourse:
        """The course as it is published; CourseUnavailable before the first one could be loaded."""
        if self._published is None:
            raise CourseUnavailable
        return self._published

    @property
    def warning(self) -> str | None:
        """For operators: that students see an older version than the published one, and why; None when they do not."""
        if self._published is None or self._trouble is None:
            return None
        return f"serving version {self._published.content_version}: {self._trouble}"

    async def refresh(self) -> None:
        """Load the published version if it is another one than is held. On any failure the one that is held stays."""
        what = "what is published"
        try:
            body, _ = await self._storage.read(POINTER_KEY)
            version = CoursePointer.model_validate_json(body).content_version
            what = f"version {version}, which is published,"
            if self._published is None or self._published.content_version != version:
                await self._take_up(await load_version(self._storage, version))
                logger.info("course version %s is loaded", version)
        except Exception as error:  # noqa: BLE001  # whatever a read raised, the next look must still come
            self._say_once(f"{what} cannot be loaded: {_cause(error)}")
        else:
            self._trouble = None

    async def _take_up(self, course: PublishedCourse) -> None:
        self._preparing = asyncio.create_task(self._prepare(course))
        if self._published is not None:
            await self._preparing
        self._published = course

    def _say_once(self, trouble: str) -> None:
        """One line for a trouble that lasts, however often it is met."""
        if trouble != self._trouble:
            logger.warning("%s", trouble)
        self._trouble = trouble

    async def refresh_every(self, seconds: float) -> None:
        """Refresh for ever; every second at least while there is no course yet."""
        while True:
            await asyncio.sleep(seconds if self._published else min(seconds, 1.0))
            await self.refresh()


async def load_version(storage: Storage, version: str) -> PublishedCourse:
    """Every object of one version; an error where one is missing, not what it should be, or of something else."""
    places = asyncio.Semaphore(READS_AT_ONCE)

    async def read(key: str, part: type[Part]) -> Part:
        async with places:
            body, _ = await storage.read(f"{version}/{key}")
        try:
            return part.model_validate_json(body)
        except ValidationError as error:
            raise CourseBroken(f"{version}/{key} is not a valid {part.__name__}") from error

    course = await read("course.json", Course)
    async with asyncio.TaskGroup() as group:
        chapters = {
            o.chapter_id: group.create_task(read(f"chapters/{o.chapter_id}.json", Chapter)) for o in course.chapters
        }
        quizzes = {o.quiz_id: group.create_task(read(f"quizzes/{o.quiz_id}.json", Quiz)) for o in course.chapters}
        keys = {o.quiz_id: group.create_task(read(f"quiz-keys/{o.quiz_id}.json", QuizKey)) for o in course.chapters}
    loaded = PublishedCourse(
        course=course,
        chapters={name: task.result() for name, task in chapters.items()},
        quizzes={name: task.result() for name, task in quizzes.items()},
        quiz_keys={name: task.result() for name, task in keys.items()},
    )
    if stray := next(_strays(loaded, version), None):
        raise CourseBroken(f"{version}/{stray} does not belong to the rest of its version")
    return loaded


def _strays(loaded: PublishedCourse, version: str) -> Iterator[str]:
    """The keys of objects that are valid by themselves and do not fit the others."""
    if loaded.content_version != version:
        yield "course.json"
    for outline in loaded.course.chapters:
        chapter, quiz = loaded.chapters[outline.chapter_id], loaded.quizzes[outline.quiz_id]
        sections = [section.section_id for section in outline.sections]
        if (chapter.content_version, chapter.chapter_id) != (version, outline.chapter_id):
            yield f"chapters/{outline.chapter_id}.json"
        if [section.section_id for section in chapter.sections] != sections:
            yield f"chapters/{outline.chapter_id}.json"
        if (quiz.quiz_id, quiz.chapter_id) != (outline.quiz_id, outline.chapter_id):
            yield f"quizzes/{outline.quiz_id}.json"
        key = loaded.quiz_keys[outline.quiz_id]
        if (key.content_version, key.quiz_id, key.chapter_id) != (version, outline.quiz_id, outline.chapter_id):
            yield f"quiz-keys/{outline.quiz_id}.json"
        if not _marks(key, quiz) or not {one.section_id for one in key.keys} <= set(sections):
            yield f"quiz-keys/{outline.quiz_id}.json"


def _marks(key: QuizKey, quiz: Quiz) -> bool:
    """Whether there is a key for each question of the quiz, in their order, and no other."""
    asked = [question.question_id for question in quiz.questions]
    return [one.question_id for one in key.keys] == asked and all(map(_answers, key.keys, quiz.questions))


def _answers(key: Key, question: QuizQuestion) -> bool:
    """Whether a key is one of such a question: of its type, and about the very options it has."""
    if not isinstance(key, MultipleChoiceKey):
        return key.type == question.type
    options = {option.id for option in question.options}
    return key.type == question.type and key.answer in options and key.explanations.keys() == options


def _cause(error: BaseException) -> str:
    """The first cause in one line; never the text of an object."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ValidationError):
        return f"{POINTER_KEY} is not a valid {error.title}"
    return str(error) if isinstance(error, StorageError | CourseBroken) else type(error).__name__


async def request_course(request: Request) -> PublishedCourse:
    """The published course, one and the same for the whole request."""
    shelf: Shelf = request.app.state.shelf
    return shelf.published


CurrentCourse = Annotated[PublishedCourse, Depends(request_course)]
