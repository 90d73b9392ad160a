"""Answers that show no understanding, made from a question and its key, to try marking out with. Pure."""

import re
from collections.abc import Iterator

from core.quizzes.wording import FUNCTION_WORDS, denies, read
from shared_schemas.course import ShortAnswerKey

EACH_DENIED = (
    "It is not true that {}.",
    "I don't think that {}.",
    "It is false that {}.",
    "It's wrong to say that {}.",
    "It would be a mistake to say that {}.",
    "It is a common myth that {}.",
    "I doubt that {}.",
    "Nobody should believe that {}.",
    "It never happens that {}.",
    "{}, which is not the case.",
)
ALL_DENIED = ("{} None of this is true.", "{} The opposite is the case.")
FORBIDDEN = (
    "One cannot {}.",
    "One cannot simply {}.",
    "It does not help to {}.",
    "It is not true that {}.",
    "It would be a mistake to say that {}.",
)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
PHRASINGS_LISTED = 2  # of each point


def echoes(question: str) -> Iterator[str]:
    """The question as an answer to itself: as it is, opened with a because, twice, and its first half."""
    words = question.split()
    yield from (question, f"Because {question.lower()}", f"{question} {question}", " ".join(words[: len(words) // 2]))


def keyword_lists(key: ShortAnswerKey) -> Iterator[str]:
    """The words of the first phrasings of each point, without a sentence around them."""
    phrases = [phrasing for point in key.points for phrasing in point.phrasings[:PHRASINGS_LISTED]]
    words = [token.word for phrase in phrases for token in read(phrase) if token.word not in FUNCTION_WORDS]
    yield from (", ".join(words), " ".join(words), "\n".join(reversed(words)))


def denied(text: str) -> Iterator[str]:
    """The opposite of an answer: each of its sentences called false, or all of them at the end, in several ways."""
    sentences = [sentence[:1].lower() + sentence[1:].rstrip(".!?") for sentence in SENTENCE_END.split(text)]
    for way in EACH_DENIED:
        yield " ".join(map(way.format, sentences))
    yield from (way.format(text) for way in ALL_DENIED)


def misconceived(key: ShortAnswerKey) -> Iterator[tuple[int, str]]:
    """A model answer with each must-not phrase added, by the phrase's number."""
    for number, phrase in enumerate(key.must_not):
        yield number, f"{key.model_answers[0]} Also: {phrase}."


def refused(key: ShortAnswerKey) -> Iterator[tuple[int, str]]:
    """A model answer that also speaks against a must-not phrase, by the phrase's number.

    A phrase that itself denies something is left out: its denial would be no sentence that anybody says.
    """
    for number, phrase in enumerate(key.must_not):
        words = read(phrase)
        if not any(denies(words, place) for place in range(len(words))):
            yield from ((number, f"{key.model_answers[0]} {way.format(phrase)}") for way in FORBIDDEN)
