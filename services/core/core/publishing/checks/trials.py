"""Answers that show no understanding, made from a question and its key, to try marking out with. Pure."""

import re
from collections.abc import Iterator

from core.quizzes.wording import FUNCTION_WORDS, read
from shared_schemas.course import ShortAnswerKey

DENIALS = ("It is not true that ", "I don't think that ", "It is false that ", "It's wrong to say that ")
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
    """The opposite of an answer: each of its sentences called false, in several ways."""
    for opening in DENIALS:
        yield " ".join(opening + sentence[:1].lower() + sentence[1:] for sentence in SENTENCE_END.split(text))


def misconceived(key: ShortAnswerKey) -> Iterator[tuple[int, str]]:
    """A model answer with each must-not phrase added, by the phrase's number."""
    for number, phrase in enumerate(key.must_not):
        yield number, f"{key.model_answers[0]} Also: {phrase}."
