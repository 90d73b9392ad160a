"""A small course and snapshots of students in it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared_schemas.course import ChapterOutline, Course, SectionOutline
from shared_schemas.learners import ChapterFacts, LearnerSnapshot, QuizAttemptFacts, SectionFacts

STUDENT = UUID("11111111-1111-4111-8111-111111111111")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
QUESTIONS = [f"q{number}" for number in range(1, 11)]


def section(section_id: str, order: int, *requires: str) -> SectionOutline:
    return SectionOutline(
        section_id=section_id,
        title=section_id.replace("-", " ").capitalize(),
        order=order,
        estimated_time_minutes=4 + order,
        teaches=[f"about-{section_id}"],
        requires=list(requires),
    )


def chapter(number: int, tier: str, sections: list[SectionOutline]) -> ChapterOutline:
    return ChapterOutline.model_validate(
        {
            "chapter_id": f"chapter-{number}",
            "chapter_number": number,
            "title": f"Chapter {number}",
            "subtitle": "A chapter",
            "access_tier": tier,
            "difficulty_level": "beginner",
            "estimated_time_minutes": 10,
            "prerequisites": [],
            "quiz_id": f"chapter-{number}-quiz",
            "assessment_file": f"chapter-{number}-assessments.json",
            "sections": sections,
        }
    )


COURSE = Course(
    course_id="small",
    title="Small",
    description="A small course.",
    language="en",
    licence="CC0",
    reviewed_on="2026-11-22",
    content_version="v1",
    chapters=[
        chapter(1, "free", [section("tokens", 1), section("models", 2, "about-tokens")]),
        chapter(2, "free", [section("prompts", 1), section("examples", 2)]),
        chapter(3, "premium", [section("search", 1, "about-tokens"), section("sources", 2)]),
    ],
    glossary=[],
)


def attempt(number: int, score: int, marks: Sequence[int] = (), *, at: int = 0) -> QuizAttemptFacts:
    """An attempt at a chapter's quiz; its questions alternate between the chapter's two sections. ``at`` in minutes."""
    sections = [one.section_id for one in COURSE.chapters[number - 1].sections]
    asked = QUESTIONS[: len(marks)]
    return QuizAttemptFacts(
        attempt_id=UUID(int=number * 1000 + at),
        quiz_id=f"chapter-{number}-quiz",
        chapter_id=f"chapter-{number}",
        score=score,
        passed=score >= 70,
        completed_at=NOW + timedelta(minutes=at),
        marks=dict(zip(asked, marks, strict=True)),
        concepts=dict.fromkeys(asked, "about-it"),
        sections={question: sections[place % 2] for place, question in enumerate(asked)},
    )


def read(number: int, *, at: int = -1, **seconds: int) -> ChapterFacts:
    """A chapter whose named sections are completed, each after so many seconds; ``at`` in minutes."""
    read_at = NOW + timedelta(minutes=at)
    return ChapterFacts(
        chapter_id=f"chapter-{number}",
        completion_status="in_progress",
        time_spent_seconds=sum(seconds.values()),
        sections=[
            SectionFacts(section_id=s, completed=True, time_spent_seconds=t, last_activity_at=read_at)
            for s, t in seconds.items()
        ],
        last_activity_at=read_at,
    )


def snapshot(*facts: ChapterFacts | QuizAttemptFacts) -> LearnerSnapshot:
    return LearnerSnapshot(
        student_id=STUDENT,
        taken_at=NOW,
        chapters=[one for one in facts if isinstance(one, ChapterFacts)],
        quiz_attempts=[one for one in facts if isinstance(one, QuizAttemptFacts)],
    )
