"""A bearer token becomes a learner. No feature is known here."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from core.clock import Now
from core.errors import ServiceError
from core.limits import RateLimitExceeded
from core.memory import Memory
from core.settings import Settings
from core.tokens import AUDIENCE, AccessClaims, InvalidToken, read_access_token
from shared_schemas.claims import Learner

TOKENS_REMEMBERED = 20_000
LIVE_SESSION = text("""
    SELECT students.role, students.subscription_tier, students.subscription_expires_at, sessions.expires_at
    FROM sessions JOIN students USING (student_id)
    WHERE session_id = :session_id AND student_id = :student_id AND revoked_at IS NULL AND expires_at > now()
""")


class Unauthorized(ServiceError):
    """Please sign in: the access token is missing, expired or not valid."""

    status = 401
    code = "UNAUTHORIZED"

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class AdminRequired(ServiceError):
    """This is for course operators only."""

    status = 403
    code = "ACCESS_DENIED"

    def __init__(self) -> None:
        super().__init__(details={"required_role": "admin"})


class ServiceTokenRefused(ServiceError):
    """The service token is not the one that CORE_SERVICE_TOKEN sets here."""

    status = 403
    code = "ACCESS_DENIED"


async def request_settings(request: Request) -> Settings:
    """The settings of the app that serves ``request``."""
    settings: Settings = request.app.state.settings
    return settings


RequestSettings = Annotated[Settings, Depends(request_settings)]


@dataclass(frozen=True)
class SignedIn:
    """A learner, and when the session ends by itself."""

    learner: Learner
    until: datetime


async def resolve(memory: Memory, token: str, *, settings: Settings, audience: str = AUDIENCE) -> Learner:
    """Who a bearer token for ``audience`` belongs to, with the entitlement of this moment.

    Unauthorized when nobody's, signed out, or meant for another audience.
    """
    claims = _claims(token, settings=settings, audience=audience)
    signed_in = await memory.recall(claims.student_id, token, partial(_live_session, claims=claims))
    if signed_in.until <= datetime.now(UTC):
        raise Unauthorized
    return signed_in.learner


async def read_learner(session: AsyncSession, token: str, *, settings: Settings, audience: str = AUDIENCE) -> Learner:
    """The same, read from the database in the caller's transaction."""
    claims = _claims(token, settings=settings, audience=audience)
    return (await _live_session(session, claims=claims)).learner


def _claims(token: str, *, settings: Settings, audience: str) -> AccessClaims:
    try:
        claims = _verified(token, settings.token_secrets, audience)
    except InvalidToken as error:
        raise Unauthorized from error
    if claims.expires_at <= datetime.now(UTC):
        raise Unauthorized
    return claims


@lru_cache(TOKENS_REMEMBERED)
def _verified(token: str, secrets: tuple[str, ...], audience: str) -> AccessClaims:
    """What a token says, which never changes; to check its signature takes longer than the rest of a page."""
    return read_access_token(token, secrets=secrets, audience=audience)


async def _live_session(database: AsyncSession | AsyncConnection, *, claims: AccessClaims) -> SignedIn:
    found = await database.execute(LIVE_SESSION, {"session_id": claims.session_id, "student_id": claims.student_id})
    row = found.one_or_none()
    if row is None:
        raise Unauthorized
    learner = Learner(
        student_id=claims.student_id,
        session_id=claims.session_id,
        role=row.role,
        subscription_tier=row.subscription_tier,
        subscription_expires_at=row.subscription_expires_at,
        token_expires_at=claims.expires_at,
    )
    return SignedIn(learner, until=row.expires_at)


def bearer(request: Request) -> str:
    """The bearer token of a request, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def current_learner(request: Request, now: Now) -> Learner:
    """The signed-in student, whose request is counted."""
    state = request.app.state
    learner = await resolve(state.memory, bearer(request), settings=state.settings)
    limit, within = await state.limits.take(learner.student_id, tier=learner.effective_tier(now), now=now)
    request.state.rate_limit = limit  # the answer's headers are made of it, whatever the answer becomes
    if not within:
        raise RateLimitExceeded(limit=limit.limit, retry_after_seconds=limit.reset - int(now.timestamp()))
    return learner


CurrentLearner = Annotated[Learner, Depends(current_learner)]


async def leaving_learner(request: Request, now: Now) -> Learner:
    """The signed-in student, also where nothing is left of the hour: whoever spent it cannot keep its owner out."""
    state = request.app.state
    learner = await resolve(state.memory, bearer(request), settings=state.settings)
    tier = learner.effective_tier(now)
    request.state.rate_limit = await state.limits.look(learner.student_id, tier=tier, now=now)
    return learner


LeavingLearner = Annotated[Learner, Depends(leaving_learner)]


async def admin_learner(learner: CurrentLearner) -> Learner:
    """A course operator."""
    if learner.role != "admin":
        raise AdminRequired
    return learner


AdminLearner = Annotated[Learner, Depends(admin_learner)]


async def trusted_service(request: Request, settings: RequestSettings) -> None:
    """Let in another service of this installation: 403 for anybody else, as 401 speaks of a student's token here."""
    expected = settings.core_service_token.get_secret_value()
    if not hmac.compare_digest(bearer(request).encode(), expected.encode()):
        raise ServiceTokenRefused
