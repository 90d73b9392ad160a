"""Words, their stems and small typing mistakes: how texts are compared in marking and in search. Pure."""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer
from rapidfuzz.distance import OSA

WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
SHORTEST_WITH_TYPO = 5
SHORTEST_WITH_TWO_TYPOS = 9

NEGATORS = frozenset({"not", "no", "never", "without", "cannot", "nor", "neither", "hardly", "none", "nothing"})
FUNCTION_WORDS = frozenset(
    [
        "a",
        "about",
        "after",
        "all",
        "also",
        "although",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "being",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "done",
        "each",
        "for",
        "from",
        "get",
        "gets",
        "got",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "itself",
        "just",
        "like",
        "may",
        "me",
        "might",
        "more",
        "most",
        "much",
        "must",
        "my",
        "of",
        "on",
        "once",
        "one",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "same",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "to",
        "too",
        "under",
        "until",
        "up",
        "upon",
        "us",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)

_stemmer = snowballstemmer.stemmer("english")


def words(text: str) -> list[str]:
    """The words of ``text`` in order: lower case, composed, with ``n't`` spelled out as ``not``."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    found = []
    for word in WORD.findall(plain):
        if word == "can't":
            found.append("cannot")
        elif word.endswith("n't"):
            found += [word.removesuffix("n't"), "not"]
        else:
            found.append(word.partition("'")[0])
    return found


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The Snowball stem of an English word."""
    stemmed: str = _stemmer.stemWord(word)
    return stemmed


def is_content(word: str) -> bool:
    """Whether a word carries meaning of its own; a negation does."""
    return word not in FUNCTION_WORDS


@lru_cache(maxsize=100_000)
def same_word(written: str, expected: str) -> bool:
    """Whether two words have one stem, or differ by a typing mistake: one from 5 letters on, two from 9."""
    if stem(written) == stem(expected):
        return True
    shorter = min(len(written), len(expected))
    if shorter < SHORTEST_WITH_TYPO or written[0] != expected[0]:
        return False
    allowed = 2 if shorter >= SHORTEST_WITH_TWO_TYPOS else 1
    return OSA.distance(written, expected, score_cutoff=allowed) <= allowed
