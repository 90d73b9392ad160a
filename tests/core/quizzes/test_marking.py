"""Marking a quiz: what counts as right, what cannot be marked, and that the same answers always get the same score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.quizzes.marking import AnswersNotUnderstood, Mark, MarkedQuiz, mark_quiz
from shared_schemas.course import MultipleChoiceKey, ShortAnswerKey, TrueFalseKey
from tests.core.factories import right_answers, tiny_course
from tests.core.quizzes.authored import quizzes
from tests.texts import any_text

COURSE = tiny_course()
QUIZ, KEY = COURSE.quizzes["01-first-quiz"], COURSE.keys["01-first-quiz"]
RIGHT = right_answers("01-first")

answers = st.fixed_dictionaries(
    {},
    optional={
        "q1": st.sampled_from(["a", "b", "c", "A ", "water", "MOONLIGHT", ""]),
        "q2": st.sampled_from(["a", "b", "c", "Starch in the seed", " "]),
        "q3": st.sampled_from([True, False, "true", " FALSE", ""]),
        "q4": st.sampled_from([RIGHT["q4"], "It takes up water.", "not water"]) | any_text(200),
    },
)


def mark(given_answers: dict[str, str | bool]) -> MarkedQuiz:
    return mark_quiz(QUIZ, KEY, given_answers)


def one(question_id: str, answer: str | bool) -> Mark:
    [found] = [m for m in mark({question_id: answer}).marks if m.question_id == question_id]
    return found


def test_right_answers_get_full_marks() -> None:
    marked = mark(RIGHT)
    assert (marked.score, marked.correct_answers) == (100, 4)
    assert [m.score for m in marked.marks] == [10, 10, 10, 10]


def test_nothing_answered_is_nothing_earned() -> None:
    marked = mark({})
    assert (marked.score, marked.correct_answers) == (0, 0)
    assert all("not answered" in m.explanation for m in marked.marks)


@pytest.mark.parametrize(
    "answer", ["b", " B ", "b.", "b)", "Starch in the seed", "  starch  IN the\nseed ", "starch in the seed."]
)
def test_an_options_id_and_its_text_both_count(answer: str) -> None:
    assert one("q2", answer).correct


@pytest.mark.parametrize("answer", [True, "true", " True", "TRUE."])
def test_true_may_be_said_in_words(answer: str | bool) -> None:
    assert one("q3", answer).correct


@pytest.mark.parametrize("answer", [False, "false", "FALSE "])
def test_a_wrong_verdict_is_explained(answer: str | bool) -> None:
    found = one("q3", answer)
    assert (found.correct, found.score) == (False, 0)
    key = next(k for k in KEY.keys if isinstance(k, TrueFalseKey))
    assert found.explanation == key.explanation_wrong


def test_the_explanation_is_that_of_the_option_chosen() -> None:
    key = next(k for k in KEY.keys if isinstance(k, MultipleChoiceKey))
    assert one(key.question_id, "c").explanation == key.explanations["c"]
    assert one(key.question_id, "a").explanation == key.explanations["a"]


@pytest.mark.parametrize(
    "refused",
    [
        {"q77": "a"},
        {"q1": True},
        {"q1": "d"},
        {"q1": "Water or frost"},
        {"q3": "maybe"},
        {"q3": "yes"},
        {"q4": False},
        {"": "a"},
    ],
)
def test_what_cannot_be_marked_is_named(refused: dict[str, str | bool]) -> None:
    with pytest.raises(AnswersNotUnderstood) as caught:
        mark({**RIGHT, **refused})
    assert list(caught.value.problems) == list(refused)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(AnswersNotUnderstood) as caught:
        mark({"q1": "x", "q2": "b", "q3": "perhaps", "q9": "?"})
    assert set(caught.value.problems) == {"q1", "q3", "q9"}


def test_part_of_a_short_answer_earns_part_of_its_marks() -> None:
    found = one("q4", "The seed absorbs water.")
    assert 0 < found.score < 7
    assert not found.correct
    assert found.matched == ("absorbs water",)
    assert found.missing == ("Say what the young root lives on.",)
    assert found.feedback


@given(answers)
def test_the_same_answers_always_get_the_same_marks(given_answers: dict[str, str | bool]) -> None:
    assert mark(given_answers) == mark(dict(reversed(given_answers.items())))


@given(answers)
def test_scores_add_up(given_answers: dict[str, str | bool]) -> None:
    marked = mark(given_answers)
    assert all(0 <= m.score <= 10 for m in marked.marks)
    exact = 10 * sum(m.score for m in marked.marks) / len(marked.marks)
    assert abs(marked.score - exact) <= 0.5
    assert all(m.correct == (m.score >= 7) for m in marked.marks)


@given(answers)
def test_leaving_an_answer_out_never_helps(given_answers: dict[str, str | bool]) -> None:
    whole = mark(given_answers).score
    for question_id in given_answers:
        rest = {name: answer for name, answer in given_answers.items() if name != question_id}
        assert mark(rest).score <= whole


def test_a_key_is_not_told_to_who_did_not_answer() -> None:
    for quiz, key in quizzes():
        for mark_, one_key in zip(mark_quiz(quiz, key, {}).marks, key.keys, strict=True):
            if isinstance(one_key, ShortAnswerKey):
                assert one_key.explanation not in (mark_.explanation, mark_.feedback)
                assert not mark_.matched


def test_every_quiz_of_the_course_can_be_passed_whole() -> None:
    for quiz, key in quizzes():
        best = {k.question_id: k.model_answers[0] if isinstance(k, ShortAnswerKey) else k.answer for k in key.keys}
        marked = mark_quiz(quiz, key, best)
        assert (marked.score, marked.correct_answers) == (100, len(quiz.questions)), quiz.quiz_id
