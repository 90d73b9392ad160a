from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intelligence.assessments.rubric import CriterionGrade, Grade
from intelligence.assessments.wording import Feedback, Words, feedback
from shared_schemas.assessments import Level
from shared_schemas.course import Rubric
from tests.intelligence.assessments.test_rubric import QUESTION, RUBRIC

SECRET = "The search fetches fifty chunks and a cross encoder keeps the best five of them."
KEYED: Rubric = RUBRIC.model_copy(update={"excellent_example": SECRET})


def worded(
    *levels: Level,
    words: Words | None = None,
    off_topic: bool = False,
    supported: bool = True,
    answer: str = "An answer of my own words.",
    simulated: bool = False,
) -> Feedback:
    criteria = tuple(
        CriterionGrade(
            criterion, level, Decimal(level == "full") * criterion.points, "my own words", "Because.", supported
        )
        for criterion, level in zip(KEYED.criteria, levels, strict=True)
    )
    score = sum((one.points for one in criteria), Decimal(0))
    return feedback(
        Grade(score, criteria, off_topic),
        words or Words(["Clear."], ["Say more."], "Good start."),
        rubric=KEYED,
        question=QUESTION,
        answer=answer,
        titles={"s": "Why models err"},
        simulated=simulated,
    )


def test_what_was_missed_names_the_sections_to_read_again() -> None:
    improvements = worded("full", "partial", "none").improvements
    assert improvements == ["Say more.", "Read again: Why models err."]


def test_a_perfect_answer_is_told_what_to_do_next() -> None:
    assert worded("full", "full", "full", words=Words(["Clear."], [], "Well done.")).improvements == [
        "Every criterion is met. Try the next question, or a harder one."
    ]


def test_an_off_topic_answer_has_no_strengths_and_says_what_was_asked() -> None:
    told = worded("none", "none", "none", off_topic=True)
    assert told.strengths == []
    assert QUESTION in told.detailed_feedback
    assert QUESTION in told.improvements[0]


@pytest.mark.parametrize("off_topic", [True, False])
def test_a_simulated_grade_says_so_once_whatever_is_left_of_its_words(*, off_topic: bool) -> None:
    label = "[Simulated feedback, no model was asked]"
    for text in (f"{label} Good start.", f"{label} {SECRET}", ""):
        words = Words([], [], text)
        told = worded("none", "none", "none", words=words, off_topic=off_topic, simulated=True)
        assert told.detailed_feedback.count(label) == 1
        assert told.detailed_feedback != label
    assert label not in worded("none", "none", "none", off_topic=off_topic).detailed_feedback


def test_the_answer_key_never_reaches_the_student() -> None:
    leaking = Words([f"Good. {SECRET}"], [f"Write this: {SECRET.upper()} Then stop."], f"Nearly. {SECRET} Go on.")
    told = worded("full", "partial", "none", words=leaking)
    everything = " ".join([*told.strengths, *told.improvements, told.detailed_feedback]).casefold()
    assert "cross encoder keeps the best five" not in everything
    assert told.detailed_feedback == "Nearly. Go on."


@pytest.mark.parametrize("cut", ["\n", ". ", "! "])
def test_a_key_told_in_small_pieces_is_told_all_the_same(cut: str) -> None:
    words = SECRET.split()
    pieces = cut.join(" ".join(words[start : start + 4]) for start in range(0, len(words), 4))
    told = worded("full", "partial", "none", words=Words([], [pieces], f"Nearly.\n{pieces}\nGo on."))
    assert told.detailed_feedback.split() == ["Nearly.", "Go", "on."]
    assert told.improvements == worded("full", "partial", "none", words=Words([], [], "")).improvements


def test_praise_that_quotes_the_student_stays_where_the_seam_reads_like_the_key() -> None:
    praise = Words(["Says that it fetches fifty chunks: “and a cross\nencoder sorts them.”"], [], "Good.")
    told = worded("full", "partial", "none", words=praise, answer="It fetches, and a cross encoder sorts them.")
    assert told.strengths == praise.strengths
    assert "cross" not in str(worded("full", "partial", "none", words=praise)), "the student wrote nothing of the kind"


def test_praise_for_a_credit_that_was_taken_away_is_left_out() -> None:
    told = worded("full", "full", "full", words=Words(["Perfect on everything!"], [], "Great."), supported=False)
    assert told.strengths == [f"{name}: “my own words”" for name in ("mechanism", "checks", "data")]
    assert "No credit could be given" in told.detailed_feedback


@given(st.integers(0, 4), st.integers(6, 15))
def test_no_run_of_six_words_of_the_key_survives(start: int, length: int) -> None:
    stolen = " ".join(SECRET.split()[start : start + length])
    told = worded("full", "full", "full", words=Words([stolen], [stolen], f"{stolen}."))
    assert stolen not in " ".join([*told.strengths, *told.improvements, told.detailed_feedback])
