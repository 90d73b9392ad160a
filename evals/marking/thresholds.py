"""The threshold of resemblance, learnt on some questions and used on others, with the marking code that ships."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from core.quizzes.criteria import GOOD, mark_short_answer
from evals.marking.agreement import Agreement, count
from evals.marking.human_marks import MarkedQuestion

GRID = [percent / 100 for percent in range(10, 61)]


@dataclass(frozen=True)
class Measured:
    """A question with the agreement that each threshold of GRID reaches on it."""

    question: MarkedQuestion
    agreements: tuple[Agreement, ...]


def measure(question: MarkedQuestion) -> Measured:
    """Marks the question's answers. A stricter threshold never makes an answer good, so the strictest is bisected."""
    passed = [(_thresholds_passed(question, text), correct) for text, correct in question.answers]
    return Measured(
        question,
        tuple(count((reached > number, correct) for reached, correct in passed) for number in range(len(GRID))),
    )


def _thresholds_passed(question: MarkedQuestion, text: str) -> int:
    """With how many thresholds, from the mildest on, the shipped code calls the answer good."""

    def poor(threshold: float) -> bool:
        return mark_short_answer(text, question=question.text, key=question.key, alike=threshold).score < GOOD

    return bisect_left(GRID, True, key=poor)


def learn(questions: Sequence[Measured]) -> int:
    """The number in GRID of the threshold with the best macro-F1 over all answers to these questions."""
    totals = [sum((one.agreements[number] for one in questions), Agreement()) for number in range(len(GRID))]
    return max(range(len(GRID)), key=lambda number: totals[number].macro_f1)


def leave_one_out(questions: Sequence[Measured]) -> list[Agreement]:
    """Each question's agreement, marked with the threshold that all the others teach."""
    return [one.agreements[learn([other for other in questions if other is not one])] for one in questions]
