"""Taking a learner's first candidate steps as they come: the analysis that sends them has ranked them."""

from collections.abc import Mapping
from typing import Any

from model_simulator.schema import LABEL

MOST_RECOMMENDATIONS = 5
IMPACTS = {"review": "high", "retake": "high", "prerequisite": "high", "unsure": "low", "next": "low", "refresh": "low"}
REASONING_LABEL = "[Simulated reasoning, no model was asked]"


def recommend(task: Mapping[str, Any], *, invent: bool = False) -> dict[str, Any]:
    """The first five candidates in the order sent; with ``invent`` their ids are ones no course has."""
    recommendations = [
        {
            "chapter_id": f"99-invented-{place}" if invent else one["chapter_id"],
            "section_id": f"invented-section-{place}" if invent else one["section_id"],
            "reason": f"{LABEL} {one.get('title') or one['section_id']}: {one.get('reason') or 'next in the course.'}",
            "estimated_impact": IMPACTS.get(one.get("kind"), "medium"),
        }
        for place, one in enumerate(task["candidates"][:MOST_RECOMMENDATIONS])
    ]
    return {"recommendations": recommendations, "reasoning": _reasoning(task, len(recommendations))}


def _reasoning(task: Mapping[str, Any], chosen: int) -> str:
    if not task.get("include_reasoning", True):
        return ""
    weak = len(task.get("weak_areas") or [])
    return (
        f"{REASONING_LABEL} The first {chosen} of {len(task['candidates'])} candidate steps, the most urgent first;"
        f" the analysis names {weak} weak {'area' if weak == 1 else 'areas'}."
    )
