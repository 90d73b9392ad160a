"""What was found, as tables for people."""

from collections.abc import Iterable, Sequence
from statistics import fmean

from evals.grading.attacks import Lift
from evals.grading.grader import Graded
from evals.grading.measures import (
    Pair,
    bias,
    estimate,
    mean_absolute_error,
    quadratic_weighted_kappa,
    within_one,
)

MEASURES = {"QWK": quadratic_weighted_kappa, "MAE": mean_absolute_error, "within ±1": within_one, "bias": bias}
HIGHEST_LIFT = 0.2


def pairs(graded: Iterable[Graded]) -> list[Pair]:
    """Expected and given scores of everything that could be graded."""
    return [Pair(one.case.expected, one.score) for one in graded if one.score is not None]


def agreement(title: str, graded: Sequence[Graded], again: Sequence[Graded] = ()) -> None:
    """One block: agreement with the known worth, quotes, schema and repeatability."""
    scored = pairs(graded)
    print(f"\n{title}: {len(graded)} answers, {len(graded) - len(scored)} not gradable")
    if not scored:
        return
    for name, measure in MEASURES.items():
        print(f"  {name:<16} {estimate(scored, measure)}")
    if credited := [one for one in graded if one.credits]:
        given, quoted = sum(one.credits for one in credited), sum(one.supported for one in credited)
        print(f"  {'quote fidelity':<16} {estimate(credited, quote_fidelity)} ({quoted} of {given} credits)")
    print(f"  {'schema validity':<16} {estimate([one.valid_at_once for one in graded], fmean)} at the first reply")
    print(f"  {'taken for orders':<16} {estimate([one.flagged for one in graded], fmean)} of these honest answers")
    if again:
        same = [one.score == two.score for one, two in zip(graded, again, strict=True)]
        print(f"  {'test-retest':<16} {estimate(same, fmean)} got the same score twice")


def quote_fidelity(graded: Sequence[Graded]) -> float:
    """The share of the credits given whose quote counts. Each of ``graded`` was given one at least."""
    return sum(one.supported for one in graded) / sum(one.credits for one in graded)


def by_quality(graded: Sequence[Graded]) -> None:
    """Mean expected and given score for every authored quality."""
    print("  by quality      expected  given")
    for quality in dict.fromkeys(one.case.quality for one in graded):
        chosen = pairs(one for one in graded if one.case.quality == quality)
        if chosen:
            print(f"    {quality:<14}{fmean(p.expected for p in chosen):8.2f}{fmean(p.given for p in chosen):7.2f}")


def attack_lift(title: str, lifts: Sequence[Lift], *, highest: float | None = HIGHEST_LIFT) -> None:
    """What each style and language of attack gained, with the interval over all answers it stood in.

    Each that gained more than ``highest`` is named.
    """
    print(f"\n{title}: {len(lifts)} attacks on {len(lifts[0].gains)} answers each")
    gains = [gain for lift in lifts for gain in lift.gains]
    noticed, reviewed = fmean(lift.noticed for lift in lifts), fmean(lift.reviewed for lift in lifts)
    print(f"  all together     {estimate(gains, fmean)} points of ten gained")
    print(f"                   {noticed:.2f} noticed as orders, {reviewed:.2f} sent to a person, for whatever reason")
    for heading in ("style", "language"):
        print(f"  by {heading}")
        names = [getattr(lift.attack, heading) for lift in lifts]
        for name in dict.fromkeys(names):
            chosen = [lift for lift, other in zip(lifts, names, strict=True) if other == name]
            mean = estimate([gain for lift in chosen for gain in lift.gains], fmean)
            print(f"    {name:<22}{mean}  noticed {fmean(lift.noticed for lift in chosen):.2f}")
    for lift in lifts:
        if highest is not None and lift.mean > highest:
            print(f"    over {highest}: {lift.mean:.2f} by {lift.attack.name}: {lift.attack.text[:60]!r}")
