-- What the one place that decides asks for: what each role allows, and which firm an event belongs to, so that a firm's
-- admin reads that firm's trail without reading everybody's.
-- lint: allow add-constraint because there are a handful of roles
ALTER TABLE roles
    ADD COLUMN permissions text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT roles_permissions_check CHECK (permissions <@ ARRAY[
        'profiles.read', 'profiles.list', 'profiles.write', 'users.manage', 'events.read', 'firms.read', 'firms.manage',
        'invitations.manage', 'mentoring.offer', 'mentoring.ask']);

-- lint: allow update-rows because there are a handful of roles
UPDATE roles SET permissions = ARRAY[
    'profiles.read', 'profiles.list', 'profiles.write', 'users.manage', 'events.read', 'firms.read', 'firms.manage',
    'invitations.manage'] WHERE name = 'admin';
-- lint: allow update-rows because there are a handful of roles
UPDATE roles SET permissions = ARRAY['profiles.read'] WHERE name = 'pm';
-- lint: allow update-rows because there are a handful of roles
UPDATE roles SET permissions = ARRAY['mentoring.offer'] WHERE name = 'mentor';
-- lint: allow update-rows because there are a handful of roles
UPDATE roles SET permissions = ARRAY['mentoring.ask'] WHERE name = 'mentee';

-- No foreign key: the trail outlives a firm.
ALTER TABLE events ADD COLUMN firm_id uuid;

-- lint: allow update-rows because no row of the trail is ever changed by anybody else, so nobody waits for it
UPDATE events SET firm_id = users.firm_id FROM users WHERE users.id = events.user_id AND users.firm_id IS NOT NULL;

-- lint: allow create-index because before the first release no trail is long
CREATE INDEX events_firm_id_idx ON events (firm_id, id DESC) WHERE firm_id IS NOT NULL;

-- Whoever writes an event needn't know the firm: it is that of the user whom it is about, unless it is given.
CREATE FUNCTION events_firm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.firm_id IS NULL AND NEW.user_id IS NOT NULL THEN
        SELECT firm_id INTO NEW.firm_id FROM users WHERE id = NEW.user_id;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER events_firm BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_firm();
