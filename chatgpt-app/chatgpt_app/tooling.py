"""How a tool of the course is declared, and what it returns."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict

from chatgpt_app.auth import SCOPE, Learner
from chatgpt_app.widgets import widget_uri

LONGEST_DESCRIPTION = 200
LONGEST_STATUS = 64
# Hosts and models repeat a call within this time; what comes later is asked for anew.
REPEATED_WITHIN = timedelta(minutes=2)

Ctx = Context[Any, Any]
Function = Callable[..., Awaitable[CallToolResult]]


class Shown(BaseModel):
    """What a tool shows: to the model and to a widget. Every member is in its schema.

    None is an account's, but for those of `WhoIsSignedIn`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class CourseTool:
    """One tool and everything a host is told about it."""

    function: Function
    title: str
    description: str
    invoking: str
    invoked: str
    writes: bool
    counts_again: bool
    widget: str | None
    app_only: bool
    more: dict[str, Any]

    @property
    def name(self) -> str:
        """What the model calls it by."""
        return self.function.__name__

    @property
    def annotations(self) -> ToolAnnotations:
        """No write destroys anything, and the course is a closed world; some count again when asked for again later."""
        return ToolAnnotations(
            title=self.title,
            read_only_hint=not self.writes,
            destructive_hint=False,
            idempotent_hint=not self.counts_again,
            open_world_hint=False,
        )

    @property
    def meta(self) -> dict[str, Any]:
        """The `_meta` of the tool: its widget, its texts and who may call it."""
        meta: dict[str, Any] = {
            "securitySchemes": [{"type": "oauth2", "scopes": [SCOPE]}],
            "openai/toolInvocation/invoking": self.invoking,
            "openai/toolInvocation/invoked": self.invoked,
            **self.more,
        }
        interface: dict[str, Any] = {}
        if self.widget:
            interface["resourceUri"] = meta["openai/outputTemplate"] = widget_uri(self.widget)
        if self.app_only:
            interface["visibility"] = ["app"]
        return {**meta, "ui": interface} if interface else meta


def course_tool(
    *,
    title: str,
    use: str,
    invoking: str,
    invoked: str,
    writes: bool = False,
    counts_again: bool = False,
    widget: str | None = None,
    app_only: bool = False,
    meta: dict[str, Any] | None = None,
) -> Callable[[Function], CourseTool]:
    """Declare the function as a tool. ``use`` is its description and says when to use it.

    ``counts_again``: the same call has another effect once the time of `REPEATED_WITHIN` is over.
    """
    if len(use) > LONGEST_DESCRIPTION or max(len(invoking), len(invoked)) > LONGEST_STATUS:
        raise ValueError(f"{title}: a text is longer than hosts take")

    def declare(function: Function) -> CourseTool:
        return CourseTool(function, title, use, invoking, invoked, writes, counts_again, widget, app_only, meta or {})

    return declare


def learner_of(ctx: Ctx) -> Learner:
    """The API as the caller of this tool may use it."""
    request: Any = ctx.request_context.request
    learner: Learner = request.state.learner
    return learner


def said(text: str, shown: Shown) -> CallToolResult:
    """A result: ``text`` is worth reading alone, ``shown`` is the same for the model and the widget."""
    content = shown.model_dump(mode="json", exclude_none=True)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=content)


def counted(count: int, word: str) -> str:
    """The number with its noun: 1 day, 2 days."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def reached(milestones: list[str]) -> str:
    """A sentence that names the milestones; nothing where there are none."""
    named = ", ".join(milestone.replace("_", " ") for milestone in milestones)
    return named and f"Milestone reached: {named}."


def once(*words: object) -> str:
    """An Idempotency-Key made of what is asked for: the same call again has no second effect.

    v1 answers a key for a day, v2 for months. Where a later call may mean something new, ``stretch_of`` is one of the
    words.
    """
    canonical = json.dumps(words, sort_keys=True, separators=(",", ":"), default=str)
    return f"mcp-{hashlib.sha256(canonical.encode()).hexdigest()[:40]}"


def stretch_of(now: datetime) -> int:
    """The stretch of two minutes that ``now`` lies in, as a word for `once`."""
    return int(now.timestamp() // REPEATED_WITHIN.total_seconds())


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)
