-- The users table as it stood before Doorward. A database that already has it keeps it as it is, rows and all; the
-- migrations that follow enhance it in place.
CREATE TABLE IF NOT EXISTS users (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    firm_id    uuid,
    name       text        NOT NULL,
    email      text        NOT NULL,
    role       text        NOT NULL DEFAULT 'member',
    created_at timestamptz NOT NULL DEFAULT now()
);
