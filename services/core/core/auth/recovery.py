"""Changing a password, getting back in without it, and confirming an e-mail address."""

from typing import NoReturn
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth import mails, sessions
from core.auth.desk import Desk
from core.auth.passwords import same_password, what_is_weak
from core.auth.throttle import (
    FORGOT_BY_ACCOUNT,
    FORGOT_BY_ADDRESS,
    RESEND_BY_ACCOUNT,
    TOKEN_BY_ADDRESS,
    Attempt,
    give_back,
    take,
)
from core.errors import InvalidFields, ServiceError
from core.models import Student
from core.security import Unauthorized
from core.settings import Settings
from shared_schemas.accounts import PasswordChange, PasswordReset


class WrongPassword(ServiceError):
    """The current password is not right."""

    status = 403
    code = "ACCESS_DENIED"


async def confirm_password(desk: Desk, *, student_id: UUID, password: str) -> Student:
    """The account, once its password was given again. Raises WrongPassword, or Unauthorized where it was just erased.

    Guesses count like those at login, and no connection is held while the password is checked.
    """
    async with desk.database.transaction() as session:
        student = await session.scalar(select(Student).where(Student.student_id == student_id))
        attempts = sessions.login_attempts(str(student_id), address=desk.address)
        await take(session, *attempts, settings=desk.settings)
    if student is None:
        raise Unauthorized
    if not await desk.passwords.match(password, stored_hash=student.password_hash):
        raise WrongPassword
    async with desk.database.transaction() as session:
        await give_back(session, *attempts, settings=desk.settings)
    return student


async def change_password(desk: Desk, *, student_id: UUID, change: PasswordChange) -> None:
    """Set a new password and end every session.

    Raises WrongPassword, InvalidFields where the new one is weak or the one there is, or Unauthorized.
    """
    student = await confirm_password(desk, student_id=student_id, password=change.current_password)
    if same_password(change.new_password, change.current_password):
        raise InvalidFields({"new_password": "This is your password already. Choose another."})
    _refuse_weak(change.new_password, email=student.email)
    new_hash = await desk.passwords.hash(change.new_password)
    async with desk.database.transaction() as session:
        changed = await session.scalar(
            update(Student)
            .where(Student.student_id == student_id, Student.password_hash == student.password_hash)
            .values(password_hash=new_hash, updated_at=func.now())
            .returning(Student.student_id)
        )
        if changed is None:
            await refuse_overtaken(session, student_id=student_id)
        await _end_what_the_old_password_began(session, student_id=student_id)


async def refuse_overtaken(session: AsyncSession, *, student_id: UUID) -> NoReturn:
    """Say why a password that was right a moment ago did not count.

    Raises WrongPassword where another request has changed it meanwhile, Unauthorized where that has erased the account.
    """
    stands = await session.scalar(select(Student.student_id).where(Student.student_id == student_id))
    raise WrongPassword if stands else Unauthorized


async def forgot_password(session: AsyncSession, *, email: str, address: str, settings: Settings) -> None:
    """Mail a token to the account of ``email``. Statement for statement the same work where there is no account."""
    student, account = await sessions.find_account(session, email)
    await take(session, Attempt(FORGOT_BY_ADDRESS, address), Attempt(FORGOT_BY_ACCOUNT, account), settings=settings)
    await mails.post(session, kind="password_reset", student_id=student.student_id if student else None)


async def reset_password(desk: Desk, *, reset: PasswordReset) -> None:
    """Set a new password by a mailed token, and end every session. A weak password does not use the token up.

    Raises TokenRefused, or InvalidFields where the password is weak.
    """
    async with desk.database.transaction() as session:
        await take(session, Attempt(TOKEN_BY_ADDRESS, desk.address), settings=desk.settings)
        student = await mails.holder(session, token=reset.token, kind="password_reset", settings=desk.settings)
    _refuse_weak(reset.new_password, email=student.email)
    new_hash = await desk.passwords.hash(reset.new_password)
    async with desk.database.transaction() as session:
        student_id = await mails.redeem(session, token=reset.token, kind="password_reset", settings=desk.settings)
        await session.execute(
            update(Student)
            .where(Student.student_id == student_id)
            .values(
                password_hash=new_hash,
                email_verified_at=func.coalesce(Student.email_verified_at, func.now()),  # the mail has arrived
                updated_at=func.now(),
            )
        )
        await _end_what_the_old_password_began(session, student_id=student_id)


async def verify_email(session: AsyncSession, *, token: str, address: str, settings: Settings) -> None:
    """Note that the address a token was mailed to is its student's. Raises TokenRefused."""
    await take(session, Attempt(TOKEN_BY_ADDRESS, address), settings=settings)
    student_id = await mails.redeem(session, token=token, kind="email_verification", settings=settings)
    await session.execute(
        update(Student)
        .where(Student.student_id == student_id, Student.email_verified_at.is_(None))
        .values(email_verified_at=func.now(), updated_at=func.now())
    )


async def resend_verification(session: AsyncSession, *, student_id: UUID, settings: Settings) -> None:
    """Mail another token to an address that is not confirmed yet."""
    await take(session, Attempt(RESEND_BY_ACCOUNT, str(student_id)), settings=settings)
    unconfirmed = await session.scalar(
        select(Student.student_id).where(Student.student_id == student_id, Student.email_verified_at.is_(None))
    )
    if unconfirmed is not None:
        await mails.post(session, kind="email_verification", student_id=student_id)


async def _end_what_the_old_password_began(session: AsyncSession, *, student_id: UUID) -> None:
    await sessions.revoke_all(session, student_id=student_id)
    await mails.withdraw(session, kind="password_reset", student_id=student_id)
    await mails.post(session, kind="password_changed", student_id=student_id)


def _refuse_weak(password: str, *, email: str) -> None:
    if weakness := what_is_weak(password, email=email):
        raise InvalidFields({"new_password": weakness})
