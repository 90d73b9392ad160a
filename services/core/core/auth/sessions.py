"""Sessions: signing in, rotating refresh tokens, signing out."""

import unicodedata
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import validate_email
from pydantic_core import PydanticCustomError
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth.desk import Desk
from core.auth.throttle import LOGIN_BY_ACCOUNT, LOGIN_BY_ADDRESS, Attempt, give_back, take
from core.errors import ServiceError
from core.models import SignInSession, Student
from core.settings import Settings
from core.tokens import (
    ACCESS_TOKEN_LIFETIME,
    InvalidToken,
    RefreshClaims,
    mint_access_token,
    mint_refresh_token,
    read_refresh_token,
)
from shared_schemas.accounts import LoginRequest, SignedIn, SignedInUser, Tokens
from shared_schemas.claims import Learner

SESSION_LIFETIME = timedelta(days=30)
ROTATION_GRACE = timedelta(seconds=10)


class WrongCredentials(ServiceError):
    """The e-mail address or the password is not right."""

    status = 401
    code = "UNAUTHORIZED"


class RefreshRefused(ServiceError):
    """This session has ended. Please sign in again."""

    status = 401
    code = "UNAUTHORIZED"


class RefreshTokenReused(RefreshRefused):
    """This session has ended. Please sign in again."""

    keeps_changes = True  # the session stays revoked, although the request is refused


async def sign_in(desk: Desk, *, credentials: LoginRequest, now: datetime) -> SignedIn:
    """A new session and its first tokens. Raises WrongCredentials, TooManyAttempts and TooManyAtOnce."""
    student, session_id = await authenticate(desk, credentials=credentials, lifetime=SESSION_LIFETIME)
    learner = Learner(
        student_id=student.student_id,
        session_id=session_id,
        role=student.role,
        subscription_tier=student.subscription_tier,
        subscription_expires_at=student.subscription_expires_at,
        token_expires_at=now + ACCESS_TOKEN_LIFETIME,
    )
    tokens = _tokens(student.student_id, RefreshClaims(session_id, 0), settings=desk.settings, now=now)
    user = SignedInUser(
        user_id=student.student_id,
        email=student.email,
        full_name=student.full_name,
        role=student.role,
        subscription_tier=learner.effective_tier(now),
    )
    return SignedIn(**tokens.model_dump(), user=user)


async def authenticate(desk: Desk, *, credentials: LoginRequest, lifetime: timedelta) -> tuple[Student, UUID]:
    """The account and a new session of it; WrongCredentials as slowly where there is no account.

    Failures are counted by account and by client address: TooManyAttempts. TooManyAtOnce where nobody gets to it.
    """
    async with desk.passwords.place():
        return await _authenticate(desk, credentials=credentials, lifetime=lifetime)


async def _authenticate(desk: Desk, *, credentials: LoginRequest, lifetime: timedelta) -> tuple[Student, UUID]:
    """In two transactions: no connection is held while the password is checked."""
    async with desk.database.transaction() as session:
        student, account = await find_account(session, credentials.email)
        attempts = login_attempts(account, address=desk.address)
        await take(session, *attempts, settings=desk.settings)
    right = await desk.passwords.match(credentials.password, stored_hash=student.password_hash if student else None)
    if student is None or not right:
        raise WrongCredentials
    async with desk.database.transaction() as session:
        session_id = await start(
            session, student_id=student.student_id, password_hash=student.password_hash, lifetime=lifetime
        )
        if session_id is None:  # the password was changed, or the account erased, while it was being checked
            raise WrongCredentials
        await give_back(session, *attempts, settings=desk.settings)
    return student, session_id


def canonical(email: str) -> str:
    """An e-mail address as registration stores it, but for its case; text that is none, composed in the one way."""
    try:
        return validate_email(email)[1]
    except PydanticCustomError:
        return unicodedata.normalize("NFC", email.strip())


async def find_account(session: AsyncSession, email: str) -> tuple[Student | None, str]:
    """The account of an e-mail address, and by what its attempts are counted; both however the address is written.

    Where nobody has it, it is counted by the name that PostgreSQL would look it up by: so the two cannot be told apart.
    """
    asked = select(func.lower(canonical(email)).label("name")).subquery()
    found = await session.execute(
        select(Student, asked.c.name).select_from(asked).outerjoin(Student, func.lower(Student.email) == asked.c.name)
    )
    student, name = found.one()
    return student, str(student.student_id) if student else name


def login_attempts(account: str, *, address: str) -> tuple[Attempt, Attempt]:
    """What one try of a password counts as; ``account`` is an id, or an address that nobody has."""
    return Attempt(LOGIN_BY_ADDRESS, address), Attempt(LOGIN_BY_ACCOUNT, account)


async def start(
    session: AsyncSession, *, student_id: UUID, password_hash: str, lifetime: timedelta = SESSION_LIFETIME
) -> UUID | None:
    """The id of a new session; None where this is not the account's password any more.

    The lock makes a change of password wait for this session, so that it revokes it, or this session for the change.
    """
    account = (
        select(Student.student_id, func.now() + lifetime)
        .where(Student.student_id == student_id, Student.password_hash == password_hash)
        .with_for_update(read=True)
    )
    made: UUID | None = await session.scalar(
        insert(SignInSession)
        .from_select(["student_id", "expires_at"], account, include_defaults=False)
        .returning(SignInSession.session_id)
    )
    return made


async def refresh(session: AsyncSession, *, token: str, settings: Settings, now: datetime) -> Tokens:
    """The next pair of tokens of a session. Raises RefreshRefused and RefreshTokenReused."""
    try:
        claims = read_refresh_token(token, secrets=settings.token_secrets)
    except InvalidToken as error:
        raise RefreshRefused from error
    student_id, newest = await rotate(session, claims=claims)
    return _tokens(student_id, newest, settings=settings, now=now)


async def rotate(session: AsyncSession, *, claims: RefreshClaims) -> tuple[UUID, RefreshClaims]:
    """Whose session it is, and what its next refresh token says.

    The token before the newest gets the newest again for ten seconds, so that two tabs, or a client that lost the
    answer, stay signed in. Anything older was stolen or replayed: the session is revoked for whoever holds it, and
    RefreshTokenReused raised.
    """
    live = (
        (SignInSession.session_id == claims.session_id)
        & SignInSession.revoked_at.is_(None)
        & (SignInSession.expires_at > func.now())
    )
    rotated = await session.execute(
        update(SignInSession)
        .where(live, SignInSession.generation == claims.generation)
        .values(
            generation=SignInSession.generation + 1,
            rotated_at=func.now(),
            expires_at=func.now() + SESSION_LIFETIME,
        )
        .returning(SignInSession.student_id, SignInSession.generation)
    )
    successor = rotated.one_or_none()
    if successor is None:
        recent = SignInSession.rotated_at > func.now() - ROTATION_GRACE
        found = await session.execute(
            select(SignInSession.student_id, SignInSession.generation).where(
                live, recent, SignInSession.generation == claims.generation + 1
            )
        )
        successor = found.one_or_none()
    if successor is None:
        await revoke(session, session_id=claims.session_id)
        raise RefreshTokenReused
    return successor.student_id, RefreshClaims(claims.session_id, successor.generation)


async def revoke(session: AsyncSession, *, session_id: UUID) -> None:
    """End a session; its tokens are worth nothing from the commit on."""
    await session.execute(
        update(SignInSession)
        .where(SignInSession.session_id == session_id, SignInSession.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )


async def revoke_all(session: AsyncSession, *, student_id: UUID) -> None:
    """End every session of a student."""
    await session.execute(
        update(SignInSession)
        .where(SignInSession.student_id == student_id, SignInSession.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )


def _tokens(student_id: UUID, newest: RefreshClaims, *, settings: Settings, now: datetime) -> Tokens:
    secret = settings.token_secrets[0]
    return Tokens(
        access_token=mint_access_token(student_id=student_id, session_id=newest.session_id, secret=secret, now=now),
        token_type="bearer",  # noqa: S106  # the kind of token, not one
        expires_in=int(ACCESS_TOKEN_LIFETIME.total_seconds()),
        refresh_token=mint_refresh_token(newest, secret=secret),
    )
