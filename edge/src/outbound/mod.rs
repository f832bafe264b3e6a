//! The ports built on a byte stream or on `Fetch`.

mod deadline;
mod failure;
pub mod http_sql;
pub mod pg_sql;
pub mod pg_stream;
pub mod rest_kv;

pub use deadline::{TimedOut, within};
