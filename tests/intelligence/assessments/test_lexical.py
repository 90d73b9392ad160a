from decimal import Decimal

import pytest

from intelligence.assessments.lexical import LITTLE, MUCH, disagrees, share_of_key
from tests.intelligence.assessments.running import GOOD_ANSWER
from tests.intelligence.assessments.test_attacks import COURSE

QUESTIONS = sorted(COURSE.rubrics)


def share(question_id: str, answer: str) -> float:
    question = COURSE.question(question_id)
    assert question is not None
    return share_of_key(COURSE.rubrics[question_id], answer, question=question.question_text)


def differs(question_id: str, answer: str, score: str) -> bool:
    question = COURSE.question(question_id)
    assert question is not None
    rubric = COURSE.rubrics[question_id]
    return disagrees(rubric, answer, question=question.question_text, score=Decimal(score))


@pytest.mark.parametrize("question_id", QUESTIONS)
def test_authored_answers_stand_on_either_side(question_id: str) -> None:
    rubric = COURSE.rubrics[question_id]
    assert share(question_id, rubric.poor_example) < LITTLE < MUCH < share(question_id, rubric.excellent_example)


def test_a_high_score_for_nothing_of_the_key_and_a_low_one_for_much_of_it_disagree() -> None:
    rubric = COURSE.rubrics["04-rag-q1"]
    assert differs("04-rag-q1", rubric.poor_example, "8.0")
    assert differs("04-rag-q1", rubric.excellent_example, "2.5")


def test_fair_scores_agree() -> None:
    rubric = COURSE.rubrics["04-rag-q1"]
    assert not differs("04-rag-q1", rubric.poor_example, "1.5")
    assert not differs("04-rag-q1", rubric.excellent_example, "9.0")
    for score in ("1.0", "5.0", "9.0"):
        assert not differs("04-rag-q1", GOOD_ANSWER, score), "other words are as good, so little is said of them"


def test_words_of_the_question_count_for_nothing() -> None:
    question = COURSE.question("04-rag-q1")
    assert question is not None
    assert share("04-rag-q1", question.question_text) == 0
