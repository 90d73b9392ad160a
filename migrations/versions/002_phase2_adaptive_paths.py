"""Adaptive learning paths and what a student has done of them."""

from alembic import op

revision = "002_phase2_adaptive_paths"
down_revision = "001_phase1_complete"
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE adaptive_paths (
    path_id         uuid        CONSTRAINT pk_adaptive_paths PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id      uuid        NOT NULL CONSTRAINT fk_adaptive_paths_student_id_students
                                REFERENCES students (student_id) ON DELETE CASCADE,
    status          text        NOT NULL DEFAULT 'active',
    content_version text        NOT NULL,
    recommendations jsonb       NOT NULL,
    reasoning       text,
    -- chapter id to best score when the path was made: what a newer quiz is compared with
    basis           jsonb       NOT NULL,
    generated_at    timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    followed_at     timestamptz,
    CONSTRAINT ck_adaptive_paths_status CHECK (status IN ('active', 'superseded', 'completed'))
);
CREATE INDEX ix_adaptive_paths_student_id_generated_at ON adaptive_paths (student_id, generated_at);

CREATE TABLE adaptive_path_completions (
    path_id      uuid        NOT NULL CONSTRAINT fk_adaptive_path_completions_path_id_adaptive_paths
                             REFERENCES adaptive_paths (path_id) ON DELETE CASCADE,
    chapter_id   text        NOT NULL,
    section_id   text        NOT NULL,
    completed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_adaptive_path_completions PRIMARY KEY (path_id, chapter_id, section_id)
);
"""


def upgrade() -> None:
    for statement in filter(str.strip, UPGRADE.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE adaptive_path_completions, adaptive_paths")
