"""English words made comparable: tokens, stems, denials, small typing mistakes. Pure.

Stems are Snowball's (Porter 2). British and American endings are one word (`memorise`, `memorize`), short forms are
spelled out (`doesn't` is `does not`), hyphens divide words, and the commonest irregular forms are led back to one.
"""

import re
import unicodedata
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer
from rapidfuzz.distance import OSA

_stemmer = snowballstemmer.stemmer("english")

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "`": "'"})
_SHORT_NOT = re.compile(r"\b(?:can'?t|cannot)\b|(?<=[a-z])n't\b")
_CLAUSE_END = re.compile(r"[,;:()\n\u2013\u2014]|\s-\s|\b(?:but|because|instead|rather|however|although|while)\b")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_WORD = re.compile(r"[^\W_]+")
_AMERICAN = re.compile(r"(?<=[a-z]{3})z(?=e$|ed$|es$|er$|ers$|ing$|ation$|ations$)")

_IRREGULAR_FORMS = """
    begin: began begun; break: broke broken; bring: brought; build: built; choose: chose chosen; find: found
    forget: forgot forgotten; get: got gotten; give: gave given; go: went gone goes; grow: grew grown; hide: hid hidden
    hold: held; keep: kept; know: knew known; lead: led; learn: learnt; leave: left; lose: lost; make: made making
    mean: meant; see: saw seen; send: sent; speak: spoke spoken; spend: spent; take: took taken taking; teach: taught
    tell: told; think: thought; understand: understood; write: wrote written writing; person: people persons
    child: children; index: indices indexes
"""
_IRREGULAR = {
    form: base
    for base, forms in (entry.split(":") for entry in _IRREGULAR_FORMS.strip().replace("\n", ";").split(";"))
    for base, form in ((base.strip(), form) for form in forms.split())
}
_FUNCTION_WORDS = """
    a an the this that these those it its itself he him his she her they them their we us our you your i me my one
    is are was were be been being am do does did done doing has have had having will would shall should can could may
    might must of in on at to from by for with into onto as if or and but so then than because since while when where
    there here also just very quite such own some any each s t re ve ll d m
"""
_DENIALS = "not no never neither nor none nothing nobody without hardly"

FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
DENIALS = frozenset(_DENIALS.split())
NOT_ALONE = frozenset({"only", "necessarily", "doubt"})  # "not only" and "no doubt" deny nothing
NOT_MERELY = frozenset({"just", "merely", "simply"})  # nor does "is not just"; but "cannot just" does
FORBIDDING = frozenset({"can", "could", "should", "must"})

SHORTEST_WITH_TYPO = 5
ANY_TYPO = 7
TWO_TYPOS = 9
TYPOS_AND_INFLECTION = 3  # letters by which words may differ whose stems are alike


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text; ``clause`` and ``sentence`` count from 0, ``start`` and ``end`` stand in ``tidy(text)``."""

    word: str
    stem: str
    clause: int
    sentence: int
    start: int
    end: int


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The stem of a lower-case word."""
    word = _IRREGULAR.get(word, word)
    found: str = _stemmer.stemWord(_AMERICAN.sub("s", word))
    return found


def tidy(text: str) -> str:
    """The text in one spelling of its characters, lower case, with short forms of "not" spelled out."""
    lowered = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    return _SHORT_NOT.sub(lambda found: " not" if found[0] == "n't" else "can not", lowered)


def read(text: str) -> list[Token]:
    """The words of a text in order."""
    tidied = tidy(text)
    sentences = _counter(_SENTENCE_END, tidied)
    clauses = _counter(_CLAUSE_END, tidied)
    tokens = []
    for found in _WORD.finditer(tidied):
        start, end = found.span()
        sentence, clause = bisect(sentences, start), bisect(clauses, start)
        tokens.append(Token(found[0], stem(found[0]), clause, sentence, start, end))
    return tokens


def _counter(divider: re.Pattern[str], text: str) -> list[int]:
    return [found.start() for found in divider.finditer(text)]


def content(tokens: Sequence[Token]) -> Sequence[Token]:
    """The words that carry meaning; all words where none of them does."""
    return [token for token in tokens if token.word not in FUNCTION_WORDS] or tokens


def denies(tokens: Sequence[Token], index: int) -> bool:
    """Whether the word at ``index`` turns what is said around it into its opposite."""
    if tokens[index].word not in DENIALS:
        return False
    following = tokens[index + 1].word if index + 1 < len(tokens) else ""
    forbids = index > 0 and tokens[index - 1].word in FORBIDDING
    return following not in NOT_ALONE and (forbids or following not in NOT_MERELY)


def near_spellings(wanted: Token, written: dict[str, str]) -> set[str]:
    """The stems among ``written`` (stem to a word that has it) that are ``wanted`` with a small typing mistake.

    Stems are compared, and words too, for a mistake near the end may leave another stem. Stems under five letters must
    be right; up to six letters may lack or repeat one or swap two, longer ones may have one or two mistakes; never in
    the first letter, where another word is likelier than a mistake.
    """
    if len(wanted.stem) < SHORTEST_WITH_TYPO or not wanted.stem.isalpha():
        return set()
    return {
        near
        for near, word in written.items()
        if _mistyped(wanted.word, word)
        or (_mistyped(wanted.stem, near) and OSA.distance(wanted.word, word) <= TYPOS_AND_INFLECTION)
    }


def _mistyped(wanted: str, written: str) -> bool:
    """Whether ``written`` could be ``wanted`` with a small typing mistake, or with none."""
    allowed = 2 if len(wanted) >= TWO_TYPOS else 1
    if written[0] != wanted[0] or abs(len(written) - len(wanted)) > allowed:
        return False
    another_letter = len(written) == len(wanted) and sorted(written) != sorted(wanted)
    return (len(wanted) >= ANY_TYPO or not another_letter) and OSA.distance(wanted, written) <= allowed
