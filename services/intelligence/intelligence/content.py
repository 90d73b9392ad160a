"""The course as grading and paths see it: the published version, and any older one by name."""

import asyncio
import logging
import time
from dataclasses import dataclass

from pydantic import ValidationError

from intelligence.errors import ServiceError
from intelligence.settings import get_settings
from intelligence.storage import StorageError, open_storage
from shared_schemas.course import (
    AssessmentSet,
    Course,
    CoursePointer,
    OpenQuestion,
    Rubric,
    RubricSet,
    SectionOutline,
)

logger = logging.getLogger(__name__)

VERSIONS_KEPT = 8


class CourseUnavailable(ServiceError):
    """No course is published, or it can not be read."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The course is not available at the moment. Please try again shortly."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


@dataclass(frozen=True)
class LoadedCourse:
    """One version of the course. `assessments` by chapter id."""

    course: Course
    assessments: dict[str, AssessmentSet]
    rubrics: dict[str, Rubric]

    def rubric(self, question_id: str) -> Rubric:
        """How this question is graded; KeyError when there is no such question."""
        return self.rubrics[question_id]

    def question(self, question_id: str) -> OpenQuestion | None:
        """The question as a student sees it."""
        return next(
            (
                question
                for chapter in self.assessments.values()
                for question in chapter.questions
                if question.question_id == question_id
            ),
            None,
        )

    def section(self, chapter_id: str, section_id: str) -> SectionOutline | None:
        """The outline of a section, or None when the course has no such section."""
        return next(
            (
                section
                for chapter in self.course.chapters
                if chapter.chapter_id == chapter_id
                for section in chapter.sections
                if section.section_id == section_id
            ),
            None,
        )


class _Library:
    """The versions in memory, and which of them is published."""

    def __init__(self) -> None:
        self.versions: dict[str, LoadedCourse] = {}
        self.published: LoadedCourse | None = None
        self.checked_at = float("-inf")
        self.lock = asyncio.Lock()
        self.refresh: asyncio.Task[None] | None = None
        self.loading: dict[str, asyncio.Task[LoadedCourse]] = {}


_library = _Library()


async def current_course() -> LoadedCourse:
    """The published course. Looks for a newer one every CONTENT_RELOAD_SECONDS, in the background."""
    if _library.published is None:
        async with _library.lock:
            if _library.published is None:
                await _load_published()
    elif _is_due() and (_library.refresh is None or _library.refresh.done()):
        _library.refresh = asyncio.create_task(_refresh())
    if _library.published is None:
        raise CourseUnavailable
    return _library.published


async def course_version(content_version: str) -> LoadedCourse:
    """One version of the course by name, published now or before."""
    try:
        return await _version(content_version)
    except (StorageError, ValidationError) as error:
        logger.warning("version %s of the course can not be read: %s", content_version, type(error).__name__)
        raise CourseUnavailable from error


def forget() -> None:
    """Drop every loaded version; the next use reads again."""
    global _library  # noqa: PLW0603  # one library a process, replaced as a whole
    for reading in (_library.refresh, *_library.loading.values()):
        if reading is not None:
            reading.cancel()
    _library = _Library()


def _is_due() -> bool:
    return time.monotonic() - _library.checked_at >= get_settings().content_reload_seconds


async def _refresh() -> None:
    try:
        await _load_published()
    except CourseUnavailable:
        logger.warning("keeping the course that is loaded")


async def _load_published() -> None:
    try:
        async with open_storage(get_settings()) as storage:
            pointer = CoursePointer.model_validate_json(await storage.read("course.json"))
        _library.published = await _version(pointer.content_version)
    except (StorageError, ValidationError) as error:
        logger.warning("the published course can not be read: %s", type(error).__name__)
        raise CourseUnavailable from error
    finally:
        _library.checked_at = time.monotonic()


async def _version(name: str) -> LoadedCourse:
    """A version from memory, or read now: once, however many ask for it meanwhile."""
    known = _library.versions.get(name)
    if known is not None:
        return known
    loading = _library.loading
    if name not in loading:
        loading[name] = asyncio.create_task(_load(name))
        loading[name].add_done_callback(lambda _: loading.pop(name))
    return await asyncio.shield(loading[name])


async def _load(version: str) -> LoadedCourse:
    assessments: dict[str, AssessmentSet] = {}
    rubrics: dict[str, Rubric] = {}
    async with open_storage(get_settings()) as storage:
        course = Course.model_validate_json(await storage.read(f"{version}/course.json"))
        for chapter in course.chapters:
            assessments[chapter.chapter_id] = AssessmentSet.model_validate_json(
                await storage.read(f"{version}/assessments/{chapter.assessment_file}")
            )
            read = RubricSet.model_validate_json(await storage.read(f"{version}/rubrics/{chapter.assessment_file}"))
            rubrics |= {rubric.question_id: rubric for rubric in read.rubrics}
    loaded = LoadedCourse(course=course, assessments=assessments, rubrics=rubrics)
    if len(_library.versions) >= VERSIONS_KEPT:
        _library.versions.pop(next(iter(_library.versions)))
    _library.versions[version] = loaded
    return loaded
