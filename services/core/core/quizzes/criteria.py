"""Marks a short answer against its authored criteria: points, phrasings, must-not phrases, model answers. Pure.

An idea earns its points when one of its phrasings stands in the answer, in any inflection and with small typing
mistakes, its words close together. A longer phrasing that is met for the larger part earns half; words that the
question already holds weigh less. Then gates look at the whole: an echo of the question and gibberish earn nothing, an
answer about something else at most 1; a bare list of keywords, a denial of an idea and a misconception at most 5. Every
cap says why.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, takewhile

from core.quizzes.wording import FUNCTION_WORDS, Token, after_denial, content, denies, near_spellings, read, tidy
from shared_schemas.course import SHORT_ANSWER_POINTS, AnswerPoint, ShortAnswerKey

CAP = 5
OFF_TOPIC_CAP = 1
GOOD = 7

QUESTION_WORD_WEIGHT = 0.35
FULL_COVERAGE = 0.86
HALF_COVERAGE = 0.6
SHORTEST_HALF = 3  # content words that a phrasing needs before its larger part earns anything
SLACK = 3  # a phrasing of n content words may be spread over 2n words and this many more
NEGATION_REACH = 4

FEWEST_PARTS = 2  # so many ideas must be met in part, where none is met whole, for an answer to be on the subject
DENIED_SHARE = 0.8

ECHO_SHARE = 0.85
LIST_SHARE = 0.12
LIST_WORDS = 4

EMPTY = "There is no answer here yet."
ECHO = "This repeats the question. Say in your own words what the answer is."
GIBBERISH = "This could not be read as an answer. Please write a sentence or two."
OFF_TOPIC = "This seems to be about something else than the question."
KEYWORDS = "A list of keywords earns at most half: put the ideas into a sentence."
DENIED = "Part of this says the opposite of an idea that was asked for, so it earns at most half."
MISCONCEPTION = "It also holds a common misconception, so it earns at most half."


@dataclass(frozen=True)
class ShortMark:
    """0 to 10 points, the student's own words that earned them, a hint for each missing idea, and what to tell them."""

    score: int
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    feedback: str


@dataclass(frozen=True)
class Hit:
    """Where an idea was found: the share of the phrasing met, whether it is denied there, and the student's words."""

    coverage: float
    denied: bool
    words: str

    @property
    def credit(self) -> float:
        """1 for the idea, 0.5 for the larger part of it, 0 for less or for a denial."""
        if self.denied or self.coverage < HALF_COVERAGE:
            return 0.0
        return 1.0 if self.coverage >= FULL_COVERAGE else 0.5

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Orders hits: the whole idea before a part of it, said before denied."""
        return (self.coverage >= FULL_COVERAGE, not self.denied, self.coverage)


NOWHERE = Hit(0.0, denied=False, words="")
BEST = (True, True, 1.0)


@lru_cache(maxsize=4096)
def _authored(text: str) -> tuple[Token, ...]:
    """The words of an authored text; there are few such texts, and every mark looks at them again."""
    return tuple(read(text))


def _stems(authored: Iterable[str]) -> set[str]:
    return {token.stem for text in authored for token in _authored(text)}


class Answer:
    """A student's answer, read once, in which phrasings are looked up."""

    def __init__(self, text: str, question: str) -> None:
        self.tidied = tidy(text)
        self.tokens = read(text)
        self.stems = {token.stem for token in content(self.tokens)}
        self.question = {token.stem for token in content(_authored(question))}
        self._written = {token.stem: token.word for token in self.tokens}
        self._places: dict[str, list[int]] = {}
        self._denials = [index for index in range(len(self.tokens)) if denies(self.tokens, index)]
        self._denied_from = self._verdicts()

    def find(self, phrase: str) -> Hit:
        """The best place for a phrasing: its words in any order, in one sentence, close together."""
        wanted = list({token.stem: token for token in content(_authored(phrase))}.values())
        weights = [QUESTION_WORD_WEIGHT if word.stem in self.question else 1.0 for word in wanted]
        needed = len(wanted) if len(wanted) < SHORTEST_HALF else 1
        negates = any(denies(wanted, index) for index in range(len(wanted)))
        found = sorted((place, number) for number, word in enumerate(wanted) for place in self._places_of(word))
        best = NOWHERE
        for first in range(len(found)):
            met = self._met(found, first, reach=2 * len(wanted) + SLACK)
            coverage = sum(weights[number] for number in met) / sum(weights)
            if len(met) >= needed and coverage >= HALF_COVERAGE:
                best = max(best, self._hit(coverage, sorted(met.values()), negates=negates), key=lambda hit: hit.rank)
            if best.rank == BEST:
                break
        return best

    def denies(self, known: set[str]) -> bool:
        """Whether the answer says "it is false that", or the like, of a sentence made of words that are ``known``."""
        for sentence, begin in self._denied_from.items():
            denied = content([later for later in self.tokens[begin:] if later.sentence == sentence])
            if denied and sum(later.stem in known for later in denied) >= DENIED_SHARE * len(denied):
                return True
        return False

    def _verdicts(self) -> dict[int, int]:
        """By sentence, where the part begins of which it is said that it is false."""
        begins: dict[int, int] = {}
        for index, token in enumerate(self.tokens):
            if (begin := after_denial(self.tokens, index)) is not None:
                begins.setdefault(token.sentence, begin)
        return begins

    def _places_of(self, word: Token) -> list[int]:
        """Where the answer has this word, or, if it nowhere has, a word with a typing mistake that could be it."""
        if word.stem not in self._places:
            stems = {word.stem} if word.stem in self._written else near_spellings(word, self._written)
            self._places[word.stem] = [i for i, token in enumerate(self.tokens) if token.stem in stems]
        return self._places[word.stem]

    def _met(self, found: list[tuple[int, int]], first: int, *, reach: int) -> dict[int, int]:
        """The phrasing's words met from ``found[first]`` on, within ``reach`` and in the same sentence."""
        start = found[first][0]
        met: dict[int, int] = {}
        for place, number in islice(found, first, None):
            if place >= start + reach or self.tokens[place].sentence != self.tokens[start].sentence:
                break
            met.setdefault(number, place)
        return met

    def _hit(self, coverage: float, places: list[int], *, negates: bool) -> Hit:
        words = self.tidied[self.tokens[places[0]].start : self.tokens[places[-1]].end]
        return Hit(coverage, denied=self._denied(places, negates=negates), words=words)

    def _denied(self, places: list[int], *, negates: bool) -> bool:
        """Whether the words at these places are said not to be so; a phrasing that negates by itself needs its own."""
        start, end = places[0], places[-1]
        first, last = self.tokens[start], self.tokens[end]
        if self._denied_from.get(first.sentence, len(self.tokens)) <= start:
            return True
        nearest = bisect_left(self._denials, start - NEGATION_REACH)
        near = [self.tokens[i] for i in takewhile(end.__gt__, islice(self._denials, nearest, None)) if i not in places]
        clauses = {first.clause, last.clause}
        return not negates and any(t.sentence == first.sentence and t.clause in clauses for t in near)


def mark_short_answer(text: str, *, question: str, key: ShortAnswerKey) -> ShortMark:
    """The mark of one short answer: a pure function of its arguments."""
    answer = Answer(text, question)
    found = [(point, _best(answer, point.phrasings)) for point in key.points]
    refused = _worthless(answer, found, key)
    if refused:
        return ShortMark(0, (), tuple(point.missing for point in key.points), refused)
    missing = tuple(point.missing for point, hit in found if hit.credit < 1)
    matched = tuple(dict.fromkeys(hit.words for _, hit in found if hit.credit))
    caps = _caps(answer, [hit for _, hit in found], key)
    earned = sum(point.points * hit.credit for point, hit in found)
    score = min(SHORT_ANSWER_POINTS, int(earned + 0.5), *(cap for cap, _ in caps))
    if any(hit.denied for _, hit in found):
        score = max(score, 1)  # who denies an idea has at least spoken of it
    return ShortMark(score, matched, missing, _feedback(score, len(missing), [why for _, why in caps]))


def _best(answer: Answer, phrasings: Iterable[str]) -> Hit:
    return max(map(answer.find, phrasings), key=lambda hit: hit.rank)


def _worthless(answer: Answer, found: list[tuple[AnswerPoint, Hit]], key: ShortAnswerKey) -> str | None:
    """Why an answer earns nothing at all, or None."""
    if not answer.tokens:
        return EMPTY
    if len(answer.stems & answer.question) >= ECHO_SHARE * len(answer.stems):
        return ECHO
    if any(hit.coverage for _, hit in found):
        return None
    authored = [key.explanation, *key.model_answers, *(text for point in key.points for text in point.phrasings)]
    known = _stems(authored) | answer.question
    readable = any(token.word in FUNCTION_WORDS or token.stem in known for token in answer.tokens)
    return None if readable else GIBBERISH


def _caps(answer: Answer, hits: list[Hit], key: ShortAnswerKey) -> list[tuple[int, str]]:
    """Limits on the score, each with its reason."""
    caps: list[tuple[int, str]] = []
    whole = any(hit.coverage >= FULL_COVERAGE for hit in hits)
    if not whole and sum(hit.credit > 0 for hit in hits) < FEWEST_PARTS:
        caps.append((OFF_TOPIC_CAP, OFF_TOPIC))
    small = sum(token.word in FUNCTION_WORDS for token in answer.tokens)
    if len(answer.tokens) >= LIST_WORDS and small < LIST_SHARE * len(answer.tokens):
        caps.append((CAP, KEYWORDS))
    if any(hit.denied for hit in hits) or answer.denies(_stems(key.model_answers)):
        caps.append((CAP, DENIED))
    if any((hit := answer.find(phrase)).coverage == 1 and not hit.denied for phrase in key.must_not):
        caps.append((CAP, MISCONCEPTION))
    return caps


def _feedback(score: int, missing: int, reasons: list[str]) -> str:
    if reasons:
        return " ".join(reasons)
    if score == SHORT_ANSWER_POINTS:
        return "Complete: every idea is there."
    if score >= GOOD:
        return "Good. " + ("One idea" if missing == 1 else "Some ideas") + " could be said more fully."
    return "Partly there. The hints say what is missing."
