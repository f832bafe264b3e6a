//! Reading a request's body, up to a limit.

use axum::body::{self, Body};
use bytes::Bytes;

/// The body is over the limit, or was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Reads the whole body.
///
/// # Errors
/// [`TooLarge`] when it has more than `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, TooLarge> {
    body::to_bytes(body, limit).await.map_err(|_| TooLarge)
}
