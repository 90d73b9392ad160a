import pytest
from hypothesis import given
from hypothesis import strategies as st

from intelligence.paths.mastery import mastery_by_chapter, probability_of_mastery, verdict
from tests.intelligence.paths.courses import attempt

marks = st.lists(st.integers(0, 10), min_size=1, max_size=10)


def test_eight_of_ten_right_is_no_proof() -> None:
    assert probability_of_mastery(8, 10) == pytest.approx(0.687, abs=0.001)
    assert verdict(8, 10) == "unsure"


def test_a_verdict_needs_nine_chances_in_ten() -> None:
    assert verdict(10, 10) == "mastered"
    assert verdict(3, 10) == "not_yet"
    assert verdict(0, 0) == "unsure"


def test_a_wrong_first_answer_moves_both_levels_by_the_same_step() -> None:
    # ability 0 expects 0.5; the error of -0.5 moves learner and chapter by 0.8 * 0.5, and so their mean by 0.4
    [mastery] = mastery_by_chapter([attempt(1, 0, [0])]).values()
    assert mastery.expected == pytest.approx(1 / (1 + 2.718281828459045**0.4))


def test_one_chapters_result_tells_a_little_about_the_next() -> None:
    good_start = mastery_by_chapter([attempt(1, 100, [10] * 10), attempt(2, 0, [0])])["chapter-2"].expected
    bad_start = mastery_by_chapter([attempt(1, 0, [0] * 10), attempt(2, 0, [0])])["chapter-2"].expected
    assert good_start > bad_start


def test_repeating_a_quiz_does_not_add_evidence() -> None:
    again = [attempt(1, 80, [10] * 8 + [0] * 2, at=minute) for minute in range(5)]
    assert mastery_by_chapter(again)["chapter-1"].verdict == "unsure"


@given(marks)
def test_expectation_is_a_probability_and_better_marks_never_lower_it(given_marks: list[int]) -> None:
    as_given = mastery_by_chapter([attempt(1, 50, given_marks)])["chapter-1"].expected
    all_right = mastery_by_chapter([attempt(1, 100, [10] * len(given_marks))])["chapter-1"].expected
    assert 0 < as_given <= all_right < 1


@given(st.integers(0, 30), st.integers(0, 30))
def test_probability_is_between_zero_and_one(right: int, wrong: int) -> None:
    assert 0 <= probability_of_mastery(right, right + wrong) <= 1.000_000_1
