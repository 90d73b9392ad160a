"""What an operator can run: `intelligence --help`."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from intelligence import activity, content, health, llm, processes
from intelligence.database import describe, transaction
from intelligence.errors import ServiceError
from intelligence.settings import get_settings
from intelligence.usage import alerts, costs, metering, purge, self_check, sweeper, write_off
from intelligence.usage.attempts import Cause
from intelligence.usage.trouble import ModelUnavailable

app = typer.Typer(
    help="Operator's commands of the intelligence service.", no_args_is_help=True, pretty_exceptions_enable=False
)

logger = logging.getLogger(__name__)

T = TypeVar("T")
AliveFile = Annotated[
    Path | None, typer.Option(help="A file to touch whenever the queue was looked at: when it grows old, this hangs.")
]

CHECK_SECONDS = 60.0
CHECK_TOKENS = 1000
WORKER_NICENESS = 5  # where they share a machine, students who wait for a path come before answers in a queue


class CheckAnswer(BaseModel):
    """What the model says to a connection check."""

    reply: str


@app.command()
def worker(alive_file: AliveFile = None) -> None:
    """Grade submitted answers until stopped. SIGTERM: finish the answer at hand, then end."""
    os.nice(WORKER_NICENESS)
    _run(partial(_work, alive_file))


@app.command("check-model")
def check_model() -> None:
    """Ask the model one small question, for real money: prints the model, the tokens used and its reply."""
    processes.start()
    settings = get_settings()
    if settings.model_key is None:
        _fail("ANTHROPIC_API_KEY is not set.")
    if notice := health.retirement_notice(settings.anthropic_model):
        typer.echo(f"Warning: {notice}")
    typer.echo(f"Asking {settings.anthropic_model} at {settings.anthropic_base_url} …")
    try:
        answer = _run(_check)
    except ModelUnavailable as error:
        _fail(f"No answer: {error.told}.")
    except ServiceError as error:
        _fail(f"No answer: {error.code}: {error.message}")
    typer.echo(f"Model: {answer.model}")
    typer.echo(f"Tokens used: {answer.tokens_used}")
    unpaid = " (simulated: nobody pays)" if answer.simulated else ""
    typer.echo(f"Cost: {answer.cost_usd:.6f} USD{unpaid} in {answer.latency_ms} ms")
    typer.echo(f"Reply: {answer.result.reply}")


@app.command("cost-alerts")
def cost_alerts() -> None:
    """Tell the operator, once each, of students over LLM_COST_ALERT_THRESHOLD this month; made for cron.

    Sends one e-mail to LLM_COST_ALERT_EMAIL by SMTP_SERVER. When either is not set it is printed here, and nobody is
    marked as reported.
    """
    try:
        _run(_alert)
    except alerts.AlertNotSent as error:
        _fail(f"The e-mail could not be sent, nothing is marked as reported: {error}")


@app.command("purge")
def purge_old(
    days: Annotated[int, typer.Option(min=1, help="Erase what is older than so many days.")] = 90,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be erased.")] = False,
) -> None:
    """Erase texts sent to and received from the model, and used idempotency keys. Numbers stay for ever."""
    _run(partial(_purge, days, dry_run=dry_run))


@app.command("write-off")
def write_off_lost(
    since: Annotated[datetime, typer.Argument(help="From this moment on (UTC), such as 2026-12-01T14:00.")],
    until: Annotated[datetime, typer.Argument(help="Up to this moment (UTC).")],
    student: Annotated[UUID | None, typer.Option(help="Only this student's.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what is held.")] = False,
) -> None:
    """Give back what is held for attempts without an answer: after an outage for which the provider billed nothing."""
    _run(partial(_write_off, since.replace(tzinfo=UTC), until.replace(tzinfo=UTC), student, dry_run=dry_run))


@app.command("self-check")
def check_sums(
    months: Annotated[int, typer.Option(min=1, max=120, help="How many months, the current one first.")] = 2,
) -> None:
    """Compare ledger, students, installation, units and what operators see; made for cron at night.

    Prints each sum as it was booked and as it is counted now. Exits with 1 when two differ.
    """
    sums, simulated = _run(partial(_check_sums, months))
    typer.echo("\n".join(self_check.table(sums)))
    if simulated:
        typer.echo(f"{simulated} calls of this month were simulated: nobody pays for them.")
    if wrong := sum(not one.agrees for one in sums):
        _fail(f"{wrong} of {len(sums)} sums differ.")
    typer.echo(f"All {len(sums)} sums agree.")


async def _check_sums(months: int) -> tuple[list[self_check.Sum], int]:
    """The sums, and how many calls of this month the simulator answered."""
    async with transaction() as session:
        return await self_check.check(session, months=months), (await costs.summary(session)).simulated_requests


async def _work(alive_file: Path | None) -> None:
    from intelligence.assessments import worker as grading  # noqa: PLC0415  # other commands do without it

    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await processes.warm_up()
    logger.info("grading answers until SIGTERM")
    until_stopped = [asyncio.create_task(work.run(stop)) for work in (sweeper, activity)]
    refreshing = asyncio.create_task(content.refresh_every())
    try:
        await (grading.run(stop, alive=alive_file.touch) if alive_file else grading.run(stop))
    finally:
        stop.set()
        refreshing.cancel()
        await asyncio.gather(refreshing, return_exceptions=True)
        await asyncio.gather(*until_stopped)


async def _check() -> metering.Answer[CheckAnswer]:
    file = llm.load_prompt("check")
    question = json.dumps({"word": "ready"})
    prompt = llm.Prompt(
        task="check",
        version=file.version,
        system=file.system,
        user=f"<task>check</task>\n<input>{question}</input>",
        answer_type=CheckAnswer,
        max_tokens=CHECK_TOKENS,
    )
    await processes.warm_up()  # the time told is the model's, not that of loading its SDK
    return await metering.ask(prompt, Cause("check"), deadline_seconds=CHECK_SECONDS)


async def _alert() -> None:
    settings = get_settings()
    threshold = settings.llm_cost_alert_threshold
    found = await alerts.send_new(settings)
    if not found:
        typer.echo(f"No new student is over {threshold:.2f} USD this month.")
        return
    if alerts.has_recipient(settings):
        typer.echo(f"Sent {len(found)} cost alert(s) to {settings.llm_cost_alert_email}:")
    else:
        typer.echo("LLM_COST_ALERT_EMAIL or SMTP_SERVER is not set: printed here, nobody marked as reported.")
    typer.echo(alerts.alert_text(found, threshold))


async def _purge(days: int, *, dry_run: bool) -> None:
    for found in await purge.count_old(days):
        if dry_run:
            typer.echo(f"{found.table}: {found.rows} rows older than {days} days would be erased")
            continue
        erased = 0
        while batch := await purge.erase_batch(found.table, days):
            erased += batch
            typer.echo(f"{found.table}: {erased} of {max(erased, found.rows)} erased")
        if not erased:
            typer.echo(f"{found.table}: nothing older than {days} days")


async def _write_off(since: datetime, until: datetime, student: UUID | None, *, dry_run: bool) -> None:
    held = await write_off.find(since, until, student_id=student)
    typer.echo(f"{held.calls} attempts without an answer, for which {held.held_usd:.4f} USD are held.")
    if not dry_run:
        typer.echo(f"{await write_off.give_back(since, until, student_id=student)} settled as not billed.")


def _run(work: Callable[[], Awaitable[T]]) -> T:
    """Do the work as a process of this service does: refuse an unsafe start, let go of every connection at the end."""
    processes.start()

    async def whole() -> T:
        try:
            return await work()
        finally:
            await processes.shut_down()

    try:
        return asyncio.run(whole())
    except (SQLAlchemyError, OSError) as error:
        _fail(f"The database can not be used: {describe(error)}")


def _fail(line: str) -> NoReturn:
    typer.echo(line, err=True)
    sys.exit(1)
