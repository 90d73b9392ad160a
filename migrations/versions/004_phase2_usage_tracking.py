"""Quotas, money and the ledger of model calls, with the functions that change them exactly once.

How money moves, all in the month of PostgreSQL's clock (UTC):

    reserve            takes a quota unit and holds the worst case of the first call        held += worst
    open_llm_call      writes the ledger row and takes the hold over, or holds anew         held += what is lacking
    settle_llm_call    known:   held -= worst, spent += cost;   unknown: held -= worst, unknown += worst
    close_reservation  gives back the rest of the hold, and on failure the quota unit, to the month it came from

A ceiling compares spent + held + unknown. Invariant: held = open reservations' holds + open calls' worst cases.
"""

from alembic import op

revision = "004_phase2_usage_tracking"
down_revision = "003_phase2_assessments"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE premium_usage_quotas (
    student_id          uuid        NOT NULL CONSTRAINT fk_premium_usage_quotas_student_id_students
                                    REFERENCES students (student_id) ON DELETE CASCADE,
    month               date        NOT NULL,
    adaptive_paths_used integer     NOT NULL DEFAULT 0,
    assessments_used    integer     NOT NULL DEFAULT 0,
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_premium_usage_quotas PRIMARY KEY (student_id, month),
    CONSTRAINT ck_premium_usage_quotas_adaptive_paths_used CHECK (adaptive_paths_used >= 0),
    CONSTRAINT ck_premium_usage_quotas_assessments_used CHECK (assessments_used >= 0),
    CONSTRAINT ck_premium_usage_quotas_month CHECK (extract(day FROM month) = 1)
);

CREATE TABLE llm_student_spend (
    student_id  uuid           NOT NULL CONSTRAINT fk_llm_student_spend_student_id_students
                               REFERENCES students (student_id) ON DELETE CASCADE,
    month       date           NOT NULL,
    spent_usd   numeric(20,12) NOT NULL DEFAULT 0,
    held_usd    numeric(20,12) NOT NULL DEFAULT 0,
    unknown_usd numeric(20,12) NOT NULL DEFAULT 0,
    CONSTRAINT pk_llm_student_spend PRIMARY KEY (student_id, month),
    CONSTRAINT ck_llm_student_spend_held_usd CHECK (held_usd >= 0),
    CONSTRAINT ck_llm_student_spend_unknown_usd CHECK (unknown_usd >= 0)
);

CREATE TABLE llm_installation_spend (
    month       date           CONSTRAINT pk_llm_installation_spend PRIMARY KEY,
    spent_usd   numeric(20,12) NOT NULL DEFAULT 0,
    held_usd    numeric(20,12) NOT NULL DEFAULT 0,
    unknown_usd numeric(20,12) NOT NULL DEFAULT 0,
    CONSTRAINT ck_llm_installation_spend_held_usd CHECK (held_usd >= 0),
    CONSTRAINT ck_llm_installation_spend_unknown_usd CHECK (unknown_usd >= 0)
);

-- `lease_until` is set where a request owns the reservation; a queued answer's has none, its submission owns it.
CREATE TABLE llm_reservations (
    reservation_id uuid           CONSTRAINT pk_llm_reservations PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id     uuid           CONSTRAINT fk_llm_reservations_student_id_students
                                  REFERENCES students (student_id) ON DELETE SET NULL,
    feature        text           NOT NULL,
    reference_id   uuid           NOT NULL,
    quota_month    date           NOT NULL,
    hold_month     date           NOT NULL,
    held_usd       numeric(20,12) NOT NULL,
    state          text           NOT NULL DEFAULT 'open',
    lease_until    timestamptz,
    created_at     timestamptz    NOT NULL DEFAULT now(),
    closed_at      timestamptz,
    CONSTRAINT ck_llm_reservations_feature CHECK (feature IN ('adaptive_path', 'assessment')),
    CONSTRAINT ck_llm_reservations_state CHECK (state IN ('open', 'kept', 'released')),
    CONSTRAINT ck_llm_reservations_held_usd CHECK (held_usd >= 0)
);
CREATE INDEX ix_llm_reservations_student_id ON llm_reservations (student_id);
CREATE INDEX ix_llm_reservations_open ON llm_reservations (created_at) WHERE state = 'open';

CREATE TABLE llm_usage_logs (
    call_id              uuid           CONSTRAINT pk_llm_usage_logs PRIMARY KEY DEFAULT gen_random_uuid(),
    student_id           uuid           CONSTRAINT fk_llm_usage_logs_student_id_students
                                        REFERENCES students (student_id) ON DELETE SET NULL,
    feature              text           NOT NULL,
    reference_id         uuid,
    reservation_id       uuid           CONSTRAINT fk_llm_usage_logs_reservation_id_llm_reservations
                                        REFERENCES llm_reservations (reservation_id),
    attempt              integer        NOT NULL,
    model                text           NOT NULL,
    prompt_version       text           NOT NULL,
    price_version        text           NOT NULL,
    outcome              text           NOT NULL DEFAULT 'open',
    success              boolean        NOT NULL DEFAULT false,
    tokens_input         integer        NOT NULL DEFAULT 0,
    tokens_cache_write   integer        NOT NULL DEFAULT 0,
    tokens_cache_read    integer        NOT NULL DEFAULT 0,
    tokens_output        integer        NOT NULL DEFAULT 0,
    tokens_total         integer        NOT NULL GENERATED ALWAYS AS (tokens_input + tokens_output) STORED,
    cost_usd             numeric(20,12) NOT NULL DEFAULT 0,
    worst_case_usd       numeric(20,12) NOT NULL,
    usage                jsonb,
    latency_ms           integer,
    provider_request_id  text,
    error_code           text,
    spend_month          date           NOT NULL,
    request_timestamp    timestamptz    NOT NULL DEFAULT now(),
    lease_until          timestamptz    NOT NULL,
    closed_at            timestamptz,
    deleted_at           timestamptz,
    CONSTRAINT ck_llm_usage_logs_feature CHECK (feature IN ('adaptive_path', 'assessment', 'check')),
    CONSTRAINT ck_llm_usage_logs_outcome
        CHECK (outcome IN ('open', 'succeeded', 'rejected', 'failed', 'unknown')),
    CONSTRAINT ck_llm_usage_logs_success CHECK (NOT success OR outcome = 'succeeded'),
    CONSTRAINT ck_llm_usage_logs_cost_usd CHECK (cost_usd >= 0),
    CONSTRAINT ck_llm_usage_logs_worst_case_usd CHECK (worst_case_usd >= 0)
);
CREATE INDEX ix_llm_usage_logs_student_id_request_timestamp ON llm_usage_logs (student_id, request_timestamp);
CREATE INDEX ix_llm_usage_logs_request_timestamp ON llm_usage_logs (request_timestamp);
CREATE INDEX ix_llm_usage_logs_reference_id ON llm_usage_logs (reference_id);
CREATE INDEX ix_llm_usage_logs_reservation_id ON llm_usage_logs (reservation_id);
CREATE INDEX ix_llm_usage_logs_open ON llm_usage_logs (lease_until) WHERE outcome = 'open';

-- What was sent and received, apart from the numbers: purged after 90 days, and with the account.
CREATE TABLE llm_exchanges (
    call_id       uuid        CONSTRAINT pk_llm_exchanges PRIMARY KEY
                              CONSTRAINT fk_llm_exchanges_call_id_llm_usage_logs
                              REFERENCES llm_usage_logs (call_id) ON DELETE CASCADE,
    student_id    uuid        CONSTRAINT fk_llm_exchanges_student_id_students
                              REFERENCES students (student_id) ON DELETE CASCADE,
    request_body  jsonb       NOT NULL,
    response_text text,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_llm_exchanges_student_id ON llm_exchanges (student_id);
CREATE INDEX ix_llm_exchanges_created_at ON llm_exchanges (created_at);

-- Which student's threshold has been reported in which month: an alert is sent once.
CREATE TABLE llm_cost_alerts (
    student_id uuid           NOT NULL CONSTRAINT fk_llm_cost_alerts_student_id_students
                              REFERENCES students (student_id) ON DELETE CASCADE,
    month      date           NOT NULL,
    cost_usd   numeric(20,12) NOT NULL,
    sent_at    timestamptz    NOT NULL DEFAULT now(),
    CONSTRAINT pk_llm_cost_alerts PRIMARY KEY (student_id, month)
);

-- `status_code` is null while the first request is still at work, at most until `lease_until`.
CREATE TABLE intelligence_idempotency_keys (
    student_id      uuid        NOT NULL CONSTRAINT fk_intelligence_idempotency_keys_student_id_students
                                REFERENCES students (student_id) ON DELETE CASCADE,
    idempotency_key text        NOT NULL,
    request_digest  text        NOT NULL,
    status_code     integer,
    response_body   bytea,
    lease_until     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_intelligence_idempotency_keys PRIMARY KEY (student_id, idempotency_key)
);
CREATE INDEX ix_intelligence_idempotency_keys_created_at ON intelligence_idempotency_keys (created_at);
"""

FUNCTIONS = [
    """
CREATE FUNCTION current_utc_month() RETURNS date LANGUAGE sql STABLE
RETURN date_trunc('month', now() AT TIME ZONE 'UTC')::date
""",
    # Serialises everyone who could pass the same limit until the transaction ends. Student before installation.
    """
CREATE FUNCTION lock_limits(p_student_id uuid, p_installation boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_student_id IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('student limits ' || p_student_id, 0));
    END IF;
    IF p_installation THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('installation limit', 0));
    END IF;
END $$
""",
    # Which ceiling p_amount more would pass: 'student_ceiling', 'installation_ceiling' or null. Call lock_limits first.
    """
CREATE FUNCTION refusing_ceiling(
    p_student_id uuid, p_month date, p_amount numeric, p_student_ceiling numeric, p_installation_ceiling numeric
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_committed numeric;
BEGIN
    IF p_student_id IS NOT NULL AND p_student_ceiling IS NOT NULL THEN
        SELECT spent_usd + held_usd + unknown_usd INTO v_committed
            FROM llm_student_spend WHERE student_id = p_student_id AND month = p_month;
        IF coalesce(v_committed, 0) + p_amount > p_student_ceiling THEN
            RETURN 'student_ceiling';
        END IF;
    END IF;
    IF p_installation_ceiling IS NOT NULL THEN
        SELECT spent_usd + held_usd + unknown_usd INTO v_committed FROM llm_installation_spend WHERE month = p_month;
        IF coalesce(v_committed, 0) + p_amount > p_installation_ceiling THEN
            RETURN 'installation_ceiling';
        END IF;
    END IF;
    RETURN NULL;
END $$
""",
    # Adds to the month's sums of the student (none once the account is gone) and of the installation.
    """
CREATE FUNCTION add_spend(p_student_id uuid, p_month date, p_spent numeric, p_held numeric, p_unknown numeric)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_student_id IS NOT NULL THEN
        UPDATE llm_student_spend
            SET spent_usd = spent_usd + p_spent, held_usd = held_usd + p_held, unknown_usd = unknown_usd + p_unknown
            WHERE student_id = p_student_id AND month = p_month;
        IF NOT FOUND THEN
            INSERT INTO llm_student_spend AS s (student_id, month, spent_usd, held_usd, unknown_usd)
                VALUES (p_student_id, p_month, p_spent, p_held, p_unknown)
                ON CONFLICT (student_id, month) DO UPDATE SET spent_usd = s.spent_usd + excluded.spent_usd,
                    held_usd = s.held_usd + excluded.held_usd, unknown_usd = s.unknown_usd + excluded.unknown_usd;
        END IF;
    END IF;
    UPDATE llm_installation_spend
        SET spent_usd = spent_usd + p_spent, held_usd = held_usd + p_held, unknown_usd = unknown_usd + p_unknown
        WHERE month = p_month;
    IF NOT FOUND THEN
        INSERT INTO llm_installation_spend AS s (month, spent_usd, held_usd, unknown_usd)
            VALUES (p_month, p_spent, p_held, p_unknown)
            ON CONFLICT (month) DO UPDATE SET spent_usd = s.spent_usd + excluded.spent_usd,
                held_usd = s.held_usd + excluded.held_usd, unknown_usd = s.unknown_usd + excluded.unknown_usd;
    END IF;
END $$
""",
    # Checks quota, student and installation ceiling in this order. A refusal names the limit and changes nothing.
    """
CREATE FUNCTION reserve(
    p_student_id uuid, p_feature text, p_reference_id uuid, p_quota_limit integer,
    p_student_ceiling numeric, p_installation_ceiling numeric, p_worst_case_usd numeric, p_lease interval,
    OUT refused_by text, OUT reservation_id uuid, OUT used integer, OUT month date
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_month date := current_utc_month();
    v_used integer;
BEGIN
    month := v_month;
    PERFORM lock_limits(p_student_id, p_installation_ceiling IS NOT NULL);
    SELECT CASE p_feature WHEN 'adaptive_path' THEN q.adaptive_paths_used ELSE q.assessments_used END INTO v_used
        FROM premium_usage_quotas q WHERE q.student_id = p_student_id AND q.month = v_month;
    v_used := coalesce(v_used, 0);
    used := v_used;
    IF v_used >= p_quota_limit THEN
        refused_by := 'quota';
        RETURN;
    END IF;
    refused_by := refusing_ceiling(p_student_id, v_month, p_worst_case_usd, p_student_ceiling, p_installation_ceiling);
    IF refused_by IS NOT NULL THEN
        RETURN;
    END IF;
    INSERT INTO premium_usage_quotas AS q (student_id, month, adaptive_paths_used, assessments_used)
        VALUES (p_student_id, v_month, (p_feature = 'adaptive_path')::integer, (p_feature = 'assessment')::integer)
        ON CONFLICT (student_id, month) DO UPDATE
            SET adaptive_paths_used = q.adaptive_paths_used + excluded.adaptive_paths_used,
                assessments_used = q.assessments_used + excluded.assessments_used, updated_at = now();
    used := v_used + 1;
    PERFORM add_spend(p_student_id, v_month, 0, p_worst_case_usd, 0);
    INSERT INTO llm_reservations AS r
            (student_id, feature, reference_id, quota_month, hold_month, held_usd, lease_until)
        VALUES (p_student_id, p_feature, p_reference_id, v_month, v_month, p_worst_case_usd, now() + p_lease)
        RETURNING r.reservation_id INTO reservation_id;
END $$
""",
    # Writes the ledger row of a call about to be sent. Returns null, or what refuses it; then nothing has changed.
    """
CREATE FUNCTION open_llm_call(
    p_call_id uuid, p_reservation_id uuid, p_feature text, p_attempt integer, p_model text, p_prompt_version text,
    p_price_version text, p_worst_case_usd numeric, p_student_ceiling numeric, p_installation_ceiling numeric,
    p_lease interval
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
        VALUES (p_call_id, v_reservation.student_id, p_feature, v_reservation.reference_id, p_reservation_id, p_attempt,
            p_model, p_prompt_version, p_price_version, p_worst_case_usd, v_month, now() + p_lease);
    RETURN NULL;
END $$
""",
    # Closes a ledger row once: false when it was closed before. A call held as unknown takes the truth later too.
    """
CREATE FUNCTION settle_llm_call(
    p_call_id uuid, p_outcome text, p_success boolean, p_tokens_input integer, p_tokens_cache_write integer,
    p_tokens_cache_read integer, p_tokens_output integer, p_cost_usd numeric, p_usage jsonb, p_latency_ms integer,
    p_provider_request_id text, p_error_code text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_call llm_usage_logs;
    v_unknown boolean := p_outcome = 'unknown';
BEGIN
    SELECT * INTO v_call FROM llm_usage_logs WHERE call_id = p_call_id FOR UPDATE;
    IF NOT FOUND OR v_call.outcome NOT IN ('open', 'unknown') OR v_call.outcome = p_outcome THEN
        RETURN false;
    END IF;
    UPDATE llm_usage_logs SET outcome = p_outcome, success = p_success, tokens_input = p_tokens_input,
            tokens_cache_write = p_tokens_cache_write, tokens_cache_read = p_tokens_cache_read,
            tokens_output = p_tokens_output, cost_usd = p_cost_usd, usage = p_usage, latency_ms = p_latency_ms,
            provider_request_id = p_provider_request_id, error_code = p_error_code, closed_at = now()
        WHERE call_id = p_call_id;
    PERFORM add_spend(v_call.student_id, v_call.spend_month, p_cost_usd,
        CASE WHEN v_call.outcome = 'open' THEN -v_call.worst_case_usd ELSE 0 END,
        CASE WHEN v_call.outcome = 'unknown' THEN -v_call.worst_case_usd WHEN v_unknown THEN v_call.worst_case_usd
            ELSE 0 END);
    RETURN true;
END $$
""",
    # Ends a reservation once: false when it was ended before. p_keep false gives the quota unit back to its month.
    """
CREATE FUNCTION close_reservation(p_reservation_id uuid, p_keep boolean) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_reservation llm_reservations;
BEGIN
    SELECT * INTO v_reservation FROM llm_reservations WHERE reservation_id = p_reservation_id AND state = 'open'
        FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE llm_reservations
        SET state = CASE WHEN p_keep THEN 'kept' ELSE 'released' END, held_usd = 0, closed_at = now()
        WHERE reservation_id = p_reservation_id;
    IF NOT p_keep AND v_reservation.student_id IS NOT NULL THEN
        UPDATE premium_usage_quotas
            SET adaptive_paths_used = adaptive_paths_used - (v_reservation.feature = 'adaptive_path')::integer,
                assessments_used = assessments_used - (v_reservation.feature = 'assessment')::integer,
                updated_at = now()
            WHERE student_id = v_reservation.student_id AND month = v_reservation.quota_month;
    END IF;
    IF v_reservation.held_usd > 0 THEN
        PERFORM add_spend(v_reservation.student_id, v_reservation.hold_month, 0, -v_reservation.held_usd, 0);
    END IF;
    RETURN true;
END $$
""",
    # Settles one thing that a crash left open: a call past its lease becomes unknown, or a reservation nobody owns is
    # released. One a transaction, because two would lock the sums of two students around the installation's. Call it
    # until it has found nothing.
    """
CREATE FUNCTION sweep_abandoned(OUT calls integer, OUT reservations integer) LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid;
BEGIN
    calls := 0;
    reservations := 0;
    SELECT call_id INTO v_id FROM llm_usage_logs WHERE outcome = 'open' AND lease_until < now()
        ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        calls := settle_llm_call(v_id, 'unknown', false, 0, 0, 0, 0, 0, NULL, NULL, NULL, 'ABANDONED')::integer;
        RETURN;
    END IF;
    SELECT r.reservation_id INTO v_id FROM llm_reservations r
        WHERE r.state = 'open' AND (r.lease_until < now() OR (r.lease_until IS NULL AND r.student_id IS NULL))
            AND NOT EXISTS (
                SELECT FROM llm_usage_logs c WHERE c.reservation_id = r.reservation_id AND c.outcome = 'open')
        ORDER BY r.created_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        reservations := close_reservation(v_id, false)::integer;
    END IF;
END $$
""",
]

DOWNGRADE = """
DROP FUNCTION sweep_abandoned, close_reservation, settle_llm_call, open_llm_call, reserve, add_spend, refusing_ceiling,
    lock_limits, current_utc_month;
DROP TABLE intelligence_idempotency_keys, llm_cost_alerts, llm_exchanges, llm_usage_logs, llm_reservations,
    llm_installation_spend, llm_student_spend, premium_usage_quotas;
"""


def upgrade() -> None:
    for statement in [*filter(str.strip, TABLES.split(";\n")), *FUNCTIONS]:
        op.execute(statement)
    op.execute(
        "ALTER TABLE assessment_submissions ADD CONSTRAINT fk_assessment_submissions_reservation_id_llm_reservations "
        "FOREIGN KEY (reservation_id) REFERENCES llm_reservations (reservation_id)"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE assessment_submissions DROP CONSTRAINT fk_assessment_submissions_reservation_id_llm_reservations"
    )
    for statement in filter(str.strip, DOWNGRADE.split(";\n")):
        op.execute(statement)
