from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intelligence.assessments.rubric import Verdict, grade, is_copied, quote_counts
from shared_schemas.assessments import Level
from shared_schemas.course import Rubric

QUESTION = "Why does a language model sometimes state things that are plainly not true?"
ANSWER = (
    "It predicts the next token from patterns, so “likely” is not the same as true.\n"
    "Nothing checks the facts -- and   the training data has errors, too."
)
RUBRIC = Rubric.model_validate(
    {
        "question_id": "q",
        "section_id": "s",
        "concept": "c",
        "criteria": [
            {
                "criterion_id": name,
                "name": name,
                "points": points,
                "section_id": "s",
                "levels": {
                    "full": "It says the model predicts likely text and has no separate check of whether that is so.",
                    "partial": "Half of it.",
                    "none": "Nothing.",
                },
            }
            for name, points in (("mechanism", 5), ("checks", 3), ("data", 2))
        ],
        "excellent_example": "An example.",
        "poor_example": "Another.",
    }
)
MECHANISM = "It predicts the next token from patterns"
CHECKS = "Nothing checks the facts"
DATA = "the training data has errors"


def graded(*verdicts: tuple[str, Level, str], off_topic: bool = False) -> list[float | Decimal]:
    result = grade(
        RUBRIC,
        [Verdict(criterion_id, level, evidence, "why") for criterion_id, level, evidence in verdicts],
        answer=ANSWER,
        question=QUESTION,
        off_topic=off_topic,
    )
    return [result.score, *(one.points for one in result.criteria)]


def test_full_is_all_points_partial_half_and_none_nothing() -> None:
    assert graded(("mechanism", "full", MECHANISM), ("checks", "partial", CHECKS), ("data", "none", "")) == [
        Decimal("6.5"),
        5,
        Decimal("1.5"),
        0,
    ]


def test_a_criterion_without_a_verdict_earns_nothing() -> None:
    assert graded(("checks", "full", CHECKS)) == [3, 0, 3, 0]


def test_a_level_without_a_quote_that_counts_is_none() -> None:
    assert graded(("mechanism", "full", ""), ("checks", "full", "Facts are never checked"), ("data", "full", DATA)) == [
        2,
        0,
        0,
        2,
    ]


def test_an_off_topic_answer_is_zero_whatever_the_verdicts() -> None:
    assert graded(("mechanism", "full", MECHANISM), ("data", "full", DATA), off_topic=True) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "quote",
    [
        "it PREDICTS the next   token",
        '"It predicts the next token from patterns, so "likely" is not the same as true."',
        "nothing checks the facts \u2013 and the training",
        "It predicts the next token … is not the same as true",
        "It predicts the next token [...] Nothing checks the facts",
        "It predicts the next\ntoken from patterns",
    ],
)
def test_a_quote_counts_through_case_space_and_typography(quote: str) -> None:
    assert quote_counts(quote, ANSWER, question=QUESTION)


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "...",
        "the facts",
        "It predicts the following token",
        "Nothing checks the facts ... It predicts the next token",
        "It predicts the next token. Nothing checks the facts",
    ],
)
def test_what_is_not_a_piece_of_the_answer_does_not_count(quote: str) -> None:
    assert not quote_counts(quote, ANSWER, question=QUESTION)


def test_a_piece_of_the_question_is_not_evidence() -> None:
    copied = f"{QUESTION} I think it does."
    assert not quote_counts("a language model sometimes state things", copied, question=QUESTION)
    assert not quote_counts("things that are plainly not true? I think", copied, question=QUESTION)


def test_a_pasted_level_is_not_evidence() -> None:
    level = RUBRIC.criteria[0].levels.full
    assert not quote_counts(level, f"My answer. {level}", question=QUESTION, rubric_texts=[level])
    assert quote_counts("the model predicts likely text", level, question=QUESTION, rubric_texts=[level])


@pytest.mark.parametrize(("words", "copied"), [(11, False), (12, True)])
def test_a_long_run_of_the_example_is_a_copy(words: int, copied: bool) -> None:
    example = "Start with " + " ".join(f"word{n}," for n in range(12))
    taken = " ".join(f"Word{n}" for n in range(12)[:words])
    assert is_copied(f"I begin: {taken} and go on", example) == copied


def test_scripts_without_spaces_are_quoted_by_characters() -> None:
    answer = "語言模型根據機率預測下一個字所以不一定正確。"
    assert quote_counts("根據機率預測下一個字", answer, question="為什麼")
    assert not quote_counts("正確", answer, question="為什麼")


levels = st.sampled_from(["full", "partial", "none"])
evidence = st.sampled_from([MECHANISM, CHECKS, DATA, "", "invented words of nobody"])


@given(st.lists(st.tuples(st.sampled_from(["mechanism", "checks", "data", "other"]), levels, evidence)), st.booleans())
def test_the_score_is_the_sum_of_its_points_between_zero_and_ten(
    verdicts: list[tuple[str, Level, str]], off_topic: bool
) -> None:
    score, *points = graded(*verdicts, off_topic=off_topic)
    assert score == sum(points)
    assert 0 <= score <= 10


@given(st.integers(0, 22), st.integers(3, 12), st.integers(0, 11))
def test_one_word_of_somebody_elses_spoils_a_quote(start: int, length: int, place: int) -> None:
    words = ANSWER.split()[start : start + length]
    words[place % len(words)] = "invented"
    assert not quote_counts(" ".join(words), ANSWER, question="")


@given(st.integers(0, 25), st.integers(3, 20))
def test_every_run_of_the_answers_own_words_counts(start: int, length: int) -> None:
    words = ANSWER.split()[start : start + length]
    if len([word for word in words if any(character.isalnum() for character in word)]) >= 3:
        assert quote_counts(" ".join(words), ANSWER, question="")
