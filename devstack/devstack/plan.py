"""What is to run, and where: decided from the environment before anything is started."""

import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from devstack.files import write_whole

HOST = "127.0.0.1"
BUCKET = "course-content"
DATABASE = "course_companion"
OWNER_ROLE = "course_owner"
HIGHEST_BASE_PORT = 55_000  # SeaweedFS takes each of its ports plus 10,000 as well
GRPC_OFFSET = 10_000
# As the services have them: what they count as unset is unset here too.
PLACEHOLDERS = ("your-", "your_", "changeme", "change-me", "change_me", "placeholder", "replace", "example", "xxx", "<")


class CannotStart(Exception):
    """Something that stands in the way, said in one line."""


@dataclass(frozen=True)
class Ports:
    """One block of ports above the gateway's."""

    gateway: int

    core = property(lambda self: self.gateway + 1)
    intelligence = property(lambda self: self.gateway + 2)
    chatgpt_app = property(lambda self: self.gateway + 3)
    model_simulator = property(lambda self: self.gateway + 4)
    postgres = property(lambda self: self.gateway + 5)
    redis = property(lambda self: self.gateway + 6)
    s3 = property(lambda self: self.gateway + 7)
    s3_master = property(lambda self: self.gateway + 8)
    s3_volume = property(lambda self: self.gateway + 9)
    s3_filer = property(lambda self: self.gateway + 10)
    s3_admin = property(lambda self: self.gateway + 11)

    def named(self) -> dict[str, int]:
        """Every port with the name a person knows it by."""
        s3 = {
            "SeaweedFS S3": self.s3,
            "SeaweedFS master": self.s3_master,
            "SeaweedFS volume": self.s3_volume,
            "SeaweedFS filer": self.s3_filer,
            "SeaweedFS admin": self.s3_admin,
        }
        return {
            "the gateway": self.gateway,
            "core": self.core,
            "intelligence": self.intelligence,
            "the ChatGPT app": self.chatgpt_app,
            "the model simulator": self.model_simulator,
            "PostgreSQL": self.postgres,
            "Redis": self.redis,
            **s3,
            **{f"{name} gRPC": port + GRPC_OFFSET for name, port in s3.items()},
        }


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before the start. ``settings`` is the environment with `.env` below it."""

    root: Path
    state: Path
    ports: Ports
    settings: Mapping[str, str]
    secrets: Mapping[str, str]
    reload: bool = False
    workers: int = 1
    extra: Mapping[str, str] = field(default_factory=dict)

    def setting(self, name: str) -> str | None:
        """A setting's value; an empty one counts as unset."""
        return self.settings.get(name) or None

    @property
    def gateway_url(self) -> str:
        """What a browser and curl use."""
        return f"http://localhost:{self.ports.gateway}"

    @property
    def own_postgres(self) -> bool:
        """Whether this stack starts PostgreSQL itself."""
        return self.setting("DATABASE_URL") is None

    @property
    def own_redis(self) -> bool:
        """Whether this stack starts Valkey itself."""
        return self.setting("REDIS_URL") is None

    @property
    def own_s3(self) -> bool:
        """Whether this stack starts SeaweedFS itself."""
        return self.setting("CLOUDFLARE_R2_ENDPOINT") is None

    @property
    def content_directory(self) -> Path | None:
        """The folder where courses are published and read instead of a bucket, or None."""
        if self.setting("CONTENT_SOURCE") != "local":
            return None
        given = self.setting("CONTENT_DIRECTORY")
        return self.root / given if given else self.state / "published"

    @property
    def simulated_model(self) -> bool:
        """Whether the simulator stands in for the provider: no usable key is set."""
        return is_placeholder(self.setting("ANTHROPIC_API_KEY") or "")

    @property
    def database_url(self) -> str:
        """The owner's login, also for psql."""
        return self.setting("DATABASE_URL") or self.database_of(OWNER_ROLE, "owner_password")

    @property
    def core_database_url(self) -> str:
        """Core's login."""
        return CORE_LOGIN.url(self)

    @property
    def intelligence_database_url(self) -> str:
        """Intelligence's login."""
        return INTELLIGENCE_LOGIN.url(self)

    def database_of(self, role: str, secret: str) -> str:
        """A role's URL on our server, or on the one DATABASE_URL names."""
        place = f"{HOST}:{self.ports.postgres}/{DATABASE}"
        if not self.own_postgres:
            given = urlsplit(self.settings["DATABASE_URL"])
            place = f"{given.netloc.rpartition('@')[2]}{given.path}" + (f"?{given.query}" if given.query else "")
        return f"postgresql://{role}:{quote(self.secrets[secret])}@{place}"

    @property
    def redis_url(self) -> str:
        """The Redis that the services use."""
        return self.setting("REDIS_URL") or f"redis://:{self.secrets['redis_password']}@{HOST}:{self.ports.redis}/0"

    @property
    def s3_endpoint(self) -> str:
        """The S3 endpoint that the services use."""
        return self.setting("CLOUDFLARE_R2_ENDPOINT") or f"http://{HOST}:{self.ports.s3}"


@dataclass(frozen=True)
class ServiceLogin:
    """A service's role in PostgreSQL, the setting that gives its whole URL, and the secret that is its password."""

    role: str
    setting: str
    secret: str

    def url(self, plan: Plan) -> str:
        """Where the service logs in, and as whom."""
        return plan.setting(self.setting) or plan.database_of(self.role, self.secret)


CORE_LOGIN = ServiceLogin("core_service", "CORE_DATABASE_URL", "core_password")
INTELLIGENCE_LOGIN = ServiceLogin("intelligence_service", "INTELLIGENCE_DATABASE_URL", "intelligence_password")
SERVICE_LOGINS = (CORE_LOGIN, INTELLIGENCE_LOGIN)


def is_placeholder(secret: str) -> bool:
    """Whether a secret is only a hint at what to fill in; nothing at all counts as one."""
    lowered = secret.strip().lower()
    return not lowered or lowered.startswith(PLACEHOLDERS) or lowered.endswith(("...", "-here"))


def read_env_file(path: Path) -> dict[str, str]:
    """The settings of a `.env` file: `NAME=value` lines, quotes and comments allowed."""
    if not path.is_file():
        return {}
    found = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # some editors begin a file with a mark
    except ValueError:
        raise CannotStart(f"{path} should be text in UTF-8: save it as that.") from None
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[name.strip()] = value[1:-1] if quoted else value.split(" #")[0].strip()
    return found


def given_settings(plan: Plan) -> dict[str, str]:
    """The settings that a start was given, of those that `.env.example` names."""
    example = plan.root / ".env.example"
    lines = example.read_text(encoding="utf-8").splitlines() if example.is_file() else []
    names = {line.removeprefix("#").partition("=")[0] for line in lines}
    return {name: value for name, value in plan.settings.items() if name in names}


def _kept_secrets(path: Path) -> dict[str, str]:
    """Passwords and keys of this stack, made once and kept where only their owner reads them."""
    names = ["postgres_password", "owner_password", "core_password", "intelligence_password"]
    names += ["jwt_secret_key", "core_service_token", "s3_access_key", "s3_secret_key", "redis_password"]
    try:
        kept = dict(json.loads(path.read_text() or "{}")) if path.is_file() else {}
    except (ValueError, TypeError):
        raise CannotStart(
            f"{path} is damaged: put a good one back. Without it the data cannot be opened: remove it, then make clean."
        ) from None
    missing = [name for name in names if name not in kept]
    if missing:
        kept |= {name: secrets.token_urlsafe(32) for name in missing}
        write_whole(path, json.dumps(kept, indent=1))
    return kept


def _number(settings: Mapping[str, str], name: str, default: int) -> int:
    given = settings.get(name) or str(default)
    if not (given.isascii() and given.isdecimal()):
        raise CannotStart(f"{name} should be a number, not {given!r}.")
    return int(given)


def make_plan(
    root: Path,
    *,
    port: int | None = None,
    state: Path | None = None,
    environment: Mapping[str, str] | None = None,
    started_with: Mapping[str, str] | None = None,
    reload: bool = False,
    workers: int | None = None,
    extra: Mapping[str, str] | None = None,
) -> Plan:
    """Decide everything from the environment (by default this process's, over `.env`); raises CannotStart.

    For a stack that runs, the settings that it was ``started_with`` stand in for `.env`.
    """
    settings = environment
    if settings is None:
        settings = {**(read_env_file(root / ".env") if started_with is None else started_with), **os.environ}
    if port is None:
        port = _number(settings, "PORT", 8000)
    if not 0 < port <= HIGHEST_BASE_PORT:
        raise CannotStart(f"PORT {port} is out of range: choose one from 1 to {HIGHEST_BASE_PORT}.")
    if (database := settings.get("DATABASE_URL")) and not database.startswith(("postgresql://", "postgres://")):
        raise CannotStart("DATABASE_URL should look like postgresql://user:password@host:5432/name.")
    if (redis := settings.get("REDIS_URL")) and not redis.startswith(("redis://", "rediss://", "unix://")):
        raise CannotStart("REDIS_URL should look like redis://:password@host:6379/0.")
    if workers is None:
        workers = _number(settings, "WORKERS", 1)
    state = state or root / ".local"
    state.mkdir(parents=True, exist_ok=True)
    return Plan(
        root=root,
        state=state,
        ports=Ports(port),
        settings=settings,
        secrets=_kept_secrets(state / "secrets.json"),
        reload=reload,
        workers=workers,
        extra=extra or {},
    )


def grpc_sockets(port: int) -> list[Path]:
    """The files by which a SeaweedFS listens for gRPC on this port, or has listened: it puts them into /tmp, always."""
    return list(Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"))  # noqa: S108  # its choice


def port_in_use(port: int) -> bool:
    """Whether somebody listens on the port, or holds it, if only by a socket that another user's SeaweedFS left."""
    if os.geteuid() != 0 and any(path.lstat().st_uid != os.geteuid() for path in grpc_sockets(port)):
        return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise CannotStart(f"Port {port} is for root only: choose one from 1024 on.") from None
        except OSError:
            return True
    return False
