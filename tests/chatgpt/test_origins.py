"""Which names the app answers to, and the pages of which origins may speak to it."""

from chatgpt_app.app import allowed
from chatgpt_app.settings import Settings

TOKEN = "a-service-token-of-more-than-32-characters"


def test_in_production_only_its_own_origin_and_chatgpts_are_let_in() -> None:
    production = Settings(
        _env_file=None, environment="production", core_service_token=TOKEN, public_url="https://course.example"
    )
    names = allowed(production)
    assert names.allowed_hosts == ["course.example"]
    assert names.allowed_origins == ["https://course.example", "https://chatgpt.com", "https://chat.openai.com"]


def test_in_development_this_machine_is_let_in_too() -> None:
    names = allowed(Settings(_env_file=None, public_url="https://course.example"))
    assert {"localhost:*", "127.0.0.1:*", "[::1]:*"} < set(names.allowed_hosts)
    assert {"http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"} < set(names.allowed_origins)
