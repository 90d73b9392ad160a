"""A student's evening, from the sign-up page to the feedback, through MCP alone."""

import secrets
from typing import Any

import yaml

from tests.chatgpt.chat import Chat, Kept, Person, public_url, signing_in, text_of
from tests.live import CONTENT, GOOD_ANSWER, Live


def right_answers(chapter_id: str) -> dict[str, Any]:
    """The course's own key; a short answer from its authored points."""
    questions = yaml.safe_load((CONTENT / chapter_id / "quiz.yaml").read_text())["questions"]
    return {question["id"]: _right(question) for question in questions}


def _right(question: dict[str, Any]) -> Any:
    if question["type"] == "short-answer":
        return ", and ".join(point["phrasings"][0] for point in question["points"])
    return question["answer"]


async def read_and_pass_the_first_quiz(chat: Chat) -> None:
    course = await chat.shown("list_chapters")
    assert [chapter["open"] for chapter in course["chapters"]] == [True] * 3 + [False] * 3
    chapter = await chat.shown("get_chapter", chapter_id="01-intro")
    first = chapter["sections"][0]["section_id"]
    section = await chat.shown("get_section", chapter_id="01-intro", section_id=first)
    assert len(section["text"]) > 500
    levels = [
        (await chat.shown("explain", chapter_id="01-intro", section_id=first, level=level))["text"]
        for level in ("beginner", "intermediate", "advanced")
    ]
    assert len(set(levels)) == 3
    assert (await chat.shown("update_progress", chapter_id="01-intro", section_id=first))["read_sections"] == 1
    assert (await chat.shown("search_course", query="hallucinaton"))["hits"]

    paper = await chat.shown("get_quiz", quiz_id=chapter["quiz_id"])
    answers: dict[str, Any] = {}
    step: dict[str, Any] = {"next_question": paper["questions"][0]["question_id"]}
    key = right_answers("01-intro")
    while "result" not in step:
        asked = step["next_question"]
        answers[asked] = key[asked]
        step = await chat.shown("answer_question", quiz_id=paper["quiz_id"], question_id=asked, answers=answers)
    assert step["result"]["passed"]
    assert step["result"]["milestones"]


async def is_told_what_the_plan_holds(chat: Chat) -> None:
    """A plan without graded work: every next step that is told is one the learner can take."""
    graded_work = "Learning paths and graded answers are not part of your current plan"
    assert graded_work in await chat.refused("get_learning_path")
    assert graded_work in await chat.refused("create_learning_path")
    assert graded_work in await chat.refused("get_feedback", question_id="04-rag-q1")
    step = {"chapter_id": "01-intro", "section_id": "first-steps"}
    assert graded_work in await chat.refused("complete_recommendation", **step)
    assert "list_chapters" in await chat.refused("get_chapter", chapter_id="04-rag")
    for tool in ("get_quota", "list_open_questions"):
        result = await chat.call(tool)
        assert graded_work in text_of(result)
        assert " left" not in text_of(result)
        assert result.structured_content["part_of_plan"] is False
    assert len((await chat.shown("check_access"))["other_chapters"]) == 3


async def test_a_students_evening(live: Live) -> None:
    person = Person(public_url(live), f"evening-{secrets.token_hex(6)}@example.com", new=True)
    async with signing_in(live, person, Kept()) as chat:
        await read_and_pass_the_first_quiz(chat)
        assert (await chat.shown("get_streak"))["current"] == 1
        progress = await chat.shown("get_progress")
        assert progress["completed_chapters"] == 1
        await is_told_what_the_plan_holds(chat)

        student = live.sign_in(person.email, "a-long-enough-password")
        live.set_tier(student, "premium", "2099-01-01T00:00:00Z")
        assert "two quizzes" in await chat.refused("get_learning_path")
        await chat.shown("submit_quiz", quiz_id="02-llms-quiz", answers={"q1": "a"})
        path = await chat.shown("create_learning_path")
        assert chat.heard[-1] == "Thinking about your next steps"
        step = {name: path["steps"][0][name] for name in ("chapter_id", "section_id")}
        assert (await chat.shown("complete_recommendation", **step))["completed_steps"] == 1
        again = await chat.call("get_learning_path")
        assert [one["done"] for one in again.structured_content["steps"]] == [True] + [False] * (len(path["steps"]) - 1)
        assert f"({step['chapter_id']}/{step['section_id']}), done: " in text_of(again)

        questions = (await chat.shown("list_open_questions", chapter_id="04-rag"))["questions"]
        assert questions[0]["question_id"] == "04-rag-q1"
        receipt = await chat.shown("submit_answer", question_id="04-rag-q1", answer_text=GOOD_ANSWER)
        assert receipt["attempt"] == 1
        feedback = await chat.shown("get_feedback", question_id="04-rag-q1")
        assert feedback["score"] > 5
        assert any(one["quote"] and one["quote"] in GOOD_ANSWER for one in feedback["criteria"])
        left = await chat.shown("get_quota")
        assert (left["learning_paths"]["used"], left["graded_answers"]["used"]) == (1, 1)
        assert (await chat.shown("profile"))["email"] == person.email
