"""The widgets in a headless browser, drawn by the official host from what the live system answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatgpt_app.widgets import VERSIONS, widget_uri
from tests.chatgpt.chat import app_token, chatting, public_url
from tests.chatgpt.node import HERE, run_node
from tests.live import GOOD_ANSWER, PASSWORD, Live

PICTURES = HERE.parents[1] / "test-artifacts" / "widgets"
DRAWN_BY: dict[str, tuple[str, dict[str, str]]] = {
    "course": ("list_chapters", {}),
    "lesson": ("get_chapter", {"chapter_id": "02-llms"}),
    "quiz": ("get_quiz", {"quiz_id": "02-llms-quiz"}),
    "progress": ("get_progress", {}),
    "path": ("create_learning_path", {}),
    "feedback": ("get_feedback", {"question_id": "04-rag-q1"}),
}

# What becomes of a card under the learner's hands is looked at as closely.
LATER = ["quiz-refused", "quiz-written", "quiz-marked", "path-begun"]


@pytest.fixture(scope="module")
async def report(live: Live, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser saw."""
    student = live.learner()
    token = await app_token(live, student.email)
    address = f"{public_url(live)}/mcp"
    widgets = {}
    async with chatting(address, token) as chat:
        await chat.shown("submit_answer", question_id="04-rag-q1", answer_text=GOOD_ANSWER)
        for name, (tool, arguments) in DRAWN_BY.items():
            result = await chat.call(tool, **arguments)
            read = await chat.client.read_resource(widget_uri(name))
            html = read.contents[0].model_dump()["text"]
            shown = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            widgets[name] = {"html": html, "input": arguments, "result": shown}
    folder = tmp_path_factory.mktemp("widgets")
    PICTURES.mkdir(parents=True, exist_ok=True)
    (folder / "given.json").write_text(json.dumps({"widgets": widgets, "address": address, "token": token}))
    script = HERE / "browser" / "widgets.mjs"
    code, output = await run_node(
        script, str(folder / "given.json"), str(folder / "seen.json"), str(PICTURES), seconds=200
    )
    assert code == 0, output
    seen: dict[str, Any] = json.loads((folder / "seen.json").read_text())
    return seen


def test_every_widget_is_drawn(report: dict[str, Any]) -> None:
    assert DRAWN_BY.keys() == VERSIONS.keys()
    assert len(report["drawn"]) == 6 * 2 * 3 + 4 * 2


@pytest.mark.parametrize("name", [*DRAWN_BY, *LATER])
def test_a_widget_fits_reads_well_and_asks_nothing_of_the_network(report: dict[str, Any], name: str) -> None:
    for drawn in report["drawn"]:
        if drawn["name"] == name:
            where = f"{drawn['theme']}, {drawn['width']} px"
            assert drawn["trouble"] == [], where
            assert drawn["overflow"] <= 0, where
            assert drawn["violations"] == [], where
            assert (PICTURES / f"{name}-{drawn['theme']}-{drawn['width']}.png").stat().st_size > 2_000


def test_a_quiz_can_be_taken_by_keyboard_and_is_marked_by_the_server(report: dict[str, Any]) -> None:
    quiz = report["quiz"]
    assert quiz["refused"] == "Choose or write an answer first."
    assert quiz["calls"] == ["answer_question"] * 10
    assert quiz["language"] == "en"  # whatever the host speaks: the words of the card and the course are English
    assert quiz["number"] == 10
    assert "%" in quiz["title"]
    assert quiz["hints"]
    assert quiz["status"] == quiz["title"]
    assert quiz["focus"] == "H1"
    assert quiz["trouble"] == []
    told = quiz["heard"]["contexts"]
    assert told[0]["number"] == 1
    marked = next(facts for facts in told if "score" in facts)
    assert [f"You answered: {one['answered']}" for one in marked["answers"]] == quiz["answered"]
    assert {"True", "The examples it learned from have changed."} <= {one["answered"] for one in marked["answers"]}
    assert all(one["explanation"] and "correct" in one for one in marked["answers"])


def test_an_answer_that_could_not_be_handed_in_is_not_handed_in_by_another_button(report: dict[str, Any]) -> None:
    first = report["failed"]["first"]
    assert report["failed"]["sent"] == {first["question_id"]: first["options"][1]["id"]}


def test_the_focus_goes_to_each_question_but_the_first_that_is_drawn_unasked(report: dict[str, Any]) -> None:
    assert report["quiz"]["first"] == "BODY"
    assert report["quiz"]["moved"] == [[name, "LEGEND"] for name in ("Try again", "Next", "Back")]


def test_a_button_that_speaks_to_the_chat_keeps_the_focus(report: dict[str, Any]) -> None:
    assert len(report["course"]["heard"]) == 1
    assert report["course"]["focus"] == "BUTTON"


def test_a_card_listens_to_its_host_only_and_says_what_is_meant_for_a_learner(report: dict[str, Any]) -> None:
    assert report["alerts"] == {"foreign": 0, "refused": "There is no such learning path."}


def test_a_grade_that_a_person_looked_at_says_so(report: dict[str, Any]) -> None:
    assert report["review"] == "A person has looked at this grade; it was 4 before. The quote shows it."


def test_full_marks_are_not_told_to_get_better(report: dict[str, Any]) -> None:
    assert report["question"].startswith("A city library")
    assert "To go further" in report["perfect"]
    assert report["perfect"][-1] == "Go further with me"
    assert "What would make it better" not in report["perfect"]


def test_a_step_is_ticked_off_on_the_card(report: dict[str, Any]) -> None:
    assert report["path"]["calls"] == ["complete_recommendation"]
    assert report["path"]["head"].startswith("1 of ")
    assert report["path"]["focus"] == "SPAN"
    assert report["path"]["trouble"] == []
    steps = report["path"]["again"]
    assert steps == ["Done", *["Mark as done"] * (len(steps) - 1)]
    assert report["path"]["older"].startswith("2 of "), "the steps of this card, not of the newest path"


async def test_a_newcomer_sees_the_app_on_the_preview_page(live: Live, tmp_path: Path) -> None:
    student = live.register()
    seen, picture = tmp_path / "seen.json", PICTURES.parent / "preview.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    script = HERE / "browser" / "preview.mjs"
    code, output = await run_node(
        script, public_url(live), student.email, PASSWORD, str(seen), str(picture), seconds=90
    )
    assert code == 0, output
    found = json.loads(seen.read_text())
    assert found["title"] == "The course"
    assert found["tools"] == 19  # all but the one that only a widget may call
    assert 0 <= found["landed"]["bubble"] <= 50, "what was called stands on top"
    assert found["landed"]["card"] >= 400, "and its card below it"
    assert found["inView"] == [True] * 9, "a question of the quiz"
    assert found["controls"][:2] == [["level", "select-one", False], ["quiz_id", "text", True]]
    assert ["fresh", "checkbox", False] in found["controls"]
    assert found["refusal"] == ["asked", "said wrong"]
    assert found["cards"] == [["The course", "allow-scripts"], ["Quiz", "allow-scripts"]]
    below, tools = found["scrolled"]
    assert below > 0 <= tools
    assert found["known"] == 1  # of the quiz; the course tells the model nothing
    assert found["trouble"] == []
    assert found["left"] == 0
    assert found["answered"].startswith("401"), "signed out everywhere"
    assert found["ended"].startswith("401"), "no session outlives its token"
    assert found["mixed"].startswith("Somebody else has answered this sign-in.")
    assert found["url"].endswith("/preview")
