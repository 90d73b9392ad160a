"""How the sign-in pages look, what guards them, and how they word what was refused."""

import base64
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError

from core.auth.oauth import service
from core.auth.oauth.clients import place_of
from core.errors import InvalidFields, ServiceError

LABELS = {
    "email": "E-mail address",
    "password": "Password",
    "full_name": "Name",
    "timezone": "Time zone",
    "token": "Code from the mail",
    "new_password": "New password",
}

templates = Environment(
    loader=PackageLoader("core.auth.oauth"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class PageRoute(APIRoute):
    """A route whose refusals are pages, or send the browser back to the client."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with the refusals rendered."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except service.SentBack as sent:
                return redirect(sent.headers["Location"])
            except ServiceError as error:
                back = error.location if isinstance(error, service.LinkedBack) else ""
                return page(
                    "problem.html",
                    error.status,
                    headers=error.headers,
                    problem=error.message,
                    back=back,
                    place=place_of(back),
                )

        return handle


def redirect(location: str) -> Response:
    """On to another address, with a GET whatever brought us here."""
    return RedirectResponse(location, status.HTTP_303_SEE_OTHER, headers={"Cache-Control": "no-store"})


def page(
    name: str, status_code: int, *, leads_to: str | None = None, headers: Mapping[str, str] | None = None, **words: Any
) -> HTMLResponse:
    """A page that nobody may frame, keep or run a script in.

    ``leads_to``: the address that its forms end at. Browsers hold a form's redirects to the policy too, and those that
    follow them at the client's, which may go anywhere: so it names schemes, and not the client's own host.
    """
    style, digest = _style()
    schemes = sorted({"https:", f"{urlsplit(leads_to).scheme}:"}, reverse=True) if leads_to else []
    targets = " ".join(["'self'", *schemes]) if leads_to else "'none'"
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; form-action {targets}; "
    guards = {
        **(headers or {}),
        "Content-Security-Policy": policy + "frame-ancestors 'none'; base-uri 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(templates.get_template(name).render(style=style, **words), status_code, headers=guards)


@cache
def _style() -> tuple[str, str]:
    text = files("core.auth.oauth").joinpath("templates/style.css").read_text(encoding="utf-8")
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def in_words(error: ValidationError | ServiceError) -> str:
    """What was refused, as the page says it: with the field's own label before what is wrong with it."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        field, said = str(first["loc"][0]) if first["loc"] else "", first["msg"].removeprefix("Value error, ")
    elif isinstance(error, InvalidFields):
        field, said = error.details["fields"][0].values()
    else:
        return error.message
    return f"{LABELS.get(field, 'This form')}: {said}"
