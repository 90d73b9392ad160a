"""Adaptive learning paths on the wire."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool

from shared_schemas.course import Slug
from shared_schemas.wire import Request, Response

Impact = Literal["high", "medium", "low"]
PathStatus = Literal["active", "expired", "superseded", "completed"]


class PathRequest(Request):
    """What a student asks for; an empty body means the defaults."""

    force_refresh: StrictBool = False
    include_reasoning: StrictBool = True


class Links(Response):
    """Where to read the recommended chapter and section: paths under the gateway's address."""

    chapter: str
    section: str


class Recommendation(Response):
    """One step of a path; ``priority`` 1 comes first."""

    chapter_id: str
    section_id: str
    priority: int
    reason: str
    estimated_impact: Impact
    estimated_time_minutes: int
    links: Links


class PathMetadata(Response):
    """Sums over the recommendations, and whether an earlier path was given again."""

    total_recommendations: int
    high_priority_count: int
    estimated_total_time_minutes: int
    cached: bool


class AdaptivePath(Response):
    """A personal learning path of one to five steps, good for 24 hours."""

    path_id: UUID
    student_id: UUID
    generated_at: AwareDatetime
    expires_at: AwareDatetime
    status: PathStatus
    recommendations: list[Recommendation]
    reasoning: str | None
    metadata: PathMetadata


class CompletedStep(Response):
    """A step that is done."""

    chapter_id: str
    section_id: str


class PathProgress(Response):
    """How much of a path is done, and which steps; ``followed_at`` is when its first step was."""

    followed_at: AwareDatetime | None
    completed_recommendations: int
    total_recommendations: int
    completion_percentage: int
    completed_steps: list[CompletedStep]


class AdaptivePathWithProgress(AdaptivePath):
    """A path as its student finds it again."""

    progress: PathProgress


class Pagination(Response):
    """Which part of a longer list this is."""

    total: int
    limit: int
    offset: int
    has_more: bool


class AdaptivePaths(Response):
    """A student's paths, newest first."""

    paths: list[AdaptivePathWithProgress]
    pagination: Pagination


class CompleteRequest(Request):
    """The step that was done."""

    chapter_id: Slug
    section_id: Slug


class Completion(Response):
    """What is done and what comes next; ``next_recommendation`` is null when nothing is left.

    ``suggestion`` says then what would change the next path, and is null before.
    """

    path_id: UUID
    status: PathStatus
    completed_recommendations: int
    total_recommendations: int
    completion_percentage: int
    next_recommendation: Recommendation | None
    suggestion: str | None


class PathFallback(Response):
    """What to do while no path can be worded."""

    suggestion: str = Field(min_length=1)
    weak_chapters: list[str]
