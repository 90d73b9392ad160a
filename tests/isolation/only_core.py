"""Runs core alone, calls every v1 endpoint, and counts who knocks where a model would be.

Run as a program: it prints one JSON document. With `--cut` it first checks that the network has been cut.
"""

import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from core.auth.mails import Kind
from core.auth.single_use import mint
from devstack import services
from devstack.plan import CannotStart
from devstack.stack import Stack, remove_data
from tests.conftest import free_plan

OUTSIDE = ("192.0.2.1", 443)  # TEST-NET-1: nobody is there, and a cut network says so at once
NEW_PASSWORD = "a-long-enough-password"
CREDENTIALS = {"email": "premium@test.com", "password": "premium123"}
CHAPTER, SECTION_OF = "02-llms", "/api/v1/chapters/02-llms"  # it has a neighbour on either side


class Doorbell:
    """A listener in the model's place: accepts, counts, and says nothing."""

    def __init__(self) -> None:
        self.connections = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.getsockname()[1]}"

    def _listen(self) -> None:
        while True:
            connection, _ = self.server.accept()
            self.connections += 1
            connection.close()


def bodies_of(refresh_token: str, section: str, mailed: Callable[[Kind, str], str]) -> dict[str, Any]:
    """What each operation is sent, or what makes it: a token of a mail is there only once the mail is."""
    return {
        "POST /api/v1/auth/register": {"email": "new@example.com", "password": NEW_PASSWORD},
        "POST /api/v1/auth/login": CREDENTIALS,
        "POST /api/v1/auth/refresh": {"refresh_token": refresh_token},
        "POST /api/v1/auth/logout": {"refresh_token": refresh_token},
        "DELETE /api/v1/auth/me": {"password": "password123"},
        "POST /api/v1/auth/password/change": {"current_password": "password123", "new_password": NEW_PASSWORD},
        "POST /api/v1/auth/password/forgot": {"email": CREDENTIALS["email"]},
        "POST /api/v1/auth/password/reset": lambda: {
            "token": mailed("password_reset", CREDENTIALS["email"]),
            "new_password": NEW_PASSWORD,
        },
        "POST /api/v1/auth/email/verify": lambda: {"token": mailed("email_verification", "new@example.com")},
        "PATCH /api/v1/auth/me": {"full_name": "Premium Test User"},
        "POST /api/v1/quizzes/{quiz_id}/submit": {"answers": {"q1": "a", "q6": False, "q9": "It learns from data."}},
        "PUT /api/v1/progress/chapter/{chapter_id}": {"section_id": section, "completed": True},
        "PUT /api/v1/admin/students/{student_id}/subscription": {
            "subscription_tier": "premium",
            "subscription_expires_at": None,
        },
    }


def call_everything(base_url: str, service_token: str, mailed: Callable[[Kind, str], str]) -> dict[str, int]:
    """Call each operation of core's OpenAPI document once, in an order in which each can succeed."""
    statuses: dict[str, int] = {}
    with httpx.Client(base_url=base_url, timeout=20) as client:
        operations = {
            f"{method.upper()} {path}"
            for path, methods in client.get("/api/v1/openapi.json").json()["paths"].items()
            for method in methods
            if path.startswith("/api/v1")
        }
        session = sign_in(client, **CREDENTIALS)
        admin = sign_in(client, email="admin@example.com", password="admin123")
        callers = {
            "POST /api/v1/auth/password/change": sign_in(client, email="free@test.com", password="password123"),
            "DELETE /api/v1/auth/me": sign_in(client, email="test@example.com", password="password123"),
        }
        section = client.get(SECTION_OF, headers=bearer(session)).json()["sections"][0]["section_id"]
        names = {
            "chapter_id": CHAPTER,
            "quiz_id": f"{CHAPTER}-quiz",
            "section_id": section,
            "student_id": session["user"]["user_id"],
        }
        bodies = bodies_of(session["refresh_token"], section, mailed)
        last = [f"POST /api/v1/auth/{name}" for name in ("refresh", "logout", "password/reset", "email/verify")]
        for operation in [*sorted(operations - set(last)), *last]:
            method, path = operation.split(" ")
            headers = bearer(admin if "/admin/" in path else callers.get(operation, session))
            body = bodies.get(operation)
            query = {"search": {"q": "model"}, "students": {"email": "free@test.com"}}.get(path.rsplit("/", 1)[-1], {})
            answer = client.request(
                method, path.format(**names), headers=headers, params=query, json=body() if callable(body) else body
            )
            statuses[operation] = answer.status_code
        internal = {"Authorization": f"Bearer {service_token}"}
        resolved = client.post("/internal/v1/learners/resolve", headers=internal, json={"token": admin["access_token"]})
        statuses["POST /internal/v1/learners/resolve"] = resolved.status_code
        told = client.post("/internal/v1/learners/snapshot", headers=internal, json={"token": admin["access_token"]})
        statuses["POST /internal/v1/learners/snapshot"] = told.status_code
        known = client.get(f"/internal/v1/learners/{names['student_id']}/snapshot", headers=internal)
        statuses["GET /internal/v1/learners/{student_id}/snapshot"] = known.status_code
        acted = {"acted_at": datetime.now(UTC).isoformat()}
        told = client.post(f"/internal/v1/learners/{names['student_id']}/activity", headers=internal, json=acted)
        statuses["POST /internal/v1/learners/{student_id}/activity"] = told.status_code
    return statuses


def sign_in(client: httpx.Client, *, email: str, password: str) -> dict[str, Any]:
    answer = client.post("/api/v1/auth/login", json={"email": email, "password": password})
    session: dict[str, Any] = answer.json()
    return session


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['access_token']}"}


def outside_is_cut() -> bool:
    """Whether a packet to anywhere but this machine is refused at once."""
    began = time.monotonic()
    try:
        socket.create_connection(OUTSIDE, timeout=5).close()
    except OSError:
        return time.monotonic() - began < 1
    return False


def main() -> None:
    cut = outside_is_cut() if "--cut" in sys.argv else False
    doorbell = Doorbell()
    with tempfile.TemporaryDirectory(prefix="cc-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        published = Path(folder) / "published"
        plan = free_plan(Path(folder) / "state")
        where = {"CONTENT_SOURCE": "local", "CONTENT_DIRECTORY": str(published), "REDIS_URL": ""}
        model = {"ANTHROPIC_BASE_URL": doorbell.url, "ANTHROPIC_API_KEY": "key", "OPENAI_BASE_URL": doorbell.url}
        plan = replace(plan, extra={f"core.{name}": value for name, value in (where | model).items()})
        stack = Stack(plan)
        try:
            stack.start_postgres()
            stack.alembic("upgrade", "head")
            stack.core_command("publish", plan.root / "content")
            stack.core_command("seed-demo")
            stack.run(services.core(plan))
            url = f"http://127.0.0.1:{plan.ports.core}"
            environment = services.core_environment(plan)

            def mailed(kind: Kind, email: str) -> str:
                """The token in the newest mail of that kind, made as core makes it."""
                query = "SELECT mail_id FROM account_mails m JOIN students USING (student_id)"
                found = stack.sql(f"{query} WHERE kind = '{kind}' AND email = '{email}' ORDER BY m.created_at DESC")
                return mint(UUID(found.split()[0]), kind=kind, secret=environment["JWT_SECRET_KEY"])

            statuses = call_everything(url, environment["CORE_SERVICE_TOKEN"], mailed)
        except CannotStart as error:
            sys.exit(str(error))
        finally:
            stack.stop()
            remove_data(plan)
    print(json.dumps({"statuses": statuses, "connections": doorbell.connections, "cut": cut}))  # noqa: T201  # read by the test that runs this


if __name__ == "__main__":
    main()
