"""Every commit that changes what a student may do or has reached tells the processes that remember it."""

from alembic import op

revision = "006_push_changes"
down_revision = "005_account_recovery"
branch_labels = None
depends_on = None

# PostgreSQL delivers a notification after its commit and never without it, and makes commits that send one take turns:
# so only a change that somebody could have remembered sends one, not every write.
UPGRADE = [
    """
    CREATE FUNCTION push_student_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('student_changes', coalesce(NEW.student_id, OLD.student_id)::text);
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER push_entitlement AFTER UPDATE ON students FOR EACH ROW
        WHEN ((OLD.role, OLD.subscription_tier, OLD.subscription_expires_at)
              IS DISTINCT FROM (NEW.role, NEW.subscription_tier, NEW.subscription_expires_at))
        EXECUTE FUNCTION push_student_change()
    """,
    """
    CREATE TRIGGER push_deletion AFTER DELETE ON students FOR EACH ROW EXECUTE FUNCTION push_student_change()
    """,
    # A new session is known to nobody yet, and one that only lasts longer is read again when it would have ended.
    """
    CREATE TRIGGER push_end AFTER UPDATE ON sessions FOR EACH ROW
        WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at OR NEW.expires_at < OLD.expires_at)
        EXECUTE FUNCTION push_student_change()
    """,
    """
    CREATE TRIGGER push_deletion AFTER DELETE ON sessions FOR EACH ROW
        WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now())
        EXECUTE FUNCTION push_student_change()
    """,
    """
    CREATE TRIGGER push_start AFTER INSERT OR DELETE ON chapter_progress FOR EACH ROW
        EXECUTE FUNCTION push_student_change()
    """,
    """
    CREATE TRIGGER push_standing AFTER UPDATE ON chapter_progress FOR EACH ROW
        WHEN ((OLD.completion_status, OLD.best_quiz_score)
              IS DISTINCT FROM (NEW.completion_status, NEW.best_quiz_score))
        EXECUTE FUNCTION push_student_change()
    """,
]


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION push_student_change() CASCADE")  # and with it the triggers
