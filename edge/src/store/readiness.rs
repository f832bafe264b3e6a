//! The probe of `readyz`: a value that only grows, so that two probes at once don't mistake each other for a cache.

use doorward_core::time::Time;

use super::{Reader, shown, statement};
use crate::host::{Rows, Statement};

/// Writes the time, unless a later one is there.
pub(crate) fn probe_write(now: Time) -> Statement<'static> {
    statement(
        "readiness.write",
        "INSERT INTO deployment (key, value) VALUES ('readiness_probe', $1::text)
         ON CONFLICT (key) DO UPDATE SET value = greatest(deployment.value::bigint, excluded.value::bigint)::text",
        vec![shown(now.as_millis())],
    )
}

/// Reads it back, always by the same text and parameters: what a pool that caches would answer from its cache.
pub(crate) fn probe_read() -> Statement<'static> {
    statement(
        "readiness.read",
        "SELECT value FROM deployment WHERE key = 'readiness_probe'",
        Vec::new(),
    )
}

/// The answer to [`probe_read`].
pub(crate) fn seen(rows: &Rows) -> Option<Time> {
    Reader::first(rows, "readiness")?.time().ok()
}
