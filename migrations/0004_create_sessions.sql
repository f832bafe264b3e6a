-- A session is one sign-in. It holds the hash of the one refresh token that is current, never the token.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash   text        NOT NULL CONSTRAINT sessions_token_hash_check CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    generation   integer     NOT NULL DEFAULT 0 CONSTRAINT sessions_generation_check CHECK (generation >= 0),
    -- Which request rotated last: lets the same transaction tell its own rotation from a rival's.
    rotation     uuid,
    rotated_at   timestamptz NOT NULL,
    ip           text,
    user_agent   text,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    reason       text        CONSTRAINT sessions_reason_check CHECK ((reason IS NULL) = (revoked_at IS NULL)),
    CONSTRAINT sessions_token_hash_key UNIQUE (token_hash)
);

CREATE INDEX sessions_user_id_idx ON sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
