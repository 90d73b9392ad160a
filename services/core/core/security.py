"""A bearer token becomes a learner. No feature is known here."""

import hmac
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from core import limits
from core.clock import Now
from core.database import RequestDatabase
from core.errors import ServiceError
from core.limits import RateLimitExceeded
from core.settings import Settings
from core.tokens import AUDIENCE, InvalidToken, read_access_token
from shared_schemas.claims import Learner

# Asked with every request, and so without the ORM: one round trip for session, role and entitlement.
LIVE_SESSION = text("""
    SELECT students.role, students.subscription_tier, students.subscription_expires_at
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


async def resolve(session: AsyncSession, token: str, *, settings: Settings, audience: str = AUDIENCE) -> Learner:
    """Who a bearer token for ``audience`` belongs to, with the entitlement of this moment.

    Unauthorized when nobody's, signed out, or meant for another audience.
    """
    try:
        claims = read_access_token(token, secrets=settings.token_secrets, audience=audience)
    except InvalidToken as error:
        raise Unauthorized from error
    found = await session.execute(LIVE_SESSION, {"session_id": claims.session_id, "student_id": claims.student_id})
    row = found.one_or_none()
    if row is None:
        raise Unauthorized
    return Learner(
        student_id=claims.student_id,
        session_id=claims.session_id,
        role=row.role,
        subscription_tier=row.subscription_tier,
        subscription_expires_at=row.subscription_expires_at,
        token_expires_at=claims.expires_at,
    )


def bearer(request: Request) -> str:
    """The bearer token of a request, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def current_learner(request: Request, database: RequestDatabase, settings: RequestSettings, now: Now) -> Learner:
    """The signed-in student, whose request is counted."""
    async with database.transaction() as session:  # ended before Redis is asked: a slow Redis holds no connection
        learner = await resolve(session, bearer(request), settings=settings)
    limit, within = await limits.take(
        request.app.state.cache,
        settings=settings,
        student_id=learner.student_id,
        tier=learner.effective_tier(now),
        now=now,
    )
    request.state.rate_limit = limit  # the answer's headers are made of it, whatever the answer becomes
    if not within:
        raise RateLimitExceeded(limit=limit.limit, retry_after_seconds=limit.reset - int(now.timestamp()))
    return learner


CurrentLearner = Annotated[Learner, Depends(current_learner)]


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
