"""What every path runs costs fewer round trips and fewer writes: one function keeps a path, and a hold moves at once.

Expands only: services of the revisions before run on it. `open_llm_call` takes its reservation's hold over with one
change of the month's sums, and with none where the two are the same; before, it wrote the sums twice.
"""

from alembic import context, op

revision = "011_fewer_trips"
down_revision = "010_credited_time"
branch_labels = None
depends_on = None

# A path becomes the student's active one, its quota unit is kept and its answer remembered under the request's key:
# all of it, or an error and nothing. CC001: another request has taken the key over. CC002: the reservation has ended.
KEEP_PATH = """
CREATE FUNCTION keep_path(
    p_path_id uuid, p_student_id uuid, p_content_version text, p_recommendations jsonb, p_reasoning text, p_basis jsonb,
    p_generated_at timestamptz, p_expires_at timestamptz, p_reservation_id uuid,
    p_key text, p_token timestamptz, p_answer bytea
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- One at a time a student, so that exactly one path is the active one.
    PERFORM pg_advisory_xact_lock(hashtextextended('active path ' || p_student_id, 0));
    UPDATE adaptive_paths SET status = 'superseded' WHERE student_id = p_student_id AND status = 'active';
    INSERT INTO adaptive_paths
            (path_id, student_id, content_version, recommendations, reasoning, basis, generated_at, expires_at)
        VALUES (p_path_id, p_student_id, p_content_version, p_recommendations, p_reasoning, p_basis, p_generated_at,
            p_expires_at);
    IF p_key IS NOT NULL THEN
        UPDATE intelligence_idempotency_keys SET status_code = 200, response_body = p_answer
            WHERE student_id = p_student_id AND idempotency_key = p_key AND lease_until = p_token
                AND status_code IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the key was taken over' USING ERRCODE = 'CC001';
        END IF;
    END IF;
    -- last, because it holds the locks of the limits
    IF NOT close_reservation(p_reservation_id, true) THEN
        RAISE EXCEPTION 'the reservation has ended' USING ERRCODE = 'CC002';
    END IF;
END $$
"""

OPEN_LLM_CALL = """
CREATE OR REPLACE FUNCTION open_llm_call(
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
        UPDATE llm_reservations SET held_usd = 0 WHERE reservation_id = p_reservation_id;
        IF v_reservation.hold_month <> v_month THEN
            PERFORM add_spend(v_reservation.student_id, v_reservation.hold_month, 0, -v_reservation.held_usd, 0);
        END IF;
    END IF;
    IF p_worst_case_usd <> v_carried THEN
        PERFORM add_spend(v_reservation.student_id, v_month, 0, p_worst_case_usd - v_carried, 0);
    END IF;
    INSERT INTO llm_usage_logs (call_id, student_id, feature, reference_id, reservation_id, attempt, model,
            prompt_version, price_version, worst_case_usd, spend_month, lease_until)
        VALUES (p_call_id, v_reservation.student_id, p_feature, coalesce(v_reservation.reference_id, p_reference_id),
            p_reservation_id, p_attempt, p_model, p_prompt_version, p_price_version, p_worst_case_usd, v_month,
            now() + p_lease);
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    for statement in (KEEP_PATH, OPEN_LLM_CALL):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION keep_path")
    before: str = context.script.get_revision("009_grade_reviews").module.OPEN_LLM_CALL
    op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
