"""Ordering a learner's candidate steps by rules."""

from collections.abc import Mapping
from typing import Any

from model_simulator.schema import LABEL

MOST_RECOMMENDATIONS = 5
HIGH_FROM = 0.75  # of the best score
MEDIUM_FROM = 0.4
REASONING_LABEL = "[Simulated reasoning, no model was asked]"


def recommend(task: Mapping[str, Any], *, invent: bool = False) -> dict[str, Any]:
    """The best five candidates, best score first; with ``invent`` their ids are ones no course has."""
    ranked = sorted(task["candidates"], key=lambda one: -float(one.get("score") or 0))[:MOST_RECOMMENDATIONS]
    best = max((float(one.get("score") or 0) for one in ranked), default=0.0)
    recommendations = [
        {
            "chapter_id": f"99-invented-{place}" if invent else one["chapter_id"],
            "section_id": f"invented-section-{place}" if invent else one["section_id"],
            "reason": f"{LABEL} {one.get('title') or one['section_id']}: {one.get('reason') or 'next in the course.'}",
            "estimated_impact": _impact(float(one.get("score") or 0), best, place),
        }
        for place, one in enumerate(ranked)
    ]
    return {"recommendations": recommendations, "reasoning": _reasoning(task, len(recommendations))}


def _impact(score: float, best: float, place: int) -> str:
    if best <= 0:  # unscored candidates come ranked
        return ("high", "medium")[place] if place < 2 else "low"  # noqa: PLR2004 - the two names beside it
    return "high" if score >= HIGH_FROM * best else "medium" if score >= MEDIUM_FROM * best else "low"


def _reasoning(task: Mapping[str, Any], chosen: int) -> str:
    if not task.get("include_reasoning", True):
        return ""
    weak = len(task.get("weak_areas") or [])
    return (
        f"{REASONING_LABEL} {chosen} of {len(task['candidates'])} candidate steps, the highest score first;"
        f" the analysis names {weak} weak {'area' if weak == 1 else 'areas'}."
    )
