-- The old users table grows into an account. Every row stays; nothing of it is rewritten but the letters' case of a role.
-- lint: allow update-rows because it runs once, when Doorward moves in and no release of it runs yet
UPDATE users SET role = lower(role) WHERE role <> lower(role);
INSERT INTO roles (name, description)
SELECT DISTINCT role, 'Taken over from the old users table' FROM users
ON CONFLICT (name) DO NOTHING;

-- The old table may have had its own rules for roles and for addresses, by the names that Postgres gives them. The
-- roles table and the index below take their place; the index is the stricter one.
ALTER TABLE users
    DROP CONSTRAINT IF EXISTS users_role_check,
    DROP CONSTRAINT IF EXISTS users_email_key;
-- lint: allow drop because the unique index below takes its place in this same transaction
DROP INDEX IF EXISTS users_email_key, users_firm_id_idx;

-- lint: allow add-constraint because it runs once, when Doorward moves in and no release of it runs yet
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

-- lint: allow create-index because it runs once, when Doorward moves in and no release of it runs yet
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
-- lint: allow create-index because it runs once, when Doorward moves in and no release of it runs yet
CREATE INDEX users_firm_id_idx ON users (firm_id);
