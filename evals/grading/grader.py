"""Grading as the product grades: its prompt, its door to the model, its quote checks, its arithmetic.

Only the ledger is left out, which needs a database: a paid run prints beforehand what it may cost. Refused and lost
attempts are tried again after the product's pauses.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import uuid4

from evals.grading.cases import Case
from intelligence import llm
from intelligence.assessments import grading, steering
from intelligence.assessments.grading import Assignment, GradeAnswer
from intelligence.assessments.masking import mask
from intelligence.llm import NoUsableReply, Prompt, ProviderRefused, Reply
from intelligence.settings import get_settings
from intelligence.usage import metering, pricing, replies
from intelligence.usage.replies import UnusableReply
from shared_schemas.assessments import Level

AT_ONCE = 8
SECONDS_A_CALL = 60.0


@dataclass(frozen=True)
class Graded:
    """What came of one answer. ``score`` is None where no reply came, or even a second one could not be used.

    ``flagged``: orders were found in it; ``reviewed``: whatever was found sends it to a person.
    ``credits`` are the criteria that the model gave credit for, ``supported`` those of them whose quote counts.
    """

    case: Case
    score: float | None
    valid_at_once: bool
    credits: int = 0
    supported: int = 0
    flagged: bool = False
    reviewed: bool = False
    cost_usd: Decimal = Decimal(0)


def assignment(case: Case, *, protected: bool = True) -> Assignment:
    """The answer made ready; ``protected`` False leaves orders to the grader in, to see what they would do."""
    task = grading.assignment(case.course, case.question_id, case.answer)
    return task if protected else replace(task, shown=mask(case.answer), steering_removed=False)


def oracle(cases: Iterable[tuple[Case, Assignment]]) -> dict[str, dict[str, Level]]:
    """What the simulator's mode `oracle` is told: the levels that each answer, as it is shown, deserves."""
    return {_digest(task): dict(case.levels) for case, task in cases}


def obeyed(cases: Iterable[tuple[Case, Assignment]], attack: str) -> dict[str, Level]:
    """What a gullible grader of every language does: full marks wherever a sentence of the attack is left to read.

    A wrapped attack is one sentence: its lines are words that stand in honest answers too.
    """
    sentences = [attack] if "\n" in attack else [one.strip() for one in steering.sentences(attack) if one.strip()]
    return {_digest(task): "full" for _, task in cases if any(sentence in task.shown for sentence in sentences)}


def _digest(task: Assignment) -> str:
    return hashlib.sha256(task.shown.encode()).hexdigest()


def worst_case_usd(cases: Iterable[Case]) -> Decimal:
    """The most that grading these once can cost, each with a repair."""
    prompts = [grading.prompt(assignment(case)) for case in cases]
    return sum((llm.worst_case_usd(one) + llm.worst_case_usd(one.corrected("")) for one in prompts), Decimal(0))


async def grade_all(cases: Sequence[Case], *, protected: bool = True) -> list[Graded]:
    """Every case graded, a few at a time, in the order given."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(case: Case) -> Graded:
        async with places:
            return await grade(case, protected=protected)

    return list(await asyncio.gather(*(one(case) for case in cases)))


async def grade(case: Case, *, protected: bool = True) -> Graded:
    """One case graded, with one repair of a reply that cannot be used, as the product does."""
    task = assignment(case, protected=protected)
    prompt = grading.prompt(task)
    answer, cost, problem = await _ask(prompt)
    valid_at_once = answer is not None
    if problem is not None:
        answer, more, _ = await _ask(prompt.corrected(problem))
        cost += more
    if answer is None:
        return Graded(case, None, valid_at_once, cost_usd=cost)
    result = grading.result(task, answer, submission_id=uuid4())
    credited = [one for one in answer.criteria if one.level != "none"]
    supported = [one for one in result.grade.criteria if one.level != "none"]
    return Graded(
        case=case,
        score=float(result.grade.score),
        valid_at_once=valid_at_once,
        credits=0 if answer.off_topic else len(credited),
        supported=len(supported),
        flagged=result.instructions_in_answer,
        reviewed=any(reason != "sample" for reason in result.review_reasons),
        cost_usd=cost,
    )


async def _reply(prompt: Prompt[GradeAnswer]) -> Reply | None:
    """The model's reply, asked for again as often as the product does. Raises ProviderRefused where that is no use."""
    pauses = [metering.FIRST_PAUSE_SECONDS * 2**failures for failures in range(get_settings().anthropic_max_retries)]
    for pause in [*pauses, None]:
        asked_for = None
        try:
            return await llm.create(prompt, timeout_seconds=SECONDS_A_CALL)
        except ProviderRefused as refused:
            if not refused.can_try_again:
                raise
            asked_for = refused.retry_after
        except NoUsableReply:
            pass
        if pause is not None:
            await asyncio.sleep(min(asked_for or pause, SECONDS_A_CALL))
    return None


async def _ask(prompt: Prompt[GradeAnswer]) -> tuple[GradeAnswer | None, Decimal, str | None]:
    """The answer, its cost in dollars, and what is wrong with it; nothing at all where no attempt got a reply."""
    reply = await _reply(prompt)
    if reply is None:
        return None, Decimal(0), None
    cost = pricing.cost(reply.usage, llm.current_price())
    try:
        return replies.parse(reply, prompt.answer_type), cost, None
    except UnusableReply as unusable:
        return None, cost, str(unusable)
