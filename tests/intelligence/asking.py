"""Asking the model for one student, and what the ledger says of it."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from intelligence import llm
from intelligence.database import connection
from intelligence.usage import metering
from intelligence.usage.attempts import Cause
from intelligence.usage.metering import Answer
from intelligence.usage.reservations import Reservation
from tests.intelligence.conftest import Rows
from tests.intelligence.support import Said, learner, prompt

COST = Decimal("0.0004")  # 100 in at 2, 20 out at 10, for a million


async def reserve(student: UUID) -> UUID:
    async with connection() as postgres:
        return await wanted(student).take(postgres)


def wanted(student: UUID) -> Reservation:
    """What pays for one question, not taken yet."""
    return Reservation(
        learner=learner(student),
        feature="adaptive_path",
        reference_id=uuid4(),
        worst_case_usd=llm.worst_case_usd(prompt()),
        lease_seconds=60,
    )


class Asked:
    """One question asked for a student, and what the ledger says of it."""

    def __init__(self, student: UUID, rows: Rows) -> None:
        self.student = student
        self._rows = rows

    async def __call__(self, deadline_seconds: float = 10) -> Answer[Said]:
        return await metering.ask(
            prompt(),
            Cause("adaptive_path", await reserve(self.student), self.student),
            deadline_seconds=deadline_seconds,
        )

    async def log(self) -> list[dict[str, Any]]:
        return await self._rows(
            "SELECT * FROM llm_usage_logs WHERE student_id = $1 ORDER BY request_timestamp", self.student
        )

    async def outcomes(self) -> list[tuple[str, str | None]]:
        return [(row["outcome"], row["error_code"]) for row in await self.log()]

    async def spend(self) -> dict[str, Any]:
        found = await self._rows("SELECT * FROM llm_student_spend WHERE student_id = $1", self.student)
        return found[0]
