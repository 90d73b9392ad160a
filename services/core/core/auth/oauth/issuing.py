"""Codes and refresh tokens become access tokens; tokens are revoked, and exchanged for one of the API."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core import security
from core.auth import sessions, single_use
from core.auth.oauth import registry
from core.auth.oauth.clients import SCOPE
from core.auth.oauth.grants import Credential, OAuthRefused, Parameters, check_client, check_token_request
from core.auth.oauth.service import CODE_KIND
from core.models import OAuthConsent, OAuthGrant, SignInSession
from core.settings import Settings
from core.tokens import (
    ACCESS_TOKEN_LIFETIME,
    OAUTH_REFRESH_PURPOSE,
    InvalidToken,
    RefreshClaims,
    mint_access_token,
    mint_refresh_token,
    read_access_token,
    read_refresh_token,
)

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # the kind of token, not one
EXCHANGED_LIFETIME = timedelta(minutes=15)


async def issue(session: AsyncSession, *, asked: Parameters, settings: Settings, now: datetime) -> dict[str, Any]:
    """The tokens for a code or a refresh token (RFC 6749, section 5.1); OAuthRefused.

    A code that was redeemed before, or a refresh token that had its ten seconds, ends the session it names.
    """
    asked.refuse_repeated()
    grant_type = asked.needed("grant_type")
    client = await registry.known(session, asked.data.get("client_id", ""))
    credential = await _shown(session, asked, settings=settings)
    check_token_request(asked, client=client, credential=credential)
    if credential is None:  # the check has refused that already
        raise OAuthRefused("invalid_grant", "It is not valid here, or not any more.")
    asked.refuse_other_resource(credential.resource)
    if grant_type == "authorization_code":
        student_id = await _redeem(session, session_id=credential.session_id)
        newest = RefreshClaims(credential.session_id, 0)
    else:
        student_id, newest = await _rotate(session, RefreshClaims(credential.session_id, credential.generation))
    secret = settings.token_secrets[0]
    access_token = mint_access_token(
        student_id=student_id,
        session_id=newest.session_id,
        secret=secret,
        now=now,
        audience=credential.resource,
    )
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        "refresh_token": mint_refresh_token(newest, secret=secret, purpose=OAUTH_REFRESH_PURPOSE),
        "scope": credential.scope,
    }


async def revoke(session: AsyncSession, *, asked: Parameters, settings: Settings) -> None:
    """End the session of an access or refresh token, and what its student agreed to (RFC 7009).

    What is no token is no error; OAuthRefused else.
    """
    asked.refuse_repeated()
    check_client(asked, client=await registry.known(session, asked.data.get("client_id", "")))
    session_id = _session_of(asked.needed("token"), settings=settings)
    owner = None if session_id is None else await _owner(session, session_id)
    if session_id is None or owner is None:
        return
    if owner != asked.data["client_id"]:
        raise OAuthRefused("invalid_grant", "This token was given to another client.")
    await sessions.revoke(session, session_id=session_id)
    student = select(SignInSession.student_id).where(SignInSession.session_id == session_id).scalar_subquery()
    await session.execute(
        delete(OAuthConsent).where(OAuthConsent.client_id == owner, OAuthConsent.student_id == student)
    )


async def exchange(session: AsyncSession, *, asked: Parameters, settings: Settings, now: datetime) -> dict[str, Any]:
    """A token of the API for one of the app, of the same session (RFC 8693); OAuthRefused.

    It lives a quarter of an hour, and never longer than the one it was made from.
    """
    asked.refuse_repeated()
    if asked.needed("grant_type") != EXCHANGE:
        raise OAuthRefused("unsupported_grant_type", f"Here the grant type is {EXCHANGE}")
    if asked.data.get("subject_token_type") != ACCESS_TOKEN:
        raise OAuthRefused("invalid_request", f"The subject_token_type is {ACCESS_TOKEN}")
    shown = asked.data.get("subject_token", "")
    try:
        learner = await security.read_learner(session, shown, settings=settings, audience=settings.app_resource)
    except security.Unauthorized as error:
        raise OAuthRefused("invalid_request", "The subject_token is not valid, or not any more.") from error
    lifetime = min(EXCHANGED_LIFETIME, learner.token_expires_at - now)
    token = mint_access_token(
        student_id=learner.student_id,
        session_id=learner.session_id,
        secret=settings.token_secrets[0],
        now=now,
        lifetime=lifetime,
    )
    return {
        "access_token": token,
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "scope": SCOPE,
    }


async def _shown(session: AsyncSession, asked: Parameters, *, settings: Settings) -> Credential | None:
    """The code or refresh token of a request, where core made it; a code that was redeemed ends its session."""
    code, refresh_token = asked.data.get("code"), asked.data.get("refresh_token")
    generation = 0
    try:
        if asked.data.get("grant_type") == "authorization_code":
            session_id = single_use.read(code or "", kind=CODE_KIND, secrets=settings.token_secrets)
        else:
            claims = read_refresh_token(
                refresh_token or "", secrets=settings.token_secrets, purpose=OAUTH_REFRESH_PURPOSE
            )
            session_id, generation = claims.session_id, claims.generation
    except InvalidToken:
        return None
    grant = await session.scalar(select(OAuthGrant).where(OAuthGrant.session_id == session_id))
    if grant is None:
        return None
    if asked.data["grant_type"] == "authorization_code" and grant.redeemed_at is not None:
        await sessions.revoke(session, session_id=session_id)
        return None
    return Credential(
        session_id=session_id,
        client_id=grant.client_id,
        redirect_uri=grant.redirect_uri,
        code_challenge=grant.code_challenge,
        scope=grant.scope,
        resource=grant.resource,
        generation=generation,
    )


async def _redeem(session: AsyncSession, *, session_id: UUID) -> UUID:
    """Whose session a code has opened. Of two requests at once the second finds it redeemed, and ends the session."""
    student_id: UUID | None = await session.scalar(
        update(SignInSession)
        .where(
            SignInSession.session_id == session_id,
            SignInSession.revoked_at.is_(None),
            SignInSession.expires_at > func.now(),
        )
        .values(expires_at=func.now() + sessions.SESSION_LIFETIME, rotated_at=func.now())
        .returning(SignInSession.student_id)
    )
    if student_id is None:
        raise OAuthRefused("invalid_grant", "This code is not valid any more.")
    redeemed = await session.scalar(
        update(OAuthGrant)
        .where(OAuthGrant.session_id == session_id, OAuthGrant.redeemed_at.is_(None))
        .values(redeemed_at=func.now())
        .returning(OAuthGrant.session_id)
    )
    if redeemed is None:
        await sessions.revoke(session, session_id=session_id)
        raise OAuthRefused("invalid_grant", "This code was used before.")
    return student_id


async def _rotate(session: AsyncSession, claims: RefreshClaims) -> tuple[UUID, RefreshClaims]:
    try:
        return await sessions.rotate(session, claims=claims)
    except sessions.RefreshTokenReused as error:
        raise OAuthRefused("invalid_grant", error.message) from error


async def _owner(session: AsyncSession, session_id: UUID) -> str | None:
    """The id of the client that a session belongs to."""
    return await session.scalar(select(OAuthGrant.client_id).where(OAuthGrant.session_id == session_id))


def _session_of(token: str, *, settings: Settings) -> UUID | None:
    """The session that an access or refresh token of a client names, also one that has ended, or that has run out."""
    try:
        return read_refresh_token(token, secrets=settings.token_secrets, purpose=OAUTH_REFRESH_PURPOSE).session_id
    except InvalidToken:
        pass
    try:
        claims = read_access_token(
            token, secrets=settings.token_secrets, audience=settings.app_resource, also_expired=True
        )
    except InvalidToken:
        return None
    return claims.session_id
