"""Short answers: their criteria are tried out with the very code that marks students."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from core.publishing.checks.trials import denied, echoes, keyword_lists, misconceived
from core.publishing.compile import question_key
from core.publishing.source import CourseSource, Finding, Location
from core.publishing.written import WrittenShortAnswer
from core.quizzes.answers import Answer
from core.quizzes.criteria import CAP, mark_short_answer
from shared_schemas.course import SHORT_ANSWER_POINTS, ShortAnswerKey

DENIALS_TRIED = 2  # of each model answer: they stand for the others, and a large course is tried out soon


@dataclass(frozen=True)
class Item:
    """One short-answer question, where it stands, and its key as marking gets it."""

    file: str
    place: Location
    question: WrittenShortAnswer
    key: ShortAnswerKey

    def score(self, text: str) -> int:
        """What a student would get for the text, 0 to 10."""
        return mark_short_answer(text, question=self.question.text, key=self.key).score

    def overrates(self, text: str) -> bool:
        """Whether a text that deserves at most half would get more."""
        return self.score(text) > CAP


def check_short_answers(source: CourseSource) -> Iterator[Finding]:
    """Findings about every short-answer question."""
    chapters = [list(_items(source, number)) for number in range(len(source.course.chapters))]
    for number, items in enumerate(chapters):
        beside = [*chapters[max(0, number - 1) : number], *chapters[number + 1 : number + 2]]
        foreign = [(other, other.question.model_answers[0]) for other in chain.from_iterable(beside)]
        for item in items:
            total = sum(point.points for point in item.question.points)
            if total != SHORT_ANSWER_POINTS:
                message = f"the points add up to {total}, not to {SHORT_ANSWER_POINTS}"
                yield source.error(item.file, (*item.place, "points"), message)
            else:
                yield from _model_answers(source, item)
            yield from _parts(source, item)
            yield from _undeserved(source, item)
            own = [(other, text) for other in items if other is not item for text in other.question.model_answers]
            yield from _neighbours(source, item, own + foreign)


def _items(source: CourseSource, number: int) -> Iterator[Item]:
    chapter = source.course.chapters[number]
    for place, question in enumerate(chapter.quiz.questions):
        key = question_key(question)
        if isinstance(question, WrittenShortAnswer) and isinstance(key, ShortAnswerKey):
            yield Item(chapter.quiz_file, ("questions", place), question, key)


def _model_answers(source: CourseSource, item: Item) -> Iterator[Finding]:
    for number, text in enumerate(item.question.model_answers):
        place = (*item.place, "model_answers", number)
        if text in item.question.model_answers[:number]:
            yield source.error(item.file, place, "the same model answer stands here twice")
        banned = next((phrase for phrase in item.question.must_not if _says(text, item, phrase)), None)
        if banned:
            yield source.error(item.file, place, f"this model answer holds the must_not phrase “{banned}”")
            continue
        mark = mark_short_answer(text, question=item.question.text, key=item.key)
        if mark.score != SHORT_ANSWER_POINTS:
            lost = [point.point_id for point in item.key.points if point.missing in mark.missing]
            why = f"not found: {', '.join(lost)}" if lost else mark.feedback
            message = f"this model answer earns {mark.score} of {SHORT_ANSWER_POINTS}; {why}"
            yield source.error(item.file, place, message)


def _says(text: str, item: Item, phrase: str) -> bool:
    hit = Answer(text, item.question.text).find(phrase)
    return hit.coverage == 1 and not hit.denied


def _parts(source: CourseSource, item: Item) -> Iterator[Finding]:
    """Ids of points, hints that tell the answer, must-not phrases that marking cannot find."""
    seen: set[str] = set()
    for number, point in enumerate(item.question.points):
        place = (*item.place, "points", number)
        if point.id in seen:
            yield source.error(item.file, (*place, "id"), f"point id {point.id} is used twice in this question")
        seen.add(point.id)
        hint = Answer(point.missing, item.question.text)
        told = next((phrasing for phrasing in point.phrasings if hint.find(phrasing).credit), None)
        if told:
            message = f"the hint tells the answer: as one, it earns points for “{told}”"
            yield source.error(item.file, (*place, "missing"), message)
    for number, answer in misconceived(item.key):
        if item.overrates(answer):
            message = "marking does not find this phrase in an answer that holds it"
            yield source.error(item.file, (*item.place, "must_not", number), message)


def _undeserved(source: CourseSource, item: Item) -> Iterator[Finding]:
    """Answers that show no understanding and must stay at the gates."""
    if echo := next(filter(item.score, echoes(item.question.text)), None):
        message = f"an echo of the question earns {item.score(echo)} points: “{echo}”"
        yield source.error(item.file, (*item.place, "text"), message)
    if listed := next(filter(item.overrates, keyword_lists(item.key)), None):
        message = f"a bare list of keywords earns {item.score(listed)} points: “{listed}”"
        yield source.error(item.file, (*item.place, "points"), message)
    for number, answer in enumerate(item.question.model_answers):
        if opposite := next(filter(item.overrates, islice(denied(answer), DENIALS_TRIED)), None):
            message = f"the opposite of this model answer earns {item.score(opposite)} points: “{opposite}”"
            yield source.error(item.file, (*item.place, "model_answers", number), message)


def _neighbours(source: CourseSource, item: Item, answers: Iterable[tuple[Item, str]]) -> Iterator[Finding]:
    """Answers to other questions of the chapter, and an answer to each question of the chapters beside it."""
    for other, text in answers:
        if (score := item.score(text)) > CAP:
            message = f"a model answer to {other.question.id} in {other.file} earns {score} points here: “{text}”"
            yield source.error(item.file, (*item.place, "points"), message)
