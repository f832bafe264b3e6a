//! `GET /.well-known/jwks.json`: the public keys that verify access tokens (RFC 7517).

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::context::Context;
use crate::host::Host;
use crate::reply::Reply;

pub(crate) fn get<H: Host>(ctx: &Context<H>) -> Reply {
    let body = Bytes::copy_from_slice(ctx.config().keys.jwks().as_bytes());
    Reply::text(StatusCode::OK, "application/json", body)
        .with(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))
}
