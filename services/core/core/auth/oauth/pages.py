"""The pages on which a student signs in, signs up and lets a client in: plain HTML forms, without any script."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from core.auth import recovery
from core.auth.desk import Desk, SignInDesk
from core.auth.mails import TokenRefused
from core.auth.oauth import documents, registry, service
from core.auth.oauth.clients import Client, is_loopback, place_of
from core.auth.oauth.grants import Parameters
from core.auth.oauth.rendering import PageRoute, in_words, page, redirect
from core.auth.oauth.router import read_form
from core.auth.oauth.tickets import LIFETIME, InvalidTicket, Ticket, seal, unseal
from core.auth.passwords import TooManyAtOnce
from core.auth.service import AccountExists
from core.auth.sessions import WrongCredentials
from core.auth.throttle import TooManyAttempts
from core.clock import Now
from core.errors import InvalidFields, ServiceError
from shared_schemas.accounts import SHORTEST_PASSWORD, PasswordReset, RegisterRequest

COOKIE = "course_companion_sign_in"
GOOD_COOKIE = re.compile(r"[A-Za-z0-9_-]{32}")
COOKIE_BYTES = 24
OWN_ZONES = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


class PageTooOld(ServiceError):
    """This page is too old, or was opened in another browser. Please go back to the app and connect again."""

    status = 400
    code = "INVALID_REQUEST"


class BeginsInTheApp(ServiceError):
    """Connecting begins in the app that you want to use, ChatGPT for one. Please go there and connect again."""

    status = 405
    code = "METHOD_NOT_ALLOWED"


@dataclass(frozen=True)
class Visit:
    """A request of one browser; ``browser`` is its cookie, made here where it brings none."""

    desk: Desk
    browser: str
    now: datetime

    def ticket(self, asked: Parameters) -> Ticket:
        """What the page that sent this form is about; PageTooOld, or OAuthRefused where the form is broken."""
        asked.refuse_repeated()
        try:
            return unseal(asked.data.get("ticket", ""), browser=self.browser, secrets=self.desk.settings.token_secrets)
        except InvalidTicket as error:
            raise PageTooOld from error

    async def client(self, ticket: Ticket) -> Client:
        """Who asks; UnknownClient where it was forgotten meanwhile."""
        async with self.desk.database.transaction() as session:
            client = await registry.known(session, ticket.client_id)
        if client is None:
            raise registry.UnknownClient
        return client

    def show(
        self,
        name: str,
        client: Client,
        ticket: Ticket,
        refused: ServiceError | ValidationError | None = None,
        **words: Any,
    ) -> HTMLResponse:
        """The next page, with the ticket in its forms; the same page again where it says what was ``refused``."""
        sealed = seal(ticket, browser=self.browser, secret=self.desk.settings.token_secrets[0], now=self.now)
        end = {"place": place_of(ticket.redirect_uri), "loopback": is_loopback(ticket.redirect_uri)}
        shown = {"notice": None, "problem": None if refused is None else in_words(refused), **end, **words}
        status_code, headers = (200 if refused is None else 422), {}
        if isinstance(refused, ServiceError):
            status_code, headers = refused.status, refused.headers
        return page(
            name, status_code, leads_to=ticket.redirect_uri, headers=headers, client=client, ticket=sealed, **shown
        )


async def read_visit(request: Request, desk: SignInDesk, now: Now) -> Visit:
    """The visit that a request is part of."""
    cookie = request.cookies.get(COOKIE, "")
    browser = cookie if GOOD_COOKIE.fullmatch(cookie) else secrets.token_urlsafe(COOKIE_BYTES)
    return Visit(desk, browser, now)


async def document_fetcher() -> registry.Fetch:
    """What fetches a client's document."""
    return documents.fetch


ThisVisit = Annotated[Visit, Depends(read_visit)]
Fetch = Annotated[registry.Fetch, Depends(document_fetcher)]
Form = Annotated[Parameters, Depends(read_form)]

pages_router = APIRouter(prefix="/oauth", route_class=PageRoute, include_in_schema=False)


@pages_router.get("/authorize")
async def authorize(request: Request, visit: ThisVisit, fetch: Fetch) -> Response:
    """Where a client sends a student who shall let it in."""
    asked = Parameters(request.query_params.multi_items())
    client, ticket = await service.begin(visit.desk, asked=asked, fetch=fetch)
    shown = visit.show("sign_in.html", client, ticket, email="")
    shown.set_cookie(
        COOKIE,
        visit.browser,
        max_age=int(LIFETIME.total_seconds()),
        path="/oauth",
        secure=visit.desk.settings.public_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return shown


@pages_router.post("/sign-in")
async def sign_in(asked: Form, visit: ThisVisit) -> Response:
    """The sign-in page, or with an e-mail address and a password what follows it."""
    ticket = visit.ticket(asked)
    client = await visit.client(ticket)
    email, password = asked.data.get("email"), asked.data.get("password")
    if email is None or password is None:
        return visit.show("sign_in.html", client, ticket, email=email or "")
    try:
        ticket = await service.sign_in(visit.desk, ticket=ticket, email=email, password=password)
    except (WrongCredentials, TooManyAttempts, TooManyAtOnce) as error:
        return visit.show("sign_in.html", client, ticket, error, email=email)
    return await _signed_in(visit, client, ticket)


@pages_router.post("/sign-up")
async def sign_up(asked: Form, visit: ThisVisit) -> Response:
    """The sign-up page, or with an e-mail address and a password a new account."""
    ticket = visit.ticket(asked)
    client = await visit.client(ticket)
    given = {name: asked.data.get(name, "") for name in ("email", "full_name", "timezone")}
    words: dict[str, Any] = {**given, "timezones": timezones(), "shortest_password": SHORTEST_PASSWORD}
    if "email" not in asked.data or "password" not in asked.data:
        return visit.show("sign_up.html", client, ticket, **words)
    try:
        wanted = _wanted({**given, "password": asked.data["password"]})
        ticket = await service.sign_up(visit.desk, ticket=ticket, request=wanted)
    except (ValidationError, InvalidFields, AccountExists, TooManyAttempts) as error:
        return visit.show("sign_up.html", client, ticket, error, **words)
    return await _signed_in(visit, client, ticket)


@pages_router.post("/forgot")
async def forget(asked: Form, visit: ThisVisit) -> Response:
    """The page for who has forgotten the password, or with an e-mail address the one that takes the mailed code."""
    ticket = visit.ticket(asked)
    client = await visit.client(ticket)
    email = asked.data.get("email")
    if email is None:
        return visit.show("forgot.html", client, ticket)
    desk = visit.desk
    try:
        async with desk.database.transaction() as session:
            await recovery.forgot_password(session, email=email, address=desk.address, settings=desk.settings)
    except TooManyAttempts as error:
        return visit.show("forgot.html", client, ticket, error)
    return visit.show("reset.html", client, ticket, shortest_password=SHORTEST_PASSWORD)


@pages_router.post("/reset")
async def reset(asked: Form, visit: ThisVisit) -> Response:
    """A new password by a mailed code, after which to sign in with it."""
    ticket = visit.ticket(asked)
    client = await visit.client(ticket)
    given = {"token": asked.data.get("token", "").strip(), "new_password": asked.data.get("password", "")}
    words: dict[str, Any] = {"shortest_password": SHORTEST_PASSWORD}
    try:
        await recovery.reset_password(visit.desk, reset=PasswordReset.model_validate(given))
    except (ValidationError, TokenRefused, InvalidFields, TooManyAttempts) as error:
        return visit.show("reset.html", client, ticket, error, **words)
    return visit.show("sign_in.html", client, ticket, email="", notice="Your password is changed.")


@pages_router.post("/consent")
async def decide(asked: Form, visit: ThisVisit) -> Response:
    """What the student has decided, taken to the client."""
    ticket = visit.ticket(asked)
    await visit.client(ticket)
    decide = service.allow if asked.data.get("decision") == "allow" else service.deny
    async with visit.desk.database.transaction() as session:
        location = await decide(session, ticket=ticket, settings=visit.desk.settings)
    return redirect(location)


@pages_router.get("/sign-in")
@pages_router.get("/sign-up")
@pages_router.get("/forgot")
@pages_router.get("/reset")
@pages_router.get("/consent")
async def opened_by_its_address() -> Response:
    """What nobody can go on with: these pages follow from a client's request."""
    raise BeginsInTheApp(headers={"Allow": "POST"})


@cache
def timezones() -> list[str]:
    """The time zones a student may choose from."""
    return ["UTC", *sorted(zone for zone in available_timezones() if zone.startswith(OWN_ZONES))]


def _wanted(filled: dict[str, str]) -> RegisterRequest:
    """The account that a form asks for; InvalidFields where no time zone was chosen, which the API takes for UTC."""
    if not filled["timezone"]:
        raise InvalidFields({"timezone": "Please choose yours."})
    return RegisterRequest.model_validate({name: value for name, value in filled.items() if value})


async def _signed_in(visit: Visit, client: Client, ticket: Ticket) -> Response:
    """The consent page; straight back to the client where the student has let it in before."""
    async with visit.desk.database.transaction() as session:
        student = await service.signed_in_student(session, ticket=ticket)
        if await service.has_agreed(session, student_id=student.student_id, ticket=ticket):
            return redirect(await service.allow(session, ticket=ticket, settings=visit.desk.settings))
    return visit.show("consent.html", client, ticket, email=student.email)
