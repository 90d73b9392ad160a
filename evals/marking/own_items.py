"""Our own short-answer questions against answers that deserve little, and good ones that no gate may stop."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.publishing.checks.trials import denied, echoes, keyword_lists, misconceived
from core.publishing.compile import question_key
from core.publishing.source import read_course
from core.quizzes import criteria
from core.quizzes.criteria import ShortMark, mark_short_answer
from evals.marking.human_marks import key_of
from shared_schemas.course import ShortAnswerKey

CONTENT = Path(__file__).resolve().parents[2] / "content"
GIBBERISH = ("asdf qwer zxcv hjkl", "1234 5678", "?!", "blah blah blah", "lkjh gfds poiu mnbv uytr", "🙂 🙂")
OFF_TOPIC = (
    "I like pizza with extra cheese on Fridays because it is great.",
    "The French Revolution began in 1789, and it changed who held power in Europe.",
    "I do not know the answer to this question, sorry about that.",
    "Plants take up water through their roots and make sugar in their leaves.",
)
FLAGS = {
    "echo": (criteria.ECHO, 0.01),
    "gibberish": (criteria.GIBBERISH, 0.01),
    "off-topic": (criteria.OFF_TOPIC, 0.01),
    "keyword list": (criteria.KEYWORDS, 0.01),
    "misconception": (criteria.MISCONCEPTION, 0.01),
    "negation": (criteria.DENIED, 0.04),
}


@dataclass(frozen=True)
class Item:
    """A question and its key."""

    text: str
    key: ShortAnswerKey

    def mark(self, answer: str) -> ShortMark:
        """The mark of an answer."""
        return mark_short_answer(answer, question=self.text, key=self.key)


@dataclass(frozen=True)
class Trial:
    """Answers of one kind that deserve little: how many, the most that any earned, and the most that it may."""

    kind: str
    answers: int
    highest: int
    allowed: int

    @property
    def passed(self) -> bool:
        """Whether no answer earned more than it may."""
        return self.highest <= self.allowed


@dataclass(frozen=True)
class Flag:
    """A gate and the share of full-mark answers that it wrongly stopped."""

    gate: str
    stopped: int
    of: int
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether it stopped no more of them than it may."""
        return self.stopped <= self.allowed * self.of


def short_answers() -> list[Item]:
    """The short-answer questions of the shipped course."""
    questions = [question for chapter in read_course(CONTENT).chapters for question in chapter.quiz.questions]
    keyed = [(question.text, question_key(question)) for question in questions]
    return [Item(text, key) for text, key in keyed if isinstance(key, ShortAnswerKey)]


def open_questions() -> list[Item]:
    """The open questions of the course, each with its excellent example as its model answer."""
    questions = [question for chapter in read_course(CONTENT).chapters for question in chapter.assessments.questions]
    return [Item(question.text, key_of([question.excellent_example])) for question in questions]


def trials(items: list[Item]) -> Iterator[Trial]:
    """What answers of each kind that deserve little earn at most."""
    yield _trial("echo of the question", 0, ((item, text) for item in items for text in echoes(item.text)))
    yield _trial("gibberish", 0, ((item, text) for item in items for text in GIBBERISH))
    yield _trial("off-topic", 1, ((item, text) for item in items for text in OFF_TOPIC))
    others = (
        (item, text) for item in items for other in items if other is not item for text in other.key.model_answers
    )
    yield _trial("answer to another question", criteria.CAP, others)
    yield _trial("keyword list", criteria.CAP, ((item, text) for item in items for text in keyword_lists(item.key)))
    opposites = ((item, text) for item in items for answer in item.key.model_answers for text in denied(answer))
    yield _trial("negated model answer", criteria.CAP, opposites)
    wrong = ((item, text) for item in items for _, text in misconceived(item.key))
    yield _trial("misconception added", criteria.CAP, wrong)


def _trial(kind: str, allowed: int, answers: Iterable[tuple[Item, str]]) -> Trial:
    scores = [item.mark(text).score for item, text in answers]
    return Trial(kind, len(scores), max(scores), allowed)


def false_flags(items: list[Item]) -> list[Flag]:
    """Which gates stop the model answers, as they are, in capitals, and without punctuation."""
    marks = [
        item.mark(text)
        for item in items
        for answer in dict.fromkeys(item.key.model_answers)
        for text in (answer, answer.upper(), _unpunctuated(answer))
    ]
    return count_flags(marks)


def count_flags(full_marks: list[ShortMark]) -> list[Flag]:
    """How often each gate speaks up among marks of answers that are worth all points."""
    return [
        Flag(gate, sum(reason in mark.feedback for mark in full_marks), len(full_marks), allowed)
        for gate, (reason, allowed) in FLAGS.items()
    ]


def _unpunctuated(text: str) -> str:
    return "".join(character for character in text if character not in ".,;:!?")
