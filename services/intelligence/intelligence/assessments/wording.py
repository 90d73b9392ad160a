"""What a student reads about a grade: the model's words without the answer key, and what to read again. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from intelligence.assessments.rubric import CriterionGrade, Grade
from intelligence.assessments.steering import sentences
from shared_schemas.course import Rubric

LEAK_WORDS = 6
LONGEST_ITEM = 500
MOST_ITEMS = 8

SIMULATED = "[Simulated feedback, no model was asked]"
NOT_SHOWN = "No passage of your answer shows this."
NOTHING_SAID = "Your answer does not speak to this yet."
_WORDS = re.compile(r"\w+")
_QUOTES = re.compile(r"“([^“”]+)”")


@dataclass(frozen=True)
class Words:
    """What the model wrote to the student."""

    strengths: Sequence[str]
    improvements: Sequence[str]
    detailed_feedback: str


@dataclass(frozen=True)
class Feedback:
    """What the student reads. ``whys`` stand in the order of the grade's criteria."""

    strengths: list[str]
    improvements: list[str]
    detailed_feedback: str
    whys: list[str]


def feedback(
    grade: Grade,
    words: Words,
    *,
    rubric: Rubric,
    question: str,
    answer: str,
    titles: dict[str, str],
    simulated: bool = False,
) -> Feedback:
    """The feedback to a grade. ``titles``: section id to title, for what to read again; ``simulated`` is said in it.

    A sentence of the model that shares six words in a row with the answer key, and took them neither from the student
    nor from what every student may read, is left out.
    """
    public = (answer, question, *(one.name for one in rubric.criteria))
    key = _key_phrases(rubric).difference(*map(_phrases, public))
    safe = partial(_without_key, key=key, answer=answer)
    whys = [safe(one.why) or _plain_why(one) for one in grade.criteria]
    missed = [
        f"{one.criterion.name}: {why}" for one, why in zip(grade.criteria, whys, strict=True) if one.level != "full"
    ]
    strengths: list[str] = []
    if grade.score:
        # Where a credit was taken away, the model's praise may speak of it: then only what counted is named.
        all_counted = all(one.supported for one in grade.criteria)
        strengths = (_items(words.strengths, safe) if all_counted else []) or _shown(grade)
    improvements = (_items(words.improvements, safe) or missed) + _read_again(grade, titles)
    if grade.off_topic:
        improvements = [f"Answer what was asked: {question}"]
    detailed = _detailed(grade, safe(words.detailed_feedback), question)
    if simulated and SIMULATED not in detailed:
        detailed = f"{SIMULATED} {detailed}"
    return Feedback(
        strengths=strengths,
        improvements=improvements or ["Every criterion is met. Try the next question, or a harder one."],
        detailed_feedback=detailed,
        whys=whys,
    )


def _detailed(grade: Grade, text: str, question: str) -> str:
    if grade.off_topic:
        return f"Your answer does not speak to the question. It asked: {question}"
    if not all(one.supported for one in grade.criteria):
        names = ", ".join(one.criterion.name for one in grade.criteria if not one.supported)
        return f"{text}\n\nNo credit could be given for {names}: no passage of your own words shows it.".strip()
    return text or "See the criteria for what your answer shows and what is missing."


def _read_again(grade: Grade, titles: dict[str, str]) -> list[str]:
    """One line naming the sections of every criterion that was not met in full."""
    ids = dict.fromkeys(one.criterion.section_id for one in grade.criteria if one.level != "full")
    return [f"Read again: {'; '.join(titles.get(section_id, section_id) for section_id in ids)}."] if ids else []


def _plain_why(one: CriterionGrade) -> str:
    if not one.supported:
        return NOT_SHOWN
    return NOTHING_SAID if one.level == "none" else f"Shown in: “{one.evidence}”"


def _shown(grade: Grade) -> list[str]:
    return [f"{one.criterion.name}: “{one.evidence}”" for one in grade.criteria if one.level != "none"]


def _items(texts: Iterable[str], safe: Callable[[str], str]) -> list[str]:
    kept = (safe(text)[:LONGEST_ITEM] for text in texts)
    return list(dict.fromkeys(text for text in kept if text))[:MOST_ITEMS]


def _without_key(text: str, *, key: set[tuple[str, ...]], answer: str) -> str:
    """The text without its sentences that take part in a run of the key, also a run that spreads over several.

    What it quotes of the student's answer belongs to no run: it may well follow words that stand before it in the key.
    """
    words = list(_WORDS.finditer(text))
    own = {
        place
        for quote in _QUOTES.finditer(text)
        if _in_one_line(quote.group(1)) in _in_one_line(answer)
        for place in range(*quote.span())
    }
    folded = ["" if word.start() in own else word.group().casefold() for word in words]
    told = {
        place
        for start in range(len(words) - LEAK_WORDS + 1)
        if tuple(folded[start : start + LEAK_WORDS]) in key
        for place in range(words[start].start(), words[start + LEAK_WORDS - 1].end())
    }
    kept, position = [], 0
    for sentence in sentences(text):
        end = position + len(sentence)
        if told.isdisjoint(range(position, end)):
            kept.append(sentence)
        position = end
    rest = "".join(kept).strip()
    return rest if _WORDS.search(rest) else ""  # no lone quotation mark


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _key_phrases(rubric: Rubric) -> set[tuple[str, ...]]:
    levels = (text for one in rubric.criteria for text in (one.levels.full, one.levels.partial))
    return set().union(*(_phrases(text) for text in (rubric.excellent_example, *levels)))


def _phrases(text: str) -> set[tuple[str, ...]]:
    """Every run of six words."""
    words = _WORDS.findall(text.casefold())
    return {tuple(words[start : start + LEAK_WORDS]) for start in range(len(words) - LEAK_WORDS + 1)}
