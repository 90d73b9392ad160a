"""Quota and cost as they go over the wire. Money in US dollars, as numbers."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared_schemas.claims import SubscriptionTier
from shared_schemas.paths import Pagination
from shared_schemas.reviews import Note
from shared_schemas.wire import Request, Response

UsageFeature = Literal["adaptive_path", "assessment", "check"]
QuotaName = Literal["adaptive_paths", "assessments"]
Limit = Literal["adaptive_paths", "assessments", "spend"]


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
    """What one student cost; `student_id` is null for checks, regrades and deleted accounts."""

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
    answer: it is not part of `total_cost_usd`. `simulated_requests` were answered by the model simulator: their cost is
    what the model would have cost, and nobody pays it.
    """

    period: CostPeriod
    total_cost_usd: float
    total_requests: int
    average_cost_per_student: float
    unknown_requests: int
    unknown_cost_usd: float
    simulated_requests: int
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
    """This month at a glance. `ceiling_usd` is null when there is none; nobody pays for `simulated_requests`."""

    month: str
    spent_usd: float
    held_usd: float
    unknown_usd: float
    ceiling_usd: float | None
    total_requests: int
    simulated_requests: int
    failed_requests: int
    active_students: int
    breakdown_by_feature: list[FeatureCost]


class UnitsStanding(Response):
    """A month's units of one feature; `limit` counts `gifted` units in and is null where none is known."""

    used: int
    limit: int | None
    gifted: int


class SpendStanding(Response):
    """A month's dollars: spent, held for calls at work, and the worst case of lost ones."""

    committed_usd: float
    ceiling_usd: float | None


class StudentNearLimit(Response):
    """A student who may be refused soon; `near` names the limits of which 80 % or more are used."""

    student_id: UUID
    near: list[Limit]
    adaptive_paths: UnitsStanding
    assessments: UnitsStanding
    spend: SpendStanding


class StudentsNearLimits(Response):
    """Students near a limit in this month (UTC), the nearest first. Limits are those of each one's last request."""

    month: str
    reset_date: AwareDatetime
    students: list[StudentNearLimit]
    pagination: Pagination


class GiftRequest(Request):
    """Units on top of a student's plan, for this month."""

    feature: QuotaName
    units: Annotated[int, Field(ge=1, le=1000, strict=True)]
    note: Note


class QuotaGift(Response):
    """A gift as it stands in the record; `gifted_this_month` is what all gifts of the month come to.

    `effect` says on which plans a gift counts: plans are core's, so this service does not know the student's.
    """

    gift_id: UUID
    student_id: UUID
    month: str
    feature: QuotaName
    units: int
    gifted_this_month: int
    effect: str
    note: str
    given_at: AwareDatetime


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
    operator_actions: list[dict[str, Any]]
