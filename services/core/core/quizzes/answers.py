"""A student's answer, read once, in which authored words and phrasings are looked up. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice, takewhile

from core.quizzes.verdicts import denied_parts
from core.quizzes.wording import Token, content, denies, near_spellings, read, tidy

QUESTION_WORD_WEIGHT = 0.35
FULL_COVERAGE = 0.86
HALF_COVERAGE = 0.6
SHORTEST_HALF = 3  # content words that a phrasing needs before its larger part earns anything
SLACK = 3  # a phrasing of n content words may be spread over 2n words and this many more
NEGATION_REACH = 4
WHOLE_CLAUSE = 40
DENIED_SHARE = 0.8


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


@lru_cache(maxsize=4096)
def _content_words(text: str) -> tuple[Token, ...]:
    """The words of an authored text that carry meaning, each stem once."""
    return tuple({token.stem: token for token in content(_authored(text))}.values())


@lru_cache(maxsize=1024)
def stems_of(authored: tuple[str, ...]) -> frozenset[str]:
    """The stems of all words of some authored texts."""
    return frozenset(token.stem for text in authored for token in _authored(text))


def _by_initial(tokens: Iterable[Token]) -> dict[str, dict[str, str]]:
    """By first letter the stems, each with a word that has it: no typing mistake is looked for in a first letter."""
    written: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for token in tokens:
        written[token.stem[0]][token.stem] = token.word
    return dict(written)


class Answer:
    """A student's answer, read once, in which phrasings are looked up."""

    def __init__(self, text: str, question: str) -> None:
        self.tidied = tidy(text)
        self.tokens = read(text)
        self.stems = {token.stem for token in content(self.tokens)}
        self.question = {token.stem for token in content(_authored(question))}
        self._written = _by_initial(self.tokens)
        self._at: dict[str, list[int]] = {}
        for place, token in enumerate(self.tokens):
            self._at.setdefault(token.stem, []).append(place)
        self._places: dict[str, list[int]] = {}
        self._denials = [index for index in range(len(self.tokens)) if denies(self.tokens, index)]
        self._denied_parts = denied_parts(self.tokens)

    def asserts(self, phrase: str) -> bool:
        """Whether the answer says all of a phrase, and no word that denies stands in the clause before it."""
        hit = self.find(phrase, denied_within=WHOLE_CLAUSE)
        return hit.coverage == 1 and not hit.denied

    def find(self, phrase: str, *, denied_within: int = NEGATION_REACH) -> Hit:
        """The best place for a phrasing: its words in any order, in one sentence, close together.

        A word that denies counts in the same clause, up to ``denied_within`` words before.
        """
        wanted = _content_words(phrase)
        places = [self._places_of(word) for word in wanted]
        if not any(places):
            return NOWHERE
        weights = [self.weight(word) for word in wanted]
        if sum(weight for weight, at in zip(weights, places, strict=True) if at) < HALF_COVERAGE * sum(weights):
            return NOWHERE
        needed = len(wanted) if len(wanted) < SHORTEST_HALF else 1
        negates = any(denies(wanted, index) for index in range(len(wanted)))
        within = None if negates else denied_within  # a phrasing that negates by itself needs its own negation
        found = sorted((place, number) for number, at in enumerate(places) for place in at)
        best = NOWHERE
        for first in range(len(found)):
            met = self._met(found, first, reach=2 * len(wanted) + SLACK)
            coverage = sum(weights[number] for number in met) / sum(weights)
            if len(met) >= needed and coverage >= HALF_COVERAGE:
                denied = self._denied(sorted(met.values()), within=within)
                best = max(best, self._hit(coverage, sorted(met.values()), denied=denied), key=lambda hit: hit.rank)
            if best.rank == BEST:
                break
        return best

    def weight(self, word: Token) -> float:
        """How much it tells that an answer holds this word: less where the question already does."""
        return QUESTION_WORD_WEIGHT if word.stem in self.question else 1.0

    def ways(self, word: Token) -> frozenset[bool]:
        """How the answer uses a word: {False} said, {True} denied, both, or neither where it does not occur."""
        return frozenset([self._denied([place], within=NEGATION_REACH) for place in self._places_of(word)])

    def words(self, wanted: Iterable[Token]) -> tuple[str, ...]:
        """The student's own spellings of these words, in the order in which they first occur."""
        places = sorted({found[0] for word in wanted if (found := self._places_of(word))})
        return tuple(dict.fromkeys(self.tokens[place].word for place in places))

    def denies(self, known: frozenset[str]) -> bool:
        """Whether the answer calls a statement false that is made of words that are ``known``."""
        for part in self._denied_parts.values():
            denied = content([self.tokens[place] for place in part])
            if denied and sum(token.stem in known for token in denied) >= DENIED_SHARE * len(denied):
                return True
        return False

    def _places_of(self, word: Token) -> list[int]:
        """Where the answer has this word, or a word with a typing mistake that could be it.

        A mistyped word counts beside a well typed one: else saying more could lose what was already found.
        """
        places = self._places.get(word.stem)
        if places is None:
            places = self._at.get(word.stem, [])
            candidates = self._written.get(word.stem[0])
            if candidates and (mistyped := near_spellings(word, candidates) - {word.stem}):
                places = sorted(chain(places, *(self._at[stem] for stem in mistyped)))
            self._places[word.stem] = places
        return places

    def _met(self, found: list[tuple[int, int]], first: int, *, reach: int) -> dict[int, int]:
        """The phrasing's words met from ``found[first]`` on, within ``reach`` and in the same sentence."""
        start = found[first][0]
        met: dict[int, int] = {}
        for place, number in islice(found, first, None):
            if place >= start + reach or self.tokens[place].sentence != self.tokens[start].sentence:
                break
            met.setdefault(number, place)
        return met

    def _hit(self, coverage: float, places: list[int], *, denied: bool) -> Hit:
        words = self.tidied[self.tokens[places[0]].start : self.tokens[places[-1]].end]
        return Hit(coverage, denied=denied, words=words)

    def _denied(self, places: list[int], *, within: int | None) -> bool:
        """Whether the words at these places are said not to be so: as a whole, or by a word ``within`` so many."""
        start, end = places[0], places[-1]
        first, last = self.tokens[start], self.tokens[end]
        called_false = self._denied_parts.get(first.sentence, range(0))
        if any(place in called_false for place in places):
            return True
        if within is None:
            return False
        nearest = bisect_left(self._denials, start - within)
        near = [self.tokens[i] for i in takewhile(end.__gt__, islice(self._denials, nearest, None)) if i not in places]
        clauses = {first.clause, last.clause}
        return any(t.sentence == first.sentence and t.clause in clauses for t in near)
