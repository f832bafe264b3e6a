//! Outbound HTTP by the WASI host, which pools its connections itself.

use bytes::{Bytes, BytesMut};
use doorward_edge::host::{Fetch, FetchError, MAX_ANSWER};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use spin_sdk::http::FullBody;

/// The host's outbound HTTP.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpinFetch;

impl Fetch for SpinFetch {
    async fn fetch(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        // Otherwise the host sends the body in chunks, in a write of its own.
        let length = HeaderValue::from(request.body().len());
        request.headers_mut().insert(CONTENT_LENGTH, length);
        let unreachable = |e: spin_sdk::wasip3::http::types::ErrorCode| FetchError::Unreachable(e.to_string());
        let response = spin_sdk::http::send(request.map(FullBody::new))
            .await
            .map_err(unreachable)?;
        let (parts, mut body) = response.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(unreachable)?;
            bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            if bytes.len() > MAX_ANSWER {
                return Err(FetchError::Unreachable("the answer is too long".to_owned()));
            }
        }
        Ok(Response::from_parts(parts, bytes.freeze()))
    }
}
