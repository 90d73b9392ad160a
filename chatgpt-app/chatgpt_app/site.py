"""What the app serves beside `/mcp`: the pages of a plugin, the proof of its address, in development a preview."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from mcp.types import Tool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chatgpt_app import pages
from chatgpt_app.settings import Settings

ListTools = Callable[[], Awaitable[list[Tool]]]
Endpoint = Callable[[Request], Awaitable[Response]]

PREVIEW = {"/preview": ("index.html", "text/html"), "/preview/preview.js": ("preview.js", "text/javascript")}
PREVIEW |= {"/preview/host.js": ("host.js", "text/javascript"), "/preview/preview.css": ("preview.css", "text/css")}
# Widgets are inline documents in sandboxed frames: they inherit this policy and add a stricter one of their own.
PREVIEW_POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
PREVIEW_POLICY += "img-src data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'"


def routes(settings: Settings, list_tools: ListTools) -> list[Route]:
    """The routes; ``list_tools`` says what the privacy page must list. The preview is for development only."""
    addresses = {name: "/" if name == "home" else f"/{name}" for name in pages.TITLES}
    found = [Route(address, _page(name, settings, list_tools)) for name, address in addresses.items()]
    found += [Route("/healthz", healthz), Route("/.well-known/openai-apps-challenge", _challenge(settings))]
    if not settings.production:
        found += [Route(path, _file(*file)) for path, file in PREVIEW.items()]
    return found


async def healthz(_: Request) -> JSONResponse:
    """That this process answers."""
    return JSONResponse({"status": "healthy"})


def _page(name: str, settings: Settings, list_tools: ListTools) -> Endpoint:
    async def answer(_: Request) -> Response:
        html = pages.page(name, settings, await list_tools())
        return HTMLResponse(html, headers=pages.HEADERS)

    return answer


def _challenge(settings: Settings) -> Endpoint:
    async def answer(_: Request) -> Response:
        if not settings.openai_apps_challenge:
            return PlainTextResponse("No challenge is set.", 404)
        return PlainTextResponse(settings.openai_apps_challenge)

    return answer


def _file(name: str, media_type: str) -> Endpoint:
    async def answer(_: Request) -> Response:
        content = (files("chatgpt_app.preview") / name).read_text(encoding="utf-8")
        headers = {"Content-Security-Policy": PREVIEW_POLICY, "Cache-Control": "no-store"}
        return Response(content, media_type=media_type, headers=headers)

    return answer
