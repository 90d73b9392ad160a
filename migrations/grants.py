"""Least privilege, in one table: which service role may do what to which table.

Roles are made by deployment (`deploy/roles.sql`); their rights are set after every `alembic upgrade` or `downgrade`, so
a role that was made late gets its rights with the next run.
"""

CORE_ROLE = "core_service"
INTELLIGENCE_ROLE = "intelligence_service"

READ_WRITE = "SELECT, INSERT, UPDATE, DELETE"
APPEND = "SELECT, INSERT"
AMEND = "SELECT, INSERT, UPDATE"
HAND_ON = "SELECT, INSERT, DELETE"

GRANTS: dict[str, dict[str, str]] = {
    CORE_ROLE: {
        "alembic_version": "SELECT",
        "students": READ_WRITE,
        "sessions": READ_WRITE,
        "chapter_progress": READ_WRITE,
        "section_progress": READ_WRITE,
        "quiz_results": APPEND,
        "activity_days": AMEND,
        "milestones": APPEND,
        "subscription_changes": APPEND,
        "core_idempotency_keys": READ_WRITE,
        "account_mails": READ_WRITE,
        "throttles": READ_WRITE,
        "oauth_clients": READ_WRITE,
        "oauth_consents": READ_WRITE,
        "oauth_grants": READ_WRITE,
    },
    INTELLIGENCE_ROLE: {
        "alembic_version": "SELECT",
        "adaptive_paths": AMEND,
        "adaptive_path_completions": APPEND,
        "assessment_submissions": AMEND,
        "assessment_feedback": AMEND,
        "llm_usage_logs": AMEND,
        "llm_exchanges": READ_WRITE,
        "premium_usage_quotas": AMEND,
        "llm_student_spend": AMEND,
        "llm_installation_spend": AMEND,
        "llm_reservations": AMEND,
        "llm_cost_alerts": AMEND,
        "operator_actions": APPEND,
        "learning_actions": HAND_ON,
        "intelligence_idempotency_keys": READ_WRITE,
    },
}


def statements(tables: set[str], roles: set[str]) -> list[str]:
    """The SQL that gives each present role exactly its rights on the tables that exist, and takes every other away."""
    result = ["REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC"]
    for role, rights in GRANTS.items():
        if role not in roles:
            continue
        result.append(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}")
        result.append(f"GRANT USAGE ON SCHEMA public TO {role}")
        if role == INTELLIGENCE_ROLE:
            result.append(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {role}")
        result += [f"GRANT {right} ON {table} TO {role}" for table, right in rights.items() if table in tables]
    return result
