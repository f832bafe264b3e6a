-- What came from elsewhere knows with which batch it came, so that it can be found again and taken out again. Nothing
-- that is there is rewritten: the new columns may be empty, and the release before doesn't look at them.
CREATE TABLE import_batches (
    id          uuid        PRIMARY KEY,
    source      text        NOT NULL,
    -- The folder, file or database (without its password), as it was named.
    origin      text        NOT NULL,
    -- What tells one state of the origin from another: an interrupted run goes on only where it is the same.
    mark        text        NOT NULL,
    status      text        NOT NULL DEFAULT 'loading'
                            CONSTRAINT import_batches_status_check CHECK (status IN ('loading', 'imported', 'rolled_back')),
    -- How many records of the origin are in the staging tables.
    position    bigint      NOT NULL DEFAULT 0,
    read        bigint      NOT NULL DEFAULT 0,
    imported    bigint      NOT NULL DEFAULT 0,
    cleaned     bigint      NOT NULL DEFAULT 0,
    refused     bigint      NOT NULL DEFAULT 0,
    unchanged   bigint      NOT NULL DEFAULT 0,
    report      text,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

ALTER TABLE accounts
    -- Who says so, where one provider's name stands for several (OpenID Connect's `iss`).
    ADD COLUMN issuer      text,
    ADD COLUMN batch_id    uuid,
    -- What the user was like when it came in, as two hashes: of the profile, and of the password's hash. On the row that
    -- brought the user in; empty on further identities of the same user.
    ADD COLUMN fingerprint text;

-- A token that an import brought is found by its hash alone, because its text is another system's. One that is issued
-- here in its place is none of the batch's.
ALTER TABLE tokens ADD COLUMN batch_id uuid;
