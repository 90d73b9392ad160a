"""The one reader of the environment."""

import logging
import sys
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared_schemas.addresses import PublicUrl

logger = logging.getLogger(__name__)

MINIMUM_SECRET_LENGTH = 32
PLACEHOLDERS = ("your-", "your_", "changeme", "change-me", "change_me", "placeholder", "replace", "example", "xxx", "<")


def is_placeholder(value: str) -> bool:
    """Whether a secret is only a hint at what to fill in, such as `your-token-here`; nothing at all counts as one."""
    lowered = value.strip().lower()
    return not lowered or lowered.startswith(PLACEHOLDERS) or lowered.endswith(("...", "-here"))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _without_slash(value: object) -> object:
    return value.rstrip("/") if isinstance(value, str) else value


Address = Annotated[str, BeforeValidator(_without_slash)]


class Settings(BaseSettings):
    """Everything the app can be told."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = "development"
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    public_url: PublicUrl = "http://localhost:8000"
    gateway_url: Address = "http://127.0.0.1:8000"
    core_url: Address = "http://127.0.0.1:8001"
    core_service_token: SecretStr = SecretStr("")
    openai_apps_challenge: str = ""
    publisher_name: str = "the operator of this course"
    support_email: str = ""

    @property
    def production(self) -> bool:
        """Whether unsafe values must stop the start."""
        return self.environment == "production"

    @property
    def resource(self) -> str:
        """The address of the MCP endpoint, which is also the audience of the tokens it takes."""
        return f"{self.public_url}/mcp"

    @property
    def resource_metadata(self) -> str:
        """The address of what says where to sign in for it (RFC 9728)."""
        return f"{self.public_url}/.well-known/oauth-protected-resource/mcp"

    @model_validator(mode="after")
    def _refuse_what_is_unsafe(self) -> Self:
        token = self.core_service_token.get_secret_value()
        if self.production and (len(token) < MINIMUM_SECRET_LENGTH or is_placeholder(token)):
            raise ValueError(f"CORE_SERVICE_TOKEN must be a secret of {MINIMUM_SECRET_LENGTH} characters or more")
        return self


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once. What makes a start unsafe ends it with one line."""
    try:
        settings = Settings()
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        sys.exit("chatgpt-app cannot start: " + "; ".join(f"{_named(p['loc'])}{p['msg']}" for p in problems))
    if not settings.core_service_token.get_secret_value():
        logger.warning("CORE_SERVICE_TOKEN is not set: nobody can sign in")
    return settings


def _named(location: tuple[int | str, ...]) -> str:
    return f"{'_'.join(map(str, location)).upper()}: " if location else ""
