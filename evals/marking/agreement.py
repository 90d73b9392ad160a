"""How far two judges agree on a verdict, and how sure that figure is. Standard library only."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RESAMPLES = 2000
SEED = 2013


@dataclass(frozen=True)
class Agreement:
    """Counts of answers by verdict: ours and that of people."""

    both_good: int = 0
    only_ours: int = 0
    only_theirs: int = 0
    both_poor: int = 0

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(
            self.both_good + other.both_good,
            self.only_ours + other.only_ours,
            self.only_theirs + other.only_theirs,
            self.both_poor + other.both_poor,
        )

    @property
    def answers(self) -> int:
        """How many answers were counted."""
        return self.both_good + self.only_ours + self.only_theirs + self.both_poor

    @property
    def accuracy(self) -> float:
        """The share of answers on which both agree."""
        return _share(self.both_good + self.both_poor, self.only_ours + self.only_theirs)

    @property
    def macro_f1(self) -> float:
        """The mean of the two F1, of "good" and of "poor", over all answers together."""
        wrong = self.only_ours + self.only_theirs
        return (_share(2 * self.both_good, wrong) + _share(2 * self.both_poor, wrong)) / 2


def count(verdicts: Iterable[tuple[bool, bool]]) -> Agreement:
    """The counts of (ours, theirs)."""
    counted = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for verdict in verdicts:
        counted[verdict] += 1
    return Agreement(*counted.values())


def interval(questions: Sequence[Agreement]) -> tuple[float, float]:
    """The 95 % bootstrap interval of macro-F1, whole questions drawn: answers to one question are not independent."""
    chance = random.Random(SEED)
    drawn = sorted(sum(chance.choices(questions, k=len(questions)), Agreement()).macro_f1 for _ in range(RESAMPLES))
    return drawn[int(0.025 * RESAMPLES)], drawn[int(0.975 * RESAMPLES)]


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part + rest else 0.0
