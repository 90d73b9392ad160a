"""What the model is asked about a path, and what of its answer is taken. Pure but for reading the prompt file."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from pydantic import BaseModel, Field

from intelligence import llm
from intelligence.llm import Prompt
from intelligence.paths.findings import Analysis, Step
from shared_schemas.paths import Impact

MAXIMUM_TOKENS = 2500
MOST_STEPS = 5
LONGEST_REASON = 600
LONGEST_REASONING = 2000

PLAIN_REASONING = (
    "These sections follow from your quiz results and reading so far: what other sections build on comes first, then "
    "what helps most."
)


class WordedStep(BaseModel):
    """One chosen candidate in the model's words."""

    chapter_id: str
    section_id: str
    reason: str
    estimated_impact: Impact


class WordedPath(BaseModel):
    """What the model must answer with."""

    recommendations: list[WordedStep] = Field(min_length=1)
    reasoning: str


class ChosenStep(BaseModel):
    """One step of a path as it is stored; the first of a path comes first."""

    chapter_id: str
    section_id: str
    reason: str
    estimated_impact: Impact
    estimated_time_minutes: int


def prompt(analysis: Analysis) -> Prompt[WordedPath]:
    """The question to the model. Nothing in it says who the student is."""
    file = llm.load_prompt("path")
    document = {
        "candidates": [
            {
                "chapter_id": step.chapter_id,
                "section_id": step.section_id,
                "title": step.title,
                "kind": step.kind,
                "reason": step.reason,
                "estimated_time_minutes": step.estimated_time_minutes,
                "score": step.score,
            }
            for step in analysis.candidates
        ],
        "weak_areas": [asdict(area) for area in analysis.weak_areas],
        "include_reasoning": True,  # always made, so that a path given again can show it to whoever wants it then
    }
    encoded = json.dumps(document, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
    return Prompt(
        task="path",
        version=file.version,
        system=file.system,
        user=f"Choose and order the student's next steps.\n<task>path</task>\n<input>{encoded}</input>",
        answer_type=WordedPath,
        max_tokens=MAXIMUM_TOKENS,
    )


def choose(worded: WordedPath, candidates: Sequence[Step]) -> tuple[list[ChosenStep], str]:
    """One to five steps with the reasoning behind them.

    What is no candidate, or was chosen before, is dropped; where nothing remains, the analysis decides alone.
    """
    known = {(step.chapter_id, step.section_id): step for step in candidates}
    chosen: dict[tuple[str, str], ChosenStep] = {}
    for words in worded.recommendations:
        step = known.get((words.chapter_id, words.section_id))
        if step is not None:
            reason = words.reason.strip()[:LONGEST_REASON] or step.reason
            chosen.setdefault((step.chapter_id, step.section_id), _chosen(step, reason, words.estimated_impact))
    if not chosen:
        return [_chosen(step, step.reason, step.impact) for step in candidates[:MOST_STEPS]], PLAIN_REASONING
    return list(chosen.values())[:MOST_STEPS], worded.reasoning.strip()[:LONGEST_REASONING] or PLAIN_REASONING


def _chosen(step: Step, reason: str, impact: Impact) -> ChosenStep:
    return ChosenStep(
        chapter_id=step.chapter_id,
        section_id=step.section_id,
        reason=reason,
        estimated_impact=impact,
        estimated_time_minutes=step.estimated_time_minutes,
    )
