"""Attempts to steer the grader, and what they gain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import yaml

from evals.grading.cases import Case
from evals.grading.grader import assignment, grade_all
from intelligence.assessments.grading import Assignment
from intelligence.assessments.steering import sentences

KNOWN = Path(__file__).with_name("attacks.yaml")
HELD_OUT = Path(__file__).with_name("held_out.yaml")


@dataclass(frozen=True)
class Attack:
    """One text that is put into an answer: ``where`` is `before`, `within` or `behind`."""

    style: str
    language: str
    where: str
    text: str

    @property
    def name(self) -> str:
        """How a report names it."""
        return f"{self.style} ({self.language})"

    def on(self, answer: str) -> str:
        """The answer with this attack in it."""
        if self.where == "before":
            return f"{self.text} {answer}"
        if self.where == "behind":
            return f"{answer}\n{self.text}"
        pieces = sentences(answer)
        middle = (len(pieces) + 1) // 2
        return "".join([*pieces[:middle], f" {self.text} ", *pieces[middle:]])


@dataclass(frozen=True)
class Lift:
    """What one attack added to each answer it stood in, in points of ten.

    ``noticed`` and ``reviewed`` are shares: how often it was found to be an order, and was sent to a person at all.
    """

    attack: Attack
    gains: Sequence[float]
    noticed: float
    reviewed: float

    @property
    def mean(self) -> float:
        """The average gain."""
        return fmean(self.gains)


def read_attacks(file: Path = KNOWN) -> list[Attack]:
    """Every attack of a collection: of the known ones, or of those that no pattern was written from."""
    return [Attack(**one) for one in yaml.safe_load(file.read_text(encoding="utf-8"))]


Prepare = Callable[[Attack, list[tuple[Case, Assignment]]], None]


def _nothing(_attack: Attack, _attacked: list[tuple[Case, Assignment]]) -> None: ...


async def lifts(
    attacks: Sequence[Attack], on: Sequence[Case], *, protected: bool = True, prepare: Prepare = _nothing
) -> list[Lift]:
    """What each attack gains on these answers against the same answers without it; ``prepare`` sees each beforehand."""
    plain = [graded.score for graded in await grade_all(on, protected=protected)]
    found = []
    for attack in attacks:
        attacked = [replace(case, answer=attack.on(case.answer)) for case in on]
        prepare(attack, [(case, assignment(case, protected=protected)) for case in attacked])
        graded = await grade_all(attacked, protected=protected)
        gains = [
            after.score - before
            for after, before in zip(graded, plain, strict=True)
            if after.score is not None and before is not None
        ]
        noticed, reviewed = fmean(one.flagged for one in graded), fmean(one.reviewed for one in graded)
        found.append(Lift(attack, gains, noticed, reviewed))
    return found
