"""The tables of phase 2 as revisions 002 to 004, 009 and 012 made them; tests/migrations compares the two."""

from intelligence.models.base import Student, Table
from intelligence.models.learning import (
    AdaptivePath,
    AdaptivePathCompletion,
    AssessmentFeedback,
    AssessmentSubmission,
    LearningAction,
    OperatorAction,
)
from intelligence.models.money import (
    CostAlert,
    Exchange,
    IdempotencyKey,
    InstallationSpend,
    PremiumUsageQuota,
    Reservation,
    StudentSpend,
    UsageLog,
)

__all__ = [
    "AdaptivePath",
    "AdaptivePathCompletion",
    "AssessmentFeedback",
    "AssessmentSubmission",
    "CostAlert",
    "Exchange",
    "IdempotencyKey",
    "InstallationSpend",
    "LearningAction",
    "OperatorAction",
    "PremiumUsageQuota",
    "Reservation",
    "Student",
    "StudentSpend",
    "Table",
    "UsageLog",
]
