"""Prints how well short answers are marked: on our own items, and against human marks in the folder EVAL_DATA names."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import quantiles

from core.quizzes.criteria import GOOD, mark_short_answer
from core.quizzes.resemblance import ALIKE
from evals.marking.agreement import Agreement, count, interval
from evals.marking.human_marks import MarkedQuestion, MissingData, key_of, read_questions
from evals.marking.own_items import Flag, count_flags, false_flags, open_questions, short_answers, trials
from evals.marking.thresholds import GRID, Measured, learn, leave_one_out, measure
from shared_schemas.course import AnswerPoint

TARGET, AIM = 0.70, 0.75


def main() -> int:
    """Every table, then what was missed; 0 if nothing was."""
    missed = _own_items()
    try:
        questions = read_questions(_folder())
    except MissingData as problem:
        print(f"\nNot measured against human marks: {problem}")
        return 2
    missed += _human_marks(questions)
    print("\n" + ("\n".join(f"MISSED: {one}" for one in missed) or "Every target is reached."))
    return 1 if missed else 0


def _folder() -> Path:
    named = os.environ.get("EVAL_DATA")
    if not named:
        raise MissingData("EVAL_DATA names no folder. Try: EVAL_DATA=<folder with the data sets> make eval-marking")
    return Path(named)


def _own_items() -> list[str]:
    items = short_answers()
    print(f"Our own items: {len(items)} short-answer questions\n")
    print(f"{'answers that deserve little':34}{'answers':>9}{'highest':>9}{'allowed':>9}")
    tried = list(trials(items))
    for trial in tried:
        print(f"{trial.kind:34}{trial.answers:9}{trial.highest:9}{trial.allowed:9}")
    flags = false_flags(items + open_questions())
    print("\nGates that stop full-mark answers: our model answers and excellent examples, also in capitals and")
    print("without punctuation")
    _print_flags(flags)
    return [f"{one.kind}: {one.highest} points" for one in tried if not one.passed] + [
        f"false flags, {one.gate}: {one.stopped} of {one.of}" for one in flags if not one.passed
    ]


def _print_flags(flags: Iterable[Flag]) -> None:
    print(f"\n{'gate':34}{'stopped':>9}{'of':>9}{'share':>9}{'allowed':>9}")
    for one in flags:
        print(f"{one.gate:34}{one.stopped:9}{one.of:9}{one.stopped / one.of:9.1%}{one.allowed:9.0%}")


def _human_marks(questions: Sequence[MarkedQuestion]) -> list[str]:
    print("\nHuman marks: SemEval-2013 task 7, training part, correct or not; reference answers are the model answers.")
    print("2-way macro-F1 over all answers, with the 95 % interval of a bootstrap over questions\n")
    print(f"{'':34}{'questions':>10}{'answers':>9}{'macro-F1':>10}{'interval':>14}{'accuracy':>10}")
    measured = [measure(question) for question in questions]
    by_corpus = {name: [one for one in measured if one.question.corpus == name] for name in _corpora(questions)}
    left_out = leave_one_out(measured)
    result = _print_agreement("each question left out", left_out)
    for name in by_corpus:
        found = [found for one, found in zip(measured, left_out, strict=True) if one.question.corpus == name]
        _print_agreement(f"  of these {name}", found)
    for name, part in by_corpus.items():
        taught = learn([one for one in measured if one.question.corpus != name])
        _print_agreement(f"{name}, taught by the rest", [one.agreements[taught] for one in part])
    _print_agreement(f"as shipped ({ALIKE:.2f})", [one.agreements[GRID.index(ALIKE)] for one in measured])
    _print_agreement("phrasings alone, for comparison", [_by_phrasings(question) for question in questions])
    _print_spread(left_out)
    _print_human_flags(questions)
    return _missed(result, measured)


def _corpora(questions: Iterable[MarkedQuestion]) -> list[str]:
    return sorted({question.corpus for question in questions})


def _print_agreement(name: str, questions: Sequence[Agreement]) -> float:
    whole, (low, high) = sum(questions, Agreement()), interval(questions)
    print(
        f"{name:34}{len(questions):10}{whole.answers:9}{whole.macro_f1:10.3f}"
        f"{f'{low:.3f}-{high:.3f}':>14}{whole.accuracy:10.3f}"
    )
    return whole.macro_f1


def _by_phrasings(question: MarkedQuestion) -> Agreement:
    """The reference answers as the phrasings of one idea: marked without resemblance to the whole."""
    answers = question.key.model_answers
    idea = AnswerPoint(point_id="all", points=10, phrasings=answers, missing="Everything.")
    key = key_of(answers, [idea])
    return count(
        (mark_short_answer(text, question=question.text, key=key).score >= GOOD, correct)
        for text, correct in question.answers
    )


def _print_spread(questions: Sequence[Agreement]) -> None:
    print(f"\n{'spread over questions':34}{'5 %':>9}{'25 %':>9}{'median':>9}{'75 %':>9}{'95 %':>9}")
    for name, figures in (
        ("macro-F1", [one.macro_f1 for one in questions]),
        ("accuracy", [one.accuracy for one in questions]),
    ):
        cut = quantiles(figures, n=20)
        print(f"{name:34}" + "".join(f"{cut[place]:9.3f}" for place in (0, 4, 9, 14, 18)))


def _print_human_flags(questions: Iterable[MarkedQuestion]) -> None:
    marks = [
        mark_short_answer(text, question=question.text, key=question.key)
        for question in questions
        for text, correct in question.answers
        if correct
    ]
    print("\nThe same gates among answers that people called correct (no target)")
    _print_flags(count_flags(marks))


def _missed(result: float, measured: Sequence[Measured]) -> list[str]:
    learnt = GRID[learn(measured)]
    print(f"\nThe threshold learnt on all questions is {learnt:.2f}; the shipped one is {ALIKE:.2f}.")
    print(f"Target {TARGET:.2f}, aim {AIM:.2f}: {result:.3f}.")
    missed = [f"macro-F1 {result:.3f} is below {TARGET:.2f}"] if result < TARGET else []
    return missed + ([f"the shipped threshold is not the learnt {learnt:.2f}"] if learnt != ALIKE else [])


if __name__ == "__main__":
    sys.exit(main())
