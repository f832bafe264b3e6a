-- The users table as it stood before Doorward. A database that already has it keeps every row; where its columns are
-- looser than this (varchar, no time zone, NULLs) they are tightened, and the migrations that follow enhance it.
--
-- What a person has to decide is refused here, first of all, so that a refusal leaves the database as it was.
DO $$
DECLARE
    names text;
BEGIN
    SELECT string_agg(name, ', ') INTO names
    FROM unnest(ARRAY['roles', 'firms', 'sessions', 'tokens', 'accounts', 'mail_outbox', 'events', 'deployment']) AS name
    WHERE to_regclass(name) IS NOT NULL;
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'this database has tables of its own that are called: %', names
            USING ERRCODE = 'duplicate_table', HINT = 'Rename them, or give Doorward a schema or a database of its own.';
    END IF;
END
$$;

CREATE TABLE IF NOT EXISTS users (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    firm_id    uuid,
    name       text        NOT NULL,
    email      text        NOT NULL,
    role       text        NOT NULL DEFAULT 'member',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- lint: allow dynamic-sql because it tightens columns of the old table, and runs once, when Doorward moves in and no release of it runs yet
DO $$
DECLARE
    names text;
    wanted record;
    actual text;
    clock text;
BEGIN
    SELECT string_agg(name, ', ') INTO names
    FROM unnest(ARRAY['id', 'firm_id', 'name', 'email', 'role', 'created_at']) AS name
    WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = name AND NOT attisdropped);
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'the users table of this database has no column: %', names
            USING ERRCODE = 'undefined_column', HINT = 'Add them, or rename the table if it is another application''s.';
    END IF;

    SELECT string_agg(id::text, ', ') INTO names
    FROM (SELECT id FROM users WHERE coalesce(btrim(email::text), '') = '' ORDER BY id::text LIMIT 20) AS t;
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'users without an e-mail address: %', names
            USING ERRCODE = 'not_null_violation', HINT = 'Give them one, or delete them, then migrate again.';
    END IF;

    -- Two rows with the same address in different letters can't both sign in.
    SELECT string_agg(address, ', ') INTO names
    FROM (SELECT lower(btrim(email::text)) AS address FROM users GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 20) AS t;
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'users with the same e-mail address (letters'' case and spaces around it aside): %', names
            USING ERRCODE = 'unique_violation', HINT = 'Merge or rename them, then migrate again.';
    END IF;

    SELECT string_agg(quote_literal(role), ', ') INTO names
    FROM (SELECT DISTINCT role::text AS role FROM users
          WHERE btrim(role::text) <> '' AND lower(role::text) !~ '^[a-z][a-z0-9_-]{0,31}$' ORDER BY 1 LIMIT 20) AS t;
    IF names IS NOT NULL THEN
        RAISE EXCEPTION 'users with a role that is no role name: %', names
            USING ERRCODE = 'check_violation',
                  HINT = 'A role is a letter and up to 31 letters, digits, - and _. Rename them, then migrate again.';
    END IF;

    -- Looser types. A column that is right isn't touched: the change would fail where a view reads it.
    FOR wanted IN
        SELECT * FROM (VALUES
            ('id',         'uuid',                     'id::text::uuid',                          'gen_random_uuid()'),
            ('firm_id',    'uuid',                     'nullif(btrim(firm_id::text), '''')::uuid', NULL),
            ('name',       'text',                     'name::text',                              NULL),
            ('email',      'text',                     'email::text',                             NULL),
            ('role',       'text',                     'role::text',                              '''member'''),
            ('created_at', 'timestamp with time zone', NULL,                                      'now()')
        ) AS t (name, type, conversion, standard)
    LOOP
        SELECT format_type(atttypid, NULL) INTO actual
        FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = wanted.name;
        IF actual <> wanted.type THEN
            -- A time without a zone is read as UTC, whatever this session's zone is.
            clock := CASE WHEN actual IN ('date', 'timestamp without time zone')
                          THEN 'created_at::timestamp AT TIME ZONE ''UTC''' ELSE 'created_at::text::timestamptz' END;
            EXECUTE format('ALTER TABLE users ALTER COLUMN %I DROP DEFAULT', wanted.name);
            EXECUTE format('ALTER TABLE users ALTER COLUMN %I TYPE %s USING %s',
                           wanted.name, wanted.type, coalesce(wanted.conversion, clock));
        END IF;
        IF wanted.standard IS NOT NULL THEN
            EXECUTE format('ALTER TABLE users ALTER COLUMN %I SET DEFAULT %s', wanted.name, wanted.standard);
        END IF;
    END LOOP;
END
$$;

-- lint: allow update-rows because it runs once, when Doorward moves in and no release of it runs yet
UPDATE users SET id = gen_random_uuid() WHERE id IS NULL;
-- lint: allow update-rows because it runs once, when Doorward moves in and no release of it runs yet
UPDATE users SET email = btrim(email) WHERE email <> btrim(email);
-- lint: allow update-rows because it runs once, when Doorward moves in and no release of it runs yet
UPDATE users SET name = split_part(email, '@', 1) WHERE name IS NULL;
-- lint: allow update-rows because it runs once, when Doorward moves in and no release of it runs yet
UPDATE users SET role = 'member' WHERE coalesce(btrim(role), '') = '';
-- lint: allow update-rows because it runs once, when Doorward moves in and no release of it runs yet
UPDATE users SET created_at = now() WHERE created_at IS NULL;

-- lint: allow set-not-null because it runs once, when Doorward moves in and no release of it runs yet
ALTER TABLE users
    ALTER COLUMN id SET NOT NULL,
    ALTER COLUMN name SET NOT NULL,
    ALTER COLUMN email SET NOT NULL,
    ALTER COLUMN role SET NOT NULL,
    ALTER COLUMN created_at SET NOT NULL;

-- lint: allow add-constraint because it runs once, when Doorward moves in and no release of it runs yet
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype = 'p') THEN
        ALTER TABLE users ADD PRIMARY KEY (id);
    END IF;
END
$$;
