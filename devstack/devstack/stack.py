"""The whole system on one machine: started in order, watched, and stopped in the opposite order."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from devstack import roster, services
from devstack.filled import mark, marked_revision
from devstack.places import free_space, private_home_path, short_socket_folder
from devstack.plan import CannotStart, Plan, grpc_sockets, port_in_use
from devstack.postgres import Postgres, make_missing_logins, psql
from devstack.processes import Child, Command, GivenUp, Program, run_once
from devstack.servers import nginx, s3_folder, seaweedfs, valkey

WATCH_SECONDS = 0.5
DEMO_EMAILS = ("premium@test.com", "free@test.com", "test@example.com", "admin@example.com")

Say = Callable[[str], None]
Job = Callable[[], object]


class Stack:
    """Starts, watches and stops everything of one plan. Its children are found by the names in `children`."""

    def __init__(self, plan: Plan, say: Say = lambda _line: None) -> None:
        self.plan = plan
        self.say = say
        self.children: dict[str, Child] = {}
        self.postgres: Postgres | None = None
        self._recording = threading.Lock()
        self._failed = threading.Event()

    # ---- start -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything; returns when requests are answered. On CannotStart nothing is left running."""
        try:
            self.check()
            if self.plan.own_postgres:
                self.postgres = Postgres.prepare(self.plan)
                free_space(self.postgres.data.parent)
            # Each start takes a processor from the rest: those for whom no other waits come when core answers.
            if revision := self._filled_revision():  # nothing to make in the servers: core waits for them by itself
                with self.step("servers and core"):
                    self._together([partial(self._start_filled_servers, revision), self._start_core])
            else:
                with self.step("servers"):
                    self._start_servers()
                self._fill()
                with self.step("core"):
                    self._start_core()
            with self.step("intelligence and ChatGPT app"):
                self._start_the_rest()
            self.run(services.worker(self.plan))
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Raise CannotStart when a port is taken or the disk is full; end what a killed start left running."""
        free_space(self.plan.state)
        roster.end_leftovers(self.plan, self.say)
        for name, port in self.plan.ports.named().items():
            if port_in_use(port):
                other = self.plan.ports.gateway + 100
                raise CannotStart(
                    f"Port {port} ({name}) is in use by another program. Choose other ports: PORT={other} make run"
                )

    def _start_servers(self) -> None:
        jobs: list[Job] = []
        if self.plan.own_postgres:
            jobs.append(self.start_postgres)
        if self.plan.own_redis:
            jobs.append(lambda: self.run(valkey(self.plan)))
        if self.plan.own_s3:
            jobs.append(lambda: self.run(seaweedfs(self.plan)))
        self._together(jobs)

    def start_postgres(self) -> None:
        """Start our own PostgreSQL and make the roles and the empty database in it."""
        self.postgres = self.postgres or Postgres.prepare(self.plan)
        self.postgres.initialise()
        self.run(self.postgres.program())
        self.postgres.create_roles_and_database()

    def _filled_revision(self) -> str | None:
        """The schema that our own servers were filled with by this very code, or None: then they are to be filled."""
        return marked_revision(folders, self.plan) if (folders := self._own_data()) else None

    def _own_data(self) -> list[Path]:
        """Where all that is filled in stands, or nothing where a part of it stands outside our own servers."""
        if self.postgres is None or not self.plan.own_s3 or self.plan.content_directory:
            return []
        return [self.postgres.data, s3_folder(self.plan)]

    def _start_filled_servers(self, revision: str) -> None:
        """Start the servers, and fill them all the same where the schema is another by now: `alembic downgrade`."""
        self._start_servers()
        if self._revision() != revision:
            self._fill()

    def _revision(self) -> str:
        try:
            return self.sql("SELECT version_num FROM alembic_version")
        except CannotStart:  # there is no such table
            return ""

    def _fill(self) -> None:
        """Roles, schema, course and demo accounts; harmless where they exist."""
        if not self.plan.own_postgres:
            with self.step("logins on the server of DATABASE_URL"):
                make_missing_logins(self._psql_folder(), self.plan)
        with self.step("database schema"):
            self.alembic("upgrade", "head")
        if self.plan.setting("ENVIRONMENT") == "production":
            self._refuse_demo_accounts()
        with self.step("course published"):
            # an operator's own course, published since, is not ours to replace
            self.core_command("publish", self.plan.root / "content", "--unless-another")
        if self.plan.setting("ENVIRONMENT") != "production":
            with self.step("demo accounts"):
                self.core_command("seed-demo")
        if folders := self._own_data():
            mark(folders, self.plan, self._revision())

    def _refuse_demo_accounts(self) -> None:
        """Raise CannotStart where an account is left whose password everybody can read in the README."""
        emails = ", ".join(f"'{email}'" for email in DEMO_EMAILS)
        found = self.sql(f"SELECT email FROM students WHERE lower(email) IN ({emails}) ORDER BY email").split()  # noqa: S608  # constants
        if found:
            raise CannotStart(
                f"Not with ENVIRONMENT=production: the demo accounts {', '.join(found)} can still sign in."
            )

    def _start_core(self) -> None:
        gateway = nginx(self.plan, services.gateway_values(self.plan))
        self._together([partial(self.run, program) for program in (services.core(self.plan), gateway)])

    def _start_the_rest(self) -> None:
        programs = [services.intelligence(self.plan), services.chatgpt_app(self.plan)]
        if self.plan.simulated_model:
            programs.append(services.model_simulator(self.plan))
        self._together([partial(self.run, program) for program in programs])

    # ---- single processes ------------------------------------------------------------------------------------------

    def run(self, program: Program) -> Child:
        """Start one program and wait until it is ready, or until something that starts beside it has failed."""
        if self._failed.is_set():
            raise GivenUp(f"{program.name} was not started.")
        child = Child(program, self.plan.state / "logs" / f"{program.name.replace(' ', '-')}.log")
        self.children[program.name] = child
        child.start()
        self._record()
        child.wait_until_ready(give_up=self._failed)
        return child

    def _together(self, jobs: Sequence[Job]) -> None:
        """Run the jobs at the same time; the first that fails ends all waiting, and its error is raised at the end."""

        def run(job: Job) -> None:
            try:
                job()
            except BaseException:
                self._failed.set()
                raise

        _together([partial(run, job) for job in jobs], interrupted=self._failed.set)

    def alembic(self, *arguments: str) -> str:
        """Run Alembic on the stack's database, as its owner; returns what it printed."""
        return self.alembic_on(self.plan.database_url, *arguments)

    def alembic_on(self, database_url: str, *arguments: str) -> str:
        """Run Alembic on any database by its owner's login; returns what it printed."""
        command: Command = [Path(sys.executable).parent / "alembic", *arguments]
        environment = services.migration_environment(database_url)
        return run_once("the migration", command, environment=environment, folder=self.plan.root)

    def core_command(self, *arguments: str | Path) -> str:
        """Run one of core's commands; returns what it printed."""
        command: Command = [services.environment_folder(self.plan, "core") / "core", *arguments]
        environment = services.core_environment(self.plan)
        return run_once(f"core {arguments[0]}", command, environment=environment, folder=self.plan.state)

    def intelligence_command(self, *arguments: str | Path) -> str:
        """Run one of intelligence's commands; returns what it printed."""
        command: Command = [services.environment_folder(self.plan, "intelligence") / "intelligence", *arguments]
        environment = services.intelligence_environment(self.plan)
        return run_once(f"intelligence {arguments[0]}", command, environment=environment, folder=self.plan.state)

    def sql(self, statement: str) -> str:
        """Run one statement as the owner; returns psql's bare output."""
        return psql(self._psql_folder(), self.plan.database_url, ["-c", statement])

    def _psql_folder(self) -> Path:
        return (self.postgres or Postgres.prepare(self.plan)).bin

    # ---- watch and stop --------------------------------------------------------------------------------------------

    def watch(self, until: threading.Event) -> None:
        """Return when ``until`` is set. What ends by itself is started again, however often, so that the rest goes on.

        Raises CannotStart when PostgreSQL or nginx ends: without them nothing does.
        """
        while not until.wait(WATCH_SECONDS):
            for child in list(self.children.values()):
                if child.pid is not None or child.stopping:
                    continue
                if not child.program.restart:
                    raise CannotStart(f"{child.program.name} ended by itself. {child.last_words()}")
                if child.start_again(time.monotonic()):
                    self._record()
                    self.say(f"  {child.program.name} ended by itself and is started again; its log: {child.log}")

    def stop(self) -> None:
        """Stop everything that this stack started: the gateway and the services, then the servers."""
        for group in (("nginx",), ("core", "intelligence", "grading worker", "model simulator"), tuple(self.children)):
            present = [self.children.pop(name) for name in group if name in self.children]
            _together([child.stop for child in present])
            if any(child.program.name == "SeaweedFS" for child in present):
                _remove_sockets(self.plan)
        roster.forget(self.plan)

    def _record(self) -> None:
        with self._recording:
            roster.write_down(self.plan, list(self.children.values()))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Say that a step has been done and how long it took."""
        began = time.monotonic()
        yield
        self.say(f"  ✓ {name} ({time.monotonic() - began:.1f} s)")


def _remove_sockets(plan: Plan) -> None:
    """Remove what SeaweedFS leaves in /tmp: there it would stand in the way of another user's."""
    for port in plan.ports.named().values():
        for path in grpc_sockets(port):
            with suppress(OSError):
                path.unlink()


def remove_data(plan: Plan) -> None:
    """Remove everything a stack of this plan has written: database, bucket, logs, secrets."""
    for path in (plan.state, private_home_path(plan.state), short_socket_folder(plan)):
        shutil.rmtree(path, ignore_errors=True)


def _together(jobs: Sequence[Job], interrupted: Callable[[], None] = lambda: None) -> None:
    """Run the jobs at the same time; raises the first error, or what interrupted the wait, after all have ended."""
    if not jobs:
        return
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            wait(futures)
        except BaseException:
            interrupted()
            raise
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, GivenUp)):
        raise error
