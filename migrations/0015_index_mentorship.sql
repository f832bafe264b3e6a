-- Two lists that read more than they show: a firm's people of one role, of whom there may be few in a large firm, and a
-- mentor's hours, which the planner would look up in an exclusion constraint's index if no other had them in order.
-- lint: allow create-index because before the first release no users table is so big that a sign-up would wait for long
CREATE INDEX users_firm_role_idx ON users (firm_id, role, created_at DESC, id DESC);
-- lint: allow create-index because before the first release hardly anybody has hours
CREATE INDEX availability_mentor_id_idx ON availability (mentor_id, weekday, start_minute);
