-- Mail is a row here, written in the same batch as the change that it speaks of, and sent afterwards. A row holds no
-- secret: the token in a link is derived again from token_id when the mail goes out.
CREATE TABLE mail_outbox (
    id              uuid        PRIMARY KEY,
    user_id         uuid        REFERENCES users (id) ON DELETE CASCADE,
    token_id        uuid,
    recipient       text        NOT NULL,
    template        text        NOT NULL,
    locale          text        NOT NULL DEFAULT 'en',
    params          jsonb       NOT NULL DEFAULT '{}',
    status          text        NOT NULL DEFAULT 'pending' CONSTRAINT mail_outbox_status_check
                                CHECK (status IN ('pending', 'sent', 'failed')),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    leased_until    timestamptz,
    last_error      text,
    created_at      timestamptz NOT NULL,
    sent_at         timestamptz
);

CREATE INDEX mail_outbox_due_idx ON mail_outbox (next_attempt_at) WHERE status = 'pending';
CREATE INDEX mail_outbox_user_id_idx ON mail_outbox (user_id);
