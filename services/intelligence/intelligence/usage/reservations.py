"""Reservations: a quota unit, and the money an attempt may cost, held before the model is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from intelligence.settings import get_settings
from intelligence.usage.service import Feature, FeatureDisabled, limit_of, refusal
from shared_schemas.claims import Learner


class Limits(NamedTuple):
    """What the database functions check for one learner and feature, in this order; None is no limit."""

    quota: int | None
    student_ceiling_usd: Decimal | None
    installation_ceiling_usd: Decimal | None
    switched_on: bool


def limits_of(learner: Learner, feature: Feature) -> Limits:
    """The limits of this learner's plan and of the installation's settings, as they are now."""
    settings = get_settings()
    enabled = {"adaptive_path": settings.enable_adaptive_paths, "assessment": settings.enable_llm_assessments}
    return Limits(
        limit_of(learner, feature),
        settings.llm_student_monthly_ceiling_usd,
        settings.llm_monthly_ceiling_usd,
        enabled[feature],
    )


@dataclass
class Reservation:
    """One quota unit and the worst case of one attempt, wanted for a learner.

    `reservation_id` is None until they are taken, by `take` or together with the ledger's row of a first attempt;
    `when_taken` is called then. `lease_seconds` None: something durable owns the reservation; otherwise the sweeper
    releases it when the lease has run out.
    """

    learner: Learner
    feature: Feature
    reference_id: UUID
    worst_case_usd: Decimal
    lease_seconds: float | None
    when_taken: Callable[[], None] = lambda: None
    reservation_id: UUID | None = None

    async def take(self, postgres: asyncpg.Connection) -> UUID:
        """Take both, atomically; the reservation's id.

        Raises QuotaExceeded, SpendCeilingReached, ServiceBudgetExhausted or FeatureDisabled, in this order, and then
        nothing is taken. Best a transaction by itself: it holds the locks of the limits until the commit.
        """
        row = await postgres.fetchrow(RESERVE, *self.values)
        if row["reservation_id"] is not None and not self.switched_on:
            await close_reservation(postgres, row["reservation_id"], keep=False)
            raise FeatureDisabled(self.feature)  # only here, because a 503 comes after every other refusal
        return self.taken(row)

    def taken(self, answer: asyncpg.Record) -> UUID:
        """The id, by what RESERVE answers; raises its refusal."""
        raise_refusal(answer, learner=self.learner, feature=self.feature)
        reservation_id: UUID = answer["reservation_id"]
        self.reservation_id = reservation_id
        self.when_taken()
        return reservation_id

    @property
    def switched_on(self) -> bool:
        """Whether the operator lets the feature be used."""
        return limits_of(self.learner, self.feature).switched_on

    @property
    def values(self) -> tuple[Any, ...]:
        """What RESERVE is asked with: $1 to $8."""
        *limits, _ = limits_of(self.learner, self.feature)
        lease = None if self.lease_seconds is None else timedelta(seconds=self.lease_seconds)
        return self.learner.student_id, self.feature, self.reference_id, *limits, self.worst_case_usd, lease


RESERVE = (
    "SELECT refused_by, reservation_id, used, month, quota_limit FROM reserve($1::uuid, $2::text, $3::uuid, "
    "$4::integer, $5::numeric, $6::numeric, $7::numeric, $8::interval)"
)
RESERVE_VALUES = 8


async def close_reservation(postgres: asyncpg.Connection, reservation_id: UUID, *, keep: bool) -> bool:
    """End a reservation once; `keep=False` gives the quota unit back to its month. False when it was ended before."""
    closed: bool = await postgres.fetchval("SELECT close_reservation($1::uuid, $2::boolean)", reservation_id, keep)
    return closed


def raise_refusal(answer: asyncpg.Record, *, learner: Learner, feature: Feature) -> None:
    """Raise what has refused, if anything, by a database function's `refused_by`, `used`, `quota_limit` and `month`."""
    refused_by = answer["refused_by"]
    if refused_by is not None:
        use = {"used": answer["used"], "limit": answer["quota_limit"], "month": answer["month"]}
        raise refusal(refused_by, learner=learner, feature=feature, **use)
