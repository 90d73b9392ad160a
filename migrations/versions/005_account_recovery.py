"""Mail to students with the single-use rights it carries, verified addresses, and the throttling of sign-in."""

from alembic import op

revision = "005_account_recovery"
down_revision = "004_phase2_usage_tracking"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE students ADD COLUMN email_verified_at timestamptz;

-- The outbox. A row is a mail and, until `expires_at`, the right its token gives: the token names the row and carries a
-- MAC made by core, so none is stored, and using it once is deleting the row. `due_at` is when to try next, or until
-- when whoever is sending it may hold it. A row without a student answers for an address nobody has, and is not sent.
CREATE TABLE account_mails (
    mail_id    uuid        CONSTRAINT pk_account_mails PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id uuid        CONSTRAINT fk_account_mails_student_id_students
                           REFERENCES students (student_id) ON DELETE CASCADE,
    kind       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    due_at     timestamptz NOT NULL DEFAULT now(),
    attempts   integer     NOT NULL DEFAULT 0,
    sent_at    timestamptz,
    CONSTRAINT ck_account_mails_kind CHECK (kind IN ('email_verification', 'password_reset', 'password_changed')),
    CONSTRAINT ck_account_mails_attempts CHECK (attempts >= 0)
);
CREATE INDEX ix_account_mails_student_id ON account_mails (student_id);
CREATE INDEX ix_account_mails_expires_at ON account_mails (expires_at);
CREATE INDEX ix_account_mails_due ON account_mails (due_at) WHERE sent_at IS NULL;

-- One row a bucket in use: it fills with every attempt and has drained at `drained_at`. The key is a keyed digest of an
-- account or an address; neither is readable here.
CREATE TABLE throttles (
    throttle_key text        CONSTRAINT pk_throttles PRIMARY KEY,
    drained_at   timestamptz NOT NULL
);
CREATE INDEX ix_throttles_drained_at ON throttles (drained_at);
"""

DOWNGRADE = """
DROP TABLE throttles, account_mails;
ALTER TABLE students DROP COLUMN email_verified_at;
"""


def upgrade() -> None:
    for statement in filter(str.strip, UPGRADE.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    for statement in filter(str.strip, DOWNGRADE.split(";\n")):
        op.execute(statement)
