-- What this database is for. Development accounts are made only where `environment` says development, and nothing but a
-- person's word (`doorward seed --mark-development`) ever says so.
CREATE TABLE deployment (
    key        text        PRIMARY KEY,
    value      text        NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO deployment (key, value) VALUES ('environment', 'production');
