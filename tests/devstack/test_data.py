"""The data of a stack: found again wherever they are, and filled anew where they are not what they were."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import obstore
import pytest
from obstore.store import S3Store

from core.demo import ACCOUNTS
from devstack import postgres
from devstack.filled import mark, marked_revision
from devstack.places import home_of_data, private_home, private_home_path, readable_copy
from devstack.plan import BUCKET, DATABASE, HOST, CannotStart, make_plan
from devstack.postgres import Postgres
from devstack.servers import seaweedfs
from devstack.stack import DEMO_EMAILS, Stack, remove_data
from tests.conftest import ROOT, Servers, free_plan


@pytest.fixture
def state(state_folder: Path) -> Iterator[Path]:
    """A folder that everybody may pass through, and at the end nothing outside it either."""
    folder = Path(tempfile.mkdtemp(dir=state_folder))
    folder.chmod(0o711)
    yield folder
    remove_data(make_plan(ROOT, state=folder, environment={}))


def database(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("18")


def home(state: Path) -> Path:
    return home_of_data(state, "postgres", user="nobody", preferred=True)


def test_a_new_database_stands_where_its_server_may_enter(state: Path) -> None:
    assert home(state) == state
    state.chmod(0o700)
    assert home(state) == private_home_path(state)


def test_a_database_that_its_server_can_no_longer_reach_is_not_begun_anew(state: Path) -> None:
    database(state)
    assert home(state) == state
    state.chmod(0o700)
    with pytest.raises(CannotStart) as refused:
        home(state)
    assert str(state / "postgres") in str(refused.value)
    assert str(private_home_path(state) / "postgres") in str(refused.value)


def test_a_database_outside_is_kept_when_the_folder_is_opened(state: Path) -> None:
    database(private_home(state))
    assert home(state) == private_home_path(state)
    database(state)
    with pytest.raises(CannotStart, match="two databases"):
        home(state)


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
def test_programs_are_copied_whole_and_for_their_user_to_read_whatever_the_umask(state: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "initdb").touch(0o700)
    (package / "share").touch(0o600)
    outside = private_home(state)
    copied = outside / "programs-1"
    (outside / "programs-1.new" / "package").mkdir(parents=True)  # of a copy that was cut off
    for _ in range(2):
        readable_copy([package], copied)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (outside, copied, *copied.rglob("*"))}
    found = [modes[name] for name in (outside.name, "programs-1", "package", "bin", "initdb", "share")]
    assert found == [0o711, 0o755, 0o755, 0o755, 0o755, 0o644]


def test_a_start_that_is_killed_while_it_makes_the_database_leaves_nothing_in_the_way(
    servers: Servers, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert servers.stack.postgres is not None
    made = replace(servers.stack.postgres, data=state / "postgres")

    def killed(_name: str, command: list[str | Path], **_told: object) -> str:
        half = Path(command[command.index("-D") + 1])
        half.mkdir(exist_ok=True)
        (half / "PG_VERSION").write_text("18")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(postgres, "run_once", killed)
        patched.setattr(shutil, "rmtree", lambda *_, **__: None)  # nothing is cleared up after a SIGKILL
        with pytest.raises(KeyboardInterrupt):
            made.initialise()
    assert list(state.iterdir())
    made.initialise()
    assert (state / "postgres" / "global" / "pg_control").exists()
    assert [path.name for path in state.iterdir()] == ["postgres"]


def test_a_start_that_is_killed_when_the_database_is_there_but_not_its_rights_is_made_up_for(servers: Servers) -> None:
    postgres = servers.stack.postgres
    assert postgres is not None
    postgres.psql(f"ALTER DATABASE {DATABASE} SET timezone = 'Asia/Tokyo'")
    postgres.psql(f"GRANT ALL ON DATABASE {DATABASE} TO PUBLIC")
    postgres.create_roles_and_database()
    assert postgres.psql("SHOW timezone", database=DATABASE) == "UTC"
    rights = f"SELECT has_database_privilege('core_service', '{DATABASE}', 'CONNECT')"
    public = f"SELECT count(*) FROM pg_database, aclexplode(datacl) WHERE datname = '{DATABASE}' AND grantee = 0"
    assert [postgres.psql(rights), postgres.psql(public)] == ["t", "0"]


def test_the_mark_goes_with_the_data_and_with_the_code(tmp_path: Path) -> None:
    plan = make_plan(ROOT, state=tmp_path, environment={})
    folders = [tmp_path / "postgres", tmp_path / "s3"]
    for folder in folders:
        folder.mkdir()
    assert marked_revision(folders, plan) is None
    mark(folders, plan, "004_last")
    assert marked_revision(folders, plan) == "004_last"
    assert marked_revision(folders, replace(plan, settings={"ENVIRONMENT": "production"})) is None
    folders[1].rename(tmp_path / "away")
    assert marked_revision(folders, plan) is None


def test_a_course_in_a_folder_of_the_operators_is_looked_for_at_every_start(tmp_path: Path) -> None:
    stack = Stack(make_plan(ROOT, state=tmp_path, environment={}))
    stack.postgres = Postgres(stack.plan, tmp_path, tmp_path / "postgres", None)
    for name in ("postgres", "s3"):
        (tmp_path / name).mkdir()
    mark([tmp_path / "postgres", tmp_path / "s3"], stack.plan, "004_last")
    assert stack._filled_revision() == "004_last"
    stack.plan = replace(stack.plan, settings={"CONTENT_SOURCE": "local", "CONTENT_DIRECTORY": "/mnt/empty"})
    assert stack._filled_revision() is None


def test_the_bucket_has_its_objects_as_soon_as_it_is_started_again(tmp_path: Path) -> None:
    plan = free_plan(tmp_path / "state")
    store = S3Store(
        BUCKET,
        endpoint=f"http://{HOST}:{plan.ports.s3}",
        region="auto",
        access_key_id=plan.secrets["s3_access_key"],
        secret_access_key=plan.secrets["s3_secret_key"],
        client_options={"allow_http": True},
    )
    stack = Stack(plan)
    try:
        for start in range(3):
            log = stack.run(seaweedfs(plan)).log
            if start == 0:
                obstore.put(store, "kept", b"body")
            assert bytes(obstore.get(store, "kept").bytes()) == b"body"
            stack.stop()
        said = log.read_text()
    finally:
        stack.stop()
        remove_data(plan)
    assert "Not current leader" not in said, "its disk called before it led, and calls again after five seconds"


def test_a_schema_taken_back_is_made_again(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(servers.stack.plan)
    stack.postgres = servers.stack.postgres
    done: list[str] = []
    monkeypatch.setattr(stack, "_start_servers", lambda: done.append("servers"))
    monkeypatch.setattr(stack, "_fill", lambda: done.append("filled"))
    now = stack._revision()
    assert now
    stack._start_filled_servers(now)
    assert done == ["servers"]
    stack._start_filled_servers("another")
    assert done == ["servers", "servers", "filled"]


def test_a_warm_start_leaves_the_processors_to_core_until_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(make_plan(ROOT, state=tmp_path, environment={"DATABASE_URL": "postgresql://me@db/course"}))
    started: list[str] = []
    monkeypatch.setattr(stack, "check", lambda: None)
    monkeypatch.setattr(stack, "_filled_revision", lambda: "004_last")
    monkeypatch.setattr(stack, "_start_filled_servers", lambda _revision: None)
    monkeypatch.setattr(stack, "run", lambda program: started.append(program.name))
    stack.start()
    assert set(started[:2]) == {"core", "nginx"}
    assert set(started[2:-1]) == {"intelligence", "chatgpt-app", "model simulator"}
    assert started[-1] == "grading worker"


def test_production_refuses_data_with_demo_accounts(servers: Servers, tmp_path: Path) -> None:
    url = servers.new_database().owner_url
    stack = Stack(make_plan(ROOT, state=tmp_path, environment={"DATABASE_URL": url}))
    stack.postgres = servers.stack.postgres
    stack._refuse_demo_accounts()
    stack.sql("INSERT INTO students (email, password_hash) VALUES ('Admin@example.com', '-'), ('ada@example.com', '-')")
    with pytest.raises(CannotStart, match=r"the demo accounts Admin@example\.com can still sign in"):
        stack._refuse_demo_accounts()


def test_the_demo_accounts_are_those_that_core_makes() -> None:
    assert [account.email for account in ACCOUNTS] == list(DEMO_EMAILS)
