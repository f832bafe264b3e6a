-- Roles and firms become tables of their own. What the old users table names is taken over first, so that the foreign
-- keys of the next migration hold for every row that is already there.
CREATE TABLE roles (
    name        text        PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,31}$'),
    description text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now()
);

INSERT INTO roles (name, description) VALUES
    ('admin',  'Runs the deployment, or its own firm'),
    ('pm',     'Programme manager of a firm'),
    ('mentor', 'Offers office sessions'),
    ('mentee', 'Asks for office sessions'),
    ('member', 'Everybody else');

CREATE TABLE firms (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    slug       text        NOT NULL CONSTRAINT firms_slug_check CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    name       text        NOT NULL,
    status     text        NOT NULL DEFAULT 'active' CONSTRAINT firms_status_check CHECK (status IN ('active', 'inactive')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT firms_slug_key UNIQUE (slug)
);

-- A firm that the old table only knew by its id gets a name that says so; an admin can rename it.
INSERT INTO firms (id, slug, name)
SELECT DISTINCT firm_id, 'firm-' || firm_id::text, 'Firm ' || firm_id::text
FROM users
WHERE firm_id IS NOT NULL;
