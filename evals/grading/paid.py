"""The evaluation with the model that the settings name. It costs money, and says how much first."""

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

from evals.grading import report
from evals.grading.attacks import lifts, read_attacks
from evals.grading.cases import DRAWN_WITH, Case, own_cases
from evals.grading.grader import grade_all, worst_case_usd
from intelligence import llm
from intelligence.settings import get_settings

ATTACKED = 2  # answers for each attack


async def run(collections: Mapping[str, Sequence[Case]], *, limit: int) -> list[str]:
    """Print agreement on at most ``limit`` answers of each collection, and what attacks gain; judges nothing."""
    own = own_cases()
    poor = [case for case in own if case.quality == "poor"][:ATTACKED]
    chosen = {"our own 18 questions": random.Random(DRAWN_WITH).sample(own, min(limit, len(own))), **collections}
    attacks = random.Random(DRAWN_WITH).sample(read_attacks(), min(limit, len(read_attacks())))
    calls = 2 * sum(map(len, chosen.values())) + (len(attacks) + 1) * len(poor)
    at_most = 2 * sum((worst_case_usd(cases) for cases in chosen.values()), Decimal(0))
    at_most += (len(attacks) + 1) * worst_case_usd(poor)
    print(f"{calls} calls to {get_settings().anthropic_model}, at most {at_most:.2f} USD; --limit makes it less.")
    spent = Decimal(0)
    try:
        for name, cases in chosen.items():
            first, second = await grade_all(cases), await grade_all(cases)
            spent += sum((one.cost_usd for one in (*first, *second)), Decimal(0))
            report.agreement(name, first, second)
            report.by_quality(first)
        report.attack_lift("orders to the grader", await lifts(attacks, poor))
    finally:
        await llm.close()
    print(f"\nThe grades cost {spent:.4f} USD; the attacks are not counted in.")
    return []
