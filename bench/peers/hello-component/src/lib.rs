//! The least that a WASI component in Rust can answer: the bench's limit of the WASI host.

use bytes::Bytes;
use http::Response;
use spin_sdk::http::{FullBody, Request};
use spin_sdk::http_service;

#[http_service]
async fn handle(_: Request) -> Response<FullBody<Bytes>> {
    Response::new(FullBody::new(Bytes::from_static(b"hello")))
}
