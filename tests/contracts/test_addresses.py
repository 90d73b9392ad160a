"""PUBLIC_URL is read in one way by all three services."""

from typing import Any

import pytest
from pydantic import ValidationError

import chatgpt_app.settings
import core.settings
import intelligence.settings

SERVICES: list[type[Any]] = [core.settings.Settings, intelligence.settings.Settings, chatgpt_app.settings.Settings]
NEEDED = {"core_database_url": "postgresql://a@b/c", "intelligence_database_url": "postgresql://a@b/c"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("settings", SERVICES)
@pytest.mark.parametrize("given", ["https://learn.example", "https://learn.example/", "http://localhost:8000"])
def test_a_scheme_and_a_host_are_enough(settings: type[Any], given: str) -> None:
    assert settings.model_validate({**NEEDED, "public_url": given}).public_url == given.rstrip("/")


@pytest.mark.parametrize("settings", SERVICES)
@pytest.mark.parametrize(
    "given",
    [
        *(
            "https://learn.example/course",
            "learn.example",
            "ftp://learn.example",
            "https://",
            "https://learn.example?a=b",
        ),
        *("https://learn.example#a", "https://user:word@learn.example", "https://learn.example:port", "https://a:0"),
        *("https://Learn.Example", "https://learn.example:", "https://learn.example\\course", "https://learn example"),
    ],
)
def test_what_the_services_would_read_differently_is_refused(settings: type[Any], given: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings.model_validate({**NEEDED, "public_url": given})
    assert [error["loc"] for error in refused.value.errors()] == [("public_url",)]


@pytest.mark.parametrize("settings", SERVICES)
@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://learn.example:443", "https://learn.example"),
        ("http://learn.example:80/", "http://learn.example"),
        ("http://learn.example:443", "http://learn.example:443"),
    ],
)
def test_a_port_that_browsers_leave_out_is_left_out(settings: type[Any], given: str, read: str) -> None:
    assert settings.model_validate({**NEEDED, "public_url": given}).public_url == read
