-- Every sign-in looks among all sessions of its user whether one had the same device, and a user's deletion takes them all.
-- The index that there was holds those only that weren't ended, so neither could use it. It stays for what ends and lists those.
-- lint: allow create-index because before the first release no sessions table is so big that a sign-in would wait for long; a big one can be given the index CONCURRENTLY before
CREATE INDEX IF NOT EXISTS sessions_user_id_all_idx ON sessions (user_id);
