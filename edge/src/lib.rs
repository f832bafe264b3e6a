//! Doorward's HTTP handlers, written once over the ports that each host lends.
//!
//! A host adapter turns its own request into `http::Request<Bytes>`, lends a [`host::Host`], and turns the reply back.

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod host;
pub mod outbound;
pub mod wire;
