-- A session's refreshes are counted where they are written anyway, so that a refresh is one flight: the theoretical arrival time of
-- the Generic Cell Rate Algorithm, ahead of the clock by what was used of the burst. A release before this one leaves it alone.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS refresh_arrival timestamptz;
