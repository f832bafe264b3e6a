-- Rows that are let out by what an access token says: whose it is, of which firm, in which role and tier.
--
-- Postgres checks no token. The service in front of it does, and hands the claims over at the beginning of each
-- transaction, as a role that owns nothing and can't bypass policies:
--
--   BEGIN;
--   SET LOCAL ROLE notes_app;
--   SELECT set_config('request.jwt.claims', $1, true);
--   ...
--   COMMIT;
--
-- Both settings end with the transaction, so a pooled connection keeps nothing of them.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'notes_app') THEN
        CREATE ROLE notes_app NOLOGIN;
    END IF;
END
$$;

-- A claim, or NULL where nobody is signed in. A comparison with NULL lets nothing out.
CREATE FUNCTION claim(name text) RETURNS text
    LANGUAGE sql STABLE
    RETURN nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> name;

CREATE TABLE notes (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner uuid   NOT NULL DEFAULT claim('sub')::uuid,
    firm  uuid            DEFAULT claim('firm')::uuid,
    text  text   NOT NULL
);
CREATE INDEX notes_owner_idx ON notes (owner);
CREATE INDEX notes_firm_idx ON notes (firm);

GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO notes_app;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;

-- (SELECT ...) lets Postgres read the claim once a statement and not once a row.
CREATE POLICY own ON notes
    USING (owner = (SELECT claim('sub')::uuid))
    WITH CHECK (owner = (SELECT claim('sub')::uuid) AND firm IS NOT DISTINCT FROM (SELECT claim('firm')::uuid));

-- A programme manager and an admin of a firm read what is of that firm.
CREATE POLICY of_the_firm ON notes FOR SELECT
    USING ((SELECT claim('role')) IN ('pm', 'admin') AND firm = (SELECT claim('firm')::uuid));

-- An admin without a firm sees and does everything.
CREATE POLICY all_of_it ON notes
    USING ((SELECT claim('role')) = 'admin' AND (SELECT claim('firm')) IS NULL);

-- Writing is for members: a restrictive policy holds besides the others.
CREATE POLICY members_write ON notes AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT claim('tier')) = 'member');
