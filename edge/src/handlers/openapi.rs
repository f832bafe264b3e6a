//! `GET /openapi.json`: the description of every JSON call, OpenAPI 3.1, as the module `openapi` made it from this code.

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::reply::Reply;

pub(crate) fn get() -> Reply {
    let body = Bytes::from_static(include_bytes!("../openapi.json"));
    Reply::text(StatusCode::OK, "application/json", body)
        .with(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"))
}
