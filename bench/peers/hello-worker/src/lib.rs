//! The least that a Worker in Rust can answer: the bench's limit of workerd.

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(_: Request, _: Env, _: Context) -> Result<Response> {
    Response::ok("hello")
}
