"""Short answers: their criteria are tried out with the very code that marks students."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from core.publishing.checks.trials import denied, echoes, keyword_lists, misconceived, refused
from core.publishing.compile import question_key
from core.publishing.source import CourseSource, Finding, Location
from core.publishing.written import WrittenShortAnswer
from core.quizzes.answers import Answer
from core.quizzes.criteria import CAP, GOOD, MISCONCEPTION, ShortMark, mark_short_answer
from core.quizzes.wording import content, read
from shared_schemas.course import SHORT_ANSWER_POINTS, ShortAnswerKey


@dataclass(frozen=True)
class Item:
    """One short-answer question, where it stands, and its key as marking gets it."""

    file: str
    place: Location
    question: WrittenShortAnswer
    key: ShortAnswerKey

    def mark(self, text: str) -> ShortMark:
        """What a student would get for the text, and be told."""
        return mark_short_answer(text, question=self.question.text, key=self.key)

    def score(self, text: str) -> int:
        """What a student would get for the text, 0 to 10."""
        return self.mark(text).score

    def lost(self, mark: ShortMark) -> str:
        """Why a mark is not higher."""
        points = [point.point_id for point in self.key.points if point.missing in mark.missing]
        return f"not found: {', '.join(points)}" if points else mark.feedback

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
                yield from _explanation(source, item)
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
        banned = next(filter(Answer(text, item.question.text).asserts, item.question.must_not), None)
        if banned:
            yield source.error(item.file, place, f"this model answer holds the must_not phrase “{banned}”")
            continue
        mark = item.mark(text)
        if mark.score != SHORT_ANSWER_POINTS:
            message = f"this model answer earns {mark.score} of {SHORT_ANSWER_POINTS}; {item.lost(mark)}"
            yield source.error(item.file, place, message)


def _explanation(source: CourseSource, item: Item) -> Iterator[Finding]:
    """What students are told afterwards: who says the same must pass."""
    mark = item.mark(item.question.explanation)
    if mark.score < GOOD:
        message = f"as an answer, the explanation earns {mark.score} of {SHORT_ANSWER_POINTS}, less than {GOOD}"
        yield source.error(item.file, (*item.place, "explanation"), f"{message}; {item.lost(mark)}")


def _says_no_more_than(question: str, phrasing: str) -> bool:
    """Whether every word of a phrasing that carries meaning stands in the question already."""
    return {word.stem for word in content(read(phrasing))} <= {word.stem for word in content(read(question))}


def _parts(source: CourseSource, item: Item) -> Iterator[Finding]:
    """Ids of points, hints that tell the answer, must-not phrases that marking cannot find."""
    seen: set[str] = set()
    for number, point in enumerate(item.question.points):
        place = (*item.place, "points", number)
        if point.id in seen:
            yield source.error(item.file, (*place, "id"), f"point id {point.id} is used twice in this question")
        seen.add(point.id)
        for place_in_list, phrasing in enumerate(point.phrasings):
            if _says_no_more_than(item.question.text, phrasing):
                message = f"“{phrasing}” is made of words of the question: who repeats it would earn points"
                yield source.error(item.file, (*place, "phrasings", place_in_list), message)
        hint = Answer(point.missing, item.question.text)
        told = next((phrasing for phrasing in point.phrasings if hint.find(phrasing).credit), None)
        if told:
            message = f"the hint tells the answer: as one, it earns points for “{told}”"
            yield source.error(item.file, (*place, "missing"), message)
    yield from _must_not(source, item)


def _must_not(source: CourseSource, item: Item) -> Iterator[Finding]:
    """Phrases that marking cannot find, or finds also in answers that speak against them."""
    for number, answer in misconceived(item.key):
        if item.overrates(answer):
            message = "marking does not find this phrase in an answer that holds it"
            yield source.error(item.file, (*item.place, "must_not", number), message)
    blamed: set[int] = set()
    for number, answer in refused(item.key):
        if number not in blamed and MISCONCEPTION in item.mark(answer).feedback:
            blamed.add(number)
            message = f"marking takes a refusal of this phrase for the misconception: “{answer}”"
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
        if opposite := next(filter(item.overrates, denied(answer)), None):
            message = f"the opposite of this model answer earns {item.score(opposite)} points: “{opposite}”"
            yield source.error(item.file, (*item.place, "model_answers", number), message)


def _neighbours(source: CourseSource, item: Item, answers: Iterable[tuple[Item, str]]) -> Iterator[Finding]:
    """Answers to other questions of the chapter, and an answer to each question of the chapters beside it."""
    for other, text in answers:
        if (score := item.score(text)) > CAP:
            message = f"a model answer to {other.question.id} in {other.file} earns {score} points here: “{text}”"
            yield source.error(item.file, (*item.place, "points"), message)
