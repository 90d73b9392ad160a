"""How near a short answer comes to a whole model answer. Pure.

What counts is the share of a model answer's words that the answer has: content words by their stems, with small typing
mistakes, words of the question weighing less. A word that one of the two denies and the other does not is not shared.
The nearest of n model answers decides. The more there are, the nearer one of them is by mere chance: therefore what the
answer lacks weighs √n.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

from core.quizzes.answers import Answer
from core.quizzes.wording import DENIALS, Token, content

ALIKE = 0.26  # what a good answer reaches; learnt from human marks by `make eval-marking`
OPPOSED = 0.2  # of a model answer's words, denied by an answer that says its opposite


@dataclass(frozen=True)
class Likeness:
    """How much of a model answer an answer shares, 0 to 1, which words of it, and whether it says the opposite."""

    share: float
    opposed: bool
    words: tuple[Token, ...]


UNLIKE = Likeness(0.0, opposed=False, words=())


@dataclass(frozen=True)
class Telling:
    """A word by which to know a model answer: how much it tells, and whether it is said there, denied, or both."""

    word: Token
    weight: float
    ways: frozenset[bool]


def resemblance(answer: Answer, question: str, model_answers: Iterable[str], *, alike: float = ALIKE) -> Likeness:
    """The likeness to the nearest model answer; one that opposes comes after all others that are ``alike``."""
    models = [_telling_words(text, question) for text in dict.fromkeys(model_answers)]
    found = [_likeness(answer, model, rivals=len(models)) for model in models]
    return max(found, key=lambda one: (one.share >= alike and not one.opposed, one.share))


@lru_cache(maxsize=4096)
def _telling_words(text: str, question: str) -> tuple[Telling, ...]:
    model = Answer(text, question)
    tokens = [token for token in content(model.tokens) if token.word not in DENIALS] or model.tokens
    words = {token.stem: token for token in tokens}.values()
    return tuple(Telling(word, model.weight(word), model.ways(word)) for word in words)


def _likeness(answer: Answer, model: Iterable[Telling], *, rivals: int) -> Likeness:
    possible = earned = denied = 0.0
    shared = []
    for one in model:
        ways = answer.ways(one.word)
        possible += one.weight
        if ways & one.ways:
            earned += one.weight
            shared.append(one.word)
        elif ways:
            denied += one.weight
    lacking = 1 - earned / possible if possible else 1
    return Likeness(max(0.0, 1 - sqrt(rivals) * lacking), denied >= OPPOSED * possible, tuple(shared))
