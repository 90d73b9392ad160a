"""Quizzes: their shape, their options, and whether guessing pays."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from core.publishing.checks.references import References
from core.publishing.source import CourseSource, Finding, Location
from core.publishing.written import WrittenChapter, WrittenMultipleChoice, WrittenTrueFalse

SHAPE = ("multiple-choice",) * 5 + ("true-false",) * 3 + ("short-answer",) * 2
OPTIONS = ["a", "b", "c", "d"]


def check_quizzes(source: CourseSource) -> Iterator[Finding]:
    """Findings about every quiz."""
    references = References(source)
    asked: dict[str, str] = {}
    for chapter in source.course.chapters:
        yield from _shape(source, chapter)
        for number, question in enumerate(chapter.quiz.questions):
            place = ("questions", number)
            yield from references.check(chapter, chapter.quiz_file, place, question)
            here = f"{chapter.quiz_file}, {question.id}"
            if (before := asked.setdefault(_plain(question.text), here)) != here:
                yield source.error(chapter.quiz_file, (*place, "text"), f"this is the question of {before} again")
            if isinstance(question, WrittenMultipleChoice):
                yield from _options(source, chapter.quiz_file, place, question)
        yield from _guessing(source, chapter)


def _shape(source: CourseSource, chapter: WrittenChapter) -> Iterator[Finding]:
    """Five multiple choice, three true/false, two short answers, called q1 to q10, in this order."""
    questions = chapter.quiz.questions
    if len(questions) != len(SHAPE):
        message = f"a quiz has 5 multiple choice, 3 true/false and 2 short-answer questions; here are {len(questions)}"
        yield source.error(chapter.quiz_file, ("questions",), message)
    seen: set[str] = set()
    for number, question in enumerate(questions):
        place = ("questions", number)
        if question.id in seen:
            yield source.error(chapter.quiz_file, (*place, "id"), f"question id {question.id} is used twice")
        elif question.id != f"q{number + 1}":
            yield source.error(chapter.quiz_file, (*place, "id"), f"call it q{number + 1}: it is number {number + 1}")
        seen.add(question.id)
        if number < len(SHAPE) and question.type != SHAPE[number]:
            message = f"question {number + 1} is {SHAPE[number]}, not {question.type}"
            yield source.error(chapter.quiz_file, (*place, "type"), message)


def _options(source: CourseSource, file: str, place: Location, question: WrittenMultipleChoice) -> Iterator[Finding]:
    ids = [option.id for option in question.options]
    if ids != OPTIONS:
        message = f"the options are {', '.join(OPTIONS)} in this order, each once, not {', '.join(ids)}"
        yield source.error(file, (*place, "options"), message)
    if question.answer not in ids:
        message = f"the answer {question.answer} is none of the options {', '.join(ids)}"
        yield source.error(file, (*place, "answer"), message)
    meanings = {_plain(option_id): option_id for option_id in ids}
    for number, option in enumerate(question.options):
        other = meanings.setdefault(_plain(option.text), option.id)
        if other != option.id:
            message = f"option {option.id} reads like option {other}: a student may answer by the text"
            yield source.error(file, (*place, "options", number, "text"), message)
    for number, option in enumerate(question.options):
        if option.explanation in [earlier.explanation for earlier in question.options[:number]]:
            message = f"option {option.id} is explained in the words of another option"
            yield source.error(file, (*place, "options", number, "explanation"), message)


def _guessing(source: CourseSource, chapter: WrittenChapter) -> Iterator[Finding]:
    """A student who knows nothing and always does the same should not pass on any kind of question."""
    choices = [one for one in chapter.quiz.questions if isinstance(one, WrittenMultipleChoice)]
    for letter in OPTIONS:
        rights = [one.answer == letter for one in choices]
        yield from _if_it_pays(source, chapter, rights, f"always choosing {letter}")
    for name, extreme in (("longest", max), ("shortest", min)):
        rights = [_alone_at(extreme, one) == one.answer for one in choices]
        yield from _if_it_pays(source, chapter, rights, f"always choosing the {name} option")
    for verdict in (True, False):
        rights = [one.answer is verdict for one in chapter.quiz.questions if isinstance(one, WrittenTrueFalse)]
        yield from _if_it_pays(source, chapter, rights, f"always saying {str(verdict).lower()}")


def _alone_at(extreme: Callable[[Iterable[int]], int], question: WrittenMultipleChoice) -> str | None:
    """The id of the one option that is longest (or shortest); None where several are."""
    lengths = {option.id: len(option.text) for option in question.options}
    found = [option_id for option_id, length in lengths.items() if length == extreme(lengths.values())]
    return found[0] if len(found) == 1 else None


def _if_it_pays(
    source: CourseSource, chapter: WrittenChapter, rights: Sequence[bool], strategy: str
) -> Iterator[Finding]:
    if len(rights) > 1 and 100 * sum(rights) >= chapter.quiz.passing_score * len(rights):
        message = f"{strategy} is right in {sum(rights)} of {len(rights)} questions"
        yield source.warning(chapter.quiz_file, ("questions",), message)


def _plain(text: str) -> str:
    """The text as marking compares it: without regard to case, spacing and a closing full stop or bracket."""
    return " ".join(text.casefold().split()).rstrip(" .)")
