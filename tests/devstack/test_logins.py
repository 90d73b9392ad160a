"""The services' logins on a server that DATABASE_URL names: nothing that exists there is changed."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devstack import commands
from devstack.plan import CannotStart, Plan, make_plan
from devstack.postgres import Postgres, make_missing_logins, psql, without_password
from devstack.stack import Stack, remove_data
from tests.conftest import ROOT, Servers, free_plan


def named(state: Path, url: str, **settings: str) -> Plan:
    """A plan of another folder, with secrets of its own, for the server at ``url``."""
    return make_plan(ROOT, state=state, environment={"DATABASE_URL": url, **settings})


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that holds nothing of ours, as an operator's own does before the first start."""
    state = tmp_path_factory.mktemp("elsewhere")
    stack = Stack(replace(free_plan(state), extra={"postgres.fsync": "off"}))
    try:
        server = Postgres.prepare(stack.plan)
        server.initialise()
        stack.run(server.program())
        yield server
    finally:
        stack.stop()
        remove_data(stack.plan)


@pytest.mark.parametrize("login", ["course_owner", "postgres"])
def test_a_role_that_exists_keeps_its_password_and_its_url_is_asked_for(
    servers: Servers, tmp_path: Path, login: str
) -> None:
    database, server = servers.new_database(), servers.stack.postgres
    assert server is not None
    url = database.owner_url
    if login == "postgres":
        url = server._superusers_url(url.rpartition("/")[2])
    with pytest.raises(CannotStart, match=r"core_service exists .*: set CORE_DATABASE_URL\.$"):
        make_missing_logins(server.bin, named(tmp_path, url))
    with pytest.raises(CannotStart, match=r"set INTELLIGENCE_DATABASE_URL\.$"):
        make_missing_logins(server.bin, named(tmp_path, url, CORE_DATABASE_URL=database.core_url))
    for known in (database.owner_url, database.core_url, database.intelligence_url):
        assert psql(server.bin, known, ["-c", "SELECT 1"]) == "1"


def test_what_is_given_whole_is_left_to_whoever_gave_it(servers: Servers, tmp_path: Path) -> None:
    database, server = servers.new_database(), servers.stack.postgres
    assert server is not None
    given = {"CORE_DATABASE_URL": database.core_url, "INTELLIGENCE_DATABASE_URL": database.intelligence_url}
    make_missing_logins(server.bin, named(tmp_path, database.owner_url, **given))


def test_missing_roles_are_made_by_who_may_and_may_make_nothing(elsewhere: Postgres, tmp_path: Path) -> None:
    elsewhere.psql("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    place = f"127.0.0.1:{elsewhere.plan.ports.postgres}"
    with pytest.raises(CannotStart, match=r"may not create the role core_service: .* set CORE_DATABASE_URL\.$"):
        make_missing_logins(elsewhere.bin, named(tmp_path, f"postgresql://plain:plain@{place}/postgres"))
    elsewhere.psql("CREATE ROLE operator LOGIN CREATEROLE PASSWORD 'p@ss:word'")
    elsewhere.psql('CREATE DATABASE "the course" OWNER operator')
    plan = named(tmp_path, f"postgresql://operator:p%40ss%3Aword@{place}/the%20course")
    for _ in range(2):
        make_missing_logins(elsewhere.bin, plan)
    for login in (plan.core_database_url, plan.intelligence_database_url):
        assert psql(elsewhere.bin, login, ["-c", "SHOW timezone"]) == "UTC"
        for statement in ("CREATE TEMP TABLE own ()", "CREATE TABLE public.own ()", "CREATE ROLE own"):
            with pytest.raises(CannotStart, match="permission denied"):
                psql(elsewhere.bin, login, ["-c", statement])
    found = elsewhere.psql("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname").splitlines()
    assert found == ["core_service", "intelligence_service", "operator", "plain", "postgres"]


@pytest.mark.parametrize(
    ("url", "place", "password"),
    [
        ("postgresql://me:p%40ss@db:5/c?sslmode=require", "postgresql://me@db:5/c?sslmode=require", "p@ss"),
        ("postgresql://me@db/c", "postgresql://me@db/c", None),
        ("postgresql://[::1]:5432/c", "postgresql://[::1]:5432/c", None),
    ],
)
def test_a_password_goes_by_the_environment(url: str, place: str, password: str | None) -> None:
    assert without_password(url) == (place, {"PGPASSWORD": password} if password else {})


def test_psql_for_people_shows_its_password_in_no_process_list(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Postgres, "prepare", lambda _plan: servers.stack.postgres)
    started: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda _program, arguments, told: started.append((arguments, told)))
    monkeypatch.setattr(commands, "_plan_for_commands", lambda: named(tmp_path, "postgresql://me:secret@db/course"))
    CliRunner().invoke(commands.app, ["psql", "-c", "SELECT 1"])
    [(arguments, told)] = started
    assert arguments == ["psql", "postgresql://me@db/course", "-c", "SELECT 1"]
    assert told["PGPASSWORD"] == "secret"
