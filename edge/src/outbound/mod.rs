//! The ports built on a byte stream or on `Fetch`.

pub mod pg_stream;
