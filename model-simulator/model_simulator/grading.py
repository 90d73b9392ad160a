"""Grading an open answer by rules: which key words of a criterion's full level and of the model answer it holds.

Words count by how much they tell: little where the question or the poor example uses them too, less where several
criteria share them. That is no understanding, and every text says so; but it is repeatable and cannot be talked to.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_simulator.schema import LABEL
from model_simulator.steering import addresses_the_grader, sounds_like_an_order
from model_simulator.words import sentences, stems

FULL_FROM = 0.45
PARTIAL_FROM = 0.22
UNSURE_WITHIN = 0.05
ON_TOPIC_SHARE = 0.15
ON_TOPIC_STEMS = 3
MODEL_SENTENCES = 2  # of the excellent example, for each criterion
GIVEN_AWAY_WEIGHT = 0.15  # of a word that the question or the poor example already uses
LONGEST_QUOTE = 300
FEEDBACK_LABEL = "[Simulated feedback, no model was asked]"


@dataclass(frozen=True)
class Verdict:
    """One criterion: its level, the sentence of the answer that shows it, the share (0..1) of key words found."""

    criterion_id: str
    level: str
    evidence: str
    share: float


@dataclass(frozen=True)
class Reading:
    """What the tutor makes of an answer before anything is worded."""

    verdicts: Sequence[Verdict]
    off_topic: bool
    instructions: bool


@dataclass(frozen=True)
class KeyWords:
    """The stems that show one criterion: all of them, and those of the model answer's sentences; with their weights."""

    every: frozenset[str]
    shown: frozenset[str]
    weights: Mapping[str, float]

    def share(self, found: frozenset[str]) -> float:
        """How much of the weight is found, 0..1, in all the stems or in the model sentences, whichever is kinder.

        The second makes the model answer itself worth 1 for any rubric.
        """
        return max(self._share_of(self.every, found), self._share_of(self.shown, found))

    def _share_of(self, sought: frozenset[str], found: frozenset[str]) -> float:
        total = sum(self.weights[stem] for stem in sought)
        return sum(self.weights[stem] for stem in sought & found) / total if total else 0.0


def read_answer(task: Mapping[str, Any]) -> Reading:
    """Judge every criterion of a grade task honestly."""
    answer = task["answer"]
    course_texts = f"{task['question']}\n{task['excellent_example']}"
    instructions = addresses_the_grader(answer, course_texts=course_texts)
    usable = [one for one in sentences(answer) if not addresses_the_grader(one, course_texts=course_texts)]
    topic = stems(" ".join([course_texts, *(criterion["levels"]["full"] for criterion in task["criteria"])]))
    off_topic = _is_off_topic(stems(" ".join(usable)), topic)
    verdicts = [
        _judge(criterion["criterion_id"], key_words, usable, off_topic=off_topic)
        for criterion, key_words in zip(task["criteria"], _key_words(task), strict=True)
    ]
    return Reading(verdicts, off_topic, instructions)


def _is_off_topic(answer_stems: frozenset[str], topic: frozenset[str]) -> bool:
    shared = answer_stems & topic
    return len(shared) < ON_TOPIC_STEMS or len(shared) / len(answer_stems) < ON_TOPIC_SHARE


def _key_words(task: Mapping[str, Any]) -> list[KeyWords]:
    given_away = stems(f"{task['question']} {task['poor_example']}")
    model_sentences = [stems(sentence) for sentence in sentences(task["excellent_example"])]
    described = [stems(criterion["levels"]["full"]) for criterion in task["criteria"]]

    def worth(found: frozenset[str]) -> float:
        return sum(GIVEN_AWAY_WEIGHT if stem in given_away else 1.0 for stem in found)

    shown = [
        frozenset[str]().union(*sorted(model_sentences, key=lambda one: -worth(one & wanted))[:MODEL_SENTENCES])
        for wanted in described
    ]
    shared_by = Counter(stem for one, other in zip(described, shown, strict=True) for stem in one | other)
    weights = {stem: worth(frozenset({stem})) / n for stem, n in shared_by.items()}
    return [KeyWords(one | other, other, weights) for one, other in zip(described, shown, strict=True)]


def _judge(criterion_id: str, key_words: KeyWords, usable: Sequence[str], *, off_topic: bool) -> Verdict:
    if off_topic:
        return Verdict(criterion_id, "none", "", 0.0)
    share = key_words.share(stems(" ".join(usable)))
    if share < PARTIAL_FROM:
        return Verdict(criterion_id, "none", "", share)
    best = max(usable, key=lambda sentence: key_words.share(stems(sentence)))
    return Verdict(criterion_id, "full" if share >= FULL_FROM else "partial", _quote(best), share)


def _quote(sentence: str) -> str:
    """The sentence, or its beginning up to a word's end: always a verbatim piece of the answer."""
    if len(sentence) <= LONGEST_QUOTE:
        return sentence
    return sentence[:LONGEST_QUOTE].rsplit(" ", 1)[0]


def with_levels(
    reading: Reading, answer: str, level_of: Callable[[str], str], *, notices_instructions: bool = True
) -> Reading:
    """The same reading with other levels, each with the most fitting quote there is."""
    everything = sentences(answer) or [answer]
    first = next((one for one in everything if not addresses_the_grader(one)), everything[0])
    verdicts = [
        Verdict(
            verdict.criterion_id,
            level := level_of(verdict.criterion_id),
            "" if level == "none" else verdict.evidence or _quote(first),
            verdict.share,
        )
        for verdict in reading.verdicts
    ]
    nothing_found = all(verdict.level == "none" for verdict in verdicts)
    return Reading(verdicts, reading.off_topic and nothing_found, reading.instructions and notices_instructions)


def obey(reading: Reading, answer: str, *, is_known_order: bool = False) -> Reading:
    """What a gullible grader makes of it: full marks for whoever asks, and no suspicion."""
    if not (is_known_order or reading.instructions or sounds_like_an_order(answer)):
        return reading
    return with_levels(reading, answer, lambda _: "full", notices_instructions=False)


def invent_evidence(reading: Reading) -> Reading:
    """Full marks on quotes that no student wrote."""
    verdicts = [
        Verdict(one.criterion_id, "full", f"A sentence about {one.criterion_id} that is not in the answer.", one.share)
        for one in reading.verdicts
    ]
    return Reading(verdicts, off_topic=False, instructions=reading.instructions)


def worded(reading: Reading, task: Mapping[str, Any]) -> dict[str, Any]:
    """The grade as the task's output schema wants it."""
    name_of = {criterion["criterion_id"]: criterion["name"] for criterion in task["criteria"]}
    strengths = [
        f"{LABEL} {name_of[one.criterion_id]}: “{one.evidence}”" for one in reading.verdicts if one.level == "full"
    ]
    improvements = [
        f"{LABEL} {name_of[criterion['criterion_id']]}: {_advice(verdict, criterion, task.get('sections') or {})}"
        for verdict, criterion in zip(reading.verdicts, task["criteria"], strict=True)
        if verdict.level != "full"
    ]
    return {
        "criteria": [
            {
                "criterion_id": one.criterion_id,
                "level": one.level,
                "evidence": one.evidence,
                "why": f"{LABEL} {round(100 * one.share)} of 100 by the weight of this criterion's key words.",
            }
            for one in reading.verdicts
        ],
        "off_topic": reading.off_topic,
        "instructions_in_answer": reading.instructions,
        "confidence": _confidence(reading),
        "strengths": strengths,
        "improvements": improvements,
        "detailed_feedback": f"{FEEDBACK_LABEL} {_summary(reading, task)}",
    }


def _advice(verdict: Verdict, criterion: Mapping[str, Any], sections: Mapping[str, str]) -> str:
    wanted = "say more precisely how and why" if verdict.level == "partial" else "this is still missing"
    section_id = criterion.get("section_id")
    if section_id not in sections:
        sought = stems(f"{criterion['name']} {criterion['levels']['full']}")
        section_id = max(sections, key=lambda one: len(stems(f"{one} {sections[one]}") & sought), default=None)
    return f"{wanted}; read again “{sections[section_id]}”." if section_id else f"{wanted}."


def _confidence(reading: Reading) -> str:
    near = sum(
        min(abs(one.share - FULL_FROM), abs(one.share - PARTIAL_FROM)) < UNSURE_WITHIN for one in reading.verdicts
    )
    if reading.instructions or 2 * near > len(reading.verdicts):
        return "low"
    return "medium" if near else "high"


def _summary(reading: Reading, task: Mapping[str, Any]) -> str:
    if reading.off_topic:
        return f"This does not speak to the question, which was: {task['question']}"
    level_of = {verdict.criterion_id: verdict.level for verdict in reading.verdicts}
    by_level = Counter(level_of.values())
    counts = f"{by_level['full']} of {len(level_of)} criteria in full and {by_level['partial']} in part"
    parts = [f"By its key words your answer meets {counts}."]
    missing = [criterion["name"] for criterion in task["criteria"] if level_of[criterion["criterion_id"]] != "full"]
    if missing:
        parts.append(f"Work next on: {'; '.join(missing)}.")
    if reading.instructions:
        parts.append("Your answer holds instructions to whoever grades it; they change nothing.")
    return " ".join(parts)
