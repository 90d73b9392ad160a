"""deploy/roles.sql on a real PostgreSQL, the way compose runs it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Servers

ROLES = Path(__file__).parents[2] / "deploy" / "roles.sql"
Psql = Callable[..., str]


@pytest.fixture(scope="module")
def psql(servers: "Servers") -> Psql:
    """Runs psql as a role and returns what it printed, errors too."""
    stack = servers.stack
    assert stack.postgres is not None
    program = stack.postgres.bin / "psql"
    kept = stack.plan.secrets
    passwords = {
        "postgres": kept["postgres_password"],
        "course_owner": kept["owner_password"],
        "core_service": kept["core_password"],
        "intelligence_service": kept["intelligence_password"],
    }
    # The passwords the shared server has already, so that the other tests' logins stay good.
    as_compose = {
        "OWNER_PASSWORD": kept["owner_password"],
        "CORE_PASSWORD": kept["core_password"],
        "INTELLIGENCE_PASSWORD": kept["intelligence_password"],
    }

    def run(role: str, *arguments: str | Path, database: str = "deployed") -> str:
        url = f"postgresql://{role}@127.0.0.1:{stack.plan.ports.postgres}/{database}"
        done = subprocess.run(
            [program, url, "-XAtq", *arguments],
            env={"PATH": os.defpath, "PGPASSWORD": passwords[role], **as_compose},
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    for _ in range(2):  # the second time changes nothing and fails at nothing
        assert run("postgres", "-v", "database=deployed", "-f", ROLES, database="postgres") == ""
    return run


@pytest.mark.parametrize("role", ["core_service", "intelligence_service"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.own ()",
        "CREATE SCHEMA own",
        "CREATE TEMP TABLE own ()",
        "CREATE ROLE own",
        "CREATE DATABASE own",
    ],
)
def test_a_service_may_create_nothing(psql: Psql, role: str, statement: str) -> None:
    assert "permission denied" in psql(role, "-c", statement)


def test_a_service_sees_no_table_it_was_not_granted(psql: Psql) -> None:
    assert "ERROR" not in psql("course_owner", "-c", "CREATE TABLE IF NOT EXISTS ungranted ()")
    assert "permission denied" in psql("core_service", "-c", "SELECT FROM ungranted")


def test_the_owner_owns_the_database(psql: Psql) -> None:
    asked = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert psql("course_owner", "-c", asked) == "course_owner"


@pytest.mark.parametrize("role", ["course_owner", "core_service", "intelligence_service"])
def test_a_login_is_ordinary_and_lives_in_utc(psql: Psql, role: str) -> None:
    asked = "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    assert psql(role, "-c", asked) == "f|f|f|f"
    assert psql(role, "-c", "SHOW timezone") == "UTC"
