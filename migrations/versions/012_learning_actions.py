"""What students learned here and core, which keeps the streak, has yet to hear: a row for each action."""

from alembic import op

revision = "012_learning_actions"
down_revision = "011_fewer_trips"
branch_labels = None
depends_on = None

UPGRADE = [
    """
    CREATE TABLE learning_actions (
        action_id  uuid        CONSTRAINT pk_learning_actions PRIMARY KEY DEFAULT gen_random_uuid(),
        student_id uuid        NOT NULL CONSTRAINT fk_learning_actions_student_id_students
                               REFERENCES students ON DELETE CASCADE,
        acted_at   timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_learning_actions_student_id ON learning_actions (student_id)",
]


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE learning_actions")
