import json

from intelligence.paths import wording
from intelligence.paths.analysis import analyse
from intelligence.paths.wording import WordedPath
from tests.intelligence.paths.courses import COURSE, STUDENT, attempt, snapshot

ANALYSIS = analyse(snapshot(attempt(1, 20, [0] * 10), attempt(2, 90, [10] * 10)), COURSE, "premium")


def worded(*pairs: tuple[str, str], reason: str = "Because.") -> WordedPath:
    return WordedPath.model_validate(
        {
            "recommendations": [
                {"chapter_id": chapter, "section_id": section, "reason": reason, "estimated_impact": "low"}
                for chapter, section in pairs
            ],
            "reasoning": "In this order.",
        }
    )


def test_what_is_no_candidate_or_comes_twice_is_dropped() -> None:
    steps, reasoning = wording.choose(
        worded(("chapter-9", "invented"), ("chapter-1", "models"), ("chapter-2", "tokens"), ("chapter-1", "models")),
        ANALYSIS.candidates,
    )
    assert [(step.chapter_id, step.section_id) for step in steps] == [("chapter-1", "models")]
    assert reasoning == "In this order."


def test_where_nothing_remains_the_analysis_decides() -> None:
    steps, reasoning = wording.choose(worded(("chapter-9", "invented")), ANALYSIS.candidates)
    assert [step.section_id for step in steps] == [step.section_id for step in ANALYSIS.candidates[:5]]
    assert reasoning == wording.PLAIN_REASONING


def test_minutes_are_the_courses_and_an_empty_reason_is_filled() -> None:
    [step], _ = wording.choose(worded(("chapter-1", "tokens"), reason=" "), ANALYSIS.candidates)
    assert step.estimated_time_minutes == 5
    assert step.reason == next(one.reason for one in ANALYSIS.candidates if one.section_id == "tokens")


def test_at_most_five_steps() -> None:
    everything = analyse(snapshot(*(attempt(number, 10, [0] * 10) for number in (1, 2, 3))), COURSE, "premium")
    pairs = [(step.chapter_id, step.section_id) for step in everything.candidates]
    assert len(pairs) == 6
    steps, _ = wording.choose(worded(*pairs), everything.candidates)
    assert len(steps) == 5


def test_the_prompt_names_candidates_and_nobody() -> None:
    prompt = wording.prompt(ANALYSIS)
    document = json.loads(prompt.user.partition("<input>")[2].removesuffix("</input>"))
    assert [step["section_id"] for step in document["candidates"]] == [s.section_id for s in ANALYSIS.candidates]
    assert [area["chapter_id"] for area in document["weak_areas"]] == ["chapter-1"]
    assert str(STUDENT) not in prompt.user + prompt.system
    assert prompt.version == "path.v1"
