//! The adapters against peers that are played by the test, over streams in memory.

mod http;
mod peer;
mod pg_sql;
mod pg_stream;
