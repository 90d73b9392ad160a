"""The submission kit: everything a plugin directory asks for, made from the code that runs."""

import json
from typing import Any

import yaml
from mcp.types import Tool

from chatgpt_app.kit import artwork, openapi, plugin
from chatgpt_app.kit.listing import Case, Listing, listing
from chatgpt_app.settings import Settings
from chatgpt_app.skills import skill_files

__all__ = ["Case", "Listing", "documents", "listing", "missing"]


def documents(
    settings: Settings, tools: list[Tool], specifications: list[dict[str, Any]], *, recording: str = ""
) -> dict[str, bytes]:
    """Every file of the kit by its path; ``specifications`` are the OpenAPI documents of the services."""
    shown = listing()
    described = plugin.manifest(settings, shown, tools)
    made = {
        "plugin.json": _json(plugin.plugin(settings, shown, recording=recording)),
        "mcp.json": _json(plugin.server(settings)),
        "manifest.yaml": yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=120),
        "openapi.json": _json(openapi.document(settings, specifications)),
        "cases.json": _json(shown.model_dump(include={"positive_cases", "negative_cases"})),
    }
    for skill, contents in skill_files().items():
        made |= {f"skills/{skill}/{name}": text for name, text in contents.items()}
    return {name: text.encode() for name, text in made.items()} | artwork.assets()


def missing(settings: Settings, *, recording: str = "") -> list[str]:
    """What stands in the way of handing the kit in; empty when nothing does."""
    wanted = {
        "PUBLIC_URL must be an https address": settings.public_url.startswith("https://"),
        "PUBLISHER_NAME is not set": settings.publisher_name != Settings.model_fields["publisher_name"].default,
        "SUPPORT_EMAIL is not set": bool(settings.support_email),
        "OPENAI_APPS_CHALLENGE is not set": bool(settings.openai_apps_challenge),
        "the https address of a demo recording is not given (--demo-recording)": recording.startswith("https://"),
    }
    return [problem for problem, fine in wanted.items() if not fine] + artwork.problems(artwork.assets())


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
