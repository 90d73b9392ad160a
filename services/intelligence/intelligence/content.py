"""The course as grading and paths see it: the published version, and any older one by name."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from intelligence.errors import ServiceError
from intelligence.settings import get_settings
from intelligence.storage import Storage, StorageError, open_storage
from shared_schemas.course import (
    POINTER_KEY,
    AssessmentSet,
    ChapterOutline,
    Course,
    CoursePointer,
    Criterion,
    OpenQuestion,
    Rubric,
    RubricSet,
    SectionOutline,
)

logger = logging.getLogger(__name__)

VERSIONS_KEPT = 8
READS_AT_ONCE = 16

Part = TypeVar("Part", bound=BaseModel)


class CourseUnavailable(ServiceError):
    """No course is published, or it can not be read."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The course is not available at the moment. Please try again shortly."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "20"})


class CourseBroken(Exception):
    """An object of a version is not what it should be; the message names its key, never its text."""


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
    """The versions in memory, which of them is published, and why it may not be the newest."""

    def __init__(self) -> None:
        self.versions: dict[str, LoadedCourse] = {}
        self.published: LoadedCourse | None = None
        self.trouble: str | None = None
        self.lock = asyncio.Lock()
        self.loading: dict[str, asyncio.Task[LoadedCourse]] = {}


_library = _Library()


async def current_course() -> LoadedCourse:
    """The course that was published when this process looked last; read now if it has none yet."""
    if _library.published is None:
        async with _library.lock:
            if _library.published is None:
                await refresh()
    if _library.published is None:
        raise CourseUnavailable
    return _library.published


async def course_version(content_version: str) -> LoadedCourse:
    """One version of the course by name, published now or before."""
    try:
        return await _version(content_version)
    except Exception as error:
        logger.warning("version %s of the course can not be read: %s", content_version, _cause(error))
        raise CourseUnavailable from error


async def refresh() -> None:
    """Load the published version if it is another one than is held. On any failure the one that is held stays."""
    library, what = _library, "what is published"
    try:
        async with open_storage(get_settings()) as storage:
            pointer = CoursePointer.model_validate_json(await storage.read(POINTER_KEY))
        what = f"version {pointer.content_version}, which is published,"
        if library.published is None or library.published.course.content_version != pointer.content_version:
            library.published = await _version(pointer.content_version)
            logger.info("course version %s is loaded", pointer.content_version)
    except Exception as error:  # noqa: BLE001  # whatever a read raised, the next look must still come
        trouble = f"{what} cannot be loaded: {_cause(error)}"
        if trouble != library.trouble:  # one line for a trouble that lasts
            logger.warning("%s", trouble)
        library.trouble = trouble
    else:
        library.trouble = None


async def refresh_every() -> None:
    """Refresh for ever, every CONTENT_RELOAD_SECONDS; every second at least while there is no course yet."""
    while True:
        await refresh()
        seconds = get_settings().content_reload_seconds
        await asyncio.sleep(seconds if _library.published else min(seconds, 1.0))


def warning() -> str | None:
    """For operators: that an older version than the published one is used, and why; None when it is not."""
    if _library.published is None or _library.trouble is None:
        return None
    return f"serving version {_library.published.course.content_version}: {_library.trouble}"


def forget() -> None:
    """Drop every loaded version; the next use reads again."""
    global _library  # noqa: PLW0603  # one library a process, replaced as a whole
    for reading in _library.loading.values():
        reading.cancel()
    _library = _Library()


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
    async with open_storage(get_settings()) as storage:
        loaded = await _read(storage, version)
    if len(_library.versions) >= VERSIONS_KEPT:
        _library.versions.pop(next(iter(_library.versions)))
    _library.versions[version] = loaded
    return loaded


async def _read(storage: Storage, version: str) -> LoadedCourse:
    """Every object of one version; an error where one is missing, not what it should be, or of something else."""
    places = asyncio.Semaphore(READS_AT_ONCE)

    async def read(key: str, part: type[Part]) -> Part:
        async with places:
            body = await storage.read(f"{version}/{key}")
        try:
            return part.model_validate_json(body)
        except ValidationError as error:
            raise CourseBroken(f"{version}/{key} is not a valid {part.__name__}") from error

    course = await read("course.json", Course)
    files = {outline.chapter_id: outline.assessment_file for outline in course.chapters}
    async with asyncio.TaskGroup() as group:
        faces = {name: group.create_task(read(f"assessments/{file}", AssessmentSet)) for name, file in files.items()}
        hidden = {name: group.create_task(read(f"rubrics/{file}", RubricSet)) for name, file in files.items()}
    assessments = {name: task.result() for name, task in faces.items()}
    rubrics = {name: task.result() for name, task in hidden.items()}
    if course.content_version != version:
        raise CourseBroken(f"{version}/course.json is of another version")
    for outline in course.chapters:
        chapter = outline.chapter_id
        if stray := next(_strays(outline, assessments[chapter], rubrics[chapter], version), None):
            raise CourseBroken(f"{version}/{stray} does not belong to the rest of its version")
    return LoadedCourse(
        course=course,
        assessments=assessments,
        rubrics={rubric.question_id: rubric for one in rubrics.values() for rubric in one.rubrics},
    )


def _strays(outline: ChapterOutline, face: AssessmentSet, hidden: RubricSet, version: str) -> Iterator[str]:
    """The keys of a chapter's objects that are valid by themselves and do not fit the others."""
    sections = {section.section_id for section in outline.sections}
    if {face.chapter_id, *(question.chapter_id for question in face.questions)} != {outline.chapter_id}:
        yield f"assessments/{outline.assessment_file}"
    if not {question.section_id for question in face.questions} <= sections:
        yield f"assessments/{outline.assessment_file}"
    if (hidden.content_version, hidden.chapter_id) != (version, outline.chapter_id):
        yield f"rubrics/{outline.assessment_file}"
    if [_shown(rubric) for rubric in hidden.rubrics] != [
        (question.question_id, question.evaluation_criteria) for question in face.questions
    ]:
        yield f"rubrics/{outline.assessment_file}"


def _shown(rubric: Rubric) -> tuple[str, list[Criterion]]:
    """What of a rubric its question shows."""
    return rubric.question_id, [
        Criterion(criterion_id=one.criterion_id, name=one.name, points=one.points) for one in rubric.criteria
    ]


def _cause(error: BaseException) -> str:
    """The first cause in one line; never the text of an object."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ValidationError):
        return f"{POINTER_KEY} is not a valid {error.title}"
    return str(error) if isinstance(error, StorageError | CourseBroken) else type(error).__name__
