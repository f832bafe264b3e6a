//! Requests from the WASI host's own types to `http`'s.

use bytes::{Bytes, BytesMut};
use doorward_edge::extract::{MAX_BODY, MAX_DRAINED};
use http_body_util::BodyExt;
use spin_sdk::http::Request;

/// A request that broke off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unreadable;

/// The incoming request with its whole body, or as much of it as shows that it is too long.
///
/// # Errors
/// When the body broke off.
pub(crate) async fn request(request: Request) -> Result<http::Request<Bytes>, Unreadable> {
    let (parts, mut body) = request.into_parts();
    let mut bytes = BytesMut::new();
    let mut taken = 0;
    while taken <= MAX_DRAINED {
        match body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                taken += data.len();
                if bytes.len() <= MAX_BODY {
                    bytes.extend_from_slice(data);
                }
            }
            Some(Err(_)) => return Err(Unreadable),
            None => break,
        }
    }
    Ok(http::Request::from_parts(parts, bytes.freeze()))
}
