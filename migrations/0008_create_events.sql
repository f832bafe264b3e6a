-- The audit trail. An event outlives the user that it is about only as long as nobody asks for that user's deletion.
-- It never holds a secret: no password, no token, no hash.
CREATE TABLE events (
    id         uuid        PRIMARY KEY,
    user_id    uuid        REFERENCES users (id) ON DELETE CASCADE,
    actor_id   uuid,
    kind       text        NOT NULL,
    outcome    text        NOT NULL CONSTRAINT events_outcome_check CHECK (outcome IN ('success', 'failure')),
    ip         text,
    user_agent text,
    details    jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL
);

CREATE INDEX events_user_id_idx ON events (user_id, id DESC);
CREATE INDEX events_kind_idx ON events (kind, id DESC);
