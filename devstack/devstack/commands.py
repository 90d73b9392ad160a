"""`devstack run`, `up`, `down`, `status`: what the Makefile calls."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from devstack import background, services
from devstack.plan import DATABASE, CannotStart, Plan, make_plan
from devstack.postgres import Postgres, without_password
from devstack.roster import Listed, end_leftovers, listed
from devstack.servers import answers
from devstack.stack import Stack, remove_data

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Course Companion on one machine, from installed packages.",
)
ROOT = Path(__file__).resolve().parents[2]
NOT_RELOADED = "The services reload when their code changes; the grading worker does not: start again for it."
PICK_ACCESS = "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])'"
HEALTH = {
    "nginx": "/healthz",
    "core": "/api/v1/health/ready",
    "intelligence": "/api/v2/health/ready",
    "chatgpt-app": "/support",
}
READ_AT_START = "Settings are read at the start: make down and make up take new ones."
NOTHING_RUNS = "Nothing is running: make up starts it."
LEFT_OVER = "What is left of a start that was killed runs still: make down ends it."
STARTING = "It is still starting: make status shows when it is ready, make down stops it."


def table(plan: Plan) -> str:
    """What runs where, and three commands to try: in production there are no accounts to try them with."""
    ports = plan.ports
    url = plan.gateway_url
    production = plan.setting("ENVIRONMENT") == "production"
    model = f"simulated, http://127.0.0.1:{ports.model_simulator}" if plan.simulated_model else "the provider's API"
    rows = [
        ("gateway", url),
        ("core", f"http://127.0.0.1:{ports.core}/api/v1/docs"),
        ("intelligence", f"http://127.0.0.1:{ports.intelligence}/api/v2/docs"),
        ("ChatGPT app", f"ChatGPT connects to {url}/mcp" + ("" if production else f"; {url}/preview shows it")),
        ("model", model),
        ("psql", f"psql {plan.database_url}"),
        ("Redis", plan.redis_url),
        ("S3", f"{plan.s3_endpoint}  keys and passwords: {plan.state / 'secrets.json'}"),
        ("logs", f"{plan.state / 'logs'}"),
    ]
    lines = ["", *(f"  {name:<13} {value}" for name, value in rows), ""]
    if production:
        return "\n".join(lines)
    login = '{"email":"premium@test.com","password":"premium123"}'
    tries = [
        f"  curl {url}/api/v1/health",
        f"  TOKEN=$(curl -s {url}/api/v1/auth/login --json '{login}' | {PICK_ACCESS})",
        f"  curl -X POST {url}/api/v2/adaptive/path -H \"Authorization: Bearer $TOKEN\" --json '{{}}'",
    ]
    return "\n".join([*lines, "Try:", *tries, ""])


def model_line(plan: Plan) -> str:
    """One line that says which model answers."""
    if plan.simulated_model:
        return "No ANTHROPIC_API_KEY is set: a model simulator answers, and every answer says that it is simulated."
    return "ANTHROPIC_API_KEY is set: answers come from the provider and cost money."


def serve(plan: Plan, lock: int | None = None) -> None:
    """Start everything, say what runs where, and stay until SIGINT or SIGTERM."""
    stop = threading.Event()
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, lambda *_: _first_or_hard(stop))
    with background.only_one(plan, lock):
        background.record(plan, ready=False)
        began = time.monotonic()
        stack = Stack(plan, say=typer.echo)
        stack.check()
        typer.echo(f"Starting Course Companion on {plan.gateway_url}")
        try:
            stack.start()
            background.record(plan, ready=True)
            typer.echo(f"Ready after {time.monotonic() - began:.1f} s. {model_line(plan)}")
            typer.echo(table(plan))
            typer.echo("Ctrl-C stops everything; the data stay.")
            if plan.reload:
                typer.echo(NOT_RELOADED)
            stack.watch(stop)
        finally:
            typer.echo("Stopping.")
            stack.stop()
            background.record(plan, ready=False, ended=True)


def _first_or_hard(stop: threading.Event) -> None:
    """The first signal stops in order, also while something is still starting."""
    if stop.is_set():
        return
    stop.set()
    raise KeyboardInterrupt


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Turn what stands in the way into one line and exit code 1."""
    try:
        yield
    except CannotStart as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _refuse(line: str) -> NoReturn:
    typer.secho(line, err=True, fg=typer.colors.RED)
    raise typer.Exit(1) from None


@app.command()
def run(
    *,
    reload: Annotated[bool, typer.Option(help="Reload the services when their code changes.")] = False,
    lock: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start everything in the foreground; Ctrl-C stops it."""
    with one_clear_line():
        serve(make_plan(ROOT, reload=reload), lock)


@app.command()
def up() -> None:
    """Start everything in the background; returns when it is healthy."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `down` may find us before what we start
    with one_clear_line():
        plan = make_plan(ROOT)
        state = background.running(plan)
        if state and not state.ready:
            raise CannotStart(STARTING)
        if state:
            typer.echo(f"It is running already on http://localhost:{state.port}. {READ_AT_START}")
            return
        log = background.start(plan, [sys.executable, "-m", "devstack", "run"])
        typer.echo(log.read_text(errors="replace").replace("Ctrl-C stops everything", "make down stops everything"))


def running_plan() -> Plan:
    """The plan of the stack of this folder that is running, on whatever port it was started; raises CannotStart."""
    plan = make_plan(ROOT)
    state = background.running(plan)
    if state is None:
        raise CannotStart(_nothing_runs(plan))
    if not state.ready:
        raise CannotStart(STARTING)
    return make_plan(ROOT, port=state.port, started_with=state.settings)


@app.command()
def down() -> None:
    """Stop what `up` started, or is starting, or what is left of it where it was killed; the data stay."""
    with one_clear_line():
        plan = make_plan(ROOT)
        stopped = background.stop(plan)
        if not stopped:
            with background.only_one(plan):
                stopped = end_leftovers(plan, typer.echo)
        typer.echo("Stopped; the data stay." if stopped else "Nothing is running.")


@app.command()
def status() -> None:
    """Say what runs where; exits 1 when something does not."""
    with one_clear_line():
        plan = running_plan()
        well = [(process.name, *standing(plan, process)) for process in listed(plan)]
        for name, is_well, word in well:
            typer.echo(f"  {name:<16} {word if is_well else 'NOT ' + word.upper()}")
        if make_plan(ROOT).simulated_model != any(name == "model simulator" for name, _, _ in well):
            typer.echo(f"  ANTHROPIC_API_KEY is not what it was. {READ_AT_START}")
        typer.echo(table(plan))
        if not all(is_well for _, is_well, _ in well):
            raise CannotStart(f"Not everything runs; the logs are in {plan.state / 'logs'}.")


def standing(plan: Plan, process: Listed) -> tuple[bool, str]:
    """Whether a process is as it should be, and the word for that: it answers through the gateway, or at least runs."""
    path = HEALTH.get(process.name)
    return (answers(plan.gateway_url + path), "answering") if path else (process.runs, "running")


@app.command()
def clean() -> None:
    """Remove the data of the local stack: database, bucket, logs, secrets."""
    with one_clear_line():
        plan = make_plan(ROOT)
        with background.only_one(plan):
            end_leftovers(plan, typer.echo)
            remove_data(plan)
        typer.echo(f"Removed the local data ({DATABASE} and its bucket).")


NO_SERVER = {"--help", "validate-course"}
ONLY_THE_BUCKET = {"publish", "seed-assessments"}
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=PASS_ON)
def core(context: typer.Context) -> None:
    """Run one of core's commands with the settings of the local stack: `core create-student --help`."""
    _become("core", context.args)


@app.command(context_settings=PASS_ON)
def intelligence(context: typer.Context) -> None:
    """Run one of intelligence's commands with the settings of the local stack: `intelligence check-model`."""
    _become("intelligence", context.args)


@app.command("chatgpt-app", context_settings=PASS_ON)
def chatgpt_app(context: typer.Context) -> None:
    """Run one of the ChatGPT app's commands with the settings of the local stack: `chatgpt-app kit FOLDER`."""
    _become("chatgpt-app", context.args)


@app.command(context_settings=PASS_ON)
def alembic(context: typer.Context) -> None:
    """Run Alembic on the local stack's database, as its owner: `alembic current`, `alembic downgrade 003_…`."""
    plan = _plan_for_commands()
    program = Path(sys.executable).parent / "alembic"
    os.chdir(ROOT)
    os.execve(program, ["alembic", *context.args], {**os.environ, "DATABASE_URL": plan.database_url})  # noqa: S606  # as below


@app.command(context_settings=PASS_ON)
def psql(context: typer.Context) -> None:
    """Open psql on the local stack's database, as its owner; arguments are passed on."""
    plan = _plan_for_commands()
    with one_clear_line():
        program = Postgres.prepare(plan).bin / "psql"
    place, password = without_password(plan.database_url)
    os.execve(program, ["psql", place, *context.args], {**os.environ, **password})  # noqa: S606  # as below


def _plan_for_commands(arguments: Sequence[str] = ()) -> Plan:
    """The running stack's plan. Without one the settings may name real servers, and some commands do without ours."""
    with one_clear_line():
        plan = make_plan(ROOT)
        if state := background.running(plan):
            return make_plan(ROOT, port=state.port, started_with=state.settings)
        lacking = plan.own_postgres
        if not ONLY_THE_BUCKET.isdisjoint(arguments):
            lacking = plan.own_s3 and plan.content_directory is None
        if lacking and NO_SERVER.isdisjoint(arguments):
            raise CannotStart(_nothing_runs(plan))
        return plan


def _nothing_runs(plan: Plan) -> str:
    """What to say where nobody holds the lock."""
    if any(process.is_left for process in listed(plan)):
        return LEFT_OVER
    log = background.log_file(plan)
    return f"{NOTHING_RUNS} What the last one said is in {log}." if log.exists() else NOTHING_RUNS


def _become(room: str, arguments: list[str]) -> None:
    plan = _plan_for_commands(arguments or ["--help"])
    program = services.environment_folder(plan, room) / room
    told = {"core": services.core_environment, "intelligence": services.intelligence_environment}
    environment = told.get(room, services.chatgpt_app_environment)(plan)
    os.execve(program, [room, *arguments], {**os.environ, **environment})  # noqa: S606  # our own program, no shell
