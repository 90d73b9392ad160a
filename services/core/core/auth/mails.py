"""The mails an account gets, and the single-use rights they carry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth import single_use
from core.errors import ServiceError
from core.models import AccountMail, Student
from core.settings import Settings
from core.tokens import InvalidToken

Kind = Literal["email_verification", "password_reset", "password_changed"]


class TokenRefused(ServiceError):
    """This code is not valid any more, or was used already. Please ask for a new one."""

    status = 401
    code = "UNAUTHORIZED"
    keeps_changes = True  # the attempt stays counted


@dataclass(frozen=True)
class Letter:
    """What a mail says. It never quotes what a student wrote: anybody can register anybody's address."""

    subject: str
    text: str
    lifetime: timedelta
    carries_token: bool = True


LETTERS: dict[Kind, Letter] = {
    "email_verification": Letter(
        subject="Confirm your e-mail address",
        text="""\
Welcome to Course Companion. To confirm that this e-mail address is yours, enter this code where you registered:

{token}

It works once, until {expires_at:%Y-%m-%d %H:%M} UTC.
For programs: POST {public_url}/api/v1/auth/email/verify

If you did not register, ignore this mail; nobody can confirm the address without it.
""",
        lifetime=timedelta(hours=48),
    ),
    "password_reset": Letter(
        subject="Reset your password",
        text="""\
Somebody, we hope you, has forgotten the password of your Course Companion account. To set a new one, enter this code
where you asked for it:

{token}

It works once, until {expires_at:%Y-%m-%d %H:%M} UTC. Every device will have to sign in again.
For programs: POST {public_url}/api/v1/auth/password/reset

If it was not you, ignore this mail; your password stays as it is.
""",
        lifetime=timedelta(hours=1),
    ),
    "password_changed": Letter(
        subject="Your password was changed",
        text="""\
The password of your Course Companion account was changed, and every device was signed out.

If it was not you, set a new password now: ask for a reset at the sign-in of your course.
For programs: POST {public_url}/api/v1/auth/password/forgot
""",
        lifetime=timedelta(hours=48),
        carries_token=False,
    ),
}


async def post(session: AsyncSession, *, kind: Kind, student_id: UUID | None) -> None:
    """Put a mail in the outbox: it leaves after the commit. For no student it never does, and costs the same work."""
    expires_at = func.now() + LETTERS[kind].lifetime
    await session.execute(insert(AccountMail).values(kind=kind, student_id=student_id, expires_at=expires_at))


def compose(*, mail_id: UUID, kind: Kind, recipient: str, expires_at: datetime, settings: Settings) -> EmailMessage:
    """The mail of one row, with its token. Its Message-ID is always the same, should it have to be sent again."""
    letter = LETTERS[kind]
    token = single_use.mint(mail_id, kind=kind, secret=settings.token_secrets[0]) if letter.carries_token else ""
    message = EmailMessage()
    message["To"] = recipient
    message["Subject"] = f"Course Companion: {letter.subject}"
    message["Message-ID"] = f"<{mail_id}@{urlsplit(settings.public_url).hostname or 'localhost'}>"
    message["Date"] = format_datetime(expires_at - letter.lifetime)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text.format(token=token, expires_at=expires_at, public_url=settings.public_url))
    return message


async def holder(session: AsyncSession, *, token: str, kind: Kind, settings: Settings) -> Student:
    """The student whom ``token`` was mailed to, while it is good; TokenRefused otherwise. It stays good."""
    student = await session.scalar(
        select(Student)
        .join(AccountMail, AccountMail.student_id == Student.student_id)
        .where(AccountMail.mail_id == _mail_id(token, kind, settings), _good(kind))
    )
    if student is None:
        raise TokenRefused
    return student


async def redeem(session: AsyncSession, *, token: str, kind: Kind, settings: Settings) -> UUID:
    """Whom ``token`` was mailed to; it and the student's other tokens of its kind are worth nothing from now on.

    The account is locked before its mails, here as everywhere, so no two requests can wait for each other.
    """
    mail_id = _mail_id(token, kind, settings)
    student_id = await session.scalar(
        select(Student.student_id)
        .join(AccountMail, AccountMail.student_id == Student.student_id)
        .where(AccountMail.mail_id == mail_id)
        .with_for_update(key_share=True, of=Student)
    )
    redeemed = await session.scalar(
        delete(AccountMail).where(AccountMail.mail_id == mail_id, _good(kind)).returning(AccountMail.student_id)
    )
    if student_id is None or redeemed is None:
        raise TokenRefused
    await withdraw(session, kind=kind, student_id=student_id)
    return student_id


async def withdraw(session: AsyncSession, *, kind: Kind, student_id: UUID) -> None:
    """Make every token of this kind worthless, and send none that waits."""
    await session.execute(delete(AccountMail).where(AccountMail.student_id == student_id, AccountMail.kind == kind))


def _mail_id(token: str, kind: Kind, settings: Settings) -> UUID:
    try:
        return single_use.read(token, kind=kind, secrets=settings.token_secrets)
    except InvalidToken as error:
        raise TokenRefused from error


def _good(kind: Kind) -> ColumnElement[bool]:
    return (AccountMail.kind == kind) & (AccountMail.expires_at > func.now())
