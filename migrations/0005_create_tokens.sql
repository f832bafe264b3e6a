-- One-time tokens. Unique by user and type, so that the latest one is the only one.
CREATE TABLE tokens (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    type       text        NOT NULL CONSTRAINT tokens_type_check
                           CHECK (type IN ('email_verification', 'password_reset', 'email_change')),
    token_hash text        NOT NULL CONSTRAINT tokens_token_hash_check CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    -- What the token is about where the user's row doesn't say it: the new address of an email_change.
    payload    text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CONSTRAINT tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT tokens_user_id_type_key UNIQUE (user_id, type)
);

CREATE INDEX tokens_expires_at_idx ON tokens (expires_at);

CREATE VIEW verification_tokens AS
    SELECT id, user_id, token_hash, expires_at, used_at, created_at FROM tokens WHERE type = 'email_verification';
CREATE VIEW password_reset_tokens AS
    SELECT id, user_id, token_hash, expires_at, used_at, created_at FROM tokens WHERE type = 'password_reset';
