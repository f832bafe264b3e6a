//! What a form's post calls, and where it leads.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;

use crate::router::Resource;

/// A call of the API, and the page to go on to.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) resource: Resource,
    pub(super) method: Method,
    pub(super) body: Bytes,
    /// Where to go when it is done.
    pub(super) next: Cow<'static, str>,
    /// Where to go when it was accepted, but hasn't signed anybody in.
    pub(super) accepted: Option<&'static str>,
}

impl Step {
    /// A POST with a body.
    pub(super) fn post(resource: Resource, body: Bytes, next: impl Into<Cow<'static, str>>) -> Self {
        Self {
            resource,
            method: Method::POST,
            body,
            next: next.into(),
            accepted: None,
        }
    }

    /// The same with another method.
    pub(super) fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }
}
