"""Entitlement: what a student may open, what the plans hold, and an operator's change of it."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared_schemas.claims import SubscriptionTier
from shared_schemas.wire import Request, Response


class Plan(Response):
    """A plan on offer; prices in US dollars, ``annual`` null where there is none."""

    tier: SubscriptionTier
    monthly: float
    annual: float | None
    benefits: list[str]


class Access(Response):
    """What is open to the student now. ``effective_tier`` is free once a subscription has run out."""

    subscription_tier: SubscriptionTier
    effective_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    accessible_chapters: list[str]
    locked_chapters: list[str]
    benefits: list[str]
    upgrade_url: str | None


class Upgrade(Response):
    """The plans above the student's own, and where to go on."""

    current_tier: SubscriptionTier
    message: str
    locked_chapters: list[str]
    benefits: list[str]
    plans: list[Plan]
    upgrade_url: str


class SubscriptionUpdate(Request):
    """A student's new subscription; without an expiry it does not run out."""

    subscription_tier: SubscriptionTier
    subscription_expires_at: Annotated[AwareDatetime | None, Field()] = None


class SubscriptionState(Response):
    """A student's subscription after an operator's change."""

    student_id: UUID
    subscription_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    previous_tier: SubscriptionTier
    changed_at: AwareDatetime
