"""Short answers: every idea found however it is said, and every gate that looks at the whole."""

import time
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.quizzes import criteria
from core.quizzes.criteria import ShortMark, mark_short_answer
from core.quizzes.wording import FUNCTION_WORDS, read, stem
from shared_schemas.course import AnswerPoint, ShortAnswerKey
from tests.core.quizzes.authored import ShortQuestion, short_questions

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
    model_answers=["A held-out set shows whether it generalises or has memorised the answers."] * 3,
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
    for text in (
        question.text,
        f"Because {question.text.lower()}",
        question.text * 2,
        question.text[: len(question.text) // 2],
    ):
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
    assert sum(score <= 1 for score in scores) >= 0.98 * len(scores)


@named
def test_a_list_of_keywords_earns_at_most_half(question: ShortQuestion) -> None:
    phrases = [phrasing for point in question.key.points for phrasing in point.phrasings[:2]]
    words = [token.word for phrase in phrases for token in read(phrase) if token.word not in FUNCTION_WORDS]
    for text in (", ".join(words), " ".join(words), "\n".join(reversed(words))):
        found = of_course(question, text)
        assert found.score <= 5
        assert "keywords" in found.feedback or found.score <= 1


@named
@pytest.mark.parametrize(
    "opening", ["It is not true that ", "It is false that ", "I don't think that ", "It's wrong to say that "]
)
def test_a_denied_answer_earns_at_most_half(question: ShortQuestion, opening: str) -> None:
    for text in question.key.model_answers:
        sentences = text.removesuffix(".").split(". ")
        denied = ". ".join(opening + sentence[0].lower() + sentence[1:] for sentence in sentences) + "."
        found = of_course(question, denied)
        assert found.score <= 5, denied
        assert "opposite" in found.feedback


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


def test_the_matched_words_are_the_students_own() -> None:
    assert mark("It MEMORIZED all the Answers.").matched == ("memorized all the answers",)


def test_no_hint_and_no_feedback_tells_the_key() -> None:
    found = mark("I am not sure about any of this, to be honest.")
    told = " ".join([found.feedback, *found.missing])
    assert not any(phrasing in told for point in KEY.points for phrasing in point.phrasings)


@given(st.text(max_size=2000))
def test_any_text_gets_a_mark(text: str) -> None:
    found = mark(text)
    assert 0 <= found.score <= 10
    assert found == mark(text)
    assert set(found.missing) <= {point.missing for point in KEY.points}


@given(st.lists(st.sampled_from([*FULL.split(), "not", "never", ",", ".", "blue"]), max_size=60).map(" ".join))
def test_words_of_the_key_in_any_order_get_a_mark(text: str) -> None:
    found = mark(text)
    assert 0 <= found.score <= 10
    assert found.score == 10 or found.feedback


@given(st.integers(0, len(FULL) - 1), st.sampled_from("abcdefghij"))
def test_one_wrong_letter_never_costs_more_than_one_idea(place: int, letter: str) -> None:
    assert mark(FULL[:place] + letter + FULL[place + 1 :]).score >= 5


def test_the_longest_answer_is_marked_in_no_time() -> None:
    for repeated in ("memorisd answres unsen exmples generalisd, ", "not memorised the answers, ", "a b "):
        worst = (repeated * 600)[:2000]
        mark(worst)
        started = time.perf_counter()
        mark(worst)
        assert time.perf_counter() - started < 0.3, repeated


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


@pytest.mark.parametrize(("one", "other"), [("form", "from"), ("token", "taken"), ("words", "works"), ("text", "test")])
def test_words_that_look_alike_are_not_confused(one: str, other: str) -> None:
    point = AnswerPoint(point_id="word", points=10, phrasings=[one], missing="Which word?")
    key = KEY.model_copy(update={"points": [point]})
    assert mark(f"It is about the {one} and nothing more than that.", key, "What is it?").score > 1
    assert mark(f"It is about the {other} and no more than that.", key, "What is it?").score <= 1


def test_the_caps_are_the_ones_that_are_promised() -> None:
    assert (criteria.CAP, criteria.OFF_TOPIC_CAP, criteria.GOOD) == (5, 1, 7)
