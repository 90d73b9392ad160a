"""Everything this service keeps on one student."""

import json
import re
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import inspect, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.models import (
    AdaptivePath,
    AdaptivePathCompletion,
    AssessmentFeedback,
    AssessmentSubmission,
    Exchange,
    OperatorAction,
    PremiumUsageQuota,
    StudentSpend,
    Table,
    UsageLog,
)
from shared_schemas.usage import UsageExport

# How this service does its work, and who else had to do with it: not what it knows of the student.
INTERNAL_COLUMNS = {"lease_until", "lease_token", "run_after", "grading_runs", "operator_id"}
# What a request to the model says of the student. The rest is the grader's: with it, who exports while an answer waits
# to be graded would know how it is graded, and both examples, before the next attempt.
OWN_PARTS = ("answer", "candidates", "weak_areas")
INPUT = re.compile(r"<input>(.*)</input>", re.DOTALL)


async def everything(session: AsyncSession, student_id: UUID) -> UsageExport:
    """Every row on the student, the oldest first, columns as the tables name them."""
    paths = await _rows(session, AdaptivePath, student_id, order="generated_at")
    completions = (
        await session.scalars(
            select(AdaptivePathCompletion)
            .join(AdaptivePath, AdaptivePath.path_id == AdaptivePathCompletion.path_id)
            .where(AdaptivePath.student_id == student_id)
            .order_by(AdaptivePathCompletion.completed_at)
        )
    ).all()
    return UsageExport(
        student_id=student_id,
        exported_at=(await session.execute(text("SELECT now()"))).scalar_one(),
        adaptive_paths=paths,
        completed_recommendations=[_columns(row) for row in completions],
        submissions=await _rows(session, AssessmentSubmission, student_id, order="submitted_at"),
        feedback=await _rows(session, AssessmentFeedback, student_id, order="generated_at"),
        quotas=await _rows(session, PremiumUsageQuota, student_id, order="month"),
        monthly_spend=await _rows(session, StudentSpend, student_id, order="month"),
        model_calls=await _rows(session, UsageLog, student_id, order="request_timestamp"),
        model_exchanges=await _exchanges(session, student_id),
        operator_actions=await _rows(session, OperatorAction, student_id, order="done_at"),
    )


async def _rows(session: AsyncSession, table: type[Table], student_id: UUID, *, order: str) -> list[dict[str, Any]]:
    columns = table.__table__.c
    found = await session.scalars(select(table).where(columns.student_id == student_id).order_by(columns[order]))
    return [_columns(row) for row in found]


async def _exchanges(session: AsyncSession, student_id: UUID) -> list[dict[str, Any]]:
    """Of each request to the model its time and, under `sent`, the student's own part of it."""
    found = await session.scalars(
        select(Exchange).where(Exchange.student_id == student_id).order_by(Exchange.created_at)
    )
    return [
        {
            "call_id": row.call_id,
            "student_id": row.student_id,
            "created_at": row.created_at,
            "sent": own_part(row.request_body),
        }
        for row in found
    ]


def own_part(request_body: dict[str, Any]) -> dict[str, Any]:
    """The student's answer or learning facts in a request to the model; empty where it holds neither."""
    with suppress(LookupError, TypeError, ValueError):
        found = INPUT.search(request_body["messages"][0]["content"])
        document = json.loads(found[1]) if found else {}
        return {name: document[name] for name in OWN_PARTS if name in document}
    return {}


def _columns(row: Table) -> dict[str, Any]:
    names = (column.key for column in inspect(type(row)).columns)
    return {name: getattr(row, name) for name in names if name not in INTERNAL_COLUMNS}
