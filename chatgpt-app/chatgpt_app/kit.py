"""The submission kit: everything a plugin directory asks for, made from the code that runs."""

import json
import re
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

import yaml
from mcp.types import Tool
from pydantic import BaseModel, ConfigDict, Field

from chatgpt_app.settings import Settings
from chatgpt_app.skills import SERVER, skill_files

AGENT_PLUGINS = "https://agent-plugins.org/schemas/1.0.0"
OPERATIONS = 30
LONGEST_SUMMARY = 300
# Accounts, operators and health are not for a learner's assistant; two neighbours and a stream add nothing to it.
LEFT_OUT = ("/auth/", "/admin/", "/health", "/export", "/events", "/next", "/previous", "/upgrade")

Text = Annotated[str, Field(min_length=1)]


class Case(BaseModel):
    """A prompt a reviewer tries, and the call it leads to."""

    model_config = ConfigDict(extra="forbid")

    prompt: Annotated[str, Field(max_length=128)]
    account: Text
    tool: Text
    arguments: dict[str, Any]
    says: str = ""
    never_says: str = ""
    why: str = ""


class Listing(BaseModel):
    """What the directory shows, within its limits."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=30)]
    short_description: Annotated[str, Field(max_length=30)]
    long_description: Annotated[str, Field(max_length=4000)]
    category: Text
    keywords: list[str]
    starter_prompts: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=3)]
    positive_cases: Annotated[list[Case], Field(min_length=5, max_length=5)]
    negative_cases: Annotated[list[Case], Field(min_length=3, max_length=3)]


def listing() -> Listing:
    """The authored listing; raises pydantic's ValidationError when it is outside the limits."""
    text = (files("chatgpt_app") / "manifest.yaml").read_text(encoding="utf-8")
    return Listing.model_validate(yaml.safe_load(text))


def documents(settings: Settings, tools: list[Tool], specifications: list[dict[str, Any]]) -> dict[str, str]:
    """Every file of the kit by its path; ``specifications`` are the OpenAPI documents of the services."""
    shown = listing()
    made = {
        "plugin.json": _json(_plugin(settings, shown)),
        "mcp.json": _json(_mcp(settings)),
        "manifest.yaml": yaml.safe_dump(
            _manifest(settings, shown, tools), sort_keys=False, allow_unicode=True, width=120
        ),
        "openapi.json": _json(_openapi(settings, specifications)),
        "cases.json": _json(shown.model_dump(include={"positive_cases", "negative_cases"})),
    }
    for skill, contents in skill_files().items():
        made |= {f"skills/{skill}/{name}": text for name, text in contents.items()}
    return made


def missing(settings: Settings) -> list[str]:
    """What stands in the way of handing the kit in; empty when nothing does."""
    wanted = {
        "PUBLIC_URL must be an https address": settings.public_url.startswith("https://"),
        "PUBLISHER_NAME is not set": settings.publisher_name != Settings.model_fields["publisher_name"].default,
        "SUPPORT_EMAIL is not set": bool(settings.support_email),
        "OPENAI_APPS_CHALLENGE is not set": bool(settings.openai_apps_challenge),
    }
    return [problem for problem, fine in wanted.items() if not fine]


def _plugin(settings: Settings, shown: Listing) -> dict[str, Any]:
    pages = {name: f"{settings.public_url}/{name}" for name in ("privacy", "terms", "support")}
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
                "displayName": shown.name,
                "shortDescription": shown.short_description,
                "longDescription": shown.long_description,
                "category": shown.category,
                "privacyPolicyURL": pages["privacy"],
                "termsOfServiceURL": pages["terms"],
                "supportURL": pages["support"],
                "defaultPrompt": shown.starter_prompts,
            }
        },
    }


def _mcp(settings: Settings) -> dict[str, Any]:
    return {
        "$schema": f"{AGENT_PLUGINS}/mcp.schema.json",
        "mcpServers": {SERVER: {"type": "streamable-http", "url": settings.resource}},
    }


def _manifest(settings: Settings, shown: Listing, tools: list[Tool]) -> dict[str, Any]:
    """The listing with what the server really serves."""
    return {
        **shown.model_dump(exclude_defaults=True),
        "version": version("chatgpt-app"),
        "mcp_url": settings.resource,
        "pages": [f"{settings.public_url}/{name}" for name in ("privacy", "terms", "support")],
        "skills": list(skill_files()),
        "tools": [{"name": tool.name, "title": tool.title, "description": tool.description} for tool in tools],
    }


def _openapi(settings: Settings, specifications: list[dict[str, Any]]) -> dict[str, Any]:
    """One document for API clients, of the operations a learner's assistant needs."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for one in specifications:
        schemas |= one["components"]["schemas"]
        for path, methods in one["paths"].items():
            if not any(part in path for part in LEFT_OUT):
                paths[path] = {method: _operation(operation, path) for method, operation in methods.items()}
    if sum(len(methods) for methods in paths.values()) > OPERATIONS:
        raise ValueError(f"API clients take at most {OPERATIONS} operations")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Course Companion", "version": version("chatgpt-app")},
        "servers": [{"url": settings.public_url}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(operation: dict[str, Any], path: str) -> dict[str, Any]:
    suffix = re.sub(r"\W", "_", path.strip("/"))
    shortened = operation["operationId"].partition(f"_{suffix}")[0]
    told = str(operation.get("description", ""))[:LONGEST_SUMMARY]
    kept = {name: part for name, part in operation.items() if name not in {"security", "tags"}}
    return {**kept, "operationId": shortened, "description": told}


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
