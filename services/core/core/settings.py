"""Everything core reads from its environment or from `.env`, in one place."""

from pathlib import Path
from typing import Literal, Self

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MINIMUM_SECRET_LENGTH = 32
PLACEHOLDER_WORDS = ("change-me", "changeme", "change_me", "replace", "your-", "your_", "example", "placeholder", "<")
GENERATED_SECRET_BYTES = 48


class ContentSettings(BaseSettings):
    """Where the published course stands: all that publishing needs."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    content_source: Literal["local", "r2"] = "local"
    content_directory: Path = Path(".local/published")
    cloudflare_r2_bucket: str = "course-content"
    cloudflare_r2_endpoint: str | None = None
    cloudflare_r2_access_key: str = ""
    cloudflare_r2_secret_key: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _r2_needs_an_endpoint(self) -> Self:
        if self.content_source == "r2":
            missing = [
                name
                for name, value in (
                    ("CLOUDFLARE_R2_ENDPOINT", self.cloudflare_r2_endpoint),
                    ("CLOUDFLARE_R2_ACCESS_KEY", self.cloudflare_r2_access_key),
                    ("CLOUDFLARE_R2_SECRET_KEY", self.cloudflare_r2_secret_key.get_secret_value()),
                )
                if not value
            ]
            if missing:
                raise ValueError(f"CONTENT_SOURCE=r2 needs {', '.join(missing)}")
        return self
