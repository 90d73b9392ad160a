"""Accounts and sessions: registering, signing in, and the profile."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, EmailStr, Field, StringConstraints

from shared_schemas.claims import Role, SubscriptionTier
from shared_schemas.wire import Request, Response

LONGEST_EMAIL = 320
LONGEST_NAME = 200
LONGEST_PASSWORD = 256
LONGEST_TIMEZONE = 64

Password = Annotated[str, Field(min_length=1, max_length=LONGEST_PASSWORD)]
FullName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, strip_whitespace=True)]
Timezone = Annotated[str, Field(min_length=1, max_length=LONGEST_TIMEZONE, description="an IANA name: Europe/Berlin")]


class RegisterRequest(Request):
    """A new account. What a good password is, is core's to say."""

    email: Annotated[EmailStr, Field(max_length=LONGEST_EMAIL)]
    password: Password
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
    """An account as its owner sees it; ``user_id`` and ``student_id`` are the same."""

    user_id: UUID
    student_id: UUID
    email: str
    full_name: str | None
    timezone: str
    role: Role
    subscription_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    created_at: AwareDatetime


class ProfileChange(Request):
    """What to change; a member left out stays as it is, and ``full_name: null`` removes the name."""

    full_name: FullName | None = None
    timezone: Timezone = "UTC"
