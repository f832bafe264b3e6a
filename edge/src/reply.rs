//! What goes back: a status, headers and a whole body, and the one error format.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use crate::error::{Code, Failure, Rejection};
use crate::json;
use crate::store::users::User;

/// How long a client should wait for a dependency to return.
pub(crate) const UNAVAILABLE_FOR: Duration = Duration::from_secs(5);

/// An answer in the making.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Serialize)]
struct ErrorBody<'a, D> {
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<D>,
}

impl Reply {
    /// Without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// With a JSON body.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::text(status, "application/json", body.into()),
            // Our own types always serialise; were one not to, an empty 500 says so without a panic.
            Err(_) => Self::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// 200 `{user}`.
    pub(crate) fn user(user: &User) -> Self {
        #[derive(Serialize)]
        struct Body<'a> {
            user: &'a User,
        }
        Self::json(StatusCode::OK, &Body { user })
    }

    /// With a body that is ready.
    pub fn text(status: StatusCode, media_type: &'static str, body: Bytes) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
        }
        .with(header::CONTENT_TYPE, HeaderValue::from_static(media_type))
    }

    /// Somebody else's answer, with the headers that are added to it.
    pub(crate) fn raw(status: StatusCode, body: Bytes) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
        }
    }

    /// An error with `details` of its own shape.
    pub fn error(code: Code, details: Option<impl Serialize>) -> Self {
        Self::json(
            code.status(),
            &ErrorBody {
                error: code.sentence(),
                code: code.as_str(),
                details,
            },
        )
    }

    /// The answer to a failure.
    pub fn failure(failure: &Failure) -> Self {
        match failure {
            Failure::Rejected(rejection) => Self::rejection(rejection),
            Failure::Unavailable(..) => Self::error(Code::Unavailable, None::<()>).retry_after(UNAVAILABLE_FOR),
            Failure::Internal(_) => Self::error(Code::Internal, None::<()>),
        }
    }

    fn rejection(rejection: &Rejection) -> Self {
        let fields = (!rejection.fields.is_empty()).then_some(&rejection.fields);
        let mut reply = Self::error(rejection.code, fields);
        if let Some(duration) = rejection.retry_after {
            reply = reply.retry_after(duration);
        }
        if let Some(allow) = rejection.allow {
            reply = reply.with(header::ALLOW, HeaderValue::from_static(allow));
        }
        if rejection.code == Code::Unauthenticated {
            reply = reply.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        reply
    }

    /// The same with another status.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with the body of another reply.
    #[must_use]
    pub(crate) fn with_body_of(mut self, other: Self) -> Self {
        if let Some(media_type) = other.headers.get(header::CONTENT_TYPE) {
            self.headers.insert(header::CONTENT_TYPE, media_type.clone());
        }
        self.headers.remove(header::WWW_AUTHENTICATE);
        self.body = other.body;
        self
    }

    /// A handler's answer as a page's: 303 to `address`, with the cookies that the handler set.
    #[must_use]
    pub(crate) fn see_other(self, address: &str) -> Self {
        let mut reply = Self::empty(StatusCode::SEE_OTHER).with_text(header::LOCATION, address);
        for cookie in self.values(&header::SET_COOKIE) {
            reply = reply.with(header::SET_COOKIE, cookie);
        }
        reply
    }

    /// The body of an answer of the API, for a page to show.
    pub(crate) fn parsed(&self) -> serde_json::Value {
        json::parse(&self.body).unwrap_or_default()
    }

    /// The values of a header so far.
    pub(crate) fn values(&self, name: &HeaderName) -> Vec<HeaderValue> {
        self.headers.get_all(name).iter().cloned().collect()
    }

    /// Adds a header, beside those of the same name.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Adds a header whose value is made at run time; one that can't be a header value is left out.
    #[must_use]
    pub fn with_text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    /// Sets `Retry-After`, in whole seconds rounded up, at least 1 (RFC 9110, 10.2.3).
    #[must_use]
    pub fn retry_after(self, duration: Duration) -> Self {
        let seconds = duration.as_millis().div_ceil(1000).max(1);
        self.with_text(header::RETRY_AFTER, &seconds.to_string())
    }

    /// Whether a header was set already.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.headers.contains_key(name)
    }

    /// The status so far.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The finished answer, with the length of its body. For HEAD the body is left out and its length stays.
    pub fn into_response(mut self, head: bool) -> Response<Bytes> {
        if self.status != StatusCode::NO_CONTENT {
            self.headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        let mut response = Response::new(if head { Bytes::new() } else { self.body });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
