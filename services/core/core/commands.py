"""What an operator can run: `core --help`."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from core import demo
from core.auth.passwords import Passwords, what_is_weak
from core.auth.service import NewAccount, add_account
from core.content import CourseBroken, PublishedCourse, load_version
from core.database import Database
from core.errors import ServiceError
from core.publishing.compile import CompiledCourse, compile_course
from core.publishing.publish import AnotherPublisherWon, publish, read_pointer
from core.publishing.source import CourseInvalid, read_source
from core.publishing.validate import validate
from core.settings import Settings, get_content_settings, get_settings
from core.storage import Storage, StorageError, open_storage
from shared_schemas.accounts import RegisterRequest

app = typer.Typer(help="Operator's commands of the core service.", no_args_is_help=True, pretty_exceptions_enable=False)

T = TypeVar("T")
CourseFolder = Annotated[Path, typer.Argument(help="The folder with course.yaml.")]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse a course for a warning too.")]
UnlessAnother = Annotated[
    bool, typer.Option("--unless-another", help="Leave the bucket as it is when another course is published in it.")
]
DEFAULT_COURSE = Path("content")
LARGE_COURSE = 20  # chapters


@app.command("validate-course")
def validate_course(folder: CourseFolder = DEFAULT_COURSE, *, strict: Strict = False) -> None:
    """Check a course folder; every finding is named with its file and line, and nothing is published."""
    compiled = _compiled(folder, strict=strict)
    typer.echo(f"{compiled.course.title}, {len(compiled.course.chapters)} chapters: nothing stands against publishing.")


@app.command("publish")
def publish_course(
    folder: CourseFolder = DEFAULT_COURSE, *, strict: Strict = False, unless_another: UnlessAnother = False
) -> None:
    """Check a course, compile it and publish it to the bucket; readers see the old course or the new one."""
    settings = get_content_settings()
    compiled = _compiled(folder, strict=strict)
    progress = Progress(total=len(compiled.versioned) + len(compiled.plain) + 1)

    async def work() -> None:
        async with open_storage(settings) as storage:
            if unless_another and await _another_stays(storage, compiled):
                return
            done = await publish(storage, compiled, now=datetime.now(UTC), wrote=progress.step)
        news = "is published" if done.changed else "was published already"
        typer.echo(f"{compiled.course.title}, version {done.content_version}, {news}: {done.objects} objects.")

    _run(work())


@app.command("seed-assessments")
def seed_assessments(folder: CourseFolder = DEFAULT_COURSE) -> None:
    """Publish the course and say, file by file, how many open questions the bucket holds now.

    Another course that is published there stays; to replace one is the work of `core publish`.
    """
    settings = get_content_settings()
    compiled = _compiled(folder)
    progress = Progress(total=len(compiled.versioned) + len(compiled.plain) + 1, err=True)

    async def work() -> None:
        async with open_storage(settings) as storage:
            if await _another_stays(storage, compiled):
                typer.echo("Nothing was uploaded. To replace it: core publish FOLDER")
                return
            await publish(storage, compiled, now=datetime.now(UTC), wrote=progress.step)
            for file, questions in compiled.questions.items():
                if not await storage.exists(f"assessments/{file}"):
                    _fail(f"assessments/{file} is not in the bucket after publishing.")
                typer.echo(f"✓ Uploaded {file} ({questions} questions)")
        total = sum(compiled.questions.values())
        typer.echo(f"Total: {total} assessment questions uploaded to Cloudflare R2")

    _run(work())


@app.command("seed-demo")
def seed_demo() -> None:
    """Make the demo accounts (development only); premium@test.com starts with two quiz attempts."""
    settings = get_settings()
    if settings.environment == "production":
        _fail("The demo accounts have public passwords: production refuses them.")

    async def work() -> None:
        database = Database(settings.database_login, pool_size=1)
        course = await _published_course(settings)
        with closing(Passwords(settings.password_hash_threads)) as passwords:
            async with database.transaction() as session:
                made = await demo.seed(session, passwords=passwords, course=course, now=datetime.now(UTC))
        await database.close()
        for email, is_new in made.items():
            typer.echo(f"✓ {email} {'is ready' if is_new else 'exists already'}")

    _run(work())


@app.command("create-student")
def create_student(
    email: Annotated[str, typer.Argument(help="The e-mail address to sign in with.")],
    *,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when left out.")
    ],
    name: Annotated[str | None, typer.Option(help="Full name.")] = None,
    tier: Annotated[Literal["free", "premium", "pro"], typer.Option(help="What the student has bought.")] = "free",
    days: Annotated[int | None, typer.Option(min=1, help="Days until it runs out; without it, it does not.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Make a course operator.")] = False,
    sample_data: Annotated[
        bool, typer.Option("--sample-data", help="Begin with two quizzes taken, as those who review the app need it.")
    ] = False,
) -> None:
    """Make an account of any tier, or an operator's."""
    settings = get_settings()
    request = _registration(email, password, name)

    async def work() -> None:
        course = await _published_course(settings) if sample_data else None
        database = Database(settings.database_login, pool_size=1)
        with closing(Passwords(1)) as passwords:
            account = NewAccount(
                email=request.email,
                password_hash=await passwords.hash(password),
                full_name=request.full_name,
                role="admin" if admin else "student",
                subscription_tier=tier,
                subscription_expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
            )
        async with database.transaction() as session:
            student_id = await add_account(session, account=account)
            if student_id and course:
                await demo.take_quizzes(session, student_id=student_id, course=course, now=datetime.now(UTC))
        await database.close()
        if student_id is None:
            _fail(f"There is an account with the address {request.email} already.")
        typer.echo(f"✓ {request.email} ({account.role}, {tier}) is ready; its id is {student_id}")

    _run(work())


def _registration(email: str, password: str, name: str | None) -> RegisterRequest:
    """What an account is made of; ends the command with what is wrong with it."""
    try:
        request = RegisterRequest(email=email, password=password, full_name=name)
    except ValidationError as error:
        problems = error.errors(include_input=False)
        _fail("; ".join(f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in problems))
    if weakness := what_is_weak(password, email=email):
        _fail(f"password: {weakness}")
    return request


class Progress:
    """Says how far long work has come: in place on a terminal, otherwise in a line for every tenth of it."""

    def __init__(self, total: int, *, err: bool = False) -> None:
        self._total = total
        self._done = 0
        self._err = err
        self._on_terminal = (sys.stderr if err else sys.stdout).isatty()

    def step(self, name: str) -> None:
        """One more part, called ``name``, is done."""
        tenths = 10 * self._done // self._total
        self._done += 1
        finished = self._done == self._total
        line = f"{100 * self._done // self._total:3} %  {self._done}/{self._total}  {name}"
        if self._on_terminal:
            typer.echo(f"\r\033[K{line}", nl=finished, err=self._err)
        elif 10 * self._done // self._total > tenths:
            typer.echo(line, err=self._err)


class Checking:
    """Says how far the check of a large course has come; a small one is checked before anybody wonders."""

    def __init__(self) -> None:
        self._is_large = False
        self._parts: dict[int, Progress] = {}

    def step(self, steps: int, name: str) -> None:
        """One more of so many steps is done: the reading of a chapter, then one check of the course."""
        self._is_large = self._is_large or steps >= LARGE_COURSE
        if self._is_large:
            self._parts.setdefault(steps, Progress(steps, err=True)).step(name)


async def _another_stays(storage: Storage, compiled: CompiledCourse) -> bool:
    """Whether another course than this one is published; says which."""
    present, _ = await read_pointer(storage)
    if present is None or present.course_id == compiled.course.course_id:
        return False
    typer.echo(f"{present.title} is published here, another course than {compiled.course.title}: it stays.")
    return True


def _compiled(folder: Path, *, strict: bool = False) -> CompiledCourse:
    """The course, when nothing stands against publishing it; prints every finding."""
    gc.disable()  # all that is read is kept: looking for garbage in it takes a third of the time of a large course
    waiting = ""
    try:
        checking = Checking()
        source = read_source(folder, step=checking.step)
        findings = validate(source, step=checking.step)
    except CourseInvalid as invalid:
        findings = invalid.findings
        waiting = " The other checks wait until all files can be read."
    finally:
        gc.enable()
    for finding in findings:
        typer.echo(finding.below(folder), err=True)
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    counted = f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}"
    if errors or (strict and warnings):
        _fail(f"{folder}: {counted}; nothing is published.{waiting}")
    typer.echo(f"{folder}: {counted}", err=True)
    return compile_course(source.course)


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


async def _published_course(settings: Settings) -> PublishedCourse:
    async with open_storage(settings) as storage:
        pointer, _ = await read_pointer(storage)
        if pointer is None:
            _fail("No course is published yet: run core publish first.")
        return await load_version(storage, pointer.content_version)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what an operator can mend is one line and exit code 1."""
    try:
        return asyncio.run(work)
    except (ServiceError, StorageError, CourseBroken, AnotherPublisherWon, SQLAlchemyError, OSError) as error:
        _fail(f"{type(error).__name__}: {error}")
    except ExceptionGroup as group:
        _fail("; ".join(f"{type(error).__name__}: {error}" for error in group.exceptions[:1]))


def _fail(line: str) -> NoReturn:
    typer.secho(line, err=True, fg=typer.colors.RED)
    raise typer.Exit(1)
