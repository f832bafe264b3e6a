//! `GET /openapi.json`: the description of every JSON call, OpenAPI 3.1, as the module `openapi` made it from this code.
//!
//! 200, to be kept for five minutes. The host has the file.

use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::context::Context;
use crate::error::Failure;
use crate::host::Host;
use crate::reply::Reply;

pub(crate) async fn get<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let missing = || Failure::Internal("openapi.json wasn't shipped: see `cargo xtask build`".into());
    let body = ctx.host.asset("openapi.json").await.ok_or_else(missing)?;
    Ok(Reply::text(StatusCode::OK, "application/json", body)
        .with(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")))
}
