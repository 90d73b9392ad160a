"""Least privilege: what each service's login may do, read back from PostgreSQL and compared with a table of its own."""

import asyncpg

from tests.conftest import Database

READ, APPEND, AMEND, HAND_ON, ALL = "r", "ar", "arw", "adr", "adrw"  # a INSERT, d DELETE, r SELECT, w UPDATE
RIGHTS = {
    "core_service": {
        "alembic_version": READ,
        "students": ALL,
        "sessions": ALL,
        "chapter_progress": ALL,
        "section_progress": ALL,
        "quiz_results": APPEND,
        "activity_days": AMEND,
        "milestones": APPEND,
        "subscription_changes": APPEND,
        "core_idempotency_keys": ALL,
        "account_mails": ALL,
        "throttles": ALL,
        "oauth_clients": ALL,
        "oauth_consents": ALL,
        "oauth_grants": ALL,
    },
    "intelligence_service": {
        "alembic_version": READ,
        "adaptive_paths": AMEND,
        "adaptive_path_completions": APPEND,
        "assessment_submissions": AMEND,
        "assessment_feedback": AMEND,
        "llm_usage_logs": AMEND,
        "llm_exchanges": ALL,
        "premium_usage_quotas": AMEND,
        "llm_student_spend": AMEND,
        "llm_installation_spend": AMEND,
        "llm_reservations": AMEND,
        "llm_cost_alerts": AMEND,
        "operator_actions": APPEND,
        "learning_actions": HAND_ON,
        "intelligence_idempotency_keys": ALL,
    },
}
LETTERS = {"INSERT": "a", "SELECT": "r", "UPDATE": "w", "DELETE": "d", "TRUNCATE": "D", "REFERENCES": "x"}
LETTERS |= {"TRIGGER": "t", "MAINTAIN": "m", "USAGE": "U"}
# Tables, views and sequences; then single columns. What is granted to everybody (grantee 0) is everybody's right too.
GRANTED = """
    SELECT coalesce(r.rolname, 'everybody') AS role, c.relname AS name, a.privilege_type AS right, a.is_grantable
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner
    UNION ALL
    SELECT coalesce(r.rolname, 'everybody'), c.relname || '.' || t.attname, a.privilege_type, a.is_grantable
    FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid CROSS JOIN LATERAL aclexplode(t.attacl) a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner
"""
CALLABLE = """
    SELECT role, p.proname AS name FROM pg_proc p, unnest(ARRAY['core_service', 'intelligence_service']) AS role
    WHERE p.pronamespace = 'public'::regnamespace AND has_function_privilege(role, p.oid, 'EXECUTE')
"""
MEMBERSHIPS = """
    SELECT member::regrole::text, roleid::regrole::text FROM pg_auth_members
    WHERE member::regrole::text IN ('core_service', 'intelligence_service')
"""


async def rows(database: Database, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database.owner_url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def test_each_service_may_do_this_to_its_tables_and_sequences_and_nothing_else(postgres: Database) -> None:
    found: dict[str, dict[str, str]] = {}
    for row in await rows(postgres, GRANTED):
        of_role = found.setdefault(row["role"], {})
        of_role[row["name"]] = "".join(sorted(of_role.get(row["name"], "") + LETTERS[row["right"]]))
        assert not row["is_grantable"], f"{row['role']} may hand on its rights on {row['name']}"
    assert found == RIGHTS


async def test_no_function_of_ours_is_cores_to_call(postgres: Database) -> None:
    found = {(row["role"], row["name"]) for row in await rows(postgres, CALLABLE)}
    assert {role for role, _ in found} == {"intelligence_service"}
    assert ("intelligence_service", "reserve") in found


async def test_no_service_is_a_member_of_another_role(postgres: Database) -> None:
    assert await rows(postgres, MEMBERSHIPS) == []
