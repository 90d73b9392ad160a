"""An answer is taken, and a path given again, by one function each: no lock of a limit waits for a client.

Before, these were transactions of several statements, and everybody who asked the model waited while the limits' locks
were held from one statement to the next. `keep_path` now adds the new path before it supersedes the old one: the
foreign key then makes it wait for the account's deletion with nothing in its hands; so does `reserve`. Expands only.
"""

from alembic import context, op

revision = "013_short_locks"
down_revision = "012_learning_actions"
branch_labels = None
depends_on = None

# Remembers a path's answer under the request's key, where there is one. CC001: another request has taken it over.
STORE_PATH_ANSWER = """
CREATE FUNCTION store_path_answer(p_student_id uuid, p_key text, p_token timestamptz, p_answer bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_key IS NOT NULL THEN
        UPDATE intelligence_idempotency_keys SET status_code = 200, response_body = p_answer
            WHERE student_id = p_student_id AND idempotency_key = p_key AND lease_until = p_token
                AND status_code IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the key was taken over' USING ERRCODE = 'CC001';
        END IF;
    END IF;
END $$
"""

# As in 011, but for the order of the first two writes. CC002: the reservation has ended.
KEEP_PATH = """
CREATE OR REPLACE FUNCTION keep_path(
    p_path_id uuid, p_student_id uuid, p_content_version text, p_recommendations jsonb, p_reasoning text, p_basis jsonb,
    p_generated_at timestamptz, p_expires_at timestamptz, p_reservation_id uuid,
    p_key text, p_token timestamptz, p_answer bytea
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- One at a time a student, so that exactly one path is the active one.
    PERFORM pg_advisory_xact_lock(hashtextextended('active path ' || p_student_id, 0));
    INSERT INTO adaptive_paths
            (path_id, student_id, content_version, recommendations, reasoning, basis, generated_at, expires_at, status)
        VALUES (p_path_id, p_student_id, p_content_version, p_recommendations, p_reasoning, p_basis, p_generated_at,
            p_expires_at, 'superseded');
    UPDATE adaptive_paths SET status = 'superseded' WHERE student_id = p_student_id AND status = 'active';
    UPDATE adaptive_paths SET status = 'active' WHERE path_id = p_path_id;
    PERFORM store_path_answer(p_student_id, p_key, p_token, p_answer);
    -- last, because it holds the locks of the limits
    IF NOT close_reservation(p_reservation_id, true) THEN
        RAISE EXCEPTION 'the reservation has ended' USING ERRCODE = 'CC002';
    END IF;
END $$
"""

# As in 009, but for the order of the writes.
RESERVE = """
CREATE OR REPLACE FUNCTION reserve(
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
    -- first of the writes: its foreign key waits for an account's deletion while nothing else is held
    INSERT INTO llm_reservations AS r
            (student_id, feature, reference_id, quota_month, hold_month, held_usd, lease_until)
        VALUES (p_student_id, p_feature, p_reference_id, v_month, v_month, p_worst_case_usd, now() + p_lease)
        RETURNING r.reservation_id INTO reservation_id;
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
END $$
"""

# Takes a quota unit for the student's active path, and remembers the answer. A refusal names the limit, 'path_gone'
# (before every other) or 'switched_off' (after every other); then nothing has changed.
GIVE_PATH_AGAIN = """
CREATE FUNCTION give_path_again(
    p_path_id uuid, p_student_id uuid, p_quota_limit integer, p_student_ceiling numeric, p_installation_ceiling numeric,
    p_switched_on boolean, p_key text, p_token timestamptz, p_answer bytea,
    OUT refused_by text, OUT used integer, OUT month date, OUT quota_limit integer
) LANGUAGE plpgsql AS $$
DECLARE
    v_reservation_id uuid;
BEGIN
    PERFORM FROM adaptive_paths
        WHERE path_id = p_path_id AND student_id = p_student_id AND status = 'active' AND expires_at > now();
    IF NOT FOUND THEN
        refused_by := 'path_gone';
        RETURN;
    END IF;
    SELECT r.refused_by, r.used, r.month, r.quota_limit, r.reservation_id
        INTO refused_by, used, month, quota_limit, v_reservation_id
        FROM reserve(p_student_id, 'adaptive_path', p_path_id, p_quota_limit, p_student_ceiling,
            p_installation_ceiling, 0, NULL) r;
    IF refused_by IS NULL AND NOT p_switched_on THEN
        refused_by := 'switched_off';
    END IF;
    IF refused_by IS NOT NULL THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = 'CC003';
    END IF;
    PERFORM close_reservation(v_reservation_id, true);
    PERFORM store_path_answer(p_student_id, p_key, p_token, p_answer);
EXCEPTION WHEN SQLSTATE 'CC003' THEN
    RETURN;  -- the writes are undone; what is returned says why
END $$
"""

# Queues an answer: its attempt, its quota unit with the worst case held, the learning action that core must hear of,
# and the receipt under the request's key. A refusal names the limit, 'switched_off' (after every other) or 'known_key'
# (before every other); then nothing has changed. An attempt number that is taken is a unique violation.
KEEP_SUBMISSION = """
CREATE FUNCTION keep_submission(
    p_submission_id uuid, p_student_id uuid, p_question_id text, p_chapter_id text, p_content_version text,
    p_answer_text text, p_attempt_number integer, p_submitted_at timestamptz,
    p_quota_limit integer, p_student_ceiling numeric, p_installation_ceiling numeric, p_switched_on boolean,
    p_worst_case_usd numeric, p_key text, p_request_digest text, p_receipt bytea,
    OUT refused_by text, OUT used integer, OUT month date, OUT quota_limit integer, OUT action_id uuid
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_reservation_id uuid;
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO intelligence_idempotency_keys
                (student_id, idempotency_key, request_digest, status_code, response_body, lease_until)
            VALUES (p_student_id, p_key, p_request_digest, 202, p_receipt, now())
            ON CONFLICT (student_id, idempotency_key) DO NOTHING;
        IF NOT FOUND THEN
            refused_by := 'known_key';
            RETURN;
        END IF;
    END IF;
    INSERT INTO learning_actions AS a (student_id, acted_at) VALUES (p_student_id, p_submitted_at)
        RETURNING a.action_id INTO action_id;
    SELECT r.refused_by, r.used, r.month, r.quota_limit, r.reservation_id
        INTO refused_by, used, month, quota_limit, v_reservation_id
        FROM reserve(p_student_id, 'assessment', gen_random_uuid(), p_quota_limit, p_student_ceiling,
            p_installation_ceiling, p_worst_case_usd, NULL) r;
    IF refused_by IS NULL AND NOT p_switched_on THEN
        refused_by := 'switched_off';
    END IF;
    IF refused_by IS NOT NULL THEN
        RAISE EXCEPTION 'refused' USING ERRCODE = 'CC003';
    END IF;
    INSERT INTO assessment_submissions
            (submission_id, student_id, question_id, chapter_id, content_version, answer_text, attempt_number,
            submitted_at, reservation_id)
        VALUES (p_submission_id, p_student_id, p_question_id, p_chapter_id, p_content_version, p_answer_text,
            p_attempt_number, p_submitted_at, v_reservation_id);
EXCEPTION WHEN SQLSTATE 'CC003' THEN
    RETURN;  -- the writes are undone; what is returned says why
END $$
"""


def upgrade() -> None:
    for statement in (RESERVE, STORE_PATH_ANSWER, KEEP_PATH, GIVE_PATH_AGAIN, KEEP_SUBMISSION):
        op.execute(statement)


def downgrade() -> None:
    for revision, name in (("011_fewer_trips", "KEEP_PATH"), ("009_grade_reviews", "RESERVE")):
        before: str = getattr(context.script.get_revision(revision).module, name)
        op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    op.execute("DROP FUNCTION keep_submission, give_path_again, store_path_answer")
