"""Entitlement: what a subscription opens, what there is to buy, and how an operator sets it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, ValidationInfo, field_validator

from shared_schemas.claims import SubscriptionTier
from shared_schemas.course import Tier
from shared_schemas.wire import Request, Response

EARLIEST_YEAR = 2000
LATEST_YEAR = 2999


def _within_reason(value: AwareDatetime) -> AwareDatetime:
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise ValueError(f"a year from {EARLIEST_YEAR} to {LATEST_YEAR} is expected")
    return value


Instant = Annotated[AwareDatetime, AfterValidator(_within_reason)]


class ChapterAccess(Response):
    """A chapter and the tier that opens it."""

    chapter_id: str
    title: str
    access_tier: Tier


class Plan(Response):
    """Something to buy; prices in US dollars, ``yearly_price`` null where there is none."""

    plan: SubscriptionTier
    monthly_price: float
    yearly_price: float | None
    currency: str
    benefits: list[str]


class AccessStatus(Response):
    """What a student may read now, in words too. ``subscription_tier`` is what the subscription is worth now."""

    message: str
    subscription_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    expired: bool
    accessible_chapters: list[ChapterAccess]
    locked_chapters: list[ChapterAccess]
    benefits: list[str]
    upgrade_url: str
    plans: list[Plan]


class UpgradeOffer(Response):
    """The plans above the one a student has."""

    message: str
    current_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    locked_chapters: list[ChapterAccess]
    benefits: list[str]
    upgrade_url: str
    plans: list[Plan]


class SubscriptionChangeRequest(Request):
    """The entitlement to set; an expiry of null means until it is changed, and is never taken for granted."""

    subscription_tier: SubscriptionTier
    subscription_expires_at: Instant | None

    @field_validator("subscription_expires_at")
    @classmethod
    def _free_has_no_end(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        if value is not None and info.data.get("subscription_tier") == "free":
            raise ValueError("free does not run out: null is expected with it")
        return value


class AccessChange(Response):
    """One change of a student's entitlement; ``changed_by`` is the operator, null where their account is gone."""

    changed_at: AwareDatetime
    changed_by: UUID | None
    previous_tier: SubscriptionTier
    previous_expires_at: AwareDatetime | None
    new_tier: SubscriptionTier
    new_expires_at: AwareDatetime | None


class FoundStudent(Response):
    """A student as an operator sees them; ``subscription_tier`` was bought, ``effective_tier`` is its worth now."""

    student_id: UUID
    email: str
    subscription_tier: SubscriptionTier
    effective_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    email_verified: bool
    created_at: AwareDatetime
    access_changes: list[AccessChange]


class FoundStudents(Response):
    """The students who were asked for, each with the latest changes of access, newest first."""

    students: list[FoundStudent]


class Subscription(Response):
    """The entitlement of a student after a change."""

    student_id: UUID
    subscription_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    changed_at: AwareDatetime
