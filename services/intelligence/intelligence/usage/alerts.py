"""The monthly cost alert: one e-mail to the operator, each student named once a month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import aiosmtplib
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from intelligence.database import transaction
from intelligence.settings import Settings
from intelligence.usage.costs import SIMULATED

SMTP_SECONDS = 20
LEASE_SECONDS = 300.0  # longer than any mail takes
SUBMISSIONS_PORT = 465  # TLS from the first byte; elsewhere STARTTLS

# Takes the alerts of the month that are neither sent nor being sent, so that two runs at once can not both send one.
_CLAIM = text(
    "INSERT INTO llm_cost_alerts AS a (student_id, month, cost_usd, sent_at, lease_until) "
    "SELECT student_id, current_utc_month(), sum(cost_usd), NULL, now() + make_interval(secs => :lease_seconds) "
    "FROM llm_usage_logs WHERE student_id IS NOT NULL "
    "AND deleted_at IS NULL AND request_timestamp >= current_utc_month()::timestamp AT TIME ZONE 'UTC' "
    "GROUP BY student_id HAVING sum(cost_usd) > CAST(:threshold AS numeric) "
    "ON CONFLICT (student_id, month) DO UPDATE SET cost_usd = excluded.cost_usd, lease_until = excluded.lease_until "
    "WHERE a.sent_at IS NULL AND a.lease_until < now() RETURNING student_id, month, cost_usd"
)
_SIMULATED = text(
    "SELECT DISTINCT student_id FROM llm_usage_logs "  # noqa: S608  # a constant
    f"WHERE student_id = ANY(:students) AND spend_month = current_utc_month() AND {SIMULATED}"
)
_SETTLE = text(
    "UPDATE llm_cost_alerts SET sent_at = CASE WHEN :sent THEN now() END, lease_until = now() "
    "WHERE student_id = ANY(:students) AND month = :month AND sent_at IS NULL"
)


class AlertNotSent(Exception):
    """The mail server could not be reached, or refused the e-mail; the next run tries again."""


@dataclass(frozen=True)
class Alert:
    """A student over the threshold, with what this month has cost so far in US dollars.

    ``simulated``: the simulator answered some of it, for which nobody pays.
    """

    student_id: UUID
    month: date
    cost_usd: Decimal
    simulated: bool = False


async def send_new(settings: Settings) -> list[Alert]:
    """Send one e-mail that names who is over the threshold this month and was not named before; whom it named.

    Without a mail server or an address nobody counts as named: the caller shows them, now and next time. No transaction
    is open while the mail is on its way. A run that dies after the mail and before it is noted lets a later one send it
    again.
    """
    async with transaction() as session:
        claimed = (
            await session.execute(
                _CLAIM, {"threshold": settings.llm_cost_alert_threshold, "lease_seconds": LEASE_SECONDS}
            )
        ).all()
        found = await _alerts(session, claimed)
    if not found:
        return []
    sent = False
    try:
        if has_recipient(settings):
            body = alert_text(found, settings.llm_cost_alert_threshold)
            await send(settings, subject=f"Course Companion: {len(found)} cost alert(s)", body=body)
            sent = True
    finally:
        students = [alert.student_id for alert in found]
        async with transaction() as session:
            await session.execute(_SETTLE, {"sent": sent, "students": students, "month": found[0].month})
    return found


async def _alerts(session: AsyncSession, rows: Sequence[Row[Any]]) -> list[Alert]:
    """The rows of a claim as alerts, the dearest first."""
    students = [row.student_id for row in rows]
    simulated = set(await session.scalars(_SIMULATED, {"students": students}))
    found = (Alert(row.student_id, row.month, row.cost_usd, row.student_id in simulated) for row in rows)
    return sorted(found, key=lambda alert: (-alert.cost_usd, alert.student_id))


def has_recipient(settings: Settings) -> bool:
    """Whether alerts leave this machine."""
    return bool(settings.llm_cost_alert_email and settings.smtp_server)


def alert_text(alerts: Sequence[Alert], threshold: Decimal) -> str:
    """The body of the e-mail: one line a student."""
    lines = [f"{len(alerts)} student(s) over {threshold:.2f} USD this month:", ""]
    lines += [
        f"  {one.student_id}  {one.cost_usd:.4f} USD  ({one.month:%Y-%m}){', simulated: nobody pays' * one.simulated}"
        for one in alerts
    ]
    return "\n".join([*lines, "", "GET /api/v1/admin/students?student_id=ID tells who that is.", ""])


async def send(settings: Settings, *, subject: str, body: str) -> None:
    """One e-mail to LLM_COST_ALERT_EMAIL; raises AlertNotSent.

    With a username, and everywhere but in development, it goes over TLS or not at all.
    """
    tls = settings.smtp_port == SUBMISSIONS_PORT
    secret = settings.production or settings.smtp_username is not None
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
            use_tls=tls,
            start_tls=True if secret and not tls else None,
            timeout=SMTP_SECONDS,
        )
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise AlertNotSent(f"{settings.smtp_server}:{settings.smtp_port}: {error}") from error
