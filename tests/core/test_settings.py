import os
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from core.settings import MINIMUM_SECRET_LENGTH, Settings

GOOD = {
    "environment": "production",
    "core_database_url": "postgresql://core_service@localhost/cc",
    "jwt_secret_key": "k" * MINIMUM_SECRET_LENGTH,
    "core_service_token": "t" * MINIMUM_SECRET_LENGTH,
}


@pytest.fixture(autouse=True)
def _only_what_the_test_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)  # no .env here
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_good_settings_start_in_production() -> None:
    assert Settings.model_validate(GOOD).weak_secrets() == {}


@pytest.mark.parametrize("bad", ["", "tiny-one", "changeme" * 8, "your-secret-key-goes-in-this-place-please"])
@pytest.mark.parametrize("name", ["jwt_secret_key", "core_service_token"])
def test_production_refuses_an_unsafe_secret_without_telling_it(name: str, bad: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({**GOOD, name: bad})
    assert name.upper() in str(refused.value)
    assert not bad or bad not in str(refused.value)


def test_production_wants_cores_own_login() -> None:
    owner = {**GOOD, "core_database_url": None, "database_url": "postgresql://course_owner@localhost/cc"}
    with pytest.raises(ValidationError, match="CORE_DATABASE_URL"):
        Settings.model_validate(owner)
    assert Settings.model_validate({**owner, "environment": "development"}).database_login.startswith("postgresql")


def test_a_placeholder_counts_as_unset_in_development() -> None:
    given = Settings.model_validate({**GOOD, "environment": "development", "jwt_secret_key": "changeme"})
    filled = given.with_generated_secrets()
    assert len(filled.token_secrets[0]) > MINIMUM_SECRET_LENGTH
    assert filled.token_secrets != given.with_generated_secrets().token_secrets
    assert filled.core_service_token == given.core_service_token


def test_a_placeholder_opens_no_bucket() -> None:
    bucket = {
        "content_source": "r2",
        "cloudflare_r2_endpoint": "https://r2.example",
        "cloudflare_r2_access_key": "of-the-bucket",
        "cloudflare_r2_secret_key": "your-r2-secret-key",
    }
    with pytest.raises(ValidationError, match="CONTENT_SOURCE=r2 needs CLOUDFLARE_R2_SECRET_KEY"):
        Settings.model_validate({**GOOD, **bucket})


def test_an_impossible_start_is_one_line(tmp_path: Any) -> None:
    environment = {"PATH": os.environ["PATH"], "ENVIRONMENT": "production", "JWT_SECRET_KEY": "not-long-enough"}
    command = [sys.executable, "-c", "from core.app import app"]
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    [line] = ended.stderr.splitlines()
    assert line.startswith("core cannot start: ")
    assert "CORE_DATABASE_URL" in line
    assert "JWT_SECRET_KEY" in line
    assert "not-long-enough" not in line
