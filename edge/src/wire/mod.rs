//! What goes over the wire, as pure encoding and decoding: no I/O, no clock, and no panic on any input.

pub mod breached;
pub mod conn_string;
pub mod endpoint;
pub mod legacy;
pub mod mail_http;
pub mod pg;
pub mod prelude;
pub mod redis_rest;
pub mod refusal;
pub mod sql_http;
