"""The teaching skills, and the MCP skills extension (SEP-2640) that serves them.

Every folder here is a skill: `SKILL.md` with its front matter, and files beside it. The front matter is served word for
word, and every file with its digest, because hosts import a snapshot and compare.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding, ResourceBinding
from mcp.server.mcpserver.resources import TextResource
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, PaginatedRequestParams, RequestParams

SERVER = "course-companion"
MARKDOWN = "text/markdown"
MODERN = "2026-07-28"
KEPT_MS = 3_600_000


class SkillParams(RequestParams):
    """Which skill is asked for."""

    uri: str


@lru_cache
def skill_files() -> dict[str, dict[str, str]]:
    """Each skill's files, by the skill's name and the file's."""
    folders = [folder for folder in files(__package__).iterdir() if (folder / "SKILL.md").is_file()]
    return {folder.name: _files(folder) for folder in sorted(folders, key=lambda folder: folder.name)}


def skill_uri(skill: str, file: str = "SKILL.md") -> str:
    """The address of a skill's file."""
    return f"skill://{SERVER}/{skill}/{file}"


class Skills(Extension):
    """`io.modelcontextprotocol/skills`: list them, get one, read its files."""

    identifier = "io.modelcontextprotocol/skills"

    def resources(self) -> Sequence[ResourceBinding]:
        """Every file of every skill."""
        return [
            ResourceBinding(
                TextResource(
                    uri=skill_uri(skill, name),
                    name=skill if name == "SKILL.md" else f"{skill}/{name}",
                    description=_front_matter(skill)["description"] if name == "SKILL.md" else None,
                    mime_type=MARKDOWN,
                    text=text,
                )
            )
            for skill, contents in skill_files().items()
            for name, text in contents.items()
        ]

    def methods(self) -> Sequence[MethodBinding]:
        """`skills/list` and `skills/get`."""
        return [
            MethodBinding("skills/list", PaginatedRequestParams, _list_skills),
            MethodBinding("skills/get", SkillParams, _get_skill),
        ]


async def _list_skills(ctx: ServerRequestContext[Any, Any], _: PaginatedRequestParams) -> HandlerResult:
    return _kept(ctx, {"skills": [_entry(skill) for skill in skill_files()]})


async def _get_skill(ctx: ServerRequestContext[Any, Any], params: SkillParams) -> HandlerResult:
    for skill in skill_files():
        if skill_uri(skill) == params.uri:
            return _kept(ctx, {"skill": _entry(skill)})
    raise MCPError(code=INVALID_PARAMS, message="There is no such skill.", data={"uri": params.uri})


def _kept(ctx: ServerRequestContext[Any, Any], result: dict[str, Any]) -> dict[str, Any]:
    """With how long it may be kept, in the era that knows of it."""
    return {**result, "ttlMs": KEPT_MS, "cacheScope": "public"} if ctx.protocol_version >= MODERN else result


def _entry(skill: str) -> dict[str, Any]:
    contents = skill_files()[skill]
    return {
        "uri": skill_uri(skill),
        "frontmatter": _front_matter(skill),
        "resources": [_resource(skill_uri(skill, name), text.encode()) for name, text in contents.items()],
    }


def _resource(uri: str, content: bytes) -> dict[str, Any]:
    return {"uri": uri, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}


def _front_matter(skill: str) -> dict[str, Any]:
    front: dict[str, Any] = yaml.safe_load(skill_files()[skill]["SKILL.md"].split("---\n")[1])
    return front


def _files(folder: Traversable, below: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found |= _files(entry, f"{below}{entry.name}/")
        else:
            found[below + entry.name] = entry.read_text(encoding="utf-8")
    return found
