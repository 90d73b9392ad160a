"""Statements that an answer itself calls false: "I doubt that …", "…, which is not the case" and the like. Pure.

A verdict is made of small words, negations and words about truth alone, and holds an odd number of negations:
"I do not doubt that" denies nothing. It opens a statement ("… that"), closes one ("…, which …"), or is a sentence about
what stands before it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from core.quizzes.wording import DENIALS, FUNCTION_WORDS, Token, stem


def _stems(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


TRUE_OR_FALSE = _stems("true false untrue")
GOOD_OR_BAD = _stems("right correct wrong incorrect")  # said of what somebody does as readily as of what is said
BELIEF = _stems("so case think believe")
SAYING = _stems("mean say claim assume suppose happen")
MISTAKE = _stems("mistake mistaken error")  # "a mistake to say that"; but "a mistake that changes it" is a thing
UNTRUE = _stems("false untrue wrong incorrect")
AGAINST = _stems("nonsense myth misconception fallacy doubt doubtful deny disagree refuse opposite contrary")
FILLING = _stems("all always ever really completely entirely simply common popular anyone everyone everything both")

JUDGING = TRUE_OR_FALSE | GOOD_OR_BAD | BELIEF | SAYING | AGAINST
NEGATING = UNTRUE | AGAINST | MISTAKE
POINTING = frozenset({"this", "that", "these", "those"})
SWEEPING = frozenset({"none", "nothing", "all", "everything", "both", "neither"})
COPULA = frozenset({"is", "was", "are", "were", "would", "s"})
SMALL = FUNCTION_WORDS | DENIALS
TELLING = JUDGING | MISTAKE | FILLING
REACH = 12  # words of which the longest verdict is made; no answer of a thousand "that" takes long


def denied_parts(tokens: Sequence[Token]) -> dict[int, range]:
    """By sentence, the places in ``tokens`` of what is said there and called false."""
    sentences = [list(places) for _, places in groupby(range(len(tokens)), key=lambda place: tokens[place].sentence)]
    denied: dict[int, range] = {}
    for number, places in enumerate(sentences):
        first, end = places[0], places[-1] + 1
        begin = _after_opening(tokens, first, end)
        if begin is not None:
            denied[tokens[first].sentence] = range(begin, end)
        elif (closing := _before_closing(tokens, first, end)) is not None:
            denied[tokens[first].sentence] = range(first, closing)
        elif _judges_the_last(tokens[first:end]):
            sweeping = any(token.word in SWEEPING for token in tokens[first:end])
            for earlier in sentences[0 if sweeping else max(0, number - 1) : number]:
                denied[tokens[earlier[0]].sentence] = range(earlier[0], earlier[-1] + 1)
    return denied


def _after_opening(tokens: Sequence[Token], first: int, end: int) -> int | None:
    """Where a statement begins that is opened by "it is false that" or the like."""
    for place in range(first + 1, end):
        if tokens[place].word != "that" or tokens[place - 1].stem in MISTAKE:
            continue
        opening = list(_back_over_verdict(tokens, place, first))
        if _negates(opening) and any(token.stem in JUDGING for token in opening):
            return place + 1
    return None


def _back_over_verdict(tokens: Sequence[Token], place: int, first: int) -> Iterator[Token]:
    """The words just before ``place``, in its clause, of which a verdict can be made."""
    for before in range(place - 1, max(first, place - REACH) - 1, -1):
        if not _of_verdict(tokens[before]) or tokens[before].clause != tokens[place].clause:
            return
        yield tokens[before]


def _before_closing(tokens: Sequence[Token], first: int, end: int) -> int | None:
    """Where a statement ends that is closed by "which is not the case" or the like."""
    for place in range(end - 1, max(first, end - REACH), -1):
        closing = tokens[place + 1 : end]
        if tokens[place].word in POINTING | {"which"} and closing and closing[0].word in COPULA:
            judges = any(token.stem in BELIEF | AGAINST for token in closing)  # "which is not true" is said of things
            return place if judges and _negates(closing) else None
        if not _of_verdict(tokens[place]):
            return None
    return None


def _judges_the_last(sentence: Sequence[Token]) -> bool:
    """Whether a sentence says only that what stands before it is not so."""
    if not all(map(_of_verdict, sentence)) or not _negates(sentence):
        return False
    words, stems = {token.word for token in sentence}, {token.stem for token in sentence}
    if stems & (BELIEF | AGAINST) or (stems & TRUE_OR_FALSE and words & POINTING):
        return True
    return bool(words & SWEEPING and stems & (TRUE_OR_FALSE | GOOD_OR_BAD))


def _of_verdict(token: Token) -> bool:
    return token.word in SMALL or token.stem in TELLING


def _negates(verdict: Sequence[Token]) -> bool:
    return sum(token.word in DENIALS or token.stem in NEGATING for token in verdict) % 2 == 1
