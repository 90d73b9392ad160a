"""Words made comparable: their forms, and what denies."""

import pytest

from core.quizzes.wording import denies, read, stem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("memorise", "memorized"),
        ("predicts", "predicting"),
        ("wrote", "write"),
        ("labels", "label"),
        ("generalization", "generalises"),
    ],
)
def test_forms_of_one_word_share_a_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("not so", True),
        ("not only so", False),
        ("not just so", False),
        ("you cannot just", True),
        ("one could not simply", True),
        ("it can not only", False),
        ("no doubt", False),
    ],
)
def test_little_words_can_take_a_denial_back(text: str, denied: bool) -> None:
    tokens = read(text)
    assert any(denies(tokens, place) for place in range(len(tokens))) == denied
