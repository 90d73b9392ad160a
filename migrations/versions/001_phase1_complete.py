"""Accounts, sessions, progress, quiz attempts and entitlement: everything core keeps."""

from alembic import op

revision = "001_phase1_complete"
down_revision = None
branch_labels = None
depends_on = None

UPGRADE = """
CREATE TABLE students (
    student_id              uuid        CONSTRAINT pk_students PRIMARY KEY DEFAULT gen_random_uuid(),
    email                   text        NOT NULL,
    password_hash           text        NOT NULL,
    full_name               text,
    timezone                text        NOT NULL DEFAULT 'UTC',
    role                    text        NOT NULL DEFAULT 'student',
    subscription_tier       text        NOT NULL DEFAULT 'free',
    subscription_expires_at timestamptz,
    created_at              timestamptz NOT NULL DEFAULT now(),
    updated_at              timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_students_email_length CHECK (length(email) BETWEEN 3 AND 320),
    CONSTRAINT ck_students_full_name_length CHECK (length(full_name) <= 200),
    CONSTRAINT ck_students_role CHECK (role IN ('student', 'admin')),
    CONSTRAINT ck_students_subscription_tier CHECK (subscription_tier IN ('free', 'premium', 'pro'))
);
CREATE UNIQUE INDEX uq_students_email_lower ON students (lower(email));

-- One row a signed-in device. A refresh token names its session and generation and carries a MAC made by core, so no
-- token is stored, and rotating is one conditional update of `generation`.
CREATE TABLE sessions (
    session_id uuid        CONSTRAINT pk_sessions PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id uuid        NOT NULL CONSTRAINT fk_sessions_student_id_students
                           REFERENCES students (student_id) ON DELETE CASCADE,
    generation integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT ck_sessions_generation CHECK (generation >= 0)
);
CREATE INDEX ix_sessions_student_id ON sessions (student_id);

CREATE TABLE chapter_progress (
    student_id         uuid        NOT NULL CONSTRAINT fk_chapter_progress_student_id_students
                                   REFERENCES students (student_id) ON DELETE CASCADE,
    chapter_id         text        NOT NULL,
    completion_status  text        NOT NULL DEFAULT 'in_progress',
    time_spent_seconds integer     NOT NULL DEFAULT 0,
    best_quiz_score    integer,
    last_section_id    text,
    started_at         timestamptz NOT NULL DEFAULT now(),
    completed_at       timestamptz,
    last_activity_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chapter_progress PRIMARY KEY (student_id, chapter_id),
    CONSTRAINT ck_chapter_progress_completion_status CHECK (completion_status IN ('in_progress', 'completed')),
    CONSTRAINT ck_chapter_progress_time_spent_seconds CHECK (time_spent_seconds >= 0),
    CONSTRAINT ck_chapter_progress_best_quiz_score CHECK (best_quiz_score BETWEEN 0 AND 100)
);

CREATE TABLE section_progress (
    student_id         uuid        NOT NULL CONSTRAINT fk_section_progress_student_id_students
                                   REFERENCES students (student_id) ON DELETE CASCADE,
    chapter_id         text        NOT NULL,
    section_id         text        NOT NULL,
    time_spent_seconds integer     NOT NULL DEFAULT 0,
    completed_at       timestamptz,
    last_activity_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_section_progress PRIMARY KEY (student_id, chapter_id, section_id),
    CONSTRAINT ck_section_progress_time_spent_seconds CHECK (time_spent_seconds >= 0)
);

CREATE TABLE quiz_results (
    attempt_id      uuid        CONSTRAINT pk_quiz_results PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id      uuid        NOT NULL CONSTRAINT fk_quiz_results_student_id_students
                                REFERENCES students (student_id) ON DELETE CASCADE,
    quiz_id         text        NOT NULL,
    chapter_id      text        NOT NULL,
    content_version text        NOT NULL,
    score           integer     NOT NULL,
    passed          boolean     NOT NULL,
    correct_answers integer     NOT NULL,
    total_questions integer     NOT NULL,
    answers         jsonb       NOT NULL,
    grading_details jsonb       NOT NULL,
    completed_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_quiz_results_score CHECK (score BETWEEN 0 AND 100),
    CONSTRAINT ck_quiz_results_correct_answers CHECK (correct_answers BETWEEN 0 AND total_questions)
);
CREATE INDEX ix_quiz_results_student_id_completed_at ON quiz_results (student_id, completed_at);

CREATE TABLE activity_days (
    student_id uuid NOT NULL CONSTRAINT fk_activity_days_student_id_students
                    REFERENCES students (student_id) ON DELETE CASCADE,
    day        date NOT NULL,
    CONSTRAINT pk_activity_days PRIMARY KEY (student_id, day)
);

CREATE TABLE milestones (
    student_id  uuid        NOT NULL CONSTRAINT fk_milestones_student_id_students
                            REFERENCES students (student_id) ON DELETE CASCADE,
    milestone   text        NOT NULL,
    achieved_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_milestones PRIMARY KEY (student_id, milestone)
);

-- The audit of entitlement: who set which student to what, and what it was before.
CREATE TABLE subscription_changes (
    change_id           uuid        CONSTRAINT pk_subscription_changes PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id          uuid        NOT NULL CONSTRAINT fk_subscription_changes_student_id_students
                                    REFERENCES students (student_id) ON DELETE CASCADE,
    changed_by          uuid        CONSTRAINT fk_subscription_changes_changed_by_students
                                    REFERENCES students (student_id) ON DELETE SET NULL,
    previous_tier       text        NOT NULL,
    previous_expires_at timestamptz,
    new_tier            text        NOT NULL,
    new_expires_at      timestamptz,
    changed_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_subscription_changes_student_id ON subscription_changes (student_id);
CREATE INDEX ix_subscription_changes_changed_by ON subscription_changes (changed_by);

-- `owner` is the student, or for a registration the e-mail address's digest: whoever the key belongs to.
CREATE TABLE core_idempotency_keys (
    owner           text        NOT NULL,
    idempotency_key text        NOT NULL,
    student_id      uuid        CONSTRAINT fk_core_idempotency_keys_student_id_students
                                REFERENCES students (student_id) ON DELETE CASCADE,
    request_digest  text        NOT NULL,
    status_code     integer     NOT NULL,
    response_body   bytea       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_core_idempotency_keys PRIMARY KEY (owner, idempotency_key)
);
CREATE INDEX ix_core_idempotency_keys_student_id ON core_idempotency_keys (student_id);
CREATE INDEX ix_core_idempotency_keys_created_at ON core_idempotency_keys (created_at);
"""

DOWNGRADE = """
DROP TABLE core_idempotency_keys, subscription_changes, milestones, activity_days, quiz_results, section_progress,
    chapter_progress, sessions, students;
"""


def upgrade() -> None:
    for statement in filter(str.strip, UPGRADE.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    op.execute(DOWNGRADE)
