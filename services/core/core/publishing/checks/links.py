"""Links, pictures and HTML in everything that is shown as Markdown: each link leads to a section of the course."""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from core.publishing.checks.outline import sections_in_order
from core.publishing.source import CourseSource, Finding

SECTION_LINK = "section:"
MAYBE_MARKED = re.compile(r"[\[<]")
WITHOUT_TARGET = re.compile(r"(?<![\w\]])\[[^\[\]]+\]\[[^\[\]]*\]")
OF_STUDENTS = {"excellent_example", "poor_example", "model_answers", "phrasings", "must_not"}  # never shown as Markdown
MOST_BRACKETS = 1000  # parsing takes time in proportion to their square, here and wherever the text is shown
BREAKS = {"softbreak", "hardbreak"}


def _parser() -> MarkdownIt:
    """CommonMark without emphasis. Links to where no browser would go are links too; targets stay as written."""
    parser = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table").disable("emphasis")
    # To put functions in their place is how markdown-it itself says they are changed; the first one needs no address.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    return parser


MARKDOWN = _parser()


def check_links(source: CourseSource) -> Iterator[Finding]:
    """Findings about every text of every file, but those that are written as a student would write."""
    known = {section.section_id for _, section in sections_in_order(source.course)}
    for file, read in source.files.items():
        for one in read.shown():
            if one.name not in OF_STUDENTS and MAYBE_MARKED.search(one.text):
                for line, message in _wrong(one.text, known):
                    yield Finding(file, one.line + line, message)


def _wrong(markdown: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """What a text should not hold, with its line from 0."""
    if markdown.count("[") > MOST_BRACKETS:
        yield 0, f"this text holds more than {MOST_BRACKETS} opening square brackets"
        return
    line = 0
    for block in MARKDOWN.parse(markdown):
        line = block.map[0] if block.map else line
        if block.type == "html_block":
            yield line, _about_html(block.content)
        below = line
        for token in block.children or ():
            if message := _about(token, known):
                yield below, message
            below += token.content.count("\n") + (token.type in BREAKS)


def _about(token: Token, known: set[str]) -> str | None:
    """What is wrong with one part of a paragraph."""
    if token.type == "html_inline":
        return _about_html(token.content)
    if token.type == "image":
        return "a course has no pictures; a diagram is a table or a Mermaid block"
    if token.type == "text" and (found := WITHOUT_TARGET.search(token.content)):
        return f"{found[0]} names a link that is written nowhere"
    return _about_link(str(token.attrGet("href")), known) if token.type == "link_open" else None


def _about_link(target: str, known: set[str]) -> str | None:
    if not target.startswith(SECTION_LINK):
        return f"a link leads to a section, written [text](section:slug), not to “{target}”"
    if target.removeprefix(SECTION_LINK) not in known:
        return f"the link leads to {target}, and there is no such section"
    return None


def _about_html(html: str) -> str:
    return f"HTML is not shown: put {html.split(maxsplit=1)[0]} between backticks, or write Markdown"
