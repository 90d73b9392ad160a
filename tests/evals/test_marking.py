"""The evaluation of marking: its figures are right, no question teaches its own threshold, what is missing is said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.quizzes.criteria import GOOD, mark_short_answer
from core.quizzes.resemblance import ALIKE
from evals.marking import __main__ as command
from evals.marking.agreement import Agreement, count, interval
from evals.marking.human_marks import ANSWERS, QUESTIONS, MarkedQuestion, MissingData, key_of, read_questions
from evals.marking.own_items import Trial, count_flags, false_flags, short_answers, trials
from evals.marking.thresholds import GRID, Measured, learn, leave_one_out, measure

WOOD = MarkedQuestion(
    question_id="wood",
    corpus="materials",
    text="Why does wood float?",
    key=key_of(["It is less dense than water, which pushes it upwards."]),
    answers=(
        ("Because it is less dense than water.", True),
        ("Because it is light and pushes upwards.", False),
        ("Trees are green.", False),
    ),
)


def test_macro_f1_is_the_mean_of_both_f1() -> None:
    counted = count([(True, True)] * 6 + [(True, False)] * 2 + [(False, True)] + [(False, False)] * 3)
    assert counted == Agreement(6, 2, 1, 3)
    assert counted.macro_f1 == pytest.approx((12 / 15 + 6 / 9) / 2)
    assert counted.accuracy == pytest.approx(9 / 12)
    assert Agreement().macro_f1 == 0


def test_the_interval_holds_the_figure_and_is_none_for_equal_questions() -> None:
    questions = [Agreement(number, 9 - number, 2, 4) for number in range(1, 9)]
    low, high = interval(questions)
    assert low < sum(questions, Agreement()).macro_f1 < high
    assert interval([questions[0]] * 5) == pytest.approx((questions[0].macro_f1, questions[0].macro_f1))


def test_a_question_never_teaches_the_threshold_it_is_marked_with() -> None:
    good, poor = Agreement(both_good=5, both_poor=5), Agreement(only_ours=5, only_theirs=5)
    one, two = 3, 7
    mild = Measured(WOOD, tuple(good if number == one else poor for number in range(len(GRID))))
    strict = Measured(WOOD, tuple(good if number == two else poor for number in range(len(GRID))))
    assert learn([mild]) == one
    assert leave_one_out([mild, strict]) == [poor, poor]
    assert leave_one_out([mild, replace(mild)]) == [good, good]


def test_measuring_marks_with_the_code_that_ships() -> None:
    measured = measure(WOOD)
    for number in (0, GRID.index(ALIKE), len(GRID) - 1):
        marks = [
            (mark_short_answer(text, question=WOOD.text, key=WOOD.key, alike=GRID[number]).score >= GOOD, correct)
            for text, correct in WOOD.answers
        ]
        assert measured.agreements[number] == count(marks)
    assert measured.agreements[0] != measured.agreements[-1]


def test_our_own_items_reach_every_target() -> None:
    items = short_answers()
    assert [trial for trial in trials(items) if not trial.passed] == []
    assert [flag for flag in false_flags(items) if not flag.passed] == []


def test_a_gate_that_stops_a_good_answer_is_counted() -> None:
    item = short_answers()[0]
    flags = {flag.gate: flag for flag in count_flags([item.mark(item.text), item.mark(item.key.model_answers[0])])}
    assert (flags["echo"].stopped, flags["echo"].of, flags["echo"].passed) == (1, 2, False)
    assert flags["gibberish"].passed


def write_lines(file: Path, *rows: object) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_human_marks_are_read(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=ANSWERS):
        read_questions(tmp_path)
    marked = {"corpus": "a", "qid": "a:1", "answer": "So it is.", "label": "correct"}
    write_lines(tmp_path / ANSWERS, marked, {**marked, "label": "contradictory"})
    with pytest.raises(MissingData, match=QUESTIONS):
        read_questions(tmp_path)
    write_lines(tmp_path / QUESTIONS, {"qid": "a:1", "question": "Why?", "references": [{"text": "So."}]})
    [question] = read_questions(tmp_path)
    assert question.answers == (("So it is.", True), ("So it is.", False))
    assert set(question.key.model_answers) == {"So."}


@pytest.mark.parametrize("named", ["", "no-such-folder"])
def test_missing_data_is_said_and_fails(
    named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVAL_DATA", named)
    monkeypatch.setattr(command, "short_answers", lambda: short_answers()[:1])
    monkeypatch.setattr(command, "trials", lambda _items: [])
    assert command.main() == 2
    printed = capsys.readouterr().out
    assert "Our own items: 1 short-answer questions" in printed
    assert "Not measured against human marks:" in printed
    assert (named or "EVAL_DATA names no folder") in printed


def test_what_falls_short_is_named_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"materials:{number}" for number in range(3)]
    asked = [{"qid": name, "question": WOOD.text, "references": [{"text": "It is less dense."}]} for name in names]
    wrong = [{"qid": name, "corpus": "materials", "answer": "Less dense.", "label": "incorrect"} for name in names]
    right = [{**one, "answer": "Wood wants to see the sun.", "label": "correct"} for one in wrong]
    write_lines(tmp_path / QUESTIONS, *asked)
    write_lines(tmp_path / ANSWERS, *wrong, *right)
    monkeypatch.setenv("EVAL_DATA", str(tmp_path))
    monkeypatch.setattr(command, "short_answers", lambda: short_answers()[:1])
    monkeypatch.setattr(command, "trials", lambda _items: [Trial("echo of the question", 1, 3, 0)])
    assert command.main() == 1
    missed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("MISSED: ")]
    assert missed[0] == "MISSED: echo of the question: 3 points"
    assert any(line.startswith("MISSED: macro-F1") for line in missed)
