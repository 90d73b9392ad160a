"""Resemblance to whole model answers: what counts as near, and what it earns with and without authored ideas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.quizzes import criteria
from core.quizzes.answers import Answer
from core.quizzes.criteria import ShortMark, mark_short_answer
from core.quizzes.resemblance import ALIKE, Likeness, resemblance
from shared_schemas.course import AnswerPoint, ShortAnswerKey

QUESTION = "Why does a lamp stay dark when its switch is open?"
MODELS = [
    "An open switch leaves a gap, so no current flows through the filament.",
    "The circuit is broken there and electricity cannot travel round to the bulb.",
    "Electrons have no closed path from the battery and back.",
]
KEY = ShortAnswerKey(
    question_id="q9",
    section_id="circuits",
    concept="closed-circuit",
    points=[],
    must_not=["the battery is used up"],
    model_answers=MODELS,
    explanation="Current needs a closed path.",
)
IDEAS = [
    AnswerPoint(point_id="gap", points=5, phrasings=["interrupted loop"], missing="What is wrong with the loop?"),
    AnswerPoint(point_id="flow", points=5, phrasings=["charge stands still"], missing="What does the charge do?"),
]


def mark(text: str, key: ShortAnswerKey = KEY) -> ShortMark:
    return mark_short_answer(text, question=QUESTION, key=key)


def likeness(text: str, models: list[str] = MODELS) -> Likeness:
    return resemblance(Answer(text, QUESTION), QUESTION, models)


@pytest.mark.parametrize("text", MODELS)
def test_a_model_answer_is_worth_everything_without_ideas_and_half_of_it_beside_them(text: str) -> None:
    assert likeness(text) == Likeness(1.0, opposed=False, words=likeness(text).words)
    assert (mark(text).score, mark(text).feedback) == (10, "Complete: every idea is there.")
    beside = mark(text, KEY.model_copy(update={"points": IDEAS}))
    assert beside.score == 5
    assert beside.missing == tuple(idea.missing for idea in IDEAS)


def test_the_better_of_ideas_and_resemblance_counts() -> None:
    key = KEY.model_copy(update={"points": IDEAS})
    both = mark(f"{MODELS[0]} It is an interrupted loop, and charge stands still.", key)
    one = mark("It is an interrupted loop.", key)
    assert (both.score, one.score) == (10, 5)
    assert one.matched == ("interrupted loop",)
    said = AnswerPoint(point_id="said", points=2, phrasings=["leaves a gap"], missing="What does a switch leave?")
    near = mark(MODELS[0], KEY.model_copy(update={"points": [said, IDEAS[0].model_copy(update={"points": 8})]}))
    assert (near.score, near.missing) == (5, (IDEAS[0].missing,))
    assert near.matched[0] == "leaves a gap"


def test_other_words_forms_and_typing_mistakes_are_shared_words() -> None:
    answer = Answer("Opened swiches leave gaps, so that no currents are flowing through filaments.", QUESTION)
    found = resemblance(answer, QUESTION, MODELS)
    assert found.share == 1
    assert answer.words(found.words) == (
        "opened",
        "swiches",
        "leave",
        "gaps",
        "currents",
        "flowing",
        "through",
        "filaments",
    )


def test_words_of_the_question_tell_little() -> None:
    told = likeness("There is an open switch.", MODELS[:1]).share
    new = likeness("There is a gap in a filament.", MODELS[:1]).share
    assert 0 < told < new


def test_the_more_model_answers_there_are_the_nearer_one_has_to_come() -> None:
    text = "There is a gap, so no current flows."
    assert likeness(text, MODELS[:1]).share > likeness(text, MODELS[:2]).share > likeness(text, MODELS).share
    assert likeness(text, [MODELS[0]] * 3) == likeness(text, MODELS[:1])


@pytest.mark.parametrize(
    "text",
    [
        "An open switch leaves no gap, so current flows through the filament.",
        "The circuit is not broken there and electricity can travel round to the bulb.",
        "It is not true that an open switch leaves a gap, so no current flows through the filament.",
    ],
)
def test_the_opposite_of_a_model_answer_earns_at_most_half(text: str) -> None:
    assert likeness(text).opposed or likeness(text).share < ALIKE
    assert mark(text).score <= 5


def test_a_denied_word_is_told() -> None:
    found = mark("Electrons have a closed path from the battery and back.")
    assert (found.score, found.feedback) == (5, criteria.DENIED)


def test_the_gates_stand_before_resemblance_too() -> None:
    assert mark(QUESTION).score == 0
    assert mark("qwer zxcv hjkl").score == 0
    listed = mark("gap, leaves, open, switch; no current flows, filament")
    assert (listed.score, listed.feedback) == (5, criteria.KEYWORDS)
    wrong = mark(f"{MODELS[0]} Also the battery is used up.")
    assert (wrong.score, wrong.feedback) == (5, criteria.MISCONCEPTION)


def test_an_answer_that_shares_nothing_earns_nothing() -> None:
    found = mark("I like pizza with extra cheese on Fridays.")
    assert (found.score, found.matched) == (0, ())
    assert found.feedback == "Not there yet. Say more of what the question asks for."


@given(st.lists(st.sampled_from([*" ".join(MODELS).split(), "blue", "not"]), max_size=20).map(" ".join))
def test_seven_points_are_earned_from_the_threshold_on(text: str) -> None:
    found, marked = likeness(text), mark(text)
    assert 0 <= found.share <= 1
    if found.share < ALIKE or found.opposed:
        assert marked.score < criteria.GOOD
    elif marked.feedback.startswith(("Good", "Complete")):
        assert marked.score >= criteria.GOOD
    else:
        assert marked.score <= 5
        assert any(reason in marked.feedback for reason in (criteria.ECHO, criteria.KEYWORDS, criteria.DENIED))


@given(st.lists(st.sampled_from([*MODELS, "It is dark", "The lamp has a gap"]), max_size=4), st.sampled_from(MODELS))
def test_saying_more_of_a_model_answer_never_makes_it_less_alike(said: list[str], more: str) -> None:
    assert (
        likeness(" ".join(f"{one}." for one in [*said, more])).share
        >= likeness(" ".join(f"{one}." for one in said)).share
    )
