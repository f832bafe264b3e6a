-- The old users table grows into an account. Every row stays; nothing of it is rewritten but the letters' case of a role.
-- Two rows with the same address in different letters can't both sign in. They are named, and nothing is changed, so
-- that a person decides which one stays.
DO $$
DECLARE
    twice text;
    strange text;
BEGIN
    SELECT string_agg(address, ', ') INTO twice
    FROM (SELECT lower(email) AS address FROM users GROUP BY lower(email) HAVING count(*) > 1 ORDER BY 1 LIMIT 20) AS t;
    IF twice IS NOT NULL THEN
        RAISE EXCEPTION 'users with the same e-mail address in different letters: %. Merge or rename them, then migrate again.', twice
            USING ERRCODE = 'unique_violation';
    END IF;
    SELECT string_agg(role, ', ') INTO strange
    FROM (SELECT DISTINCT role FROM users WHERE lower(role) !~ '^[a-z][a-z0-9_-]{0,31}$' ORDER BY 1 LIMIT 20) AS t;
    IF strange IS NOT NULL THEN
        RAISE EXCEPTION 'users with a role that is no role name: %. Rename them, then migrate again.', strange
            USING ERRCODE = 'check_violation';
    END IF;
END
$$;

UPDATE users SET role = lower(role) WHERE role <> lower(role);
INSERT INTO roles (name, description)
SELECT DISTINCT role, 'Taken over from the old users table' FROM users
ON CONFLICT (name) DO NOTHING;

ALTER TABLE users
    ADD COLUMN password_hash       text,
    ADD COLUMN status              text        NOT NULL DEFAULT 'active',
    ADD COLUMN tier                text        NOT NULL DEFAULT 'free',
    ADD COLUMN is_verified         boolean     NOT NULL DEFAULT false,
    ADD COLUMN email_verified_at   timestamptz,
    ADD COLUMN phone               text,
    ADD COLUMN avatar_url          text,
    ADD COLUMN department          text,
    ADD COLUMN position            text,
    ADD COLUMN preferences         jsonb       NOT NULL DEFAULT '{}',
    ADD COLUMN last_login_at       timestamptz,
    ADD COLUMN password_changed_at timestamptz,
    ADD COLUMN updated_at          timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT users_status_check CHECK (status IN ('active', 'inactive', 'suspended')),
    ADD CONSTRAINT users_tier_check CHECK (tier IN ('anonymous', 'free', 'member')),
    ADD CONSTRAINT users_preferences_check CHECK (jsonb_typeof(preferences) = 'object'),
    ADD CONSTRAINT users_role_fkey FOREIGN KEY (role) REFERENCES roles (name) ON UPDATE CASCADE,
    ADD CONSTRAINT users_firm_id_fkey FOREIGN KEY (firm_id) REFERENCES firms (id);

CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_firm_id_idx ON users (firm_id);
