"""How well one list of scores agrees with another, with bootstrap intervals. Pure; scores are 0 to 10."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

T = TypeVar("T")

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Pair:
    """What an answer is worth, and what it was given."""

    expected: float
    given: float


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; both ends are the value where there was nothing to draw from."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """As a report shows it: `0.81 [0.74, 0.87]`."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def quadratic_weighted_kappa(pairs: Sequence[Pair]) -> float:
    """Agreement beyond chance on scores rounded to whole points, 1 for all alike, 0 for chance (Cohen 1968).

    Weights are squared distances. 1.0 also where no disagreement is possible, since all are one and the same score.
    """
    expected = Counter(round(pair.expected) for pair in pairs)
    given = Counter(round(pair.given) for pair in pairs)
    observed = sum((round(pair.expected) - round(pair.given)) ** 2 for pair in pairs)
    by_chance = sum(n * m * (a - b) ** 2 for a, n in expected.items() for b, m in given.items()) / len(pairs)
    if by_chance == 0:
        return 1.0
    return 1 - observed / by_chance


def mean_absolute_error(pairs: Sequence[Pair]) -> float:
    """In points of ten."""
    return fmean(abs(pair.given - pair.expected) for pair in pairs)


def within_one(pairs: Sequence[Pair]) -> float:
    """The share given at most one point too much or too little."""
    return fmean(abs(pair.given - pair.expected) <= 1 for pair in pairs)


def bias(pairs: Sequence[Pair]) -> float:
    """How many points too many are given on average; negative for a strict grader."""
    return fmean(pair.given - pair.expected for pair in pairs)


def estimate(items: Sequence[T], measure: Callable[[Sequence[T]], float], *, seed: int = 0) -> Estimate:
    """The measure with its percentile bootstrap interval (Efron 1979): drawn from the items, with replacement."""
    value = measure(items)
    chosen = random.Random(seed)
    drawn = sorted(measure(chosen.choices(items, k=len(items))) for _ in range(RESAMPLES))
    tail = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return Estimate(value, drawn[tail], drawn[-1 - tail])
