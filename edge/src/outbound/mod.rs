//! The ports built on a byte stream or on `Fetch`.

mod deadline;
pub mod http_sql;
pub mod pg_sql;
pub mod pg_stream;
pub mod rest_kv;
#[cfg(test)]
mod tests;

pub(crate) use deadline::patience;
pub use deadline::{TimedOut, within};
