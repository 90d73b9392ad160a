"""Accounts and sign-in: what core takes and answers."""

from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, EmailStr, Field, StringConstraints

from shared_schemas.claims import Role, SubscriptionTier
from shared_schemas.wire import Request, Response

MINIMUM_PASSWORD = 8
MAXIMUM_PASSWORD = 128


def _known_timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("not a time zone of the IANA database, such as Europe/Berlin")
    return value


def _plain(value: str) -> str:
    if any(ord(character) < ord(" ") or 0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise ValueError("holds control characters")
    return value


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_timezone)]
FullName = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_plain)
]
Email = Annotated[EmailStr, Field(max_length=254)]
NewPassword = Annotated[str, Field(min_length=MINIMUM_PASSWORD, max_length=MAXIMUM_PASSWORD), AfterValidator(_plain)]
Password = Annotated[str, Field(min_length=1, max_length=MAXIMUM_PASSWORD), AfterValidator(_plain)]
RefreshToken = Annotated[str, Field(min_length=1, max_length=512)]


class Registration(Request):
    """A new account. ``timezone`` decides which day an evening counts to; UTC when it is left out."""

    email: Email
    password: NewPassword
    full_name: FullName | None = None
    timezone: TimeZone = "UTC"


class Login(Request):
    """E-mail address and password."""

    email: Annotated[str, Field(min_length=3, max_length=254), AfterValidator(_plain)]
    password: Password


class Refresh(Request):
    """The refresh token of a session."""

    refresh_token: RefreshToken


class ProfileChange(Request):
    """What of a profile may change; a member left out stays."""

    full_name: FullName | None = None
    timezone: TimeZone | None = None


class Registered(Response):
    """The account that was made."""

    user_id: UUID
    email: str
    full_name: str | None
    subscription_tier: SubscriptionTier
    created_at: AwareDatetime


class SignedInUser(Response):
    """Who has signed in."""

    user_id: UUID
    email: str
    subscription_tier: SubscriptionTier


class Tokens(Response):
    """An access token for an hour, and the refresh token that comes next. ``expires_in`` in seconds."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    refresh_token: str


class LoginAnswer(Tokens):
    """Tokens, and who they belong to."""

    user: SignedInUser


class Profile(Response):
    """What an account says of its owner."""

    user_id: UUID
    student_id: UUID
    email: str
    full_name: str | None
    timezone: str
    role: Role
    subscription_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    created_at: AwareDatetime
