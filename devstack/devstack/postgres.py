"""Our own PostgreSQL, and psql and the services' logins on any."""

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from devstack import binaries
from devstack.places import home_of_data, others_may_enter, private_home, readable_copy
from devstack.plan import DATABASE, HOST, SERVICE_LOGINS, CannotStart, Plan
from devstack.processes import MINIMAL_ENVIRONMENT, Command, Program, run_once

UNPRIVILEGED = "nobody"
PROGRAMS = Path("pginstall", "bin")
DATA = "postgres"
POSTGRES_MAJOR = "18"
SUPERUSER = "postgres"
MAX_CONNECTIONS = 200
INITDB_OPTIONS = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")


@dataclass(frozen=True)
class Postgres:
    """Our own PostgreSQL: where its programs and data are, and who it runs as.

    PostgreSQL refuses to run as root, so root runs it as `nobody`. Where `nobody` cannot reach the project's folder,
    its programs and data stand in a folder of their own below /var/tmp that only root may change.
    """

    plan: Plan
    bin: Path
    data: Path
    account: str | None

    @classmethod
    def prepare(cls, plan: Plan) -> "Postgres":
        """Find a place that the server's user can reach; nothing is written but that place."""
        package, libraries = binaries.postgres_packages()
        account = UNPRIVILEGED if os.geteuid() == 0 else None
        if account is None:
            return cls(plan, package / PROGRAMS, plan.state / DATA, account)
        is_open = others_may_enter(package / "x")
        home = home_of_data(plan.state, DATA, user=account, preferred=is_open)
        if home != plan.state or not is_open:
            copied = private_home(plan.state) / f"programs-{binaries.postgres_version()}"
            readable_copy([package, *([libraries] if libraries else [])], copied)
            package = copied / package.name
        return cls(plan, package / PROGRAMS, home / DATA, account)

    def initialise(self) -> None:
        """Make the data folder, whole or not at all, or check that the one there is ours and of this version."""
        for left in self.data.parent.glob(f"{self.data.name}.new-*"):  # by a start that was killed
            shutil.rmtree(left, ignore_errors=True)
        (self.data.parent / f"{self.data.name}.password").unlink(missing_ok=True)  # by one of an earlier version
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            found = version_file.read_text().strip()
            if found != POSTGRES_MAJOR:
                raise CannotStart(f"{self.data} was made by PostgreSQL {found}, this is {POSTGRES_MAJOR}: make clean.")
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise CannotStart(f"{self.data} is not empty and holds no database: look at it, then make clean.")
        # A name of its own: the initdb of a start that was killed may still write to the one before.
        fresh = Path(tempfile.mkdtemp(prefix=f"{self.data.name}.new-", dir=self.data.parent))
        try:
            self._initdb(fresh / "data", fresh / "password").rename(self.data)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _initdb(self, data: Path, password_file: Path) -> Path:
        password_file.touch(mode=0o600)
        password_file.write_text(self.plan.secrets["postgres_password"])
        if self.account:
            shutil.chown(password_file, self.account)
            shutil.chown(data.parent, self.account)
        login = ["-U", SUPERUSER, f"--pwfile={password_file}"]
        command: Command = [self.bin / "initdb", "-D", data, *login, *INITDB_OPTIONS]
        run_once("initdb", command, environment=MINIMAL_ENVIRONMENT, folder=Path("/"), account=self.account)
        return data

    def program(self) -> Program:
        """The server itself; SIGINT is its fast shutdown."""
        options = {
            "listen_addresses": HOST,
            "unix_socket_directories": "",
            "max_connections": str(MAX_CONNECTIONS),
            "timezone": "UTC",
            "log_min_messages": "warning",
            **{key.removeprefix("postgres."): v for key, v in self.plan.extra.items() if key.startswith("postgres.")},
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Program(
            name="PostgreSQL",
            command=[self.bin / "postgres", "-D", self.data, "-p", str(self.plan.ports.postgres), *flags],
            environment=MINIMAL_ENVIRONMENT,
            folder=Path("/"),
            ready=self.ready,
            stop_signal=signal.SIGINT,
            account=self.account,
        )

    def ready(self) -> bool:
        """Whether the server on our port answers, and serves our folder and no other."""
        try:
            served = self.psql("SHOW data_directory")
        except CannotStart:
            return False
        if Path(served).resolve() != self.data.resolve():
            raise CannotStart(f"The PostgreSQL on port {self.plan.ports.postgres} is not ours: it serves {served}.")
        return True

    def psql(self, statement: str, *, database: str = "postgres") -> str:
        """Run one statement as superuser; returns its bare output."""
        return psql(self.bin, self._superusers_url(database), ["-c", statement])

    def _superusers_url(self, database: str) -> str:
        password = quote(self.plan.secrets["postgres_password"])
        return f"postgresql://{SUPERUSER}:{password}@{HOST}:{self.plan.ports.postgres}/{database}"

    def create_roles_and_database(self) -> None:
        """The owner, the services' logins and the database by `deploy/roles.sql`; harmless when they exist."""
        names = ("owner_password", "core_password", "intelligence_password")
        passwords = {name.upper(): self.plan.secrets[name] for name in names}
        arguments: list[str | Path] = ["-v", f"database={DATABASE}", "-f", self.plan.root / "deploy" / "roles.sql"]
        psql(self.bin, self._superusers_url("postgres"), arguments, environment=passwords)


def make_missing_logins(bin_folder: Path, plan: Plan) -> None:
    """The services' logins on a server that is not ours: what is missing there is made, what exists stays as it is.

    A service whose own URL is set is left to whoever set it. Raises CannotStart, before anything is changed, where a
    role exists whose password is not known here, or is missing and may not be made.
    """
    owner = plan.database_url
    present = set(psql(bin_folder, owner, ["-c", "SELECT rolname FROM pg_roles"]).splitlines())
    may_create = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    logins = [login for login in SERVICE_LOGINS if not plan.setting(login.setting)]
    missing = [login for login in logins if login.role not in present]
    for login in logins:
        if login not in missing and not _signs_in(bin_folder, login.url(plan)):
            raise CannotStart(f"{login.role} exists on the server of DATABASE_URL already: set {login.setting}.")
    if missing and psql(bin_folder, owner, ["-c", may_create]) != "t":
        role, setting = missing[0].role, missing[0].setting
        raise CannotStart(f"The login of DATABASE_URL may not create the role {role}: create it, and set {setting}.")
    for login in missing:
        arguments: list[str | Path] = ["-1", "-v", f"role={login.role}", "-f", Path(__file__).with_name("login.sql")]
        psql(bin_folder, owner, arguments, environment={"LOGIN_PASSWORD": plan.secrets[login.secret]})
    if logins:
        database = psql(bin_folder, owner, ["-c", "SELECT quote_ident(current_database())"])
        roles = ", ".join(login.role for login in logins)
        psql(bin_folder, owner, ["-c", f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC"])
        psql(bin_folder, owner, ["-c", f"GRANT CONNECT ON DATABASE {database} TO {roles}"])


def _signs_in(bin_folder: Path, url: str) -> bool:
    try:
        return psql(bin_folder, url, ["-c", "SELECT 1"]) == "1"
    except CannotStart:
        return False


def psql(
    bin_folder: Path, url: str, arguments: list[str | Path], *, environment: Mapping[str, str] | None = None
) -> str:
    """Run psql against ``url``; raises CannotStart with what it said. Secrets go in by environment only."""
    place, password = without_password(url)
    command = [bin_folder / "psql", place, "-XAtq", "-v", "ON_ERROR_STOP=1", *arguments]
    told = {**MINIMAL_ENVIRONMENT, **(environment or {}), **password, "PGCONNECT_TIMEOUT": "5"}
    return run_once("psql", command, environment=told, folder=Path("/")).strip()


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its password, and the password as libpq's environment: everybody may read a process list."""
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    environment = {"PGPASSWORD": unquote(password)} if colon else {}
    return parts._replace(netloc=f"{user}{at}{place}").geturl(), environment
