"""What an answer itself calls false: before, behind, or in a sentence of its own."""

import pytest

from core.quizzes.verdicts import denied_parts
from core.quizzes.wording import read

SAID = "it has seen the test"
BEFORE = "Pupils cheat"


def called_false(text: str) -> list[str]:
    tokens = read(text)
    return [" ".join(tokens[place].word for place in part) for part in denied_parts(tokens).values()]


@pytest.mark.parametrize(
    "opening",
    [
        "It is not true that",
        "I don't think that",
        "Nobody should believe that",
        "I doubt that",
        "I really doubt that",
        "It never happens that",
        "It is a common myth that",
        "It would be a mistake to say that",
        "We were asked, and it is wrong to claim that",
    ],
)
def test_what_follows_an_opening_is_called_false(opening: str) -> None:
    assert called_false(f"{opening} {SAID}.") == [SAID]


@pytest.mark.parametrize(
    "opening",
    [
        "I think that",
        "There is no doubt that",
        "I do not doubt that",
        "It is not wrong to say that",
        "It is a mistake that",
        "The wrong answers show that",
        "Not all of them found out that",
    ],
)
def test_two_negations_or_none_leave_it_said(opening: str) -> None:
    assert called_false(f"{opening} {SAID}.") == []


@pytest.mark.parametrize(
    ("ending", "denied"),
    [
        (", which is not the case.", [SAID]),
        (", but that is not so.", [f"{SAID} but"]),
        (". That is not the case.", [SAID]),
        (". I don't think so.", [SAID]),
        (". This is untrue.", [SAID]),
        (". The opposite is true.", [SAID]),
        (". None of this is true.", ["pupils cheat", SAID]),
        (". All of that is wrong.", ["pupils cheat", SAID]),
        (". None of this is false.", []),
        (", which is the case.", []),
        (", which is not true.", []),
        (". It is not true.", []),
        (". That is wrong of it.", []),
        (". That means nothing.", []),
        (". The opposite is the case with sums.", []),
    ],
)
def test_what_stands_before_a_verdict_is_called_false(ending: str, denied: list[str]) -> None:
    assert called_false(f"{BEFORE}. {SAID.capitalize()}{ending}") == denied
