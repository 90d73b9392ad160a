"""What the plans offer and cost, as students are told when a gate or a quota stops them."""

from intelligence.settings import get_settings

PREMIUM_PRICING: dict[str, float | None] = {"monthly": 9.99, "annual": 99.99}
PRO_PRICING: dict[str, float | None] = {"monthly": 19.99, "annual": None}
PREMIUM_BENEFITS = [
    "Every chapter of the course",
    "A personal learning path, made from your own quiz results",
    "Graded, written feedback on open questions",
]


def upgrade_url() -> str:
    """Where a student reads what the plans hold: the same address that core names."""
    return f"{get_settings().public_url}/api/v1/access/upgrade"
