"""The pages a plugin must have: home, privacy, terms, support. Plain HTML that needs nothing else."""

from functools import lru_cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from mcp.types import Tool

from chatgpt_app.settings import Settings

TITLES = {"home": "A tutor inside ChatGPT", "privacy": "Privacy", "terms": "Terms of use", "support": "Support"}
PREVIEW = '<p>This is a development installation: <a href="/preview">the preview</a> shows the app without ChatGPT.</p>'
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "public, max-age=300",
    "Vary": "Accept",  # the home page is JSON to programs
}


def page(name: str, settings: Settings, tools: list[Tool]) -> str:
    """One of the pages. Privacy lists what every one of ``tools`` shows."""
    body = Template(_text(f"{name}.html")).substitute(
        publisher=escape(settings.publisher_name),
        contact=_contact(settings),
        address=escape(settings.resource),
        preview="" if settings.production else PREVIEW,
        fields="\n".join(_row(tool) for tool in tools),
    )
    return Template(_text("page.html")).substitute(title=TITLES[name], body=body)


def members(schema: dict[str, Any]) -> list[str]:
    """The names of everything an output schema can hold, in its order, each once."""
    found = dict.fromkeys(schema.get("properties", {}))
    for definition in schema.get("$defs", {}).values():
        found |= dict.fromkeys(definition.get("properties", {}))
    return list(found)


def _row(tool: Tool) -> str:
    shown = ", ".join(name.replace("_", " ") for name in members(tool.output_schema or {}))
    return f"<tr><td>{escape(tool.title or tool.name)}</td><td>{escape(shown)}</td></tr>"


def _contact(settings: Settings) -> str:
    if not settings.support_email:
        return "the person who gave you access"
    address = escape(settings.support_email)
    return f'<a href="mailto:{address}">{address}</a>'


@lru_cache
def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
