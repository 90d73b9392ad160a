"""Who is calling: what a service knows of a signed-in learner."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared_schemas.wire import Request, Response

SubscriptionTier = Literal["free", "premium", "pro"]
Role = Literal["student", "admin"]
Audience = Literal["api", "app"]


def effective_tier(bought: SubscriptionTier, expires_at: datetime | None, now: datetime) -> SubscriptionTier:
    """What a subscription is worth at ``now``: ``free`` once it has run out."""
    return "free" if expires_at is not None and expires_at <= now else bought


class Learner(Response):
    """A bearer token resolved: a live session of a student, with the entitlement of this moment.

    ``subscription_tier`` is what was bought, and stays when it runs out; ``effective_tier`` is what it is worth now.
    """

    student_id: UUID
    session_id: UUID
    role: Role
    subscription_tier: SubscriptionTier
    subscription_expires_at: AwareDatetime | None
    token_expires_at: AwareDatetime

    def effective_tier(self, now: datetime) -> SubscriptionTier:
        """The tier that counts at ``now``: ``free`` once the subscription has run out."""
        return effective_tier(self.subscription_tier, self.subscription_expires_at, now)

    def ended_at(self, now: datetime) -> datetime | None:
        """When a paid subscription ran out, if it has by ``now``."""
        expires = self.subscription_expires_at
        return expires if self.effective_tier(now) != self.subscription_tier else None


class ResolveRequest(Request):
    """A bearer token that intelligence or the ChatGPT app was shown, to be resolved by core.

    ``audience`` says who was shown it: a token for the one is worth nothing to the other.
    """

    token: str = Field(min_length=1, max_length=4096)
    audience: Audience = "api"
