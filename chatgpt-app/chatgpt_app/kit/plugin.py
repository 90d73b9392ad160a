"""The plugin and its server as a directory of plugins wants them described, and every tool with its reasons."""

from importlib.metadata import version
from typing import Any

from mcp.types import Tool

from chatgpt_app.kit.artwork import PICTURES
from chatgpt_app.kit.listing import Case, Listing
from chatgpt_app.settings import Settings
from chatgpt_app.skills import SERVER, skill_files

AGENT_PLUGINS = "https://agent-plugins.org/schemas/1.0.0"
# The accent of the widgets in both themes: the directory wants a contrast of 2 against white and against #212121.
BRAND_COLOR, BRAND_COLOR_DARK = "#1c5bb8", "#9cc3ff"
PAGES = {"privacyPolicyURL": "privacy", "termsOfServiceURL": "terms", "supportURL": "support"}

NO_OUTSIDE = "It reaches this course and the learner's own records, and nothing else."
READS = ("It shows what is there and changes nothing.", "It changes nothing, however often it is called.")
# What each tool that writes does, and what a repetition does.
WRITES = {
    "submit_quiz": ("It records an attempt.", "After two minutes the same answers are another attempt."),
    "answer_question": (
        "The last answer of a quiz records an attempt.",
        "After two minutes the same last answer records another attempt.",
    ),
    "update_progress": ("It records what was read.", "What is recorded as read stays so, and nothing is added."),
    "create_learning_path": (
        "It makes a path and counts it among the month's.",
        "After two minutes it may make another path, and count it.",
    ),
    "complete_recommendation": ("It ticks a step off.", "A step that is ticked off stays so, and nothing is added."),
    "submit_answer": (
        "It hands an answer in and counts one attempt of three.",
        "The same text is the same attempt, unless its grading was given up and the attempt given back.",
    ),
}
# What leaves the course, by the tools that send it: to the provider whose language model the course has chosen.
SENT = {
    "create_learning_path": "the learner's results by chapter",
    "submit_answer": "the answer's text",
}


def plugin(settings: Settings, shown: Listing, *, recording: str) -> dict[str, Any]:
    """`plugin.json`; ``recording`` is the address of the demo recording, or empty."""
    return {
        "$schema": f"{AGENT_PLUGINS}/plugin.schema.json",
        "name": SERVER,
        "version": version("chatgpt-app"),
        "description": shown.short_description,
        "author": {"name": settings.publisher_name},
        "homepage": settings.public_url,
        "license": "Apache-2.0",
        "keywords": shown.keywords,
        "extensions": {
            "com.openai": {
                "interface": _interface(settings, shown),
                "review": _review(shown, recording),
                "publication": {"countries": [], "release_notes": shown.release_notes},  # none named means all
            }
        },
    }


def server(settings: Settings) -> dict[str, Any]:
    """`mcp.json`."""
    return {
        "$schema": f"{AGENT_PLUGINS}/mcp.schema.json",
        "mcpServers": {SERVER: {"type": "streamable-http", "url": settings.resource}},
    }


def manifest(settings: Settings, shown: Listing, tools: list[Tool]) -> dict[str, Any]:
    """The listing with what the server really serves."""
    return {
        **shown.model_dump(exclude_defaults=True),
        "version": version("chatgpt-app"),
        "mcp_url": settings.resource,
        "pages": [f"{settings.public_url}/{page}" for page in PAGES.values()],
        "skills": list(skill_files()),
        "tools": [_tool(tool) for tool in tools],
    }


def _interface(settings: Settings, shown: Listing) -> dict[str, Any]:
    return {
        "displayName": shown.name,
        "shortDescription": shown.short_description,
        "longDescription": shown.long_description,
        "developerName": settings.publisher_name,
        "category": shown.category,
        "capabilities": shown.capabilities,
        "websiteURL": settings.public_url,
        **{member: f"{settings.public_url}/{page}" for member, page in PAGES.items()},
        "defaultPrompt": shown.starter_prompts,
        "brandColor": BRAND_COLOR,
        "brandColorDark": BRAND_COLOR_DARK,
        **{picture.member: f"./{picture.path}" for picture in PICTURES},
    }


def _review(shown: Listing, recording: str) -> dict[str, Any]:
    """What reviewers try. Passwords of the demo accounts stand in the portal's form and never in a package."""
    return {
        "commerce": False,
        "commerce_description": shown.commerce,
        "test_cases": {
            "positive": [_positive(case) for case in shown.positive_cases],
            "negative": [{"description": case.why, "prompt": case.prompt} for case in shown.negative_cases],
        },
        **({"demo_recording_url": recording} if recording else {}),
    }


def _positive(case: Case) -> dict[str, str]:
    return {
        "description": case.why,
        "prompt": case.prompt,
        "tools_triggered": case.tool,
        "expected_behavior": f"{case.tool} answers, among other things: {case.says}",
    }


def _tool(tool: Tool) -> dict[str, Any]:
    """A tool with the reason for each of its hints."""
    hints = tool.annotations
    if hints is None:
        raise ValueError(f"{tool.name} has no hints")
    effect, repetition = WRITES.get(tool.name, READS)
    sent = SENT.get(tool.name)
    outside = sent and (
        f"It reaches this course and the learner's own records; without a name, {sent} goes to the provider of "
        "the language model that the course works with, and to no place a caller could choose."
    )
    reasons = {
        "readOnlyHint": (hints.read_only_hint, effect),
        "destructiveHint": (hints.destructive_hint, "It deletes and overwrites nothing."),
        "idempotentHint": (hints.idempotent_hint, repetition),
        "openWorldHint": (hints.open_world_hint, outside or NO_OUTSIDE),
    }
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "hints": {name: {"value": value, "why": why} for name, (value, why) in reasons.items()},
    }
