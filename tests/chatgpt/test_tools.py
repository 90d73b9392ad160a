"""What a host is told of the tools and widgets, in both eras."""

import re
from typing import Any

import pytest
from mcp.client.client import Client

from chatgpt_app.server import CourseServer
from tests.chatgpt import chat
from tests.chatgpt.conftest import wire

READING = {
    "list_chapters", "get_chapter", "get_section", "explain", "search_course", "get_quiz", "get_progress", "get_streak",
    "check_access", "get_quota", "get_learning_path", "list_open_questions", "get_feedback", "profile",
}  # fmt: skip
WRITING = {
    "submit_quiz", "answer_question", "update_progress", "create_learning_path", "complete_recommendation",
    "submit_answer",
}  # fmt: skip
COUNTING_AGAIN = {"submit_quiz", "answer_question", "create_learning_path"}
# Of prices and discounts the course's own text may speak, but no tool.
SELLING = re.compile(rf"{chat.SELLING.pattern}|price|buy|purchase|discount", re.IGNORECASE)
SECRET = re.compile(r"token|password|student_id|user_id|session|_at$|timestamp|cost|answer_key|keyword", re.IGNORECASE)


async def tools(server: CourseServer, era: str) -> dict[str, dict[str, Any]]:
    listed = await wire(server, era, "tools/list")
    return {tool["name"]: tool for tool in listed["tools"]}


def names(schema: Any) -> set[str]:
    """Every member a schema knows, however deep."""
    if isinstance(schema, list):
        return set().union(*(names(one) for one in schema))
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})) | set().union(*(names(one) for one in schema.values()))


async def test_each_verb_is_a_tool_and_says_truly_whether_it_writes(server: CourseServer, era: str) -> None:
    found = await tools(server, era)
    assert found.keys() == READING | WRITING
    for name, tool in found.items():
        hints = tool["annotations"]
        assert hints["readOnlyHint"] is (name in READING)
        assert hints["destructiveHint"] is False
        assert hints["openWorldHint"] is False
        assert hints["idempotentHint"] is (name not in COUNTING_AGAIN)


async def test_each_tool_says_all_that_a_review_asks_for(server: CourseServer, era: str) -> None:
    for tool in (await tools(server, era)).values():
        meta = tool["_meta"]
        assert tool["title"]
        assert tool["description"].startswith("Use this when")
        assert len(tool["description"]) <= 200
        assert tool["inputSchema"]["type"] == tool["outputSchema"]["type"] == "object"
        assert tool["securitySchemes"] == meta["securitySchemes"] == [{"type": "oauth2", "scopes": ["learn"]}]
        assert 0 < len(meta["openai/toolInvocation/invoking"]) <= 64
        assert 0 < len(meta["openai/toolInvocation/invoked"]) <= 64
        assert meta.get("openai/outputTemplate") == meta.get("ui", {}).get("resourceUri")
        assert not SELLING.search(str(tool))


async def test_no_schema_has_a_place_for_an_account_a_key_or_a_time(server: CourseServer) -> None:
    for tool in (await tools(server, "2026-07-28")).values():
        assert not [name for name in names(tool["outputSchema"]) if SECRET.search(name)], tool["name"]
        assert not {"student_id", "user_id", "path_id", "submission_id"} & names(tool["inputSchema"])


async def test_only_the_quiz_card_may_answer_single_questions(server: CourseServer) -> None:
    found = await tools(server, "2026-07-28")
    hidden = {name for name, tool in found.items() if tool["_meta"].get("ui", {}).get("visibility") == ["app"]}
    assert hidden == {"answer_question"}
    assert found["profile"]["_meta"]["openai/profile"] is True
    assert found["profile"]["outputSchema"]["additionalProperties"] is False


async def test_every_widget_is_one_closed_document(server: CourseServer, era: str) -> None:
    listed = (await wire(server, era, "resources/list"))["resources"]
    widgets = {one["uri"]: one for one in listed if one["uri"].startswith("ui://")}
    used = {
        tool["_meta"]["ui"].get("resourceUri") for tool in (await tools(server, era)).values() if "ui" in tool["_meta"]
    }
    assert widgets.keys() == used - {None}
    for uri, listing in widgets.items():
        assert re.fullmatch(r"ui://course/[a-z]+-v\d+\.html", uri)
        async with Client(server, mode=era) as client:
            read = (await client.read_resource(uri)).contents[0].model_dump(by_alias=True, mode="json")
        assert read["mimeType"] == listing["mimeType"] == "text/html;profile=mcp-app"
        for meta in (read["_meta"], listing["_meta"]):
            assert meta["ui"]["csp"] == {"connectDomains": [], "resourceDomains": []}
            assert meta["openai/widgetCSP"] == {"connect_domains": [], "resource_domains": []}
            assert meta["ui"]["domain"] == "https://course.example"
        assert len(read["text"]) < 40_000
        assert "__" not in read["text"]
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|innerHTML|localStorage|<link|src=", read["text"])


async def test_the_first_era_hears_of_the_extensions_too(server: CourseServer) -> None:
    async with Client(server, mode="legacy") as client:
        assert client.server_capabilities.extensions == {
            "io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]},
            "io.modelcontextprotocol/skills": {},
        }


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("get_chapter", {}, "chapter_id is missing."),
        ("get_quiz", {"quiz_id": 7}, "quiz_id is no id; get_chapter shows them."),
        ("get_section", {"chapter_id": "Chapter 1", "section_id": "a"}, "chapter_id is no id; list_chapters shows"),
        ("submit_quiz", {"quiz_id": "a", "answers": "b"}, "answers should be an object, with a value for each name."),
        (
            "submit_quiz",
            {"quiz_id": "a", "answers": {"q1": 7}},
            "answers.q1 does not fit: must be text, true or false.",
        ),
        ("explain", {"chapter_id": "a", "section_id": "b", "level": "c"}, "level should be 'beginner', 'intermediate'"),
        ("search_course", {"query": ""}, "query is too short: 1 or more characters are needed."),
        ("search_course", {"query": "a" * 201}, "query is too long: at most 200 characters are taken."),
        ("create_learning_path", {"fresh": "perhaps"}, "fresh should be true or false."),
        ("nothing", {}, "no tool"),
    ],
)
async def test_a_wrong_call_is_answered_in_words(
    server: CourseServer, era: str, name: str, arguments: dict[str, Any], said: str
) -> None:
    async with Client(server, mode=era) as client:
        result = await client.call_tool(name, arguments)
    text = result.content[0].model_dump()["text"]
    assert result.is_error
    assert said in text
    assert "pydantic" not in text
