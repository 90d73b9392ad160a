"""The MCP server: the tools, the widgets, the skills, and three things the SDK leaves to its user.

It has no field for `securitySchemes` on a tool, tells a client of the first era nothing of its extensions, and would
show a learner the text of a Python error.
"""

import logging
from importlib.metadata import version
from typing import Any

from mcp.server.apps import APP_MIME_TYPE, Apps
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.resources import TextResource
from mcp.types import CallToolResult, InputRequiredResult, TextContent

from chatgpt_app import tools
from chatgpt_app.auth import challenge
from chatgpt_app.errors import NothingThere, Refused, SignedOut, Unreachable, outline
from chatgpt_app.settings import Settings
from chatgpt_app.skills import SERVER, Skills
from chatgpt_app.widgets import DESCRIPTIONS, TITLES, widget_html, widget_uri
from chatgpt_app.wording import SIGN_IN, explain

logger = logging.getLogger(__name__)

EXPECTED = (NothingThere, Refused, SignedOut, Unreachable)
WIDGETS_SETTINGS = {"mimeTypes": [APP_MIME_TYPE]}
NO_DOMAINS: list[str] = []
KEPT: list[CacheableMethod] = ["tools/list", "resources/list", "resources/read", "server/discover"]
LISTS_KEPT = CacheHint(ttl_ms=300_000, scope="public")
INSTRUCTIONS = """\
Course Companion teaches one course. Teach from its text: fetch it with get_section, explain or search_course before
you explain anything, and cite the section. Never reveal or hint at a quiz answer before it is handed in, and never
answer a quiz or an open question for the learner. Start with get_progress when they return and list_chapters when
they are new. After a section, call update_progress. What is not in their plan: say so plainly, go on with what is open.
"""


class Widgets(Apps):
    """MCP Apps, saying which documents are served."""

    def settings(self) -> dict[str, Any]:
        """What stands in the capabilities."""
        return WIDGETS_SETTINGS


class CourseServer(MCPServer[Any]):
    """Answers every failure in words a learner can act on."""

    def __init__(self, settings: Settings) -> None:
        self._metadata = settings.resource_metadata
        super().__init__(
            SERVER,
            title="Course Companion",
            description="A tutor for one course: chapters, quizzes, streaks, a learning path and graded answers.",
            instructions=INSTRUCTIONS,
            website_url=settings.public_url,
            version=version("chatgpt-app"),
            extensions=[_widgets(settings), Skills()],
            middleware=[_fill_in],
            cache_hints=dict.fromkeys(KEPT, LISTS_KEPT),
            subscriptions=False,
            log_level=settings.log_level.upper(),  # type: ignore[arg-type]  # the same words in capitals
        )
        for tool in tools.ALL:
            self.add_tool(
                tool.function,
                title=tool.title,
                description=tool.description,
                annotations=tool.annotations,
                meta=tool.meta,
            )

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """What the tool returns; a failure is a result too, and says what to do next."""
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            cause = error.__cause__
            if cause is None:
                return _failed(f"There is no tool {name}. tools/list shows those there are.")
            if isinstance(error, UnexpectedToolError) and not isinstance(cause, EXPECTED):
                logger.error("%s went wrong: %s", name, outline(cause))  # noqa: TRY400  # without its text
                return _failed(explain(error))
            if isinstance(cause, Unreachable):
                logger.warning("%s: %s", name, cause)
            return _failed(explain(cause), self._sign_in() if isinstance(cause, SignedOut) else None)

    def _sign_in(self) -> dict[str, Any]:
        """What makes a host offer to sign in again."""
        told = challenge(self._metadata, error="invalid_token", error_description=SIGN_IN)
        return {"mcp/www_authenticate": [told]}


def _failed(text: str, meta: dict[str, Any] | None = None) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True, _meta=meta)


def _widgets(settings: Settings) -> Apps:
    """The widgets as resources: nothing to connect to and nothing to load, said in both words hosts know."""
    apps = Widgets()
    used = dict.fromkeys(tool.widget for tool in tools.ALL if tool.widget)
    for name in used:
        csp = {"connectDomains": NO_DOMAINS, "resourceDomains": NO_DOMAINS}
        apps.add_resource(
            TextResource(
                uri=widget_uri(name),
                name=name,
                title=TITLES[name],
                description=DESCRIPTIONS[name],
                mime_type=APP_MIME_TYPE,
                text=widget_html(name),
                meta={
                    "ui": {"csp": csp, "domain": settings.public_url, "prefersBorder": True},
                    "openai/widgetCSP": {"connect_domains": NO_DOMAINS, "resource_domains": NO_DOMAINS},
                    "openai/widgetDomain": settings.public_url,
                    "openai/widgetDescription": DESCRIPTIONS[name],
                },
            )
        )
    return apps


async def _fill_in(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Adds to two answers what the SDK has no field for."""
    result = await call_next(ctx)
    if ctx.method not in {"tools/list", "initialize"} or result is None:
        return result
    answer = result if isinstance(result, dict) else result.model_dump(mode="json", by_alias=True, exclude_none=True)
    if ctx.method == "tools/list":
        for tool in answer["tools"]:
            tool["securitySchemes"] = tool["_meta"]["securitySchemes"]
    else:
        answer["capabilities"]["extensions"] = {Widgets.identifier: WIDGETS_SETTINGS, Skills.identifier: {}}
    return answer
