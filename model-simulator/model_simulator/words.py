"""Comparing texts by their words: sentences and stems."""

import re
from functools import lru_cache

WORD = re.compile(r"[^\W\d_]{2,}|\d+")
# A sentence ends behind its full stop, at an empty line and before a list item; a line break inside it is just a space.
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"')\u201d\u2019])\s+|\n\s*\n\s*|\n\s*(?=[-*•]|\d+[.)])")
STEMMED_TEXTS = 4096  # the course's own texts come again with every answer
SUFFIXES = (
    "izations",
    "ization",
    "ational",
    "ations",
    "ation",
    "ments",
    "ment",
    "ities",
    "ity",
    "ness",
    "ically",
    "ical",
    "ings",
    "ing",
    "ions",
    "ion",
    "edly",
    "ied",
    "ies",
    "ed",
    "ers",
    "er",
    "ors",
    "or",
    "es",
    "ly",
    "al",
    "ive",
    "s",
    "e",
    "y",
)
SHORTEST_STEM = 3
COMMON_WORDS = frozenset(
    WORD.findall(
        """
    a about after all also although an and another any are as at be because been before being both but by can cannot
    could did do does doing done down each either else ever every few for from get give gives go had has have having
    he her here him his how however i if in instead into is it its itself just less let like made make makes many may
    me might more most much must my need needs never no nor not of off often on once one only or other our out over
    own rather same see she should since so some such than that the their them then there these they thing things
    this those though through to too two under until up upon us use used uses using very was way ways we well were
    what when where whether which while who whole whose why will with within without would yet you your
    answer example explain says say tell
    """
    )
)


def stem(word: str) -> str:
    """A rough stem: `retrieving`, `retrieves` and `retrieval` meet."""
    word = word.lower()
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= SHORTEST_STEM:
            word = word.removesuffix(suffix)
            break
    if len(word) > SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word


@lru_cache(maxsize=STEMMED_TEXTS)
def stems(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning."""
    return frozenset(stem(word) for word in WORD.findall(text) if word.lower() not in COMMON_WORDS)


def sentences(text: str) -> list[str]:
    """The sentences of a text, each a verbatim piece of it."""
    return [piece.strip() for piece in SENTENCE_END.split(text) if piece.strip()]
