"""Accounts and sessions over HTTP."""

import hashlib
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response, status

from core.auth import directory, leaving, recovery, service, sessions
from core.auth.desk import ClientAddress, Desk, LearnerAtDesk, SignInDesk
from core.auth.throttle import give_back, take
from core.clock import Now
from core.database import Session
from core.idempotency import ClientKey, Effect, digest, earlier_use, replay, run_once
from core.routing import router as new_router
from core.security import AdminLearner, CurrentLearner, LeavingLearner, RequestSettings
from shared_schemas.access import FoundStudents
from shared_schemas.accounts import (
    LONGEST_EMAIL,
    AccountDeletion,
    AccountExport,
    EmailVerification,
    LoginRequest,
    MailUnderWay,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    Profile,
    ProfileChange,
    RefreshRequest,
    Registered,
    RegisterRequest,
    SignedIn,
    Tokens,
)

router = new_router("/api/v1/auth", "auth")
admin_router = new_router("/api/v1/admin", "admin")


@router.post("/register", status_code=status.HTTP_201_CREATED, response_model=Registered)
async def register(
    request: RegisterRequest,
    session: Session,
    desk: SignInDesk,
    key: ClientKey = None,
) -> Any:
    """Make an account."""
    service.check_registration(request)
    owner = hashlib.sha256(request.email.casefold().encode()).hexdigest()
    request_digest = digest(request, operation="register", secret=desk.settings.token_secrets[0])
    if answer := await _answer_again(desk, owner=owner, key=key, request_digest=request_digest):
        return answer
    async with desk.database.transaction() as counting:
        await service.count_registration(counting, email=request.email, address=desk.address, settings=desk.settings)
    password_hash = await desk.passwords.hash(request.password)  # before the first statement takes a connection

    async def work() -> Effect:
        account = await service.create_account(session, request=request, password_hash=password_hash)
        return Effect(student_id=account.user_id, status=status.HTTP_201_CREATED, answer=account)

    return await run_once(session, owner=owner, key=key, request_digest=request_digest, work=work)


async def _answer_again(desk: Desk, *, owner: str, key: str | None, request_digest: str) -> Response | None:
    """What a registration of the same key was answered: it is no new one, and not counted as such.

    With another body it is a guess of the password, and counts like those at login.
    """
    async with desk.database.transaction() as session:
        used = await earlier_use(session, owner=owner, key=key)
        if used is None:
            return None
        attempts = sessions.login_attempts(str(used.student_id), address=desk.address)
        await take(session, *attempts, settings=desk.settings)
    answer = replay(used, request_digest=request_digest)
    async with desk.database.transaction() as session:
        await give_back(session, *attempts, settings=desk.settings)
    return answer


@router.post("/login")
async def login(credentials: LoginRequest, desk: SignInDesk, now: Now) -> SignedIn:
    """Start a session."""
    return await sessions.sign_in(desk, credentials=credentials, now=now)


@router.post("/refresh")
async def refresh(request: RefreshRequest, session: Session, settings: RequestSettings, now: Now) -> Tokens:
    """Exchange a refresh token for the next pair."""
    return await sessions.refresh(session, token=request.refresh_token, settings=settings, now=now)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def logout(learner: LeavingLearner, session: Session) -> Response:
    """End the session of this token."""
    await sessions.revoke(session, session_id=learner.session_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/me")
async def read_profile(learner: CurrentLearner, session: Session, now: Now) -> Profile:
    """The caller's account."""
    return await service.profile(session, student_id=learner.student_id, now=now)


@router.patch("/me")
async def change_profile(learner: CurrentLearner, change: ProfileChange, session: Session, now: Now) -> Profile:
    """Change the caller's name or time zone."""
    return await service.change_profile(session, student_id=learner.student_id, change=change, now=now)


@router.delete("/me", status_code=status.HTTP_204_NO_CONTENT)
async def delete_account(learner: LearnerAtDesk, deletion: AccountDeletion, desk: SignInDesk) -> Response:
    """Erase the caller's account and everything that is theirs, everywhere. It cannot be undone."""
    student = await recovery.confirm_password(desk, student_id=learner.student_id, password=deletion.password)
    async with desk.database.transaction() as session:
        await leaving.erase(session, student=student)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/me/export")
async def export_account(learner: CurrentLearner, session: Session, now: Now) -> AccountExport:
    """Everything core holds on the caller, as one document."""
    return await leaving.export(session, student_id=learner.student_id, now=now)


@router.post("/password/change", status_code=status.HTTP_204_NO_CONTENT)
async def change_password(learner: LearnerAtDesk, change: PasswordChange, desk: SignInDesk) -> Response:
    """Set a new password. Every session ends, this one too."""
    await recovery.change_password(desk, student_id=learner.student_id, change=change)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/password/forgot", status_code=status.HTTP_202_ACCEPTED)
async def forgot_password(
    forgotten: PasswordForgotten, session: Session, settings: RequestSettings, address: ClientAddress
) -> MailUnderWay:
    """Mail a token that sets a new password, to whom the address belongs."""
    await recovery.forgot_password(session, email=forgotten.email, address=address, settings=settings)
    return MailUnderWay(message="If there is an account with this e-mail address, a mail is on its way to it.")


@router.post("/password/reset", status_code=status.HTTP_204_NO_CONTENT)
async def reset_password(reset: PasswordReset, desk: SignInDesk) -> Response:
    """Set a new password by a mailed token. Every session ends."""
    await recovery.reset_password(desk, reset=reset)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/email/verify", status_code=status.HTTP_204_NO_CONTENT)
async def verify_email(
    verification: EmailVerification, session: Session, settings: RequestSettings, address: ClientAddress
) -> Response:
    """Confirm an e-mail address by the token mailed to it."""
    await recovery.verify_email(session, token=verification.token, address=address, settings=settings)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/email/resend", status_code=status.HTTP_202_ACCEPTED)
async def resend_verification(learner: CurrentLearner, session: Session, settings: RequestSettings) -> MailUnderWay:
    """Mail another token to confirm the caller's e-mail address, if it is not confirmed yet."""
    await recovery.resend_verification(session, student_id=learner.student_id, settings=settings)
    return MailUnderWay(message="If this e-mail address is not confirmed yet, a mail is on its way to it.")


@admin_router.get("/students")
async def find_students(
    _admin: AdminLearner,
    session: Session,
    now: Now,
    email: Annotated[str | None, Query(min_length=1, max_length=LONGEST_EMAIL, pattern=r"^[^\x00]+$")] = None,
    student_id: UUID | None = None,
) -> FoundStudents:
    """Find a student by e-mail address, or by the id that other operations ask for and costs and grades name."""
    return await directory.find_students(session, email=email, student_id=student_id, now=now)
