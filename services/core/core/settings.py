"""Everything core reads from its environment or from `.env`, in one place."""

import logging
import re
import secrets
import sys
from functools import cache
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared_schemas.addresses import PublicUrl

logger = logging.getLogger(__name__)

MINIMUM_SECRET_LENGTH = 32
GENERATED_SECRET_BYTES = 48
PLACEHOLDERS = ("your-", "your_", "changeme", "change-me", "change_me", "placeholder", "replace", "example", "xxx", "<")


ADDRESS = re.compile(r"https?://[^/\s]+\S*")

Kind = TypeVar("Kind", bound="ContentSettings")


def is_placeholder(secret: str) -> bool:
    """Whether a secret is only a hint at what to fill in; nothing at all counts as one."""
    lowered = secret.strip().lower()
    return not lowered or lowered.startswith(PLACEHOLDERS) or lowered.endswith(("...", "-here"))


class ContentSettings(BaseSettings):
    """Where the published course stands: all that publishing needs."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    content_source: Literal["local", "r2"] = "local"
    content_directory: Path = Path(".local/published")
    content_reload_seconds: float = Field(default=20, gt=0)
    cloudflare_r2_bucket: str = "course-content"
    cloudflare_r2_endpoint: str | None = None
    cloudflare_r2_access_key: str = ""
    cloudflare_r2_secret_key: SecretStr = SecretStr("")

    @field_validator("cloudflare_r2_endpoint")
    @classmethod
    def _endpoint_is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not ADDRESS.fullmatch(value):
            raise ValueError("must be an address that begins with http:// or https://")
        return value

    @model_validator(mode="after")
    def _r2_needs_a_login(self) -> Self:
        needed = {
            "CLOUDFLARE_R2_ENDPOINT": self.cloudflare_r2_endpoint,
            "CLOUDFLARE_R2_ACCESS_KEY": self.cloudflare_r2_access_key,
            "CLOUDFLARE_R2_SECRET_KEY": self.cloudflare_r2_secret_key.get_secret_value(),
        }
        missing = [name for name, value in needed.items() if is_placeholder(value or "")]
        if self.content_source == "r2" and missing:
            raise ValueError(f"CONTENT_SOURCE=r2 needs {', '.join(missing)}")
        return self


class Settings(ContentSettings):
    """All that the service and its commands need. In production an unsafe or missing secret is an error."""

    environment: Literal["development", "production"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    public_url: PublicUrl = "http://localhost:8000"

    core_database_url: SecretStr | None = None
    database_url: SecretStr | None = None
    database_pool_size: int = Field(default=10, ge=1, le=100)
    redis_url: SecretStr | None = None

    jwt_secret_key: SecretStr = SecretStr("")
    jwt_secret_key_previous: SecretStr | None = None
    core_service_token: SecretStr = SecretStr("")
    password_hash_threads: int = Field(default=2, ge=1, le=16)
    sign_in_limits_scale: float = Field(default=1, gt=0)
    oauth_client_hosts: str = "chatgpt.com"

    smtp_server: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: str | None = None
    smtp_password: SecretStr = SecretStr("")
    smtp_from: str | None = None
    mail_poll_seconds: float = Field(default=2, gt=0)

    hourly_limit_free: int = Field(default=1_000, ge=1)
    hourly_limit_premium: int = Field(default=10_000, ge=1)
    enable_adaptive_paths: bool = True
    enable_llm_assessments: bool = True

    @field_validator("jwt_secret_key_previous")
    @classmethod
    def _placeholder_is_unset(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None or is_placeholder(value.get_secret_value()) else value

    @model_validator(mode="after")
    def _safe_in_production(self) -> Self:
        problems = [] if self._database else ["CORE_DATABASE_URL is not set"]
        if self.environment == "production":
            problems += [f"{name} {problem}" for name, problem in self.weak_secrets().items()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def _database(self) -> SecretStr | None:
        fallback = self.database_url if self.environment == "development" else None
        return self.core_database_url or fallback

    @property
    def database_login(self) -> str:
        """The address of core's own login; in development the owner's will do."""
        return self._database.get_secret_value() if self._database else ""

    @property
    def upgrade_url(self) -> str:
        """Where a student reads what the plans hold."""
        return f"{self.public_url}/api/v1/access/upgrade"

    @property
    def app_resource(self) -> str:
        """The ChatGPT app as OAuth names it: where it stands, and the audience of the tokens it takes."""
        return f"{self.public_url}/mcp"

    @property
    def trusted_client_hosts(self) -> set[str]:
        """The hosts whose client documents are read, with their port where it is not 443."""
        return {host.strip().lower() for host in self.oauth_client_hosts.split(",") if host.strip()}

    @property
    def token_secrets(self) -> tuple[str, ...]:
        """The key that signs, and after it the one that was used before a rotation."""
        keys = (self.jwt_secret_key, self.jwt_secret_key_previous)
        return tuple(key.get_secret_value() for key in keys if key is not None)

    def weak_secrets(self) -> dict[str, str]:
        """What is wrong with each secret that is not safe, by the name of its setting."""
        problems = {}
        for name in ("JWT_SECRET_KEY", "JWT_SECRET_KEY_PREVIOUS", "CORE_SERVICE_TOKEN"):
            secret: SecretStr | None = getattr(self, name.lower())
            if secret is None:
                continue
            if is_placeholder(secret.get_secret_value()):
                problems[name] = "is not set, or still a placeholder"
            elif len(secret.get_secret_value()) < MINIMUM_SECRET_LENGTH:
                problems[name] = f"is shorter than {MINIMUM_SECRET_LENGTH} characters"
        return problems

    def with_generated_secrets(self) -> Self:
        """A copy in which a secret that is unset or a placeholder is a random one, good for this process only."""
        generated = {
            name: SecretStr(secrets.token_urlsafe(GENERATED_SECRET_BYTES))
            for name in ("jwt_secret_key", "core_service_token")
            if is_placeholder(getattr(self, name).get_secret_value())
        }
        return self.model_copy(update=generated)


@cache
def get_settings() -> Settings:
    """The settings of this process, read once. What makes a start impossible ends it with one line on stderr."""
    settings = _read(Settings)
    for name, problem in settings.weak_secrets().items():
        logger.warning("%s %s: good enough for development only", name, problem)
    return settings.with_generated_secrets()


def get_content_settings() -> ContentSettings:
    """The settings of publishing alone. What makes it impossible ends the process with one line on stderr."""
    return _read(ContentSettings)


def _read(kind: type[Kind]) -> Kind:
    try:
        return kind()
    except ValidationError as error:
        sys.exit(f"core cannot start: {in_one_line(error)}")


def in_one_line(error: ValidationError) -> str:
    """What is wrong with the settings, without their values."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = "_".join(map(str, problem["loc"])).upper()
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {message}" if name else message)
    return "; ".join(lines)
