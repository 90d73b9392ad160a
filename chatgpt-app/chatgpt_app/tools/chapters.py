"""Reading the course: its chapters, their sections, three explanations of each, and search."""

import re
from typing import Annotated, Literal

from mcp.types import CallToolResult
from pydantic import Field

from chatgpt_app.gateway import api_path
from chatgpt_app.tooling import Ctx, Shown, course_tool, learner_of, said
from shared_schemas.chapters import ChapterDetail, ChapterList, ChapterSummary, SearchResults, SectionDetail
from shared_schemas.course import Slug

ChapterId = Annotated[Slug, Field(description="A chapter's id as list_chapters shows it, e.g. 01-intro")]
SectionId = Annotated[Slug, Field(description="A section's id as get_chapter shows it")]
Level = Literal["beginner", "intermediate", "advanced"]


class ChapterCard(Shown):
    """A chapter in the list. ``open``: the learner may read it; ``quiz_score`` is the best one, in percent."""

    chapter_id: str
    number: int
    title: str
    subtitle: str
    minutes: int
    difficulty: str
    open: bool
    status: Literal["not_started", "in_progress", "completed"]
    quiz_score: int | None = None


class Course(Shown):
    """Every chapter in reading order."""

    chapters: list[ChapterCard]


class SectionCard(Shown):
    """A section without its text."""

    section_id: str
    title: str
    minutes: int


class ChapterPage(Shown):
    """A chapter's outline: what it teaches, its sections, and what surrounds it."""

    chapter_id: str
    number: int
    title: str
    subtitle: str
    minutes: int
    status: str
    learning_objectives: list[str]
    sections: list[SectionCard]
    quiz_id: str
    next_chapter: str | None = None
    previous_chapter: str | None = None


class SectionPage(Shown):
    """A section's text in Markdown, to teach from and to cite as ``citation``."""

    chapter_id: str
    section_id: str
    title: str
    text: str
    citation: str
    next_section: str | None = None


class Explanation(Shown):
    """One idea at one depth, from the course itself."""

    chapter_id: str
    section_id: str
    title: str
    level: Level
    text: str
    citation: str


class Hit(Shown):
    """A section that was found; ``snippet`` is missing where the chapter is not open."""

    chapter_id: str
    section_id: str
    title: str
    chapter_title: str
    open: bool
    snippet: str | None = None


class Found(Shown):
    """The best hits first."""

    query: str
    hits: list[Hit]


@course_tool(
    title="Show the course",
    use="Use this when the learner wants to see the course, choose a chapter or find out what is open to them.",
    invoking="Opening the course",
    invoked="The course",
    widget="course",
)
async def list_chapters(ctx: Ctx) -> Annotated[CallToolResult, Course]:
    """Every chapter, with how far the learner is."""
    course = await learner_of(ctx).get("/api/v1/chapters", ChapterList)
    cards = [_card(chapter) for chapter in course.chapters]
    lines = [f"{c.number}. {c.title} ({c.chapter_id}): {_standing(c)}" for c in cards]
    return said("The course:\n" + "\n".join(lines), Course(chapters=cards))


@course_tool(
    title="Open a chapter",
    use=(
        "Use this when the learner wants to start or look at one chapter: objectives, sections, quiz. "
        "Read the texts with get_section."
    ),
    invoking="Opening the chapter",
    invoked="The chapter",
    widget="lesson",
)
async def get_chapter(ctx: Ctx, chapter_id: ChapterId) -> Annotated[CallToolResult, ChapterPage]:
    """A chapter's outline."""
    chapter = await learner_of(ctx).get(api_path("v1", "chapters", chapter_id), ChapterDetail)
    page = ChapterPage(
        chapter_id=chapter.chapter_id,
        number=chapter.chapter_number,
        title=chapter.title,
        subtitle=chapter.subtitle,
        minutes=chapter.estimated_time_minutes,
        status=_status(chapter),
        learning_objectives=chapter.learning_objectives,
        sections=[
            SectionCard(section_id=s.section_id, title=s.title, minutes=s.estimated_time_minutes)
            for s in chapter.sections
        ],
        quiz_id=chapter.quiz_id,
        next_chapter=chapter.next_chapter,
        previous_chapter=chapter.previous_chapter,
    )
    objectives = "\n".join(f"- {objective}" for objective in page.learning_objectives)
    sections = "\n".join(f"- {s.title} ({s.section_id}, {s.minutes} min)" for s in page.sections)
    text = f"{page.number}. {page.title}: {page.subtitle}\nYou will learn:\n{objectives}\nSections:\n{sections}\n"
    return said(f"{text}Its quiz: {page.quiz_id}", page)


@course_tool(
    title="Read a section",
    use=(
        "Use this when the learner reads on or asks about something a section teaches. Teach from this "
        "text and cite it."
    ),
    invoking="Turning to the section",
    invoked="The section",
)
async def get_section(ctx: Ctx, chapter_id: ChapterId, section_id: SectionId) -> Annotated[CallToolResult, SectionPage]:
    """A section's text."""
    section = await _section(ctx, chapter_id, section_id)
    page = SectionPage(
        chapter_id=chapter_id,
        section_id=section.section_id,
        title=section.title,
        text=_readable(section.content_markdown),
        citation=_citation(section),
        next_section=section.next_section,
    )
    return said(f"{page.text}\n\nSource: {page.citation}", page)


@course_tool(
    title="Explain an idea",
    use=(
        "Use this when the learner wants a section's idea explained more simply or more deeply: "
        "beginner, intermediate, advanced."
    ),
    invoking="Looking for the right words",
    invoked="An explanation",
)
async def explain(
    ctx: Ctx, chapter_id: ChapterId, section_id: SectionId, level: Level = "beginner"
) -> Annotated[CallToolResult, Explanation]:
    """The course's own explanation of a section at one of three levels."""
    section = await _section(ctx, chapter_id, section_id)
    shown = Explanation(
        chapter_id=chapter_id,
        section_id=section.section_id,
        title=section.title,
        level=level,
        text=_readable(getattr(section.explanations, level)),
        citation=_citation(section),
    )
    return said(f"{shown.text}\n\nSource: {shown.citation}", shown)


@course_tool(
    title="Search the course",
    use=(
        "Use this when the learner asks about a topic and you need the sections that teach it. Finds "
        "whole words and small typos."
    ),
    invoking="Searching the course",
    invoked="What the course says",
)
async def search_course(
    ctx: Ctx,
    query: Annotated[str, Field(min_length=1, max_length=200, description="The topic in a few words")],
    chapter_id: Annotated[Slug | None, Field(description="Only in this chapter")] = None,
) -> Annotated[CallToolResult, Found]:
    """The sections that fit best."""
    learner = learner_of(ctx)
    results = await learner.get("/api/v1/search", SearchResults, q=query, limit=8, chapter_id=chapter_id)
    hits = [
        Hit(
            chapter_id=hit.chapter_id,
            section_id=hit.section_id,
            title=hit.section_title,
            chapter_title=hit.chapter_title,
            open=not hit.locked,
            snippet=hit.snippet,
        )
        for hit in results.results
    ]
    if not hits:
        nothing = f"The course says nothing about “{query}”. Try other words, or list_chapters for its topics."
        return said(nothing, Found(query=query, hits=[]))
    lines = [f"- {h.title} ({h.chapter_id}/{h.section_id}): {h.snippet or 'not in your current plan'}" for h in hits]
    return said(f"What the course says about “{query}”:\n" + "\n".join(lines), Found(query=query, hits=hits))


async def _section(ctx: Ctx, chapter_id: str, section_id: str) -> SectionDetail:
    path = api_path("v1", "chapters", chapter_id, "sections", section_id)
    return await learner_of(ctx).get(path, SectionDetail)


def _readable(markdown: str) -> str:
    """The text with its links, which lead to sections, as words: a chat has no page for them to open."""
    return _LINK.sub(r"\1 (section \2)", markdown)


_LINK = re.compile(r"\[([^\[\]]+)\]\(section:([a-z0-9-]+)\)")


def _citation(section: SectionDetail) -> str:
    return f"“{section.title}” in “{section.chapter_title}”"


def _status(chapter: ChapterSummary) -> Literal["not_started", "in_progress", "completed"]:
    return chapter.user_progress.completion_status if chapter.user_progress else "not_started"


def _card(chapter: ChapterSummary) -> ChapterCard:
    return ChapterCard(
        chapter_id=chapter.chapter_id,
        number=chapter.chapter_number,
        title=chapter.title,
        subtitle=chapter.subtitle,
        minutes=chapter.estimated_time_minutes,
        difficulty=chapter.difficulty_level,
        open=chapter.user_has_access,
        status=_status(chapter),
        quiz_score=chapter.user_progress.quiz_score if chapter.user_progress else None,
    )


def _standing(card: ChapterCard) -> str:
    if not card.open:
        return "not in your current plan"
    score = f", best quiz {card.quiz_score} %" if card.quiz_score is not None else ""
    return f"{card.status.replace('_', ' ')}{score}, {card.minutes} min"
