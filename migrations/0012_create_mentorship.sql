-- Mentors and mentees, when a mentor can be met, and the office sessions that they agree on.
--
-- `tenant` is the firm, or the nil UUID for the people without one. It is kept by the triggers below whatever a statement
-- says, and the composite foreign keys make the database refuse an office session between people of two firms.
-- btree_gist is a trusted extension: whoever may create in this database may create it.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE mentors (
    user_id    uuid        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    tenant     uuid        NOT NULL,
    headline   text,
    bio        text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mentors_tenant_key UNIQUE (user_id, tenant)
);

CREATE TABLE mentees (
    user_id    uuid        PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    tenant     uuid        NOT NULL,
    goals      text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mentees_tenant_key UNIQUE (user_id, tenant)
);

-- Takes the tenant from the user. The lock on the user's row makes a change of the firm wait until this row is there, so
-- that the other trigger finds it.
CREATE FUNCTION keep_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT coalesce(firm_id, '00000000-0000-0000-0000-000000000000') INTO NEW.tenant
    FROM users WHERE id = NEW.user_id FOR SHARE;
    RETURN NEW;
END
$$;

CREATE TRIGGER mentors_keep_tenant BEFORE INSERT OR UPDATE OF user_id, tenant ON mentors
    FOR EACH ROW EXECUTE FUNCTION keep_tenant();
CREATE TRIGGER mentees_keep_tenant BEFORE INSERT OR UPDATE OF user_id, tenant ON mentees
    FOR EACH ROW EXECUTE FUNCTION keep_tenant();

-- Follows the user into another firm. Somebody with office sessions can't go: they are with people of the old firm.
CREATE FUNCTION move_tenant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mentors SET tenant = tenant WHERE user_id = NEW.id;
    UPDATE mentees SET tenant = tenant WHERE user_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER users_move_tenant AFTER UPDATE OF firm_id ON users
    FOR EACH ROW WHEN (OLD.firm_id IS DISTINCT FROM NEW.firm_id) EXECUTE FUNCTION move_tenant();

-- What people call what they know: one spelling for all.
CREATE TABLE expertise (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name       text        NOT NULL CONSTRAINT expertise_name_check CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX expertise_name_key ON expertise (lower(name));

CREATE TABLE mentor_expertise (
    mentor_id    uuid     NOT NULL REFERENCES mentors (user_id) ON DELETE CASCADE,
    expertise_id uuid     NOT NULL REFERENCES expertise (id) ON DELETE CASCADE,
    -- The mentor's own order.
    rank         smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (mentor_id, expertise_id)
);

CREATE INDEX mentor_expertise_expertise_id_idx ON mentor_expertise (expertise_id);

-- Whether this server's rules know the zone. Asking for an unknown one is an error, which is caught here.
CREATE FUNCTION is_time_zone(name text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    PERFORM timestamptz 'epoch' AT TIME ZONE name;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;

-- Hours of the week on the local clock of one zone; a mentor's hours don't overlap.
CREATE TABLE availability (
    id           uuid     PRIMARY KEY DEFAULT gen_random_uuid(),
    mentor_id    uuid     NOT NULL REFERENCES mentors (user_id) ON DELETE CASCADE,
    -- ISO 8601: 1 is Monday.
    weekday      smallint NOT NULL CONSTRAINT availability_weekday_check CHECK (weekday BETWEEN 1 AND 7),
    -- Minutes since midnight.
    start_minute integer  NOT NULL CONSTRAINT availability_start_check CHECK (start_minute >= 0),
    end_minute   integer  NOT NULL CONSTRAINT availability_end_check CHECK (end_minute <= 1440),
    time_zone    text     NOT NULL CONSTRAINT availability_time_zone_check CHECK (is_time_zone(time_zone)),
    CONSTRAINT availability_order_check CHECK (start_minute < end_minute),
    CONSTRAINT availability_overlap_excl
        EXCLUDE USING gist (mentor_id WITH =, weekday WITH =, int4range(start_minute, end_minute) WITH &&),
    CONSTRAINT availability_one_zone_excl EXCLUDE USING gist (mentor_id WITH =, time_zone WITH <>)
);

CREATE TABLE office_sessions (
    id          uuid        PRIMARY KEY,
    tenant      uuid        NOT NULL,
    mentor_id   uuid        NOT NULL,
    mentee_id   uuid        NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    -- The mentor's when it was agreed on, for showing.
    time_zone   text        NOT NULL CONSTRAINT office_sessions_time_zone_check CHECK (is_time_zone(time_zone)),
    status      text        NOT NULL DEFAULT 'requested' CONSTRAINT office_sessions_status_check
                            CHECK (status IN ('requested', 'confirmed', 'cancelled', 'completed')),
    -- Who named the time; the other one confirms it.
    proposed_by text        NOT NULL DEFAULT 'mentee' CONSTRAINT office_sessions_proposed_by_check
                            CHECK (proposed_by IN ('mentor', 'mentee')),
    topic       text,
    -- Why it was called off.
    note        text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT office_sessions_length_check
        CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '4 hours'),
    CONSTRAINT office_sessions_two_people_check CHECK (mentor_id <> mentee_id),
    CONSTRAINT office_sessions_mentor_fkey
        FOREIGN KEY (mentor_id, tenant) REFERENCES mentors (user_id, tenant) ON DELETE CASCADE,
    CONSTRAINT office_sessions_mentee_fkey
        FOREIGN KEY (mentee_id, tenant) REFERENCES mentees (user_id, tenant) ON DELETE CASCADE,
    -- Nobody is in two places at once.
    CONSTRAINT office_sessions_mentor_excl
        EXCLUDE USING gist (mentor_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status IN ('requested', 'confirmed')),
    CONSTRAINT office_sessions_mentee_excl
        EXCLUDE USING gist (mentee_id WITH =, tstzrange(starts_at, ends_at) WITH &&)
        WHERE (status IN ('requested', 'confirmed'))
);

CREATE INDEX office_sessions_mentor_id_idx ON office_sessions (mentor_id, starts_at DESC, id DESC);
CREATE INDEX office_sessions_mentee_id_idx ON office_sessions (mentee_id, starts_at DESC, id DESC);

-- Lists of people, newest first: of all, of a role, of a firm. The last one does what the index on firm_id alone did.
-- lint: allow create-index because before the first release no users table is so big that a sign-up would wait for long
CREATE INDEX users_created_at_idx ON users (created_at DESC, id DESC);
-- lint: allow create-index because before the first release no users table is so big that a sign-up would wait for long
CREATE INDEX users_role_idx ON users (role, created_at DESC, id DESC);
-- lint: allow create-index because before the first release no users table is so big that a sign-up would wait for long
CREATE INDEX users_firm_idx ON users (firm_id, created_at DESC, id DESC);
-- lint: allow drop because users_firm_idx, which was just made, begins with the same column
DROP INDEX users_firm_id_idx;

-- The search in names and addresses. pg_trgm is trusted, too; where it can't be had the search works without, row by row.
-- lint: allow create-index because before the first release no users table is so big that a sign-up would wait for long
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX users_search_idx ON users USING gin (lower(name || E'\n' || email) gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE NOTICE 'pg_trgm can''t be had here (%): searching among very many people will be slow', SQLERRM;
END
$$;
