"""Sign-in for the ChatGPT app: OAuth clients, what students agreed to, and the sessions that are a client's."""

from alembic import op

revision = "007_oauth"
down_revision = "006_push_changes"
branch_labels = None
depends_on = None

UPGRADE = """
-- A program that may ask students for access: registered by itself (its id is made here), or known by its document (its
-- id is the document's address, `fresh_until` when to read that again). One that no student ever agreed to is forgotten
-- after a day; every other stays, because its id is kept where it was registered.
CREATE TABLE oauth_clients (
    client_id     text        CONSTRAINT pk_oauth_clients PRIMARY KEY,
    client_name   text,
    redirect_uris text[]      NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    fresh_until   timestamptz,
    CONSTRAINT ck_oauth_clients_client_id_length CHECK (length(client_id) BETWEEN 1 AND 2000),
    CONSTRAINT ck_oauth_clients_client_name_length CHECK (length(client_name) <= 200),
    CONSTRAINT ck_oauth_clients_redirect_uris CHECK (cardinality(redirect_uris) BETWEEN 1 AND 20)
);
CREATE INDEX ix_oauth_clients_created_at ON oauth_clients (created_at);

CREATE TABLE oauth_consents (
    student_id uuid        NOT NULL CONSTRAINT fk_oauth_consents_student_id_students
                           REFERENCES students (student_id) ON DELETE CASCADE,
    client_id  text        NOT NULL CONSTRAINT fk_oauth_consents_client_id_oauth_clients
                           REFERENCES oauth_clients (client_id),
    scope      text        NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_oauth_consents PRIMARY KEY (student_id, client_id)
);
CREATE INDEX ix_oauth_consents_client_id ON oauth_consents (client_id);

-- What makes a session a client's. The authorization code names the session and carries a MAC made by core, so none is
-- stored; until it is redeemed the session lives a minute. A code redeemed twice ends the session.
CREATE TABLE oauth_grants (
    session_id     uuid NOT NULL CONSTRAINT pk_oauth_grants PRIMARY KEY CONSTRAINT fk_oauth_grants_session_id_sessions
                        REFERENCES sessions (session_id) ON DELETE CASCADE,
    client_id      text NOT NULL CONSTRAINT fk_oauth_grants_client_id_oauth_clients
                        REFERENCES oauth_clients (client_id),
    redirect_uri   text NOT NULL,
    code_challenge text NOT NULL,
    scope          text NOT NULL,
    resource       text NOT NULL,
    redeemed_at    timestamptz
);
CREATE INDEX ix_oauth_grants_client_id ON oauth_grants (client_id);
"""

DOWNGRADE = """
DROP TABLE oauth_grants, oauth_consents, oauth_clients;
"""


def upgrade() -> None:
    for statement in filter(str.strip, UPGRADE.split(";\n")):
        op.execute(statement)


def downgrade() -> None:
    for statement in filter(str.strip, DOWNGRADE.split(";\n")):
        op.execute(statement)
