//! Doorward's HTTP handlers, written once over the ports that each host lends.
//!
//! A host adapter turns its own request into `http::Request<Bytes>`, lends a [`host::Host`], calls [`handle`], and turns
//! the reply back. What an instance keeps between requests is an [`instance::Instance`].

#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::rc::Rc;

use bytes::Bytes;
use doorward_core::entropy::Entropy;
use doorward_core::id::RequestId;
use doorward_core::time::Time;
use http::{Method, Request, Response};

use crate::context::Context;
use crate::error::{Code, Dependency, Failure};
use crate::host::{Host, Level};
use crate::instance::Instance;
use crate::reply::Reply;

mod assets;
mod background;
pub mod config;
pub mod context;
mod cookie;
pub mod error;
pub mod extract;
pub mod guards;
mod handlers;
pub mod host;
pub mod instance;
mod json;
mod limits;
pub mod mail;
pub mod maintenance;
#[cfg(feature = "openapi")]
pub mod openapi;
mod origin;
pub mod outbound;
mod pages;
mod paging;
mod passwords;
pub mod reply;
pub mod rollout;
mod router;
mod sessions;
mod store;
pub mod wire;

/// Answers one request. `address` is the client's, where the host itself knows it.
pub async fn handle<H: Host>(
    host: H,
    instance: Rc<Instance>,
    address: Option<String>,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let id = match RequestId::generate(host.now(), &host) {
        Ok(id) => id,
        Err(e) => {
            host.log(Level::Error, &e.to_string());
            return unhandled(&Failure::Unavailable(Dependency::Entropy, e.to_string().into()), None);
        }
    };
    let method = request.method().clone();
    let mut context = Context::new(host, instance, id, address, request);
    let reply = router::answer(&mut context, &method).await;
    reply.into_response(method == Method::HEAD)
}

/// The answer of an instance whose configuration can't be used: 503, as for any dependency.
pub fn unconfigured(now: Time, entropy: &impl Entropy) -> Response<Bytes> {
    let failure = Failure::Unavailable(Dependency::Configuration, "".into());
    unhandled(&failure, RequestId::generate(now, entropy).ok())
}

/// The answer to a request that broke off, or that no handler could be asked: 400.
pub fn unreadable(now: Time, entropy: &impl Entropy) -> Response<Bytes> {
    unhandled(&Code::MalformedJson.into(), RequestId::generate(now, entropy).ok())
}

fn unhandled(failure: &Failure, id: Option<RequestId>) -> Response<Bytes> {
    router::with_common_headers(Reply::failure(failure), id).into_response(false)
}
