-- Who was invited into which firm, as what. The mailed token is derived from the row and the firm; the row holds its hash.
-- Unique by firm and address, so that the latest invitation is the only one.
CREATE TABLE invitations (
    id         uuid        PRIMARY KEY,
    firm_id    uuid        NOT NULL REFERENCES firms (id) ON DELETE CASCADE,
    email      text        NOT NULL,
    role       text        NOT NULL REFERENCES roles (name) ON UPDATE CASCADE ON DELETE CASCADE,
    token_hash text        NOT NULL CONSTRAINT invitations_token_hash_check CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    invited_by uuid        REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT invitations_token_hash_key UNIQUE (token_hash)
);

CREATE UNIQUE INDEX invitations_firm_id_email_key ON invitations (firm_id, lower(email));
CREATE INDEX invitations_pending_idx ON invitations (firm_id, id DESC) WHERE used_at IS NULL;
CREATE INDEX invitations_expires_at_idx ON invitations (expires_at);
CREATE INDEX invitations_invited_by_idx ON invitations (invited_by);
