"""The one history: names, both directions, and least privilege."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import intelligence
from devstack.plan import CannotStart
from intelligence.health import REVISION_NEEDED
from tests.conftest import ROOT, Database, Servers

REVISIONS = [
    "001_phase1_complete",
    "002_phase2_adaptive_paths",
    "003_phase2_assessments",
    "004_phase2_usage_tracking",
]
PHASE_2_TABLES = {
    "adaptive_paths",
    "assessment_submissions",
    "assessment_feedback",
    "llm_usage_logs",
    "premium_usage_quotas",
}


HISTORY = Config(ROOT / "alembic.ini")


def test_the_history_starts_with_the_four_named_revisions() -> None:
    assert revisions()[:4] == REVISIONS


async def test_every_revision_goes_down_and_up_again(servers: Servers) -> None:
    database = servers.new_database()
    connection = await asyncpg.connect(database.owner_url)
    try:
        described = await schema(connection)
        await downgrade(database, "-1")
        before_the_newest = await schema(connection)
        for revision in [*reversed(REVISIONS[:-1]), "base"]:
            await downgrade(database, revision)
        assert await tables(connection) <= {"alembic_version"}
        for revision in REVISIONS:
            await upgrade(database, revision)
            assert await connection.fetchval("SELECT version_num FROM alembic_version") == revision
        await upgrade(database, revisions()[-2])
        assert await schema(connection) == before_the_newest
        await upgrade(database, "head")
        assert await schema(connection) == described
    finally:
        await connection.close()


async def test_intelligence_is_ready_where_its_functions_are_and_not_before(servers: Servers) -> None:
    database = servers.new_database()
    connection = await asyncpg.connect(database.owner_url)
    source = "".join(path.read_text(encoding="utf-8") for path in Path(intelligence.__file__).parent.rglob("*.py"))
    try:
        used = {name for name in await functions(connection) if f"{name}(" in source}
        assert len(used) > 6
        [needed] = [one for one in revisions() if one.startswith(REVISION_NEEDED)]
        await downgrade(database, needed)
        assert used <= await functions(connection)
    finally:
        await connection.close()


async def functions(connection: asyncpg.Connection) -> set[str]:
    mine = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    return {row["proname"] for row in await connection.fetch(mine)}


def revisions() -> list[str]:
    """Their names, the oldest first."""
    return [script.revision for script in reversed(list(ScriptDirectory.from_config(HISTORY).walk_revisions()))]


async def upgrade(database: Database, revision: str) -> None:
    """What `alembic upgrade` does, without a process: its start takes many times as long as most revisions."""
    await migrate(database, command.upgrade, revision)


async def downgrade(database: Database, revision: str) -> None:
    await migrate(database, command.downgrade, revision)


async def migrate(database: Database, direction: Callable[[Config, str], None], revision: str) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATABASE_URL", database.owner_url)
        await asyncio.to_thread(direction, HISTORY, revision)


async def tables(connection: asyncpg.Connection) -> set[str]:
    return {r[0] for r in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


async def schema(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    """Columns, constraints, indexes, functions, triggers and rights: all that a round trip could lose."""
    queries = [
        """SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
           WHERE table_schema = 'public' ORDER BY 1, 2""",
        """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        """SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
           WHERE table_schema = 'public' ORDER BY 1, 2, 3""",
    ]
    return [tuple(row) for query in queries for row in await connection.fetch(query)]


async def test_every_constraint_has_a_name_of_ours(postgres: Database) -> None:
    connection = await asyncpg.connect(postgres.owner_url)
    try:
        rows = await connection.fetch(
            """SELECT conname FROM pg_constraint
               WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'c')"""
        )
    finally:
        await connection.close()
    names = [row["conname"] for row in rows if row["conname"] != "alembic_version_pkc"]
    assert len(names) > 40
    assert all(name.split("_")[0] in {"pk", "uq", "fk", "ck"} for name in names)


async def test_student_ids_of_phase_2_are_foreign_keys_and_indexed(postgres: Database) -> None:
    connection = await asyncpg.connect(postgres.owner_url)
    try:
        keys = await connection.fetch(
            """SELECT conrelid::regclass::text AS name, confdeltype FROM pg_constraint
               WHERE contype = 'f' AND confrelid = 'students'::regclass"""
        )
        first_columns = await connection.fetch(
            """SELECT i.indrelid::regclass::text AS name FROM pg_index i
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
               WHERE a.attname = 'student_id'"""
        )
    finally:
        await connection.close()
    deleting = {key["name"]: key["confdeltype"] for key in keys}
    assert deleting.keys() >= PHASE_2_TABLES
    assert deleting.pop("llm_usage_logs") == b"n", "the ledger outlives an account"
    assert all(deleting[name] == b"c" for name in PHASE_2_TABLES - {"llm_usage_logs"})
    assert {row["name"] for row in first_columns} >= PHASE_2_TABLES


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("core", "SELECT 1 FROM llm_usage_logs"),
        ("core", "SELECT 1 FROM adaptive_paths"),
        ("core", "DELETE FROM premium_usage_quotas"),
        ("core", "CREATE TABLE mine (a int)"),
        ("intelligence", "SELECT 1 FROM students"),
        ("intelligence", "SELECT 1 FROM quiz_results"),
        ("intelligence", "UPDATE students SET subscription_tier = 'pro'"),
        ("intelligence", "DELETE FROM llm_usage_logs"),
        ("intelligence", "CREATE TABLE mine (a int)"),
    ],
)
async def test_a_service_cannot_touch_what_is_not_its_own(postgres: Database, role: str, statement: str) -> None:
    connection = await asyncpg.connect(postgres.core_url if role == "core" else postgres.intelligence_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_time_that_was_credited_before_there_was_one_clock_is_not_credited_again(servers: Servers) -> None:
    database = servers.new_database()
    await downgrade(database, "009_grade_reviews")
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(
            """INSERT INTO students (email, password_hash) VALUES ('reader@example.com', ''), ('new@example.com', '');
               INSERT INTO chapter_progress (student_id, chapter_id, time_spent_seconds, last_activity_at)
               SELECT student_id, read.* FROM students, (VALUES ('a', 60, timestamptz '2026-03-01 12:00+00'),
                   ('b', 9, '2026-03-02 12:00+00'), ('c', 0, '2026-03-03 12:00+00')) AS read
               WHERE email LIKE 'reader%'"""
        )
        await upgrade(database, "head")
        rows = await connection.fetch("SELECT time_credited_until FROM students ORDER BY email")
        assert [row[0] for row in rows] == [None, datetime(2026, 3, 2, 12, tzinfo=UTC)]
    finally:
        await connection.close()


async def test_a_migration_waits_for_no_lock_while_everybody_waits_behind_it(servers: Servers) -> None:
    database = servers.new_database()
    connection = await asyncpg.connect(database.owner_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM students")  # as a report would that runs for hours
            with pytest.raises(CannotStart, match="lock timeout"):
                await asyncio.to_thread(servers.stack.alembic_on, database.owner_url, "downgrade", "009_grade_reviews")
    finally:
        await connection.close()
