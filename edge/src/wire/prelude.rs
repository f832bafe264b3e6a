//! The statement in front of every batch: it bounds the others in time and fixes the text form of their values.
//!
//! It is part of the batch, local to its transaction, so it costs no flight and holds behind any pooler.

use std::borrow::Cow;
use std::time::Duration;

use crate::host::Statement;

/// Each statement behind it is cancelled after `timeout` (at least 1 ms), whereupon the batch fails with SQLSTATE
/// 57014; and `timestamptz` reads as ISO 8601 in UTC, `bytea` as hex, whatever the role's or the server's settings.
pub fn prelude(timeout: Duration) -> Statement<'static> {
    Statement {
        name: "prelude",
        text: "SELECT set_config('statement_timeout', $1::text, true), set_config('TimeZone', 'UTC', true), \
               set_config('DateStyle', 'ISO', true), set_config('bytea_output', 'hex', true)",
        params: vec![Some(Cow::Owned(timeout.as_millis().max(1).to_string()))],
    }
}
