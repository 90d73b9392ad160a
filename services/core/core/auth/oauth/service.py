"""A student lets a client in: from the client's request through sign-in and consent to the code.

Signing in on the page starts an ordinary session, which lives ten minutes; consent makes it a client's and gives it a
minute; its code, redeemed once, gives it the life of any other session. So whatever ends sessions (signing out, a new
password, erasing the account) ends a code, or a client's tokens, at the same moment.
"""

from datetime import timedelta
from uuid import UUID

from authlib.common.urls import add_params_to_uri
from pydantic import ValidationError
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth import service as accounts
from core.auth import sessions, single_use
from core.auth.desk import Desk
from core.auth.oauth import registry
from core.auth.oauth.clients import Client
from core.auth.oauth.grants import OAuthRefused, Parameters, check_authorization
from core.auth.oauth.tickets import Ticket
from core.errors import ServiceError
from core.models import OAuthConsent, OAuthGrant, SignInSession, Student
from core.settings import Settings
from shared_schemas.accounts import LoginRequest, RegisterRequest

CODE_KIND = "authorization code"
CONSENT_LIFETIME = timedelta(minutes=10)
CODE_LIFETIME = timedelta(seconds=60)


class RedirectNotRegistered(ServiceError):
    """The app that sent you here asked for an answer at an address that is not its own, so you were not sent on."""

    status = 400
    code = "INVALID_REQUEST"


class SignInExpired(ServiceError):
    """Too much time has passed since you signed in. Please go back to the app and connect again."""

    status = 400
    code = "INVALID_REQUEST"


class ConnectedAlready(ServiceError):
    """You have let this app in already. Please go back to it."""

    status = 409
    code = "DUPLICATE_RESOURCE"


class SentBack(ServiceError):
    """The app has asked for something that Course Companion does not do."""

    status = 303

    def __init__(self, location: str) -> None:
        super().__init__(headers={"Location": location})


class LinkedBack(ServiceError):
    """The app that sent you here has asked for something that Course Companion does not do."""

    status = 400
    code = "INVALID_REQUEST"

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location = location


async def begin(desk: Desk, *, asked: Parameters, fetch: registry.Fetch) -> tuple[Client, Ticket]:
    """Who asks, and for what.

    Raises UnknownClient, ClientUnreachable or RedirectNotRegistered, after which nobody is sent anywhere. What is the
    client's to hear is raised with an address: SentBack, or LinkedBack where anybody could have registered that (RFC
    9700, section 4.11.2), so that a link to us leads nowhere else unasked.
    """
    client_id, redirect_uri = asked.only("client_id"), asked.only("redirect_uri")
    if client_id is None or "\0" in client_id:
        raise registry.UnknownClient
    client = await registry.find(desk.database, client_id, fetch=fetch, address=desk.address, settings=desk.settings)
    if redirect_uri is None or not client.check_redirect_uri(redirect_uri):
        raise RedirectNotRegistered
    state = asked.only("state")
    try:
        asked.refuse_repeated()
        scope = check_authorization(asked, client=client)
        asked.refuse_other_resource(desk.settings.app_resource)
    except OAuthRefused as error:
        problem = {"error": error.error, "error_description": error.message}
        back = answer_address(redirect_uri, problem, state=state, settings=desk.settings)
        raise (SentBack if client.vouches_for(redirect_uri) else LinkedBack)(back) from error
    ticket = Ticket(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        code_challenge=asked.data["code_challenge"],
        scope=scope,
        resource=desk.settings.app_resource,
        state=state,
    )
    return client, ticket


async def sign_in(desk: Desk, *, ticket: Ticket, email: str, password: str) -> Ticket:
    """The ticket of somebody who has signed in. Raises WrongCredentials, TooManyAttempts and TooManyAtOnce."""
    try:
        credentials = LoginRequest(email=email, password=password)
    except ValidationError as error:  # too long for any account
        raise sessions.WrongCredentials from error
    _, session_id = await sessions.authenticate(desk, credentials=credentials, lifetime=CONSENT_LIFETIME)
    return ticket.signed_in(session_id)


async def sign_up(desk: Desk, *, ticket: Ticket, request: RegisterRequest) -> Ticket:
    """The ticket of somebody who has just got an account. Raises InvalidFields, AccountExists and TooManyAttempts."""
    accounts.check_registration(request)
    async with desk.database.transaction() as session:
        await accounts.count_registration(session, email=request.email, address=desk.address, settings=desk.settings)
    password_hash = await desk.passwords.hash(request.password)
    async with desk.database.transaction() as session:
        made = await accounts.create_account(session, request=request, password_hash=password_hash)
        session_id = await sessions.start(
            session, student_id=made.user_id, password_hash=password_hash, lifetime=CONSENT_LIFETIME
        )
    if session_id is None:
        raise SignInExpired
    return ticket.signed_in(session_id)


async def signed_in_student(session: AsyncSession, *, ticket: Ticket) -> Student:
    """Who has signed in on the page of this ticket; SignInExpired where nobody has, or not any more."""
    student = await session.scalar(
        select(Student)
        .join(SignInSession, SignInSession.student_id == Student.student_id)
        .where(SignInSession.session_id == ticket.session_id, _live())
    )
    if student is None:
        raise SignInExpired
    return student


async def has_agreed(session: AsyncSession, *, student_id: UUID, ticket: Ticket) -> bool:
    """Whether the student has let this client in, to no less than it asks for now, and it is signed in still."""
    connected = (
        select(SignInSession.session_id)
        .join(OAuthGrant, OAuthGrant.session_id == SignInSession.session_id)
        .where(SignInSession.student_id == student_id, OAuthGrant.client_id == ticket.client_id, _live())
    )
    scope = await session.scalar(
        select(OAuthConsent.scope).where(
            OAuthConsent.student_id == student_id, OAuthConsent.client_id == ticket.client_id, connected.exists()
        )
    )
    return scope is not None and set(ticket.scope.split()) <= set(scope.split())


async def allow(session: AsyncSession, *, ticket: Ticket, settings: Settings) -> str:
    """The address that takes the code to the client; the student's agreement is remembered.

    Allowing twice, by a second click, gives the same code. Raises SignInExpired, and ConnectedAlready once the code was
    redeemed.
    """
    waiting = select(SignInSession).where(SignInSession.session_id == ticket.session_id, _live())
    signed_in = await session.scalar(waiting.with_for_update())
    if signed_in is None:
        raise SignInExpired
    grant = await session.scalar(select(OAuthGrant).where(OAuthGrant.session_id == signed_in.session_id))
    if grant is not None and grant.redeemed_at is not None:
        raise ConnectedAlready
    if grant is None:
        await _agree(session, student_id=signed_in.student_id, session_id=signed_in.session_id, ticket=ticket)
    code = single_use.mint(signed_in.session_id, kind=CODE_KIND, secret=settings.token_secrets[0])
    return answer_address(ticket.redirect_uri, {"code": code}, state=ticket.state, settings=settings)


async def deny(session: AsyncSession, *, ticket: Ticket, settings: Settings) -> str:
    """The address that tells the client so; whoever had signed in is signed out. Raises SignInExpired."""
    if ticket.session_id is None:
        raise SignInExpired
    await sessions.revoke(session, session_id=ticket.session_id)
    problem = {"error": "access_denied", "error_description": "You did not allow it."}
    return answer_address(ticket.redirect_uri, problem, state=ticket.state, settings=settings)


def answer_address(redirect_uri: str, answer: dict[str, str], *, state: str | None, settings: Settings) -> str:
    """Where a browser takes an answer: with the client's ``state``, and with who answers (RFC 9207)."""
    echoed = {} if state is None else {"state": state}
    address: str = add_params_to_uri(redirect_uri, {**answer, **echoed, "iss": settings.public_url})
    return address


async def _agree(session: AsyncSession, *, student_id: UUID, session_id: UUID, ticket: Ticket) -> None:
    consent = insert(OAuthConsent).values(student_id=student_id, client_id=ticket.client_id, scope=ticket.scope)
    await session.execute(
        consent.on_conflict_do_update(
            index_elements=["student_id", "client_id"], set_={"scope": ticket.scope, "granted_at": func.now()}
        )
    )
    await session.execute(
        insert(OAuthGrant).values(
            session_id=session_id,
            client_id=ticket.client_id,
            redirect_uri=ticket.redirect_uri,
            code_challenge=ticket.code_challenge,
            scope=ticket.scope,
            resource=ticket.resource,
        )
    )
    await session.execute(
        update(SignInSession)
        .where(SignInSession.session_id == session_id)
        .values(expires_at=func.now() + CODE_LIFETIME)
    )


def _live() -> ColumnElement[bool]:
    return SignInSession.revoked_at.is_(None) & (SignInSession.expires_at > func.now())
