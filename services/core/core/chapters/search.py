"""Search over the text of a course. Pure: the same course and query give the same hits in the same order.

Sections are ranked by BM25 (Robertson and Zaragoza, 2009) over stems, where a word of the title counts for several. The
score is divided by the most that the query could reach, and so lies between 0 and 1 whatever the course.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import snowballstemmer
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rapidfuzz import process
from rapidfuzz.distance import OSA

from core.chapters.snippets import Span
from shared_schemas.course import Chapter, Section

WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
SECTION_TITLE_WEIGHT = 4
CHAPTER_TITLE_WEIGHT = 1
SATURATION = 1.2  # BM25's k1: how soon a repeated word stops to count
LENGTH_SHARE = 0.5  # BM25's b: how much of a long text's advantage is taken away
BEGINNING_WEIGHT = 0.6  # of a word that only begins like the one asked for
TYPO_WEIGHT = 0.7
SHORTEST_TOLERATED = 4  # shorter words are found as they are, or not at all
LONG_WORD = 8  # letters from which two typing mistakes are forgiven instead of one
MOST_SPELLINGS = 12
MARKDOWN = MarkdownIt("commonmark").enable("table")
STOPWORDS = frozenset(
    """a about an and are as at be by can do does for from had has have how i in into is it its me my of on or our so
    than that the their them then there these they this to was we were what when where which who why will with you
    your""".split()  # noqa: SIM905  # as a list it would fill a page
)


@dataclass(frozen=True)
class Hit:
    """A section that was found. ``relevance`` above 0 and below 1; ``matched``: where the hits stand in ``text``."""

    chapter: Chapter
    section: Section
    relevance: float
    text: str
    matched: list[Span]


@dataclass(frozen=True)
class _Entry:
    """A section as the index keeps it: plain text, where each stem stands in it, and how often it counts."""

    chapter: Chapter
    section: Section
    text: str
    places: dict[str, list[Span]]
    weights: dict[str, float]
    length: int


class Index:
    """Every section of a course, ready to be searched. Built in tenths of a second, asked in milliseconds."""

    def __init__(self, chapters: Iterable[Chapter]) -> None:
        self._stem = _Stems()
        self._spellings: dict[str, str] = {}
        self._entries = [self._entry(chapter, section) for chapter in chapters for section in chapter.sections]
        self._found_in = Counter(stem for entry in self._entries for stem in entry.weights)
        self._mean_length = sum(entry.length for entry in self._entries) / max(1, len(self._entries))

    def search(self, query: str, *, chapter_id: str | None = None) -> list[Hit]:
        """The sections that hold a word of the query, best first; only those of one chapter if it is named."""
        asked = [self._meant(word) for word in _asked_words(query)]
        most = sum(map(self._rarity, asked))
        hits = []
        for entry in self._entries:
            if chapter_id is not None and entry.chapter.chapter_id != chapter_id:
                continue
            score = sum(self._score(entry, stems) for stems in asked)
            if score > 0:
                matched = {stem for stems in asked for stem in stems}
                places = sorted(place for stem in matched for place in entry.places.get(stem, []))
                hits.append(Hit(entry.chapter, entry.section, score / most, entry.text, places))
        return sorted(hits, key=lambda hit: -hit.relevance)

    def _entry(self, chapter: Chapter, section: Section) -> _Entry:
        depths = section.explanations
        parts = (section.content_markdown, depths.beginner, depths.intermediate, depths.advanced)
        text = " ".join(filter(None, map(plain_text, parts)))
        places: dict[str, list[Span]] = {}
        for match in WORD.finditer(text):
            places.setdefault(self._known(match[0]), []).append(match.span())
        weights = Counter({stem: len(spans) for stem, spans in places.items()})
        for title, weight in ((section.title, SECTION_TITLE_WEIGHT), (chapter.title, CHAPTER_TITLE_WEIGHT)):
            for word in WORD.findall(title):
                weights[self._known(word)] += weight
        return _Entry(chapter, section, text, places, dict(weights), sum(map(len, places.values())))

    def _known(self, word: str) -> str:
        """The stem of a word of the course, which from now on is a spelling to compare with."""
        folded = _folded(word)
        stem = self._stem(folded)
        self._spellings[folded] = self._spellings[stem] = stem
        return stem

    def _meant(self, word: str) -> dict[str, float]:
        """The stems of the course that a word may mean, each with its weight; empty when nothing is near."""
        stem = self._stem(word)
        meant = {stem: 1.0} if stem in self._found_in else {}
        if len(word) < SHORTEST_TOLERATED:
            return meant
        for spelling, of_stem in self._spellings.items():
            if spelling.startswith(word):
                meant.setdefault(of_stem, BEGINNING_WEIGHT)
        return meant or self._misspelt(word) | self._misspelt(stem)

    def _misspelt(self, word: str) -> dict[str, float]:
        """The stems whose spelling is nearest to a word that the course does not hold."""
        mistakes = 2 if len(word) >= LONG_WORD else 1
        near = process.extract(
            word, self._spellings.keys(), scorer=OSA.distance, score_cutoff=mistakes, limit=MOST_SPELLINGS
        )
        least = min((distance for _, distance, _ in near), default=0)
        return {
            self._spellings[spelling]: TYPO_WEIGHT / least
            for spelling, distance, _ in near
            if distance == least and len(spelling) >= SHORTEST_TOLERATED
        }

    def _rarity(self, stems: dict[str, float]) -> float:
        """Inverse document frequency, always above 0, of the likeliest thing that a word of the query means."""
        holding = max(
            (self._found_in[stem] for stem, weight in stems.items() if weight == max(stems.values())), default=0
        )
        return math.log(1 + (len(self._entries) - holding + 0.5) / (holding + 0.5))

    def _score(self, entry: _Entry, stems: dict[str, float]) -> float:
        """What one word of the query gives to a section, less than its rarity."""
        count = sum(weight * entry.weights.get(stem, 0) for stem, weight in stems.items())
        evened = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * entry.length / max(1, self._mean_length))
        return self._rarity(stems) * count / (count + evened)


class _Stems:
    """English stems, each worked out once."""

    def __init__(self) -> None:
        self._stemmer = snowballstemmer.stemmer("english")
        self._known: dict[str, str] = {}

    def __call__(self, folded: str) -> str:
        stem = self._known.get(folded)
        if stem is None:
            stem = self._known[folded] = str(self._stemmer.stemWord(folded))
        return stem


def plain_text(markdown: str) -> str:
    """What a reader sees of Markdown in one line: no marks, no diagrams; titles and list items end like sentences."""
    blocks = []
    for token in MARKDOWN.parse(markdown):
        if token.type == "inline":
            blocks.append("".join(map(_inline_text, token.children or [])))
        elif token.type in {"fence", "code_block"} and token.info.strip() != "mermaid":
            blocks.append(token.content)
    lines = (" ".join(block.replace("**", "").split()) for block in blocks)
    return " ".join(line if line[-1] in ".!?:;," else f"{line}." for line in lines if line)


def _folded(word: str) -> str:
    return word.casefold().replace("\u2019", "'")


def _inline_text(token: Token) -> str:
    if token.type in {"softbreak", "hardbreak"}:
        return " "
    return "" if token.type == "html_inline" else token.content


def _asked_words(query: str) -> list[str]:
    """The folded words of a query, each once; small words only if there are no others."""
    words = list(dict.fromkeys(map(_folded, WORD.findall(query))))
    return [word for word in words if word not in STOPWORDS] or words
