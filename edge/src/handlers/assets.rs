//! `GET /assets/{name}.{hash}.{css,js,wasm}`: the files of the pages.
//!
//! 200, to be kept for ever · 404 where the host doesn't have a file: pages do without it.

use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::assets::Asset;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::Host;
use crate::reply::Reply;

pub(crate) async fn get<H: Host>(ctx: &Context<H>, asset: Asset) -> Result<Reply, Failure> {
    let body = ctx.host.asset(asset.name()).await.ok_or(Code::NotFound)?;
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    Ok(Reply::text(StatusCode::OK, asset.media_type(), body).with(header::CACHE_CONTROL, forever))
}
