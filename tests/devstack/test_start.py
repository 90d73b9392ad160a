"""What stands in the way of a start is said in one clear line, and nothing is left half started."""

import errno
import os
import random
import socket
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import core.settings
import intelligence.settings
from devstack import commands, services
from devstack import plan as plan_module
from devstack.commands import one_clear_line, table
from devstack.places import free_space, private_home, private_home_path
from devstack.plan import CannotStart, Ports, grpc_sockets, make_plan, read_env_file
from devstack.postgres import Postgres
from devstack.processes import Child, Program
from devstack.servers import seaweedfs
from devstack.stack import Stack, remove_data
from tests.conftest import ROOT, Servers, free_plan, free_port


def test_a_port_in_use_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    plan = free_plan(tmp_path / "state")
    with socket.create_server(("127.0.0.1", plan.ports.redis)):
        stack = Stack(plan)
        with pytest.raises(CannotStart) as refused:
            stack.start()
    assert str(refused.value).startswith(f"Port {plan.ports.redis} (Redis) is in use by another program.")
    assert stack.children == {}
    assert not (plan.state / "postgres").exists()


def test_tests_that_start_servers_at_the_same_time_get_other_ports(tmp_path: Path) -> None:
    given = []
    for name in ("a", "b"):
        random.seed(20261124)  # as in every worker: the shuffle sets it anew
        given.append(free_plan(tmp_path / name).ports.gateway)
    assert len(set(given)) == 2


def test_no_two_ports_of_a_block_are_the_same() -> None:
    ports = Ports(8000).named()
    assert len(set(ports.values())) == len(ports)
    assert ports["the gateway"] == 8000


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("PORT", "eight", "PORT should be a number"),
        ("PORT", "60000", "out of range"),
        ("DATABASE_URL", "localhost:5432", "DATABASE_URL should look like postgresql://"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL should look like redis://"),
    ],
)
def test_a_wrong_setting_is_said_plainly(tmp_path: Path, name: str, given: str, said: str) -> None:
    with pytest.raises(CannotStart, match=said):
        make_plan(ROOT, state=tmp_path, environment={name: given})


@pytest.mark.parametrize("damaged", [".env", ".local/secrets.json"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, damaged: str) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / damaged).write_bytes("PUBLISHER_NAME=Zoë".encode("latin-1"))
    with pytest.raises(CannotStart, match=damaged):
        make_plan(tmp_path)


@pytest.mark.parametrize("damaged", ['{"owner_password": "', "[1]", "7"])
def test_damaged_secrets_are_not_replaced(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "secrets.json").write_text(damaged)
    with pytest.raises(CannotStart, match="is damaged"):
        make_plan(ROOT, state=tmp_path, environment={})
    assert (tmp_path / "secrets.json").read_text() == damaged


def test_an_env_file_may_begin_with_the_mark_of_an_editor(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8123\n", encoding="utf-8-sig")
    assert read_env_file(tmp_path / ".env") == {"PORT": "8123"}


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# note\nexport PORT='8123'\nREDIS_URL=redis://there/0 # why\nEMPTY=\n")
    found = read_env_file(tmp_path / ".env")
    assert found == {"PORT": "8123", "REDIS_URL": "redis://there/0", "EMPTY": ""}
    assert read_env_file(tmp_path / "none") == {}


def test_real_servers_are_used_where_they_are_named(tmp_path: Path) -> None:
    given = {
        "DATABASE_URL": "postgresql://me:secret@db.example:5433/courses",
        "REDIS_URL": "redis://cache.example/1",
        "CLOUDFLARE_R2_ENDPOINT": "https://r2.example",
        "ANTHROPIC_API_KEY": "sk-ant-api03-realistic",
    }
    plan = make_plan(ROOT, state=tmp_path, environment=given)
    assert [plan.own_postgres, plan.own_redis, plan.own_s3, plan.simulated_model] == [False] * 4
    assert plan.core_database_url.startswith("postgresql://core_service:")
    assert plan.core_database_url.endswith("@db.example:5433/courses")
    assert plan.redis_url == "redis://cache.example/1"
    assert plan.s3_endpoint == "https://r2.example"


@pytest.mark.parametrize(
    "key", ["", "your-key-here", "sk-ant-api03-...", "changeme", "xxx", "replace-me", "example-key"]
)
def test_a_placeholder_key_counts_as_none(tmp_path: Path, key: str) -> None:
    plan = make_plan(ROOT, state=tmp_path, environment={"ANTHROPIC_API_KEY": key})
    assert plan.simulated_model
    assert "simulated" in table(plan)


def test_production_is_offered_no_account_that_it_does_not_have(tmp_path: Path) -> None:
    assert "premium@test.com" in table(make_plan(ROOT, state=tmp_path, environment={}))
    told = table(make_plan(ROOT, state=tmp_path, environment={"ENVIRONMENT": "production"}))
    assert "/mcp" in told
    assert not [word for word in ("Try", "@test.com", "/preview") if word in told]


def test_a_placeholder_is_the_same_here_as_in_the_services() -> None:
    assert plan_module.PLACEHOLDERS == core.settings.PLACEHOLDERS == intelligence.settings.PLACEHOLDERS
    for key in (*plan_module.PLACEHOLDERS, " ", "Some...", "key-here", "sk-ant-api03-realistic", "unexampled"):
        assert plan_module.is_placeholder(key) == intelligence.settings.is_placeholder(key), key


def test_a_port_that_only_root_may_take_is_not_called_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(socket.socket):
        def bind(self, _address: object) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket, "socket", Refused)
    with pytest.raises(CannotStart, match="Port 80 is for root only"):
        plan_module.port_in_use(80)


def test_a_socket_that_anothers_bucket_left_keeps_its_port_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    path = Path(f"/tmp/seaweedfs-master-grpc-{port}.sock")  # where SeaweedFS has it
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    try:
        assert not plan_module.port_in_use(port)
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
        assert plan_module.port_in_use(port)
    finally:
        path.unlink()


def test_the_bucket_leaves_no_socket_behind(tmp_path: Path) -> None:
    stack = Stack(free_plan(tmp_path / "state"))
    ports = stack.plan.ports.named().values()
    try:
        stack.run(seaweedfs(stack.plan))
        assert [path for port in ports for path in grpc_sockets(port)]
    finally:
        stack.stop()
        remove_data(stack.plan)
    assert not [path for port in ports for path in grpc_sockets(port)]


def test_secrets_are_kept_and_only_for_their_owner(tmp_path: Path) -> None:
    first = make_plan(ROOT, state=tmp_path, environment={}).secrets
    assert make_plan(ROOT, state=tmp_path, environment={}).secrets == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    assert len(set(first.values())) == len(first)


def test_a_full_disk_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devstack.places.FREE_BYTES_NEEDED", 10**18)
    with pytest.raises(CannotStart, match="disk is nearly full"):
        free_space(tmp_path)


def test_secrets_that_found_no_room_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.write_text

    def half(path: Path, text: str) -> int:
        whole(path, text[: len(text) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", half)
        with pytest.raises(OSError, match=r"No space left .*secrets\.json"):
            make_plan(ROOT, state=tmp_path, environment={})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "secrets.json").touch()  # what an earlier version left on a full disk
    assert make_plan(ROOT, state=tmp_path, environment={}).secrets["owner_password"]


def test_what_the_system_refuses_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, one_clear_line():
        raise OSError(errno.ENOSPC, "No space left on device", "/full/file")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "No space left on device: /full/file\n"


def test_a_foreign_data_folder_is_left_alone(servers: Servers, tmp_path: Path) -> None:
    assert servers.stack.postgres is not None
    foreign = Postgres(servers.stack.plan, servers.stack.postgres.bin, tmp_path / "data", None)
    foreign.data.mkdir()
    (foreign.data / "thesis.txt").write_text("mine")
    with pytest.raises(CannotStart, match="holds no database"):
        foreign.initialise()
    (foreign.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(CannotStart, match="was made by PostgreSQL 9"):
        foreign.initialise()
    assert (foreign.data / "thesis.txt").read_text() == "mine"


def test_a_server_on_our_port_that_is_not_ours_is_not_written_to(servers: Servers, tmp_path: Path) -> None:
    assert servers.stack.postgres is not None
    impostor = Postgres(servers.stack.plan, servers.stack.postgres.bin, tmp_path, servers.stack.postgres.account)
    with pytest.raises(CannotStart, match="is not ours"):
        impostor.ready()


def test_a_private_home_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    place = private_home_path(tmp_path)
    place.symlink_to(tmp_path)
    try:
        with pytest.raises((CannotStart, FileExistsError)):
            private_home(tmp_path)
    finally:
        place.unlink()


def program(tmp_path: Path, code: str) -> Program:
    return Program("probe", [sys.executable, "-c", code], dict(os.environ), tmp_path, ready=lambda: False)


def test_a_program_that_ends_while_starting_shows_its_last_words(tmp_path: Path) -> None:
    child = Child(program(tmp_path, "raise SystemExit('no such setting: COURSE')"), tmp_path / "probe.log")
    child.start()
    with pytest.raises(CannotStart, match="no such setting: COURSE"):
        child.wait_until_ready(20)


def test_a_filled_env_file_does_not_take_our_bucket_from_us(tmp_path: Path) -> None:
    given = {"CLOUDFLARE_R2_ACCESS_KEY": "of-compose", "CLOUDFLARE_R2_SECRET_KEY": "of-compose", "WORKERS": "2"}
    plan = make_plan(ROOT, state=tmp_path, environment=given)
    assert services.core_environment(plan)["CLOUDFLARE_R2_ACCESS_KEY"] == plan.secrets["s3_access_key"]
    assert plan.workers == 2
    elsewhere = make_plan(ROOT, state=tmp_path, environment={**given, "CLOUDFLARE_R2_ENDPOINT": "https://r2.example"})
    assert services.core_environment(elsewhere)["CLOUDFLARE_R2_ACCESS_KEY"] == "of-compose"


def test_a_given_folder_for_published_courses_is_used_instead_of_the_bucket(tmp_path: Path) -> None:
    given = {"CONTENT_SOURCE": "local", "CONTENT_DIRECTORY": "/somewhere"}
    told = services.core_environment(make_plan(ROOT, state=tmp_path, environment=given))
    assert {name: told[name] for name in given} == given
    assert services.core_environment(make_plan(ROOT, state=tmp_path, environment={}))["CONTENT_SOURCE"] == "r2"


@pytest.mark.parametrize(
    ("given", "meant"), [("courses/published", ROOT / "courses/published"), ("", "state/published")]
)
def test_the_folder_for_published_courses_is_the_same_wherever_a_process_runs(
    tmp_path: Path, given: str, meant: Path | str
) -> None:
    environment = {"CONTENT_SOURCE": "local", "CONTENT_DIRECTORY": given}
    told = services.core_environment(make_plan(ROOT, state=tmp_path / "state", environment=environment))
    assert told["CONTENT_DIRECTORY"] == str(tmp_path / meant)


def test_core_is_told_nothing_of_the_model_and_intelligence_nothing_of_the_signing_key(tmp_path: Path) -> None:
    given = {"ANTHROPIC_API_KEY": "sk-ant-api03-realistic", "JWT_SECRET_KEY": "j" * 40}
    plan = make_plan(ROOT, state=tmp_path, environment=given)
    assert not [name for name in services.core_environment(plan) if name.startswith("ANTHROPIC")]
    assert not [name for name in services.intelligence_environment(plan) if name.startswith("JWT")]


@pytest.mark.parametrize(
    ("given", "command", "refused"),
    [
        ({}, "core create-student ada@example.com", True),
        ({}, "core publish content", True),
        ({}, "psql", True),
        ({}, "alembic current", True),
        ({}, "core validate-course content", False),
        ({}, "intelligence", False),
        ({"CONTENT_SOURCE": "local"}, "core publish content", False),
        ({"DATABASE_URL": "postgresql://me@db/c"}, "core create-student ada@example.com", False),
    ],
)
def test_a_command_that_needs_our_servers_says_that_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, given: dict[str, str], command: str, refused: bool
) -> None:
    plan = make_plan(ROOT, state=tmp_path, environment=given)
    monkeypatch.setattr(commands, "make_plan", lambda _root: plan)
    monkeypatch.setattr(os, "execve", lambda *_: None)
    done = CliRunner().invoke(commands.app, command.split())
    assert (done.exit_code, done.output) == ((1, "Nothing is running: make up starts it.\n") if refused else (0, ""))
