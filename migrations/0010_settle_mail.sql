-- A mail whose token was used, replaced or has expired before it could go out is obsolete: nobody has to look at it, as
-- somebody has to at one that failed. The indexes let the maintenance find what it may delete without reading the rest.
ALTER TABLE mail_outbox
    DROP CONSTRAINT mail_outbox_status_check,
    ADD CONSTRAINT mail_outbox_status_check CHECK (status IN ('pending', 'sent', 'failed', 'obsolete'));

CREATE INDEX mail_outbox_settled_idx ON mail_outbox (created_at) WHERE status IN ('sent', 'obsolete');
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
