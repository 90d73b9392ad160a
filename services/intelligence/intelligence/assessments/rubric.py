"""From verdicts with quotes to points. Pure: the model judges, arithmetic grades.

A verdict counts only with a quote that stands in the answer as the model was shown it, and that is the student's own: a
piece of the question or of the rubric shows nothing. Full credit is all points of a criterion, partial half of them.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher

from intelligence.assessments.visible import visible
from shared_schemas.assessments import Level
from shared_schemas.course import Rubric, RubricCriterion

CREDIT: dict[Level, Decimal] = {"full": Decimal(1), "partial": Decimal("0.5"), "none": Decimal(0)}
FEWEST_QUOTE_WORDS = 3
FEWEST_QUOTE_CHARACTERS = 8  # for scripts that do not part their words
COPIED_FROM_QUESTION_SHARE = 0.7
# Students never see the levels, and a good answer may hit their words by chance: only a long verbatim run is a copy.
COPIED_FROM_RUBRIC_SHARE = 0.9
COPIED_FROM_RUBRIC_RUN = 12
LONGEST_COMPARED_WORDS = 150  # comparing takes time by the square of the length

# written as code points, since looking alike is the point of them
_DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"
_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u0060\u00b4"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"
_SAME_CHARACTER = str.maketrans(
    dict.fromkeys(_DOUBLE_QUOTES, '"') | dict.fromkeys(_SINGLE_QUOTES, "'") | dict.fromkeys(_DASHES, "-")
)
_GAP = re.compile(r"\[\s?(?:\.{3,}|…)\s?\]|\.{3,}|…")
_DASH_RUN = re.compile("-{2,}")
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True)
class Verdict:
    """What the model says of one criterion."""

    criterion_id: str
    level: Level
    evidence: str
    why: str


@dataclass(frozen=True)
class CriterionGrade:
    """One criterion graded. ``supported`` is false where a credit was taken away because its quote does not count."""

    criterion: RubricCriterion
    level: Level
    points: Decimal
    evidence: str
    why: str
    supported: bool


@dataclass(frozen=True)
class Grade:
    """The whole grade; ``score`` is 0 to 10 with one decimal."""

    score: Decimal
    criteria: tuple[CriterionGrade, ...]
    off_topic: bool


def grade(rubric: Rubric, verdicts: Iterable[Verdict], *, answer: str, question: str, off_topic: bool) -> Grade:
    """Points for every criterion of the rubric, in its order; a criterion without a verdict earns none.

    ``answer`` is the text the model was shown.
    """
    by_id = {verdict.criterion_id: verdict for verdict in verdicts}
    levels = [level for c in rubric.criteria for level in (c.levels.full, c.levels.partial, c.levels.none)]

    def counts(quote: str) -> bool:
        return quote_counts(quote, answer, question=question, rubric_texts=levels)

    graded = tuple(
        _grade_criterion(criterion, None if off_topic else by_id.get(criterion.criterion_id), counts)
        for criterion in rubric.criteria
    )
    score = sum((one.points for one in graded), Decimal(0)).quantize(Decimal("0.1"))
    return Grade(score=score, criteria=graded, off_topic=off_topic)


def _grade_criterion(
    criterion: RubricCriterion, verdict: Verdict | None, counts: Callable[[str], bool]
) -> CriterionGrade:
    if verdict is None or verdict.level == "none":
        return CriterionGrade(criterion, "none", Decimal(0), "", verdict.why if verdict else "", supported=True)
    if not counts(verdict.evidence):
        return CriterionGrade(criterion, "none", Decimal(0), "", "", supported=False)
    points = criterion.points * CREDIT[verdict.level]
    return CriterionGrade(criterion, verdict.level, points, verdict.evidence.strip(), verdict.why, supported=True)


def quote_counts(quote: str, answer: str, *, question: str, rubric_texts: Iterable[str] = ()) -> bool:
    """Whether the quote is a verbatim piece of the answer, of three words or more, and the student's own.

    Case, white space and typographic variants do not matter; pieces joined by an ellipsis must stand in their order.
    """
    pieces = [piece for part in _GAP.split(quote) if (piece := _plain(part))]
    words = [word for piece in pieces for word in _WORDS.findall(piece)][:LONGEST_COMPARED_WORDS]
    if len(words) < FEWEST_QUOTE_WORDS and not _is_long_without_spaces(pieces):
        return False
    if not _stand_in_order(pieces, _plain(answer)):
        return False
    if _longest_run(words, question) >= COPIED_FROM_QUESTION_SHARE * len(words):
        return False
    runs = [_longest_run(words, text) for text in rubric_texts]
    return not any(run >= max(COPIED_FROM_RUBRIC_RUN, COPIED_FROM_RUBRIC_SHARE * len(words)) for run in runs)


def is_copied(answer: str, example: str) -> bool:
    """Whether the answer holds a long verbatim run of the example, which is shown to who has been graded once."""
    return _longest_run(_WORDS.findall(_plain(answer)), example) >= COPIED_FROM_RUBRIC_RUN


def _stand_in_order(pieces: Iterable[str], text: str) -> bool:
    position = 0
    for piece in pieces:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def _is_long_without_spaces(pieces: list[str]) -> bool:
    text = "".join(pieces)
    return not text.isascii() and len(text) >= FEWEST_QUOTE_CHARACTERS


def _plain(text: str) -> str:
    """The text as quotes are compared: one case, one kind of quotation mark and dash, single spaces, bare ends."""
    plain = visible(text).translate(_SAME_CHARACTER).casefold()
    return " ".join(_DASH_RUN.sub("-", plain).split()).strip(" \"'.,;:!?")


def _longest_run(words: list[str], text: str) -> int:
    """How many words in a row the two share at most."""
    others = _WORDS.findall(_plain(text))
    return SequenceMatcher(None, words, others, autojunk=False).find_longest_match().size
