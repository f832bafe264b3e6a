//! The endpoints, one a file. A handler's header is its contract; its body parses, decides, writes one batch, replies.

pub(crate) mod healthz;
pub(crate) mod jwks;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod me;
pub(crate) mod readyz;
pub(crate) mod refresh;
pub(crate) mod register;
