"""PostgreSQL, Valkey, SeaweedFS and nginx as programs: how each is set up, started and known to be ready."""

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack import binaries
from devstack.gateway import render
from devstack.plan import BUCKET, DATABASE, HOST, OWNER_ROLE, CannotStart, Plan
from devstack.processes import Command, Program, run_once

UNPRIVILEGED = "nobody"
POSTGRES_MAJOR = "18"
SUPERUSER = "postgres"
MAX_CONNECTIONS = 200
INITDB_OPTIONS = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
FREE_BYTES_NEEDED = 500_000_000
MINIMAL_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def answers(url: str) -> bool:
    """Whether the URL answers 200 within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310  # only ever our own http:// URLs
            return bool(response.status == 200)  # noqa: PLR2004  # 200 is 200
    except OSError:
        return False


def others_may_enter(path: Path) -> bool:
    """Whether a user with no rights here could reach ``path``: every folder above it lets others pass."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def free_space(path: Path) -> None:
    """Raise CannotStart when the disk is nearly full."""
    free = shutil.disk_usage(path).free
    if free < FREE_BYTES_NEEDED:
        raise CannotStart(f"The disk is nearly full: {free // 1_000_000} MB free at {path}, 500 MB are needed.")


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
        home = plan.state
        if account and not (others_may_enter(plan.state / "x") and others_may_enter(package / "x")):
            home = private_home(plan.state)
            copied = home / "programs" / package.name
            if not copied.is_dir():
                shutil.copytree(package, copied)
                if libraries:
                    shutil.copytree(libraries, copied.parent / libraries.name)
            package = copied
        return cls(plan, package / "pginstall" / "bin", home / "postgres", account)

    def initialise(self) -> None:
        """Make the data folder, or check that the one there is ours and of this version."""
        version_file = self.data / "PG_VERSION"
        if version_file.exists():
            found = version_file.read_text().strip()
            if found != POSTGRES_MAJOR:
                raise CannotStart(f"{self.data} was made by PostgreSQL {found}, this is {POSTGRES_MAJOR}: make clean.")
            return
        if self.data.exists() and any(self.data.iterdir()):
            raise CannotStart(f"{self.data} is not empty and holds no database: look at it, then make clean.")
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        password_file = self.data.parent / f"{self.data.name}.password"
        password_file.write_text(self.plan.secrets["postgres_password"])
        password_file.chmod(0o600)
        if self.account:
            shutil.chown(self.data, self.account)
            shutil.chown(password_file, self.account)
        command: Command = [
            self.bin / "initdb",
            "-D",
            self.data,
            "-U",
            SUPERUSER,
            f"--pwfile={password_file}",
            *INITDB_OPTIONS,
        ]
        try:
            run_once("initdb", command, environment=MINIMAL_ENVIRONMENT, folder=Path("/"), account=self.account)
        finally:
            password_file.unlink()

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
        url = f"postgresql://{SUPERUSER}@{HOST}:{self.plan.ports.postgres}/{database}"
        return psql(self.bin, url, ["-c", statement], password=self.plan.secrets["postgres_password"])

    def create_roles_and_database(self) -> None:
        """The owner and the services' logins by `deploy/roles.sql`, and the database; harmless when they exist."""
        url = f"postgresql://{SUPERUSER}@{HOST}:{self.plan.ports.postgres}/postgres"
        kept = self.plan.secrets
        apply_roles(self.bin, url, self.plan, password=kept["postgres_password"])
        if not self.psql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):  # noqa: S608  # a constant
            self.psql(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
            self.psql(f"ALTER DATABASE {DATABASE} SET timezone = 'UTC'")
            self.psql(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            self.psql(f"GRANT CONNECT ON DATABASE {DATABASE} TO core_service, intelligence_service")


def apply_roles(bin_folder: Path, url: str, plan: Plan, *, password: str | None) -> None:
    """Run `deploy/roles.sql`: the three roles exist afterwards, with this plan's passwords."""
    names = ("owner_password", "core_password", "intelligence_password")
    passwords = {name.upper(): plan.secrets[name] for name in names}
    psql(bin_folder, url, ["-f", plan.root / "deploy" / "roles.sql"], password=password, environment=passwords)


def psql(
    bin_folder: Path,
    url: str,
    arguments: list[str | Path],
    *,
    password: str | None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run psql against ``url``; raises CannotStart with what it said. Secrets go in by environment only."""
    environment = (
        MINIMAL_ENVIRONMENT
        | dict(environment or {})
        | ({"PGPASSWORD": password} if password else {})
        | {"PGCONNECT_TIMEOUT": "5"}
    )
    command = [bin_folder / "psql", url, "-XAtq", "-v", "ON_ERROR_STOP=1", *arguments]
    return run_once("psql", command, environment=environment, folder=Path("/")).strip()


def private_home(state: Path) -> Path:
    """A folder below /var/tmp for this project's server files, made by root and open for nobody else to change."""
    home = private_home_path(state)
    home.mkdir(mode=0o711, exist_ok=True)
    facts = home.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise CannotStart(f"{home} exists and is not ours: look at it, and remove it.")
    return home


def private_home_path(state: Path) -> Path:
    """Where `private_home` is, whether it exists or not."""
    return Path("/var/tmp") / f"course-companion-{_digest(state)}"  # noqa: S108  # private_home checks owner and kind


def _digest(path: Path) -> str:
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]


def valkey(plan: Plan) -> Program:
    """Valkey, keeping nothing on disk: what it holds is a speed-up that may vanish."""
    port = str(plan.ports.redis)
    return Program(
        name="Valkey",
        command=[binaries.valkey_server(), "--port", port, "--bind", HOST, "--save", "", "--appendonly", "no"],
        environment=MINIMAL_ENVIRONMENT,
        folder=plan.state,
        ready=lambda: _pings(plan.ports.redis),
        restart=True,
    )


def _pings(port: int) -> bool:
    import socket  # noqa: PLC0415  # only this function speaks to a bare socket

    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def seaweedfs(plan: Plan) -> Program:
    """A real S3 server with one bucket and one pair of keys."""
    folder = plan.state / "s3"
    folder.mkdir(parents=True, exist_ok=True)
    config = plan.state / "s3.json"
    key = {"accessKey": plan.secrets["s3_access_key"], "secretKey": plan.secrets["s3_secret_key"]}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    config.touch(mode=0o600)
    config.write_text(json.dumps({"identities": [{"name": "app", "credentials": [key], "actions": actions}]}))
    ports = plan.ports
    flags = {
        "dir": folder,
        "ip": HOST,
        "ip.bind": HOST,
        "bucket": BUCKET,
        "master.port": ports.s3_master,
        "volume.port": ports.s3_volume,
        "filer.port": ports.s3_filer,
        "s3.port": ports.s3,
        "admin.port": ports.s3_admin,
        "s3.config": config,
        "filer.localSocket": short_socket(plan, "filer"),
        "s3.localSocket": short_socket(plan, "s3"),
        "master.electionTimeout": "1s",
        "master.telemetry": "false",
        "webdav": "false",
        "admin.ui": "false",
        "s3.port.iceberg": "0",
        "s3.port.lance": "0",
        "volume.preStopSeconds": "0",
    }
    return Program(
        name="SeaweedFS",
        command=[binaries.weed(), "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in flags.items())],
        environment=MINIMAL_ENVIRONMENT | {"HOME": str(plan.state)},
        folder=plan.state,
        ready=lambda: answers(f"http://{HOST}:{ports.s3}/healthz"),
        restart=True,
        stop_seconds=5,  # now and then it takes half a minute; its data is safe when it is killed
    )


def short_socket(plan: Plan, name: str) -> Path:
    """A socket path that stays under the 107 bytes the kernel allows."""
    folder = short_socket_folder(plan)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.geteuid() or folder.is_symlink():
        raise CannotStart(f"{folder} exists and is not ours: look at it, and remove it.")
    return folder / f"{name}.sock"


def short_socket_folder(plan: Plan) -> Path:
    """Where `short_socket` puts them."""
    return Path("/tmp") / f"cc-{os.geteuid()}-{_digest(plan.state)}"  # noqa: S108  # short_socket checks the owner


def nginx(plan: Plan, values: dict[str, str]) -> Program:
    """The gateway, from the template it shares with the compose stack."""
    prefix = plan.state / "nginx"
    (prefix / "tmp").mkdir(parents=True, exist_ok=True)
    config = prefix / "nginx.conf"
    config.write_text(render((plan.root / "gateway" / "nginx.conf.template").read_text(), values))
    command: Command = [binaries.nginx(), "-p", prefix, "-e", "stderr", "-c", config]
    checked = subprocess.run([*map(str, command), "-t"], capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if checked.returncode:
        raise CannotStart(f"nginx refuses its configuration: {checked.stderr.strip()}")
    return Program(
        name="nginx",
        command=command,
        environment=MINIMAL_ENVIRONMENT,
        folder=prefix,
        ready=lambda: answers(f"http://{HOST}:{plan.ports.gateway}/healthz"),
        stop_signal=signal.SIGTERM,
    )
