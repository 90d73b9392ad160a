"""Chapters and sections as a student reads them, and search through them."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from shared_schemas.claims import SubscriptionTier
from shared_schemas.course import Difficulty, Explanations, Tier
from shared_schemas.learners import CompletionStatus
from shared_schemas.wire import Response

Relevance = Annotated[float, Field(ge=0, le=1)]


class ChapterStanding(Response):
    """How far a student is with a chapter; ``quiz_score`` is the best one, in percent."""

    completion_status: CompletionStatus
    quiz_score: int | None


class ChapterSummary(Response):
    """A chapter in the list; ``user_progress`` is null until the student has begun it."""

    chapter_id: str
    chapter_number: int
    title: str
    subtitle: str
    access_tier: Tier
    estimated_time_minutes: int
    difficulty_level: Difficulty
    user_has_access: bool
    user_progress: ChapterStanding | None


class ChapterList(Response):
    """Every chapter, in reading order, locked ones too."""

    chapters: list[ChapterSummary]
    total_chapters: int
    user_subscription: SubscriptionTier


class SectionText(Response):
    """A section inside its chapter."""

    section_id: str
    title: str
    order: int
    estimated_time_minutes: int
    content_markdown: str
    explanations: Explanations


class FurtherReading(Response):
    """A book, paper or standard to read further."""

    title: str
    author: str
    year: int
    why: str


class ChapterDetail(ChapterSummary):
    """A whole chapter; ``next_chapter`` and ``previous_chapter`` are chapter ids, null at the ends of the course."""

    quiz_id: str
    learning_objectives: list[str]
    prerequisites: list[str]
    sections: list[SectionText]
    further_reading: list[FurtherReading]
    next_chapter: str | None
    previous_chapter: str | None
    content_version: str
    updated_at: AwareDatetime


class SectionDetail(SectionText):
    """One section alone; ``next_section`` and ``previous_section`` are ids within the chapter, null at its ends."""

    chapter_id: str
    chapter_title: str
    next_section: str | None
    previous_section: str | None
    content_version: str
    updated_at: AwareDatetime


class SearchHit(Response):
    """A section that was found; ``snippet`` has the words that were hit in ``**``, and is null in a locked chapter."""

    chapter_id: str
    chapter_title: str
    section_id: str
    section_title: str
    snippet: str | None
    relevance_score: Relevance
    locked: bool


class SearchResults(Response):
    """The best hits first; ``total_results`` counts those beyond the limit too."""

    query: str
    results: list[SearchHit]
    total_results: int
    query_time_ms: float
