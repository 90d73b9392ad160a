"""Quota and money: what a student may still do this month, and what the installation has spent."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from intelligence import cache
from intelligence.errors import ServiceError
from intelligence.plans import PREMIUM_PRICING, PRO_PRICING, upgrade_url
from intelligence.settings import get_settings
from shared_schemas.claims import Learner
from shared_schemas.usage import FeatureQuota, Quota, UpgradeOption

Feature = Literal["adaptive_path", "assessment"]
# A feature is named by its unit in the ledger and by its plural on the wire.
QUOTA_NAMES: dict[Feature, str] = {"adaptive_path": "adaptive_paths", "assessment": "assessments"}
SWITCHED: dict[Feature, str] = {"adaptive_path": "Adaptive paths", "assessment": "Graded answers"}


class QuotaExceeded(ServiceError):
    """The month's units of a feature are used up."""

    status = 429
    code = "RATE_LIMIT_EXCEEDED"
    message = "You have used all of this month's quota for this feature."


class FeatureDisabled(ServiceError):
    """The operator has switched a feature off."""

    status = 503
    code = "FEATURE_DISABLED"

    def __init__(self, feature: Feature) -> None:
        super().__init__(f"{SWITCHED[feature]} are switched off at the moment.")


class SpendCeilingReached(ServiceError):
    """A student's monthly spend could pass the ceiling."""

    status = 429
    code = "SPEND_CEILING_REACHED"
    message = "Your budget of this month is used up or held for requests under way. It starts afresh next month."

    def __init__(self, resets_at: datetime) -> None:
        super().__init__(details={"reset_date": _iso(resets_at)}, headers=_until(resets_at))


class ServiceBudgetExhausted(ServiceError):
    """The whole installation's monthly spend could pass its ceiling."""

    status = 503
    code = "SERVICE_BUDGET_EXHAUSTED"
    message = "The course's budget for this month is used up or held for requests under way. Your quota is untouched."

    def __init__(self, resets_at: datetime) -> None:
        super().__init__(details={"reset_date": _iso(resets_at)}, headers=_until(resets_at))


class Swept(NamedTuple):
    """How many calls were settled as unknown, and how many reservations released."""

    calls: int
    reservations: int


@dataclass(frozen=True)
class QuotaUse:
    """What a student has used in the current month, and was given on top. `month`: its first day, UTC."""

    month: date
    adaptive_paths: int
    assessments: int
    adaptive_paths_gifted: int = 0
    assessments_gifted: int = 0

    @property
    def resets_at(self) -> datetime:
        """The moment the next month begins."""
        return next_month(self.month)


def next_month(month: date) -> datetime:
    """The first moment of the month after this one, UTC."""
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return datetime.combine(following, time(), UTC)


def resets_after(moment: datetime) -> datetime:
    """When the month of this moment ends."""
    return next_month(moment.astimezone(UTC).date())


def limit_of(learner: Learner, feature: Feature) -> int | None:
    """How many units a month this learner's plan has now, gifts aside: None without a limit, 0 for a free one."""
    tier = learner.effective_tier(datetime.now(UTC))
    if tier == "pro":
        return None
    if tier == "free":
        return 0
    settings = get_settings()
    return settings.premium_adaptive_paths_limit if feature == "adaptive_path" else settings.premium_assessments_limit


def refusal(
    refused_by: str, *, learner: Learner, feature: Feature, used: int, limit: int | None, month: date
) -> ServiceError:
    """The error that tells a student which limit refused, and what can be done."""
    resets_at = next_month(month)
    if refused_by == "switched_off":
        return FeatureDisabled(feature)
    if refused_by == "student_ceiling":
        return SpendCeilingReached(resets_at)
    if refused_by == "installation_ceiling":
        return ServiceBudgetExhausted(resets_at)
    options = upgrade_options(learner)
    return QuotaExceeded(
        f"You have used all {limit} {QUOTA_NAMES[feature].replace('_', ' ')} of this month.",
        extra={
            "quota": {
                "feature": QUOTA_NAMES[feature],
                "used": used,
                "limit": limit,
                "reset_date": _iso(resets_at),
            },
            "upgrade_option": options[-1].model_dump(mode="json") if options else None,
        },
        headers=_until(resets_at),
    )


def upgrade_options(learner: Learner) -> list[UpgradeOption]:
    """The plans that offer more than the learner's own, the best last."""
    tier = learner.effective_tier(datetime.now(UTC))
    settings = get_settings()
    premium = UpgradeOption(
        tier="premium",
        description=(
            f"{settings.premium_adaptive_paths_limit} adaptive paths and "
            f"{settings.premium_assessments_limit} graded answers a month"
        ),
        pricing=PREMIUM_PRICING,
        upgrade_url=upgrade_url(),
    )
    pro = UpgradeOption(
        tier="pro",
        description="Adaptive paths and graded answers without a monthly count",
        pricing=PRO_PRICING,
        upgrade_url=upgrade_url(),
    )
    return {"free": [premium, pro], "premium": [pro], "pro": []}[tier]


async def quota_use(postgres: asyncpg.Connection, student_id: UUID) -> QuotaUse:
    """What a student has used in the month of PostgreSQL's clock."""
    return QuotaUse(*await postgres.fetchrow(QUOTA_USE, student_id))


# The columns of a QuotaUse, of the student $1; another statement may join itself to it.
QUOTA_USE = (
    "SELECT m.month, coalesce(adaptive_paths_used, 0), coalesce(assessments_used, 0),"
    " coalesce(adaptive_paths_gifted, 0), coalesce(assessments_gifted, 0)"
    " FROM (SELECT current_utc_month() AS month) m LEFT JOIN premium_usage_quotas q"
    " ON q.month = m.month AND q.student_id = $1::uuid"
)


def mirror_quota(student_id: UUID, use: QuotaUse) -> None:
    """Copy the used counts to Redis, where they expire with the month. PostgreSQL stays the truth."""
    prefix = f"quota:{student_id}:{use.month:%Y-%m}"
    counts = {f"{prefix}:adaptive_paths": use.adaptive_paths, f"{prefix}:assessments": use.assessments}
    cache.put_counts(counts, expire_at=use.resets_at)


def quota_of(learner: Learner, use: QuotaUse) -> Quota:
    """The learner's quota as it goes over the wire."""
    paths, assessments = _feature_quotas(learner, use)
    return Quota(
        student_id=learner.student_id,
        subscription_tier=learner.effective_tier(datetime.now(UTC)),
        month=f"{use.month:%Y-%m}",
        adaptive_paths=paths,
        assessments=assessments,
        upgrade_options=upgrade_options(learner),
    )


def quota_headers(learner: Learner, use: QuotaUse) -> dict[str, str]:
    """`X-RateLimit-Limit-Paths` and its five siblings; a plan without a limit says `unlimited`."""
    headers: dict[str, str] = {}
    for name, feature in zip(("Paths", "Assessments"), _feature_quotas(learner, use), strict=True):
        headers[f"X-RateLimit-Limit-{name}"] = _number_or_unlimited(feature.limit)
        headers[f"X-RateLimit-Remaining-{name}"] = _number_or_unlimited(feature.remaining)
        headers[f"X-RateLimit-Reset-{name}"] = _iso(feature.reset_date)
    return headers


async def sweep(postgres: asyncpg.Connection) -> Swept:
    """Settle what crashed processes left open. One call may leave some for the next: go on until it finds nothing."""
    return Swept(*await postgres.fetchrow("SELECT calls, reservations FROM sweep_abandoned()"))


def _until(moment: datetime) -> dict[str, str]:
    return {"Retry-After": str(max(1, round((moment - datetime.now(UTC)).total_seconds())))}


def _iso(moment: datetime) -> str:
    """As the bodies of answers have it."""
    return moment.isoformat().replace("+00:00", "Z")


def _feature_quotas(learner: Learner, use: QuotaUse) -> tuple[FeatureQuota, FeatureQuota]:
    paths, assessments = limit_of(learner, "adaptive_path"), limit_of(learner, "assessment")
    return (
        _feature_quota(use.adaptive_paths, paths, use.adaptive_paths_gifted, use.resets_at),
        _feature_quota(use.assessments, assessments, use.assessments_gifted, use.resets_at),
    )


def _feature_quota(used: int, plan: int | None, gifted: int, resets_at: datetime) -> FeatureQuota:
    # A gift raises what a plan allows; a plan without a limit, or without the feature, stays as it is.
    limit = plan + gifted if plan else plan
    remaining = None if limit is None else max(0, limit - used)
    return FeatureQuota(used=used, limit=limit, remaining=remaining, reset_date=resets_at)


def _number_or_unlimited(value: int | None) -> str:
    return "unlimited" if value is None else str(value)
