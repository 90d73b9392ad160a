"""Written answers, the queue that grades them, and their feedback."""

from alembic import op

revision = "003_phase2_assessments"
down_revision = "002_phase2_adaptive_paths"
branch_labels = None
depends_on = None

UPGRADE = """
-- A submission is its own grading job: `grading_status` pending or processing means that work is due, `run_after` when,
-- and `lease_until` until when a worker may hold it. A worker that dies lets its lease run out.
CREATE TABLE assessment_submissions (
    submission_id   uuid        CONSTRAINT pk_assessment_submissions PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id      uuid        NOT NULL CONSTRAINT fk_assessment_submissions_student_id_students
                                REFERENCES students (student_id) ON DELETE CASCADE,
    question_id     text        NOT NULL,
    chapter_id      text        NOT NULL,
    content_version text        NOT NULL,
    answer_text     text        NOT NULL,
    attempt_number  integer     NOT NULL,
    grading_status  text        NOT NULL DEFAULT 'pending',
    error_code      text,
    reservation_id  uuid,
    grading_runs    integer     NOT NULL DEFAULT 0,
    run_after       timestamptz NOT NULL DEFAULT now(),
    lease_until     timestamptz,
    lease_token     uuid,
    submitted_at    timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    CONSTRAINT ck_assessment_submissions_grading_status
        CHECK (grading_status IN ('pending', 'processing', 'completed', 'failed')),
    CONSTRAINT ck_assessment_submissions_attempt_number CHECK (attempt_number BETWEEN 1 AND 3),
    CONSTRAINT ck_assessment_submissions_answer_text CHECK (length(answer_text) BETWEEN 50 AND 5000)
);
CREATE INDEX ix_assessment_submissions_student_id_submitted_at ON assessment_submissions (student_id, submitted_at);
-- At most three attempts a question, one of each number: the index settles a race. A failed one frees its number.
CREATE UNIQUE INDEX uq_assessment_submissions_attempt
    ON assessment_submissions (student_id, question_id, attempt_number) WHERE grading_status <> 'failed';
CREATE INDEX ix_assessment_submissions_due ON assessment_submissions (run_after)
    WHERE grading_status IN ('pending', 'processing');

CREATE TABLE assessment_feedback (
    feedback_id         uuid         CONSTRAINT pk_assessment_feedback PRIMARY KEY DEFAULT gen_random_uuid(),
    submission_id       uuid         NOT NULL CONSTRAINT fk_assessment_feedback_submission_id_assessment_submissions
                                     REFERENCES assessment_submissions (submission_id) ON DELETE CASCADE,
    student_id          uuid         NOT NULL CONSTRAINT fk_assessment_feedback_student_id_students
                                     REFERENCES students (student_id) ON DELETE CASCADE,
    quality_score       numeric(3,1) NOT NULL,
    strengths           jsonb        NOT NULL,
    improvements        jsonb        NOT NULL,
    detailed_feedback   text         NOT NULL,
    criteria            jsonb        NOT NULL,
    off_topic           boolean      NOT NULL,
    instructions_in_answer boolean   NOT NULL,
    confidence          text         NOT NULL,
    needs_review        boolean      NOT NULL DEFAULT false,
    model_version       text         NOT NULL,
    prompt_version      text         NOT NULL,
    tokens_used         integer      NOT NULL,
    cost_usd            numeric(20,12) NOT NULL,
    latency_ms          integer      NOT NULL,
    generated_at        timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT uq_assessment_feedback_submission_id UNIQUE (submission_id),
    CONSTRAINT ck_assessment_feedback_quality_score CHECK (quality_score BETWEEN 0 AND 10),
    CONSTRAINT ck_assessment_feedback_confidence CHECK (confidence IN ('high', 'medium', 'low'))
);
CREATE INDEX ix_assessment_feedback_student_id ON assessment_feedback (student_id);
"""


def upgrade() -> None:
    for statement in filter(str.strip, UPGRADE.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE assessment_feedback, assessment_submissions")
