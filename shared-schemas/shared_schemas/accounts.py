"""Accounts and sessions: registering, signing in, and the profile."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, EmailStr, Field, StringConstraints

from shared_schemas.claims import Role, SubscriptionTier
from shared_schemas.wire import Request, Response

LONGEST_EMAIL = 320
LONGEST_NAME = 200
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 256
LONGEST_MAILED_TOKEN = 128
LONGEST_TIMEZONE = 64


def _alone(value: Any) -> Any:
    if isinstance(value, str) and "<" in value:
        raise ValueError("write the e-mail address alone, without a name")
    return value


NewEmail = Annotated[EmailStr, Field(max_length=LONGEST_EMAIL), BeforeValidator(_alone)]
Password = Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD)]


def _plainly_measured(value: Any) -> Any:
    if isinstance(value, str) and len(value) < SHORTEST_PASSWORD:
        raise ValueError(f"Use at least {SHORTEST_PASSWORD} characters.")
    if isinstance(value, str) and len(value) > LONGEST_PASSWORD:
        raise ValueError(f"Use at most {LONGEST_PASSWORD} characters.")
    return value


# People read what a form says of their password, so the bounds are told before pydantic tells them in its own words.
NewPassword = Annotated[
    str, Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD), BeforeValidator(_plainly_measured)
]
MailedToken = Annotated[str, Field(min_length=1, max_length=LONGEST_MAILED_TOKEN, description="as it was mailed")]
FullName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, strip_whitespace=True)]
Timezone = Annotated[str, Field(min_length=1, max_length=LONGEST_TIMEZONE, description="an IANA name: Europe/Berlin")]


class RegisterRequest(Request):
    """A new account. What a good password is, is core's to say."""

    email: NewEmail
    password: NewPassword
    full_name: FullName | None = None
    timezone: Timezone = "UTC"


class Registered(Response):
    """The account that was made."""

    user_id: UUID
    email: str
    full_name: str | None
    subscription_tier: SubscriptionTier
    created_at: AwareDatetime


class LoginRequest(Request):
    """Any text is an e-mail address here: a wrong one is answered like a wrong password."""

    email: Annotated[str, Field(min_length=1, max_length=LONGEST_EMAIL)]
    password: Password


class SignedInUser(Response):
    """Who has signed in; ``subscription_tier`` is what the subscription is worth now."""

    user_id: UUID
    email: str
    full_name: str | None
    role: Role
    subscription_tier: SubscriptionTier


class Tokens(Response):
    """A fresh pair of tokens; ``expires_in`` seconds of the access token."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    refresh_token: str


class SignedIn(Tokens):
    """A new session."""

    user: SignedInUser


class RefreshRequest(Request):
    """The refresh token of the last login or refresh."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class Profile(Response):
    """An account as its owner sees it; ``user_id`` and ``student_id`` are the same.

    ``subscription_tier`` is what the subscription is worth now; its expiry stays readable when it has passed.
    """

    user_id: UUID
    student_id: UUID
    email: str
    full_name: str | None
    timezone: str
    role: Role
    subscription_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    email_verified: bool
    created_at: AwareDatetime


class ProfileChange(Request):
    """What to change; a member left out stays as it is, and ``full_name: null`` removes the name."""

    full_name: FullName | None = None
    timezone: Timezone = "UTC"


class PasswordChange(Request):
    """The password as it is, and as it shall be; what a good one is, is core's to say."""

    current_password: Password
    new_password: NewPassword


class PasswordForgotten(Request):
    """Any text is an e-mail address here: one that nobody has is answered like every other."""

    email: Annotated[str, Field(min_length=1, max_length=LONGEST_EMAIL)]


class PasswordReset(Request):
    """A new password, by the token that was mailed."""

    token: MailedToken
    new_password: NewPassword


class EmailVerification(Request):
    """The token that was mailed at registration."""

    token: MailedToken


class AccountDeletion(Request):
    """The password, once more: what follows cannot be undone."""

    password: Password


class MailUnderWay(Response):
    """That a mail was asked for; whether there was anybody to send it to, nobody is told."""

    message: str


class AccountExport(Response):
    """Everything core holds on a student: the account, and by the name of each table the student's rows in it."""

    exported_at: AwareDatetime
    student_id: UUID
    user_id: UUID
    account: dict[str, Any]
    records: dict[str, list[dict[str, Any]]]
