//! Doorward under Spin, or any other WASI 0.3 HTTP host: turns its request into one for the handlers, and their reply
//! back. Postgres is reached through an HTTP SQL proxy, because these hosts lend no sockets.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::rc::Rc;

use bytes::Bytes;
use doorward_edge::instance::Instance;
use http::Response;
use spin_sdk::http::{FullBody, Request};
use spin_sdk::http_service;

mod convert;
mod fetch;
mod host;

use host::{Randomness, SpinHost};

#[http_service]
async fn handle(request: Request) -> Response<FullBody<Bytes>> {
    let response = match lend() {
        Ok((instance, host)) => match convert::request(request).await {
            Ok(request) => doorward_edge::handle(host, instance, None, request).await,
            Err(convert::Unreadable) => doorward_edge::unreadable(host::now(), &Randomness),
        },
        Err(problem) => {
            eprintln!("{problem}");
            doorward_edge::unconfigured(host::now(), &Randomness)
        }
    };
    response.map(FullBody::new)
}

fn lend() -> Result<(Rc<Instance>, SpinHost), String> {
    let instance = Instance::shared(|name| std::env::var(name).ok()).map_err(|e| e.to_string())?;
    let host = SpinHost::new(&instance.config)?;
    Ok((instance, host))
}
