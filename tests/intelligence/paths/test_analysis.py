from hypothesis import given
from hypothesis import strategies as st

from intelligence.paths.analysis import analyse, best_scores, quizzes_taken
from shared_schemas.claims import SubscriptionTier
from shared_schemas.learners import LearnerSnapshot, QuizAttemptFacts
from tests.intelligence.paths.courses import COURSE, attempt, read, snapshot


def ids(given_snapshot: LearnerSnapshot, tier: SubscriptionTier = "premium") -> list[str]:
    return [step.section_id for step in analyse(given_snapshot, COURSE, tier).candidates]


def test_a_best_score_under_sixty_makes_a_chapter_weak() -> None:
    analysis = analyse(snapshot(attempt(1, 59), attempt(2, 60)), COURSE, "premium")
    assert [(area.chapter_id, area.causes, area.best_score) for area in analysis.weak_areas] == [
        ("chapter-1", ("score",), 59)
    ]


def test_the_best_attempt_counts_and_the_latest_is_told() -> None:
    analysis = analyse(snapshot(attempt(1, 90), attempt(1, 30, at=1), attempt(2, 20)), COURSE, "premium")
    [area] = analysis.weak_areas
    assert area.chapter_id == "chapter-2"
    assert analysis.best_scores == {"chapter-1": 90, "chapter-2": 20}


def test_more_than_one_and_a_half_times_the_own_average_makes_a_chapter_weak() -> None:
    slow = snapshot(read(1, tokens=100), read(2, prompts=100), read(3, search=401))
    exactly = snapshot(read(1, tokens=100), read(2, prompts=100), read(3, search=200))
    assert [(area.chapter_id, area.causes) for area in analyse(slow, COURSE, "premium").weak_areas] == [
        ("chapter-3", ("time",))
    ]
    assert analyse(exactly, COURSE, "premium").weak_areas == ()


def test_the_missed_section_of_a_weak_chapter_comes_first() -> None:
    weak = snapshot(attempt(1, 50, [10, 0] * 5), attempt(2, 100, [10] * 10), read(1, tokens=60, models=60))
    first = analyse(weak, COURSE, "premium").candidates[0]
    assert (first.section_id, first.kind, first.impact, first.score) == ("models", "review", "high", 0)


def test_weak_sections_that_were_all_read_since_the_quiz_make_one_step_to_take_it_again() -> None:
    missed = attempt(3, 0, [0, 0] * 5)
    read_since = analyse(snapshot(missed, read(3, at=1, search=60, sources=60)), COURSE, "premium").candidates
    [step] = [step for step in read_since if step.chapter_id == "chapter-3"]
    assert (step.kind, step.impact, step.section_id) == ("retake", "high", "search")
    assert "Take its quiz again" in step.reason
    assert step == read_since[0]
    not_all = (
        read(3, at=1, search=60),
        read(3, at=-1, search=60, sources=60),
        read(3, at=0, search=60, sources=60),
    )
    for reading in not_all:
        steps = analyse(snapshot(missed, reading), COURSE, "premium").candidates
        assert [one.kind for one in steps if one.chapter_id == "chapter-3"] == ["review", "review"]
    once_more = snapshot(missed, attempt(3, 20, [0, 4] * 5, at=2), read(3, at=1, search=60, sources=60))
    assert "retake" not in {one.kind for one in analyse(once_more, COURSE, "premium").candidates}
    passed = snapshot(attempt(3, 70, [10, 4] * 5), read(3, at=1, sources=60))
    [gap] = [one for one in analyse(passed, COURSE, "premium").candidates if one.section_id == "sources"]
    assert (gap.kind, gap.impact) == ("retake", "medium")


def test_what_a_weak_section_builds_on_is_a_step_when_it_was_never_read() -> None:
    weak = snapshot(attempt(3, 20, [0, 10] * 5), attempt(2, 90, [10] * 10))
    kinds = {step.section_id: step.kind for step in analyse(weak, COURSE, "premium").candidates}
    assert kinds["search"] == "review"
    assert kinds["tokens"] == "prerequisite"


def test_a_firm_prerequisite_is_left_out() -> None:
    firm = snapshot(attempt(3, 20, [0, 10] * 5), attempt(1, 100, [10] * 10), read(1, tokens=60, models=60))
    assert "tokens" not in ids(firm)


def test_a_section_that_was_passed_over_is_a_step() -> None:
    [skipped] = [
        step for step in analyse(snapshot(read(1, models=60)), COURSE, "free").candidates if step.kind == "skipped"
    ]
    assert skipped.section_id == "tokens"


def test_a_free_student_is_only_sent_to_open_sections() -> None:
    weak = snapshot(attempt(3, 10, [0] * 10), attempt(1, 10, [0] * 10))
    assert not {"search", "sources"} & set(ids(weak, "free"))
    assert {"search", "sources"} <= set(ids(weak, "pro"))


def test_someone_who_knows_everything_still_gets_a_step() -> None:
    everything = snapshot(
        read(1, tokens=60, models=60),
        read(2, prompts=60, examples=60),
        read(3, search=60, sources=60),
        *(attempt(number, 100, [10] * 10) for number in (1, 2, 3)),
    )
    analysis = analyse(everything, COURSE, "premium")
    assert {step.kind for step in analysis.candidates} == {"refresh"}


def test_a_passed_quiz_with_thin_evidence_is_called_unsure() -> None:
    thin = snapshot(attempt(1, 80, [10, 10, 10, 5, 10]), read(1, tokens=60, models=60))
    unsure = [step for step in analyse(thin, COURSE, "premium").candidates if step.kind == "unsure"]
    assert [step.section_id for step in unsure] == ["models"]


def test_quizzes_are_counted_once_however_often_they_are_taken() -> None:
    assert quizzes_taken(snapshot(attempt(1, 10), attempt(1, 20, at=1))) == 1


attempts = st.lists(
    st.builds(
        attempt,
        st.integers(1, 3),
        st.integers(0, 100),
        st.lists(st.integers(0, 10), max_size=10),
        at=st.integers(0, 999),
    ),
    max_size=6,
)


@given(attempts)
def test_same_input_same_output_and_every_step_is_open_and_unique(taken: list[QuizAttemptFacts]) -> None:
    analysis = analyse(snapshot(*taken), COURSE, "free")
    assert analysis == analyse(snapshot(*taken), COURSE, "free")
    steps = [(step.chapter_id, step.section_id) for step in analysis.candidates]
    assert 1 <= len(steps) == len(set(steps)) <= 12
    assert {chapter_id for chapter_id, _ in steps} <= {"chapter-1", "chapter-2"}
    assert [step.weight for step in analysis.candidates] == sorted(
        (step.weight for step in analysis.candidates), reverse=True
    )
    assert best_scores(snapshot(*taken)) == analysis.best_scores
