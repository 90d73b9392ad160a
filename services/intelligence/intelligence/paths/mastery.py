"""How well a student masters each chapter, estimated from quiz marks alone. Pure.

Two-level Elo: one ability of the learner and one for each chapter, mixed half and half; a step is K =
0.8 / (1 + 0.02 n) after n observations. Of the cold-start models compared it predicts best for its size. A verdict is
given only when the evidence carries it: 8 of 10 right leaves a chance of 31 % that the skill is below 0.7.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import comb, exp
from typing import Literal

from shared_schemas.learners import QuizAttemptFacts

FULL_MARK = 10
FIRST_STEP = 0.8
STEP_DECAY = 0.02
CHAPTER_SHARE = 0.5
MASTERED_SKILL = 0.7
SURE = 0.9

Verdict = Literal["mastered", "not_yet", "unsure"]


@dataclass(frozen=True)
class Mastery:
    """``expected``: share of marks (0..1) to expect on the chapter's next question."""

    expected: float
    verdict: Verdict


@dataclass
class _Ability:
    value: float = 0.0
    observations: int = 0

    def learn(self, error: float) -> None:
        self.value += FIRST_STEP / (1 + STEP_DECAY * self.observations) * error
        self.observations += 1


def mastery_by_chapter(attempts: Iterable[QuizAttemptFacts]) -> dict[str, Mastery]:
    """Mastery of every chapter with an attempt. ``attempts`` oldest first; a question's latest mark is the evidence."""
    learner = _Ability()
    chapters: dict[str, _Ability] = {}
    latest: dict[str, dict[str, int]] = {}
    for attempt in attempts:
        chapter = chapters.setdefault(attempt.chapter_id, _Ability())
        for question_id in sorted(attempt.marks):
            error = attempt.marks[question_id] / FULL_MARK - _expected(learner, chapter)
            learner.learn(error)
            chapter.learn(error)
        latest.setdefault(attempt.chapter_id, {}).update(attempt.marks)
    return {
        chapter_id: Mastery(
            expected=_expected(learner, chapter), verdict=verdict(sum(marks.values()) / FULL_MARK, len(marks))
        )
        for (chapter_id, chapter), marks in zip(chapters.items(), latest.values(), strict=True)
    }


def _expected(learner: _Ability, chapter: _Ability) -> float:
    return 1 / (1 + exp(-((1 - CHAPTER_SHARE) * learner.value + CHAPTER_SHARE * chapter.value)))


def probability_of_mastery(right: float, answered: int) -> float:
    """Probability that the skill is above 0.7 after ``right`` of ``answered``: a Beta posterior on a uniform prior."""
    trials = answered + 1
    return sum(
        comb(trials, k) * MASTERED_SKILL**k * (1 - MASTERED_SKILL) ** (trials - k) for k in range(round(right) + 1)
    )


def verdict(right: float, answered: int) -> Verdict:
    """What may be said after ``right`` of ``answered`` questions; "unsure" unless nine chances in ten carry it."""
    probability = probability_of_mastery(right, answered)
    if probability >= SURE:
        return "mastered"
    return "not_yet" if probability <= 1 - SURE else "unsure"
