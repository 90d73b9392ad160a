"""What a learner is told of a marked quiz."""

from chatgpt_app.tools.quizzes import Marked, Result, _verdict


def marked(question_id: str, score: int, *, feedback: str | None = None, hints: tuple[str, ...] = ()) -> Marked:
    return Marked(
        question_id=question_id,
        correct=score >= 7,
        score=score,
        max_score=10,
        explanation=f"Why {question_id}.",
        feedback=feedback,
        hints=list(hints),
    )


def test_a_short_answer_is_told_its_points_and_hints_and_partial_credit_is_not_wrong() -> None:
    questions = [
        marked("q1", 10),
        marked("q2", 0),
        marked("q9", 4, feedback="Two ideas are missing.", hints=("Think of the data.", "What of time?")),
        marked("q10", 0, feedback="Nothing was answered."),
    ]
    result = Result(
        quiz_id="01-intro-quiz",
        chapter_id="01-intro",
        score=35,
        best_score=35,
        passed=False,
        passing_score=70,
        correct=1,
        total=4,
        questions=questions,
        review=[],
        milestones=["first_chapter"],
    )
    assert _verdict(result).splitlines()[1:] == [
        "q1: right. Why q1.",
        "q2: wrong. Why q2.",
        "q9: partly right, 4 of 10 points. Two ideas are missing. Why q9. Hints: Think of the data. What of time?",
        "q10: wrong, 0 of 10 points. Nothing was answered. Why q10.",
        "Milestone reached: first chapter.",
    ]
