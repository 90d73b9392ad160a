"""Accounts and sessions over HTTP."""

import hashlib
from typing import Any

from fastapi import Response, status

from core.auth import service, sessions
from core.auth.passwords import RequestPasswords
from core.clock import Now
from core.database import RequestDatabase, Session
from core.idempotency import ClientKey, Effect, digest, run_once
from core.routing import router as new_router
from core.security import CurrentLearner, RequestSettings
from shared_schemas.accounts import (
    LoginRequest,
    Profile,
    ProfileChange,
    RefreshRequest,
    Registered,
    RegisterRequest,
    SignedIn,
    Tokens,
)

router = new_router("/api/v1/auth", "auth")


@router.post("/register", status_code=status.HTTP_201_CREATED, response_model=Registered)
async def register(
    request: RegisterRequest,
    session: Session,
    settings: RequestSettings,
    passwords: RequestPasswords,
    key: ClientKey = None,
) -> Any:
    """Make an account."""
    service.check_registration(request)
    password_hash = await passwords.hash(request.password)  # before the first statement takes a connection

    async def work() -> Effect:
        account = await service.create_account(session, request=request, password_hash=password_hash)
        return Effect(student_id=account.user_id, status=status.HTTP_201_CREATED, answer=account)

    return await run_once(
        session,
        owner=hashlib.sha256(request.email.casefold().encode()).hexdigest(),
        key=key,
        request_digest=digest(request, operation="register", secret=settings.token_secrets[0]),
        work=work,
    )


@router.post("/login")
async def login(
    credentials: LoginRequest,
    database: RequestDatabase,
    passwords: RequestPasswords,
    settings: RequestSettings,
    now: Now,
) -> SignedIn:
    """Start a session."""
    return await sessions.sign_in(database, passwords=passwords, credentials=credentials, settings=settings, now=now)


@router.post("/refresh")
async def refresh(request: RefreshRequest, session: Session, settings: RequestSettings, now: Now) -> Tokens:
    """Exchange a refresh token for the next pair."""
    return await sessions.refresh(session, token=request.refresh_token, settings=settings, now=now)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(learner: CurrentLearner, session: Session) -> Response:
    """End the session of this token."""
    await sessions.revoke(session, session_id=learner.session_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/me")
async def read_profile(learner: CurrentLearner, session: Session) -> Profile:
    """The caller's account."""
    return await service.profile(session, student_id=learner.student_id)


@router.patch("/me")
async def change_profile(learner: CurrentLearner, change: ProfileChange, session: Session) -> Profile:
    """Change the caller's name or time zone."""
    return await service.change_profile(session, student_id=learner.student_id, change=change)
