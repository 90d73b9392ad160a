"""The one reader of the environment."""

import logging
import re
import sys
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared_schemas.addresses import PublicUrl

logger = logging.getLogger(__name__)

MINIMUM_SECRET_LENGTH = 32
PLACEHOLDERS = ("your-", "your_", "changeme", "change-me", "change_me", "placeholder", "replace", "example", "xxx", "<")

ADDRESS = re.compile(r"https?://[^/\s]+\S*")


def is_placeholder(value: str) -> bool:
    """Whether a secret is only a hint at what to fill in, such as `your-key-here` or `sk-ant-...`."""
    lowered = value.strip().lower()
    return not lowered or lowered.startswith(PLACEHOLDERS) or lowered.endswith(("...", "-here"))


def _none_if_empty(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


OptionalText = Annotated[str | None, BeforeValidator(_none_if_empty)]
OptionalUsd = Annotated[Decimal | None, BeforeValidator(_none_if_empty)]


class Settings(BaseSettings):
    """Everything intelligence can be told. Money in US dollars, times in seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = "development"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    public_url: PublicUrl = "http://localhost:8000"

    intelligence_database_url: SecretStr | None = None
    database_url: SecretStr | None = None
    database_pool_size: int = Field(default=10, ge=1, le=100)
    redis_url: OptionalText = None

    core_url: str = "http://127.0.0.1:8001"
    core_service_token: SecretStr = SecretStr("")

    content_source: Literal["local", "r2"] = "local"
    content_directory: Path = Path(".local/published")
    content_reload_seconds: float = Field(default=20, gt=0)
    cloudflare_r2_bucket: str = "course-content"
    cloudflare_r2_access_key: SecretStr = SecretStr("")
    cloudflare_r2_secret_key: SecretStr = SecretStr("")
    cloudflare_r2_endpoint: OptionalText = None

    anthropic_api_key: SecretStr = SecretStr("")
    anthropic_base_url: str = "https://api.anthropic.com"
    anthropic_model: str = "claude-sonnet-5-5"
    # No attempt is begun with less than a second left, and what a crash leaves open is settled within a minute.
    anthropic_timeout: float = Field(default=30, ge=1, le=40)
    anthropic_max_retries: int = Field(default=3, ge=0, le=10)

    llm_cost_alert_threshold: Decimal = Field(default=Decimal("0.50"), ge=0)
    llm_cost_alert_email: OptionalText = None
    llm_student_monthly_ceiling_usd: OptionalUsd = Field(default=Decimal("2.00"), ge=0)
    llm_monthly_ceiling_usd: OptionalUsd = Field(default=None, ge=0)
    llm_concurrency: int = Field(default=64, ge=1)
    llm_waiting: int = Field(default=50, ge=0)

    smtp_server: OptionalText = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: OptionalText = None
    smtp_password: SecretStr = SecretStr("")
    smtp_from: OptionalText = None

    premium_adaptive_paths_limit: int = Field(default=10, ge=0)
    premium_assessments_limit: int = Field(default=20, ge=0)
    enable_adaptive_paths: bool = True
    enable_llm_assessments: bool = True
    enable_phase2_caching: bool = True

    @property
    def database_login(self) -> str:
        """The address of this service's own login; in development the owner's will do."""
        url = self.intelligence_database_url or self.database_url
        return url.get_secret_value() if url else ""

    @property
    def model_key(self) -> str | None:
        """The key for the model, or None when there is none: a placeholder counts as none."""
        key = self.anthropic_api_key.get_secret_value().strip()
        return None if is_placeholder(key) else key

    @property
    def production(self) -> bool:
        """Whether unsafe values must stop the start."""
        return self.environment == "production"

    def _bucket_problems(self) -> list[str]:
        if self.content_source != "r2":
            return []
        needed = {
            "CLOUDFLARE_R2_ENDPOINT": self.cloudflare_r2_endpoint,
            "CLOUDFLARE_R2_ACCESS_KEY": self.cloudflare_r2_access_key.get_secret_value(),
            "CLOUDFLARE_R2_SECRET_KEY": self.cloudflare_r2_secret_key.get_secret_value(),
        }
        missing = [name for name, value in needed.items() if is_placeholder(value or "")]
        problems = [f"{name} is not set, and CONTENT_SOURCE is r2" for name in missing]
        if self.cloudflare_r2_endpoint and not ADDRESS.fullmatch(self.cloudflare_r2_endpoint):
            problems.append("CLOUDFLARE_R2_ENDPOINT must be an address that begins with http:// or https://")
        return problems

    @model_validator(mode="after")
    def _refuse_what_is_missing_or_unsafe(self) -> Self:
        token = self.core_service_token.get_secret_value()
        problems = []
        if not self.database_login or (self.production and self.intelligence_database_url is None):
            problems.append("INTELLIGENCE_DATABASE_URL is not set")
        if self.production and (len(token) < MINIMUM_SECRET_LENGTH or is_placeholder(token)):
            problems.append(f"CORE_SERVICE_TOKEN must be a secret of {MINIMUM_SECRET_LENGTH} characters or more")
        if self.production and self.model_key is None:
            problems.append("ANTHROPIC_API_KEY is not set")
        problems += self._bucket_problems()
        if problems:
            raise ValueError("; ".join(problems))
        return self


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once. What makes a start unsafe ends it with one line."""
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"intelligence cannot start: {_in_one_line(error)}")
    for warning in _warnings(settings):
        logger.warning(warning)
    return settings


def _in_one_line(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        name = "_".join(str(part) for part in problem["loc"]).upper()
        lines.append(f"{name}: {problem['msg']}" if name else problem["msg"].removeprefix("Value error, "))
    return "; ".join(lines)


def _warnings(settings: Settings) -> list[str]:
    warnings = []
    if settings.model_key is None:
        warnings.append("ANTHROPIC_API_KEY is not set: everything that asks the model answers 503")
    if len(settings.core_service_token.get_secret_value()) < MINIMUM_SECRET_LENGTH:
        warnings.append("CORE_SERVICE_TOKEN is short or missing: good enough for development only")
    return warnings
