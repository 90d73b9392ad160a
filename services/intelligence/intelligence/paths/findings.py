"""What the analysis of a learner finds: weak areas, and steps worth taking."""

from dataclasses import dataclass
from typing import Literal

from intelligence.paths.mastery import Mastery, Verdict
from shared_schemas.paths import Impact

Kind = Literal["review", "prerequisite", "skipped", "strengthen", "slow", "unsure", "next", "refresh", "retake"]
Cause = Literal["score", "time"]


@dataclass(frozen=True)
class WeakArea:
    """A chapter that needs work; ``time_ratio`` is its time over the student's average chapter."""

    chapter_id: str
    title: str
    causes: tuple[Cause, ...]
    best_score: int | None
    latest_score: int | None
    attempts: int
    time_ratio: float | None
    expected: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Step:
    """A section worth the student's time. ``weight`` ranks it; ``score`` is its latest quiz score in percent."""

    chapter_id: str
    section_id: str
    title: str
    kind: Kind
    weight: float
    impact: Impact
    reason: str
    estimated_time_minutes: int
    score: int | None


@dataclass(frozen=True)
class Analysis:
    """Weak areas in course order; candidate steps, the most urgent first, and none only where nothing is open."""

    weak_areas: tuple[WeakArea, ...]
    candidates: tuple[Step, ...]
    best_scores: dict[str, int]
    mastery: dict[str, Mastery]
