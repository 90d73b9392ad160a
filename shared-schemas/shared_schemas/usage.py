"""Quota and cost as they go over the wire. Money in US dollars, as numbers."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime

from shared_schemas.claims import SubscriptionTier
from shared_schemas.wire import Response

UsageFeature = Literal["adaptive_path", "assessment", "check"]


class FeatureQuota(Response):
    """A month's units of one feature; `limit` and `remaining` are null in a plan without a limit."""

    used: int
    limit: int | None
    remaining: int | None
    reset_date: AwareDatetime


class UpgradeOption(Response):
    """A plan that offers more. `pricing`: US dollars, `monthly` and `annual` (null when not sold by the year)."""

    tier: SubscriptionTier
    description: str
    pricing: dict[str, float | None]
    upgrade_url: str


class Quota(Response):
    """What a student may still do this month. `subscription_tier` is what counts now: free once it has run out."""

    student_id: UUID
    subscription_tier: SubscriptionTier
    month: str
    adaptive_paths: FeatureQuota
    assessments: FeatureQuota
    upgrade_options: list[UpgradeOption]


class CostPeriod(Response):
    """Both dates inclusive, UTC."""

    start_date: date
    end_date: date


class FeatureCost(Response):
    """What one feature cost."""

    feature: UsageFeature
    total_requests: int
    total_cost_usd: float
    average_cost_per_request: float


class StudentCost(Response):
    """What one student cost; `student_id` is null for checks and for accounts that were deleted."""

    student_id: UUID | None
    total_requests: int
    total_cost_usd: float
    average_cost_per_request: float


class DayCost(Response):
    """What one day (UTC) cost."""

    day: date
    total_requests: int
    total_cost_usd: float
    average_cost_per_request: float


class CostAlert(Response):
    """A student whose cost in one month is over the threshold."""

    type: Literal["COST_THRESHOLD_EXCEEDED"]
    student_id: UUID
    month: str
    cost_usd: float
    threshold_usd: float
    message: str


class Costs(Response):
    """The cost of a period, counted from the ledger.

    `total_requests` counts provider attempts. `unknown_cost_usd` is the worst case of attempts that ended without an
    answer: it is not part of `total_cost_usd`.
    """

    period: CostPeriod
    total_cost_usd: float
    total_requests: int
    average_cost_per_student: float
    unknown_requests: int
    unknown_cost_usd: float
    top_users_by_cost: list[StudentCost]
    alerts: list[CostAlert]


class CostsByFeature(Costs):
    """Broken down by feature."""

    breakdown_by_feature: list[FeatureCost]


class CostsByStudent(Costs):
    """Broken down by student, the most expensive first."""

    breakdown_by_student: list[StudentCost]


class CostsByDay(Costs):
    """Broken down by day; days without a call are absent."""

    breakdown_by_day: list[DayCost]


class CostSummary(Response):
    """This month at a glance. `ceiling_usd` is null when the installation has none."""

    month: str
    spent_usd: float
    held_usd: float
    unknown_usd: float
    ceiling_usd: float | None
    total_requests: int
    failed_requests: int
    active_students: int
    breakdown_by_feature: list[FeatureCost]


class UsageExport(Response):
    """Everything intelligence keeps on one student, each list oldest first."""

    student_id: UUID
    exported_at: AwareDatetime
    adaptive_paths: list[dict[str, Any]]
    completed_recommendations: list[dict[str, Any]]
    submissions: list[dict[str, Any]]
    feedback: list[dict[str, Any]]
    quotas: list[dict[str, Any]]
    monthly_spend: list[dict[str, Any]]
    model_calls: list[dict[str, Any]]
    model_exchanges: list[dict[str, Any]]
