"""Marks a short answer against its authored criteria: points, phrasings, must-not phrases, model answers. Pure.

An idea earns its points when one of its phrasings stands in the answer, in any inflection and with small typing
mistakes, its words close together. A longer phrasing that is met for the larger part earns half; words that the
question already holds weigh less. Or the whole answer resembles a model answer: that earns half of what it is worth,
and all of it where no ideas are authored. The better of the two counts. Then gates look at the whole: an echo of the
question and gibberish earn nothing, an answer in which no idea is spoken of at most 1; a bare list of keywords, a
denial of an idea and a misconception at most 5. Every cap says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from core.quizzes.answers import FULL_COVERAGE, Answer, Hit, stems_of
from core.quizzes.resemblance import ALIKE, UNLIKE, Likeness, resemblance
from core.quizzes.wording import FUNCTION_WORDS
from shared_schemas.course import SHORT_ANSWER_POINTS, ShortAnswerKey

CAP = 5
OFF_TOPIC_CAP = 1
GOOD = 7

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


def mark_short_answer(text: str, *, question: str, key: ShortAnswerKey, alike: float = ALIKE) -> ShortMark:
    """The mark of one short answer: a pure function of its arguments.

    ``alike`` is the resemblance to a model answer that makes an answer good where no ideas are authored.
    """
    answer = Answer(text, question)
    hits = [_best(answer, point.phrasings) for point in key.points]
    refused = _worthless(answer, hits, key)
    if refused:
        return ShortMark(0, (), tuple(point.missing for point in key.points), refused)
    found = list(zip(key.points, hits, strict=True))
    missing = tuple(point.missing for point, hit in found if hit.credit < 1)
    matched = [hit.words for hit in hits if hit.credit]
    earned = int(sum(point.points * hit.credit for point, hit in found) + 0.5)
    decided = key.points and earned >= CAP  # beside ideas, likeness earns no more than that
    likeness = UNLIKE if decided else resemblance(answer, question, key.model_answers, alike=alike)
    lifted = _worth(likeness, alike) // (2 if key.points else 1)
    if lifted > earned:
        matched.extend(answer.words(likeness.words))
    caps = _caps(answer, hits, key, denied=likeness.opposed and not key.points, lifted=lifted)
    score = min(SHORT_ANSWER_POINTS, max(earned, lifted), *(cap for cap, _ in caps))
    if any(hit.denied for hit in hits):
        score = max(score, 1)  # who denies an idea has at least spoken of it
    feedback = _feedback(score, len(missing), [why for _, why in caps])
    return ShortMark(score, tuple(dict.fromkeys(matched)), missing, feedback)


def _best(answer: Answer, phrasings: Iterable[str]) -> Hit:
    return max(map(answer.find, phrasings), key=lambda hit: hit.rank)


def _worth(likeness: Likeness, alike: float) -> int:
    """The points a likeness is worth: 7 where it is just ``alike``, in proportion below and above."""
    if likeness.share < alike:
        return min(GOOD - 1, int(GOOD * likeness.share / alike))
    return GOOD + round((SHORT_ANSWER_POINTS - GOOD) * (likeness.share - alike) / (1 - alike))


def _worthless(answer: Answer, hits: list[Hit], key: ShortAnswerKey) -> str | None:
    """Why an answer earns nothing at all, or None."""
    if not answer.tokens:
        return EMPTY
    if len(answer.stems & answer.question) >= ECHO_SHARE * len(answer.stems):
        return ECHO
    if any(hit.coverage for hit in hits):
        return None
    authored = [key.explanation, *key.model_answers, *(text for point in key.points for text in point.phrasings)]
    known = stems_of(tuple(authored)) | answer.question
    readable = any(token.word in FUNCTION_WORDS or token.stem in known for token in answer.tokens)
    return None if readable else GIBBERISH


def _caps(answer: Answer, hits: list[Hit], key: ShortAnswerKey, *, denied: bool, lifted: int) -> list[tuple[int, str]]:
    """Limits on the score, each with its reason."""
    caps: list[tuple[int, str]] = []
    on_topic = any(hit.credit or hit.coverage >= FULL_COVERAGE for hit in hits)  # an idea is spoken of, if to deny it
    if key.points and not on_topic and lifted <= OFF_TOPIC_CAP:
        caps.append((OFF_TOPIC_CAP, OFF_TOPIC))
    small = sum(token.word in FUNCTION_WORDS for token in answer.tokens)
    if len(answer.tokens) >= LIST_WORDS and small < LIST_SHARE * len(answer.tokens):
        caps.append((CAP, KEYWORDS))
    opposed = any(hit.denied and hit.coverage >= FULL_COVERAGE for hit in hits)
    if denied or opposed or answer.denies(stems_of(tuple(key.model_answers))):
        caps.append((CAP, DENIED))
    if any(map(answer.asserts, key.must_not)):
        caps.append((CAP, MISCONCEPTION))
    return caps


def _feedback(score: int, missing: int, reasons: list[str]) -> str:
    if reasons:
        return " ".join(reasons)
    if score == SHORT_ANSWER_POINTS:
        return "Complete: every idea is there."
    if score >= GOOD:
        return "Good. " + ("One idea" if missing == 1 else "Some ideas") + " could be said more fully."
    begun = "Partly there. " if score > OFF_TOPIC_CAP else "Not there yet. "
    return begun + ("The hints say what is missing." if missing else "Say more of what the question asks for.")
