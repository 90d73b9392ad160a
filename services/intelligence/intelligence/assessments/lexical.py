"""A second opinion on a grade from words alone, to find grades that a person should look at. Pure.

It never changes a score. What it measures is the share of the answer key's own words (cut to six letters, those of the
question left out) that stand in the answer. On the course as shipped, authored poor answers share at most 14 %,
excellent ones 67 % or more, and every second sentence of an excellent one 29 to 48 %.
"""

import re
from decimal import Decimal

from shared_schemas.course import Rubric

LITTLE, MUCH = 0.15, 0.45
HIGH_SCORE, LOW_SCORE = Decimal(7), Decimal(3)

_WORD = re.compile(r"[^\W\d_]{4,}")
_STEM_LETTERS = 6


def share_of_key(rubric: Rubric, answer: str, *, question: str) -> float:
    """Which share (0..1) of the key's own words the answer uses; 0 where the key has none."""
    key = _stems(rubric.excellent_example, *(one.levels.full for one in rubric.criteria)) - _stems(question)
    return len(key & _stems(answer)) / len(key) if key else 0.0


def disagrees(rubric: Rubric, answer: str, *, question: str, score: Decimal) -> bool:
    """Whether words and score point in opposite directions: a high score for next to nothing of the key, or reverse."""
    share = share_of_key(rubric, answer, question=question)
    return (score >= HIGH_SCORE and share < LITTLE) or (score <= LOW_SCORE and share >= MUCH)


def _stems(*texts: str) -> set[str]:
    return {word.casefold()[:_STEM_LETTERS] for text in texts for word in _WORD.findall(text)}
