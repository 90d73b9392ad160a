"""What operators do: quota gifts, reviewed grades, gradings again, all audited; cost alerts sent outside transactions.

Expands only: services of the revisions before run on it. `reserve` also tells the limit it went by, and
`open_llm_call` takes the reference of a call that has no reservation: an operator's regrading.
"""

from alembic import context, op

revision = "009_grade_reviews"
down_revision = "008_activity_zones"
branch_labels = None
depends_on = None

TABLES = """
-- Gifts raise the month's limit. `…_limit` is what the student's plan had when units were last taken, null without a
-- limit: plans are core's, and an operator who looks for students near a limit must not ask core for each.
ALTER TABLE premium_usage_quotas
    ADD COLUMN adaptive_paths_gifted integer NOT NULL DEFAULT 0,
    ADD COLUMN assessments_gifted    integer NOT NULL DEFAULT 0,
    ADD COLUMN adaptive_paths_limit  integer,
    ADD COLUMN assessments_limit     integer,
    ADD CONSTRAINT ck_premium_usage_quotas_adaptive_paths_gifted CHECK (adaptive_paths_gifted >= 0),
    ADD CONSTRAINT ck_premium_usage_quotas_assessments_gifted CHECK (assessments_gifted >= 0);
CREATE INDEX ix_premium_usage_quotas_month ON premium_usage_quotas (month);

-- A grade stays as the model gave it; what an operator decided stands beside it. A newer grade of the same answer
-- supersedes it, and both stay.
ALTER TABLE assessment_feedback
    ADD COLUMN review_reasons jsonb       NOT NULL DEFAULT '[]',
    ADD COLUMN superseded_at  timestamptz,
    ADD COLUMN reviewed_at    timestamptz,
    ADD COLUMN reviewed_score numeric(3,1),
    ADD COLUMN review_note    text,
    ADD CONSTRAINT ck_assessment_feedback_reviewed_score CHECK (reviewed_score BETWEEN 0 AND 10),
    DROP CONSTRAINT uq_assessment_feedback_submission_id;
CREATE UNIQUE INDEX uq_assessment_feedback_current ON assessment_feedback (submission_id) WHERE superseded_at IS NULL;
CREATE INDEX ix_assessment_feedback_submission_id ON assessment_feedback (submission_id);
CREATE INDEX ix_assessment_feedback_unreviewed ON assessment_feedback (generated_at)
    WHERE needs_review AND reviewed_at IS NULL AND superseded_at IS NULL;

-- The id that the next grade of a graded answer will have, and since when an operator waits for it.
ALTER TABLE assessment_submissions
    ADD COLUMN regrade_feedback_id uuid,
    ADD COLUMN regrade_asked_at    timestamptz;

-- An alert is claimed until `lease_until`, and sent once `sent_at` is set.
ALTER TABLE llm_cost_alerts ALTER COLUMN sent_at DROP NOT NULL, ADD COLUMN lease_until timestamptz;

-- Who did what to whom, and why. Goes with the student's account, as everything about a student does.
CREATE TABLE operator_actions (
    action_id    uuid        CONSTRAINT pk_operator_actions PRIMARY KEY DEFAULT gen_random_uuid(),
    operator_id  uuid        CONSTRAINT fk_operator_actions_operator_id_students
                             REFERENCES students (student_id) ON DELETE SET NULL,
    student_id   uuid        NOT NULL CONSTRAINT fk_operator_actions_student_id_students
                             REFERENCES students (student_id) ON DELETE CASCADE,
    action       text        NOT NULL,
    reference_id uuid,
    details      jsonb       NOT NULL,
    note         text,
    done_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_operator_actions_action CHECK (action IN ('review', 'regrade', 'quota_gift'))
);
CREATE INDEX ix_operator_actions_student_id ON operator_actions (student_id);
CREATE INDEX ix_operator_actions_operator_id ON operator_actions (operator_id);
"""

RESERVE = """
CREATE FUNCTION reserve(
    p_student_id uuid, p_feature text, p_reference_id uuid, p_quota_limit integer,
    p_student_ceiling numeric, p_installation_ceiling numeric, p_worst_case_usd numeric, p_lease interval,
    OUT refused_by text, OUT reservation_id uuid, OUT used integer, OUT month date, OUT quota_limit integer
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_month date := current_utc_month();
    v_used integer;
    v_gifted integer;
BEGIN
    month := v_month;
    PERFORM lock_limits(p_student_id, p_installation_ceiling IS NOT NULL);
    SELECT CASE p_feature WHEN 'adaptive_path' THEN q.adaptive_paths_used ELSE q.assessments_used END,
            CASE p_feature WHEN 'adaptive_path' THEN q.adaptive_paths_gifted ELSE q.assessments_gifted END
        INTO v_used, v_gifted
        FROM premium_usage_quotas q WHERE q.student_id = p_student_id AND q.month = v_month;
    v_used := coalesce(v_used, 0);
    used := v_used;
    quota_limit := p_quota_limit + coalesce(v_gifted, 0);
    IF v_used >= quota_limit THEN
        refused_by := 'quota';
        RETURN;
    END IF;
    refused_by := refusing_ceiling(p_student_id, v_month, p_worst_case_usd, p_student_ceiling, p_installation_ceiling);
    IF refused_by IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO premium_usage_quotas AS q
            (student_id, month, adaptive_paths_used, assessments_used, adaptive_paths_limit, assessments_limit)
        VALUES (p_student_id, v_month, (p_feature = 'adaptive_path')::integer, (p_feature = 'assessment')::integer,
            CASE p_feature WHEN 'adaptive_path' THEN p_quota_limit END,
            CASE p_feature WHEN 'assessment' THEN p_quota_limit END)
        ON CONFLICT (student_id, month) DO UPDATE
            SET adaptive_paths_used = q.adaptive_paths_used + excluded.adaptive_paths_used,
                assessments_used = q.assessments_used + excluded.assessments_used,
                adaptive_paths_limit =
                    CASE p_feature WHEN 'adaptive_path' THEN p_quota_limit ELSE q.adaptive_paths_limit END,
                assessments_limit = CASE p_feature WHEN 'assessment' THEN p_quota_limit ELSE q.assessments_limit END,
                updated_at = now();
    used := v_used + 1;
    PERFORM add_spend(p_student_id, v_month, 0, p_worst_case_usd, 0);
    INSERT INTO llm_reservations AS r
            (student_id, feature, reference_id, quota_month, hold_month, held_usd, lease_until)
        VALUES (p_student_id, p_feature, p_reference_id, v_month, v_month, p_worst_case_usd, now() + p_lease)
        RETURNING r.reservation_id INTO reservation_id;
END $$
"""

OPEN_LLM_CALL = """
CREATE FUNCTION open_llm_call(
    p_call_id uuid, p_reservation_id uuid, p_feature text, p_attempt integer, p_model text, p_prompt_version text,
    p_price_version text, p_worst_case_usd numeric, p_student_ceiling numeric, p_installation_ceiling numeric,
    p_lease interval, p_reference_id uuid DEFAULT NULL
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_month date := current_utc_month();
    v_reservation llm_reservations;
    v_carried numeric := 0;
    v_refused text;
BEGIN
    IF p_reservation_id IS NOT NULL THEN
        SELECT * INTO v_reservation FROM llm_reservations r WHERE r.reservation_id = p_reservation_id;
        PERFORM lock_limits(v_reservation.student_id, p_installation_ceiling IS NOT NULL);
        SELECT * INTO v_reservation FROM llm_reservations r WHERE r.reservation_id = p_reservation_id FOR UPDATE;
        IF v_reservation.state IS DISTINCT FROM 'open' THEN
            RETURN 'reservation_closed';
        END IF;
        IF v_reservation.hold_month = v_month THEN
            v_carried := v_reservation.held_usd;
        END IF;
    ELSE
        PERFORM lock_limits(NULL, p_installation_ceiling IS NOT NULL);
    END IF;
    IF p_worst_case_usd > v_carried THEN
        v_refused := refusing_ceiling(v_reservation.student_id, v_month, p_worst_case_usd - v_carried,
            p_student_ceiling, p_installation_ceiling);
        IF v_refused IS NOT NULL THEN
            RETURN v_refused;
        END IF;
    END IF;
    IF v_reservation.held_usd > 0 THEN
        PERFORM add_spend(v_reservation.student_id, v_reservation.hold_month, 0, -v_reservation.held_usd, 0);
        UPDATE llm_reservations SET held_usd = 0 WHERE reservation_id = p_reservation_id;
    END IF;
    PERFORM add_spend(v_reservation.student_id, v_month, 0, p_worst_case_usd, 0);
    INSERT INTO llm_usage_logs (call_id, student_id, feature, reference_id, reservation_id, attempt, model,
            prompt_version, price_version, worst_case_usd, spend_month, lease_until)
        VALUES (p_call_id, v_reservation.student_id, p_feature, coalesce(v_reservation.reference_id, p_reference_id),
            p_reservation_id, p_attempt, p_model, p_prompt_version, p_price_version, p_worst_case_usd, v_month,
            now() + p_lease);
    RETURN NULL;
END $$
"""

BACK = """
DROP TABLE operator_actions;
DELETE FROM llm_cost_alerts WHERE sent_at IS NULL;
ALTER TABLE llm_cost_alerts ALTER COLUMN sent_at SET NOT NULL, DROP COLUMN lease_until;
UPDATE assessment_submissions SET grading_status = 'completed', lease_until = NULL, lease_token = NULL
    WHERE regrade_feedback_id IS NOT NULL;
ALTER TABLE assessment_submissions DROP COLUMN regrade_feedback_id, DROP COLUMN regrade_asked_at;
DELETE FROM assessment_feedback WHERE superseded_at IS NOT NULL;
DROP INDEX uq_assessment_feedback_current, ix_assessment_feedback_submission_id, ix_assessment_feedback_unreviewed;
ALTER TABLE assessment_feedback DROP COLUMN review_reasons, DROP COLUMN superseded_at, DROP COLUMN reviewed_at,
    DROP COLUMN reviewed_score, DROP COLUMN review_note,
    ADD CONSTRAINT uq_assessment_feedback_submission_id UNIQUE (submission_id);
DROP INDEX ix_premium_usage_quotas_month;
ALTER TABLE premium_usage_quotas DROP COLUMN adaptive_paths_gifted, DROP COLUMN assessments_gifted,
    DROP COLUMN adaptive_paths_limit, DROP COLUMN assessments_limit;
"""

REPLACED = "DROP FUNCTION reserve, open_llm_call"


def upgrade() -> None:
    for statement in [*filter(str.strip, TABLES.split(";\n")), REPLACED, RESERVE, OPEN_LLM_CALL]:
        op.execute(statement)


def downgrade() -> None:
    for statement in [REPLACED, *_functions_before(), *filter(str.strip, BACK.split(";\n"))]:
        op.execute(statement)


def _functions_before() -> list[str]:
    """The two functions as revision 004 wrote them."""
    written: list[str] = context.script.get_revision("004_phase2_usage_tracking").module.FUNCTIONS
    return [one for one in written if one.lstrip().startswith(("CREATE FUNCTION reserve(", "CREATE FUNCTION open_llm"))]
