"""The monthly cost alert: one e-mail to the operator, each student named once a month."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from email.message import EmailMessage
from uuid import UUID

import aiosmtplib
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.settings import Settings

SMTP_SECONDS = 20
SUBMISSIONS_PORT = 465

# Takes the alerts of the month not sent before, so that two runs at once can not both send one.
_CLAIM = text(
    "INSERT INTO llm_cost_alerts (student_id, month, cost_usd) "
    "SELECT student_id, current_utc_month(), sum(cost_usd) FROM llm_usage_logs WHERE student_id IS NOT NULL "
    "AND deleted_at IS NULL AND request_timestamp >= current_utc_month()::timestamp AT TIME ZONE 'UTC' "
    "GROUP BY student_id HAVING sum(cost_usd) > CAST(:threshold AS numeric) "
    "ON CONFLICT (student_id, month) DO NOTHING RETURNING student_id, month, cost_usd"
)


class AlertNotSent(Exception):
    """The mail server could not be reached, or refused the e-mail; the next run tries again."""


async def new_alerts(session: AsyncSession, threshold: Decimal) -> list[tuple[UUID, date, Decimal]]:
    """Students over the threshold this month who were not reported yet, the dearest first; marked as reported."""
    rows = (await session.execute(_CLAIM, {"threshold": threshold})).all()
    return sorted(((row.student_id, row.month, row.cost_usd) for row in rows), key=lambda alert: (-alert[2], alert[0]))


def alert_text(alerts: Sequence[tuple[UUID, date, Decimal]], threshold: Decimal) -> str:
    """The body of the e-mail: one line a student."""
    lines = [f"{len(alerts)} student(s) over {threshold:.2f} USD this month:", ""]
    lines += [f"  {student_id}  {cost:.4f} USD  ({month:%Y-%m})" for student_id, month, cost in alerts]
    return "\n".join([*lines, "", "GET /api/v2/admin/costs?group_by=student shows what they did.", ""])


async def send(settings: Settings, *, subject: str, body: str) -> None:
    """One e-mail to LLM_COST_ALERT_EMAIL; raises AlertNotSent."""
    message = EmailMessage()
    message["From"] = settings.smtp_from or settings.smtp_username or "course-companion@localhost"
    message["To"] = settings.llm_cost_alert_email or ""
    message["Subject"] = subject
    message.set_content(body)
    try:
        await aiosmtplib.send(
            message,
            hostname=settings.smtp_server,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value() or None,
            use_tls=settings.smtp_port == SUBMISSIONS_PORT,
            timeout=SMTP_SECONDS,
        )
    except (aiosmtplib.SMTPException, OSError) as error:
        raise AlertNotSent(f"{settings.smtp_server}:{settings.smtp_port}: {error}") from error
