//! What every reply carries: a name of its own, as the API's replies have.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use doorward_core::id::RequestId;

use crate::host::{self, SystemEntropy};

/// Adds `x-request-id`. Made here and never taken from the request: nobody but the server names what it answers.
pub(super) async fn add(request: Request, next: Next) -> Response {
    let id = RequestId::generate(host::now(), &SystemEntropy).ok();
    let mut reply = next.run(request).await;
    if let Some(value) = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        reply
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    reply
}
