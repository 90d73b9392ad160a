"""Accounts: registering, and the profile."""

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from core.auth import mails
from core.auth.passwords import what_is_weak
from core.auth.throttle import REGISTER_BY_ACCOUNT, REGISTER_BY_ADDRESS, Attempt, take
from core.errors import InvalidFields, ServiceError
from core.models import Student
from core.settings import Settings
from shared_schemas.accounts import Profile, ProfileChange, Registered, RegisterRequest
from shared_schemas.claims import Role, SubscriptionTier, effective_tier

NO_PLACES = {"localtime", "Factory"}  # a machine's own zone and a placeholder, in some copies of the database
UNKNOWN_TIMEZONE = "an IANA time zone is expected, such as Europe/Berlin or UTC"


class AccountExists(ServiceError):
    """There is an account with this e-mail address already."""

    status = 409
    code = "DUPLICATE_RESOURCE"

    def __init__(self) -> None:
        super().__init__(details={"field": "email"})


class AccountGone(ServiceError):
    """This account does not exist any more."""

    status = 404
    code = "RESOURCE_NOT_FOUND"


def check_registration(request: RegisterRequest) -> None:
    """Raise InvalidFields where the password is weak or the time zone unknown."""
    problems = {}
    if weakness := what_is_weak(request.password, email=request.email):
        problems["password"] = weakness
    if request.timezone not in _timezones():
        problems["timezone"] = UNKNOWN_TIMEZONE
    if problems:
        raise InvalidFields(problems)


async def count_registration(session: AsyncSession, *, email: str, address: str, settings: Settings) -> None:
    """Count one registration by client address and e-mail address; TooManyAttempts."""
    attempts = Attempt(REGISTER_BY_ADDRESS, address), Attempt(REGISTER_BY_ACCOUNT, email.lower())
    await take(session, *attempts, settings=settings)


@dataclass(frozen=True)
class NewAccount:
    """An account to make; a subscription without an expiry does not run out."""

    email: str
    password_hash: str
    full_name: str | None = None
    timezone: str = "UTC"
    role: Role = "student"
    subscription_tier: SubscriptionTier = "free"
    subscription_expires_at: datetime | None = None


async def add_account(session: AsyncSession, *, account: NewAccount) -> UUID | None:
    """The id of the account that was made; None where the e-mail address has one, in whatever case it is written."""
    statement = insert(Student).values(**asdict(account)).on_conflict_do_nothing().returning(Student.student_id)
    return await session.scalar(statement)


async def create_account(session: AsyncSession, *, request: RegisterRequest, password_hash: str) -> Registered:
    """A new free account, and a mail to confirm its address. Raises AccountExists."""
    account = NewAccount(request.email, password_hash, full_name=request.full_name, timezone=request.timezone)
    student_id = await add_account(session, account=account)
    if student_id is None:
        raise AccountExists
    await mails.post(session, kind="email_verification", student_id=student_id)
    made = await _student(session, student_id)
    return Registered(
        user_id=made.student_id,
        email=made.email,
        full_name=made.full_name,
        subscription_tier=made.subscription_tier,
        created_at=made.created_at,
    )


async def profile(session: AsyncSession, *, student_id: UUID, now: datetime) -> Profile:
    """The account as its owner sees it, with what the subscription is worth ``now``."""
    student = await _student(session, student_id)
    return Profile(
        user_id=student.student_id,
        student_id=student.student_id,
        email=student.email,
        full_name=student.full_name,
        timezone=student.timezone,
        role=student.role,
        subscription_tier=effective_tier(student.subscription_tier, student.subscription_expires_at, now),
        subscription_expires_at=student.subscription_expires_at,
        email_verified=student.email_verified_at is not None,
        created_at=student.created_at,
    )


async def _student(session: AsyncSession, student_id: UUID) -> Student:
    student = await session.scalar(select(Student).where(Student.student_id == student_id))
    if student is None:
        raise AccountGone
    return student


async def change_profile(session: AsyncSession, *, student_id: UUID, change: ProfileChange, now: datetime) -> Profile:
    """Change the members that were sent; the profile after it."""
    values = change.model_dump(exclude_unset=True)
    if values.get("timezone", "UTC") not in _timezones():
        raise InvalidFields({"timezone": UNKNOWN_TIMEZONE})
    if values:
        await session.execute(
            update(Student).where(Student.student_id == student_id).values(**values, updated_at=func.now())
        )
    return await profile(session, student_id=student_id, now=now)


@cache
def _timezones() -> set[str]:
    return available_timezones() - NO_PLACES
