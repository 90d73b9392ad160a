"""Short answers: every idea found however it is said, and every gate that looks at the whole."""

import sys
from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.publishing.checks.trials import denied, echoes, keyword_lists, refused
from core.quizzes import criteria
from core.quizzes.criteria import ShortMark, mark_short_answer
from core.quizzes.wording import read
from shared_schemas.course import AnswerPoint, ShortAnswerKey
from tests.core.quizzes.authored import ShortQuestion, short_questions
from tests.texts import any_text

QUESTIONS = short_questions()
QUESTION = "Why can a tuned model score well on its own training data and still be poor in use?"
KEY = ShortAnswerKey(
    question_id="q9",
    section_id="testing",
    concept="overfitting",
    points=[
        AnswerPoint(
            point_id="why", points=4, phrasings=["memorised the answers", "learned them by heart"], missing="Why?"
        ),
        AnswerPoint(point_id="what", points=3, phrasings=["held-out set", "unseen examples"], missing="With what?"),
        AnswerPoint(
            point_id="tells", points=3, phrasings=["whether it generalises", "works on new cases"], missing="What for?"
        ),
    ],
    must_not=["add the test set to training"],
    model_answers=[
        "A held-out set shows whether it generalises or has memorised the answers.",
        "It may have memorised the answers, so try unseen examples: they tell whether it works on new cases.",
        "Perhaps it learned them by heart. Only a held-out set can tell whether it generalises.",
    ],
    explanation="A model can memorise.",
)
FULL = "It memorised the answers. Use unseen examples to see whether it generalises."


def mark(text: str, key: ShortAnswerKey = KEY, question: str = QUESTION) -> ShortMark:
    return mark_short_answer(text, question=question, key=key)


def of_course(question: ShortQuestion, text: str) -> ShortMark:
    return mark_short_answer(text, question=question.text, key=question.key)


named = pytest.mark.parametrize("question", QUESTIONS, ids=[question.name for question in QUESTIONS])


@named
def test_every_model_answer_gets_full_marks(question: ShortQuestion) -> None:
    for text in question.key.model_answers:
        found = of_course(question, text)
        assert (found.score, found.missing) == (10, ()), (text, found)


@named
def test_typing_in_capitals_or_with_odd_spaces_changes_nothing(question: ShortQuestion) -> None:
    for text in question.key.model_answers:
        assert of_course(question, f"  {text.upper()} ").score == 10
        assert of_course(question, text.replace(" ", "  ")).score == 10


@named
def test_an_echo_of_the_question_earns_nothing(question: ShortQuestion) -> None:
    for text in (*echoes(question.text), question.text[: len(question.text) // 2]):
        found = of_course(question, text)
        assert found.score == 0
        assert found.missing == tuple(point.missing for point in question.key.points)


@named
@pytest.mark.parametrize(
    "text", ["", " \n", "?!", "asdf qwer zxcv hjkl", "1234 5678", "blah blah blah", "ööö 日本", "🙂"]
)
def test_gibberish_earns_nothing(question: ShortQuestion, text: str) -> None:
    assert of_course(question, text).score == 0


@named
@pytest.mark.parametrize(
    "text",
    [
        "I like pizza with extra cheese on Fridays because it is great.",
        "The French Revolution began in 1789, and it changed who held power in Europe.",
        "I do not know the answer to this question, sorry about that.",
    ],
)
def test_an_answer_about_something_else_earns_at_most_one(question: ShortQuestion, text: str) -> None:
    found = of_course(question, text)
    assert found.score <= 1
    assert "something else" in found.feedback


def test_answers_to_the_neighbouring_questions_stay_low() -> None:
    scores = [
        of_course(question, text).score
        for question, other in product(QUESTIONS, QUESTIONS)
        if question is not other
        for text in other.key.model_answers
    ]
    assert max(scores) <= 5
    assert sum(score <= 3 for score in scores) >= 0.95 * len(scores)  # one small idea that two questions share


@named
def test_a_list_of_keywords_earns_at_most_half(question: ShortQuestion) -> None:
    for text in keyword_lists(question.key):
        found = of_course(question, text)
        assert found.score <= 5
        assert criteria.KEYWORDS in found.feedback


@named
def test_a_denied_answer_earns_at_most_half(question: ShortQuestion) -> None:
    for text in question.key.model_answers:
        for opposite in denied(text):
            found = of_course(question, opposite)
            assert found.score <= 5, opposite
            assert criteria.DENIED in found.feedback


@named
def test_a_misconception_earns_at_most_half(question: ShortQuestion) -> None:
    for text, wrong in product(question.key.model_answers, question.key.must_not):
        found = of_course(question, f"{text} Also: {wrong}.")
        assert found.score <= 5, wrong
        assert "misconception" in found.feedback


@named
def test_a_misconception_that_is_refused_does_no_harm(question: ShortQuestion) -> None:
    for text, wrong in product(question.key.model_answers, question.key.must_not):
        if not any(token.word in {"not", "no", "cannot"} for token in read(wrong)):
            assert of_course(question, f"{text} It is not true that {wrong}.").score == 10, wrong


@named
def test_a_misconception_that_is_spoken_against_in_any_way_does_no_harm(question: ShortQuestion) -> None:
    for _, text in refused(question.key):
        assert criteria.MISCONCEPTION not in of_course(question, text).feedback, text


def test_part_of_one_idea_is_about_the_subject() -> None:
    held_out = AnswerPoint(point_id="what", points=10, phrasings=["separate fresh set"], missing="With what?")
    found = mark("A fresh set, perhaps.", KEY.model_copy(update={"points": [held_out]}))
    assert (found.score, criteria.OFF_TOPIC in found.feedback) == (5, False)


def test_a_part_of_an_idea_that_is_denied_in_passing_does_not_limit_the_rest() -> None:
    more = AnswerPoint(point_id="how", points=3, phrasings=["mix maths into training data"], missing="How?")
    found = mark(
        f"{FULL} There was no maths in the training data.", KEY.model_copy(update={"points": [*KEY.points, more]})
    )
    assert (found.score, found.missing) == (10, ("How?",))


@pytest.mark.parametrize(
    ("text", "score"),
    [
        (FULL, 10),
        ("It had memorized all of the answers; unseen examples show whether it generalizes.", 10),
        ("It memorises each answer. A held-out test set shows if it works in new cases.", 10),
        ("The modle memoriced the anwsers. Unsen exmaples show whether it generelises.", 10),
        ("It memorised the answers.", 4),
        ("Try unseen examples.", 3),
        ("It memorised the answers. Try unseen examples.", 7),
        ("It did not memorise the answers. Unseen examples show whether it generalises.", 5),
        ("It not only memorised the answers: unseen examples show whether it generalises.", 10),
        ("It never memorised the answers.", 1),
        ("Why not? It memorised the answers. Unseen examples show whether it generalises.", 10),
        ("It is not, as some say, small: it memorised the answers. Unseen examples show whether it generalises.", 10),
        ("I do not think that it memorised the answers.", 1),
        ("I doubt that it memorised the answers.", 1),
        ("No doubt it memorised the answers.", 4),
        ("It memorised the answers. Try unseen examples. None of this is true.", 1),
        ("You cannot simply say it memorised the answers.", 1),
        ("People who believe that it memorised the answers are right.", 4),
    ],
)
def test_what_an_answer_earns(text: str, score: int) -> None:
    found = mark(text)
    assert found.score == score, found


def test_a_phrasing_may_hold_a_negation_itself() -> None:
    point = AnswerPoint(point_id="unchecked", points=10, phrasings=["does not check facts"], missing="And the facts?")
    key = KEY.model_copy(update={"points": [point]})
    assert mark("The program does not check its facts.", key).score == 10
    assert mark("The program doesn't check any facts.", key).score == 10
    assert mark("The program always checks its facts.", key).score < 10


def test_words_far_apart_or_in_other_sentences_do_not_make_a_phrasing() -> None:
    assert mark("It has memorised. The weather is fine and I like the answers that people give.").score <= 1
    far = "memorised " + "and then something happened with it in the house " * 3 + "the answers"
    assert mark(f"It {far}.").matched == ()


def test_spelling_a_word_right_elsewhere_loses_nothing() -> None:
    assert mark("It memoriced the anwsers.").score == 4
    assert mark("It memoriced the anwsers. I like answers.").score == 4


def test_the_matched_words_are_the_students_own() -> None:
    assert mark("It MEMORIZED all the Answers.").matched == ("memorized all the answers",)


def test_no_hint_and_no_feedback_tells_the_key() -> None:
    found = mark("I am not sure about any of this, to be honest.")
    told = " ".join([found.feedback, *found.missing])
    assert not any(phrasing in told for point in KEY.points for phrasing in point.phrasings)


@given(any_text(2000))
def test_any_text_gets_a_mark(text: str) -> None:
    found = mark(text)
    assert 0 <= found.score <= 10
    assert found == mark(text)
    assert set(found.missing) <= {point.missing for point in KEY.points}


@given(st.lists(st.sampled_from([*FULL.split(), "not", "never", ",", ".", "blue"]), max_size=60).map(" ".join))
def test_words_of_the_key_in_any_order_get_a_mark(text: str) -> None:
    found = mark(text)
    assert 0 <= found.score <= 10
    assert (found.score == 10) == (found.feedback == "Complete: every idea is there.")
    assert found.score < 10 or found.missing == ()


ideas = st.sampled_from([(number, phrasing) for number, point in enumerate(KEY.points) for phrasing in point.phrasings])
sentences = st.lists(
    ideas.map(lambda idea: f"I think it is about {idea[1]}")
    | st.sampled_from(
        ["It never memorised the answers", "It is false that it works", "The weather is fine, not bad", FULL]
    )
    | st.lists(st.sampled_from([*FULL.split(), "not", "blue", "and", "the", "anwsers"]), min_size=1, max_size=8).map(
        " ".join
    ),
    max_size=6,
)


@given(sentences, ideas)
def test_adding_a_missing_idea_never_lowers_the_score(said: list[str], idea: tuple[int, str]) -> None:
    number, phrasing = idea
    before = mark(". ".join(said))
    after = mark(". ".join([*said, f"And I think that it is about {phrasing}"]))
    assert after.score >= before.score
    assert KEY.points[number].missing not in after.missing


@given(sentences.flatmap(lambda said: st.tuples(st.just(said), st.permutations(said))))
def test_the_order_of_sentences_does_not_matter(orders: tuple[list[str], list[str]]) -> None:
    one, other = (mark(". ".join(said)) for said in orders)
    assert (one.score, one.missing) == (other.score, other.missing)


@given(st.integers(0, len(FULL) - 1), st.sampled_from("abcdefghij"))
def test_one_wrong_letter_never_costs_more_than_one_idea(place: int, letter: str) -> None:
    assert mark(FULL[:place] + letter + FULL[place + 1 :]).score >= 5


@pytest.mark.parametrize(
    "repeated",
    ["memorisd answres unsen exmples generalisd, ", "not memorised the answers, ", "a b ", "that ", "Not so. "],
)
def test_an_answer_twice_as_long_is_hardly_more_than_twice_the_work(repeated: str) -> None:
    mark(repeated * 10)
    assert calls_to_mark(repeated * 80) < 2.5 * calls_to_mark(repeated * 40)


def calls_to_mark(text: str) -> int:
    """How many calls, of Python and of C, marking makes: a measure of work that no busy machine can falsify."""
    calls: Counter[str] = Counter()
    before = sys.getprofile()
    sys.setprofile(lambda _frame, event, _argument: calls.update([event]))
    try:
        mark(text)
    finally:
        sys.setprofile(before)
    return calls["call"] + calls["c_call"]


@pytest.mark.parametrize(("one", "other"), [("form", "from"), ("token", "taken"), ("words", "works"), ("text", "test")])
def test_words_that_look_alike_are_not_confused(one: str, other: str) -> None:
    point = AnswerPoint(point_id="word", points=10, phrasings=[one], missing="Which word?")
    key = KEY.model_copy(update={"points": [point]})
    assert mark(f"It is about the {one} and nothing more than that.", key, "What is it?").score > 1
    assert mark(f"It is about the {other} and no more than that.", key, "What is it?").score <= 1


def test_the_caps_are_the_ones_that_are_promised() -> None:
    assert (criteria.CAP, criteria.OFF_TOPIC_CAP, criteria.GOOD) == (5, 1, 7)
