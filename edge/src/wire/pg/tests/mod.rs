//! The session against golden bytes, both ways, and against servers that break the protocol.

mod batches;
mod hostile;
pub(crate) mod server;
mod sign_in;
