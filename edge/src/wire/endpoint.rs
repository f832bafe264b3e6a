//! What the HTTP codecs have in common: a URL, a secret header, a JSON request, and the reading of a status.

use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};

/// What is wrong with the configuration of an HTTP dependency. The text of it never holds a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointError {
    /// Not an absolute `http://` or `https://` URL.
    Url,
    /// The token can't be sent in a header.
    Token,
    /// The connection string can't be sent in a header.
    ConnectionString,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "the URL isn't an absolute http:// or https:// URL",
            Self::Token => "the token holds what can't be sent in a header",
            Self::ConnectionString => "the connection string holds what can't be sent in a header",
        })
    }
}

impl std::error::Error for EndpointError {}

/// An absolute HTTP URL.
pub(super) fn url(text: &str) -> Result<Uri, EndpointError> {
    let uri: Uri = text.parse().map_err(|_| EndpointError::Url)?;
    let absolute =
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    if absolute { Ok(uri) } else { Err(EndpointError::Url) }
}

/// A header that no `Debug` shows.
pub(super) fn secret(text: &str, error: EndpointError) -> Result<HeaderValue, EndpointError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| error)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Authorization: Bearer`
pub(super) fn bearer(token: &str) -> Result<HeaderValue, EndpointError> {
    secret(&format!("Bearer {token}"), EndpointError::Token)
}

/// A POST of JSON.
pub(super) fn post(uri: &Uri, authorization: Option<&HeaderValue>, body: Vec<u8>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = Method::POST;
    uri.clone_into(request.uri_mut());
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(value) = authorization {
        request.headers_mut().insert(AUTHORIZATION, value.clone());
    }
    request
}

/// Whether a status says that the service, or what stands in front of it, is down or overloaded, rather than that it
/// understood and refused.
pub(super) fn is_down(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// A status and the beginning of the body, for the log.
pub(super) fn describe(status: StatusCode, body: &[u8]) -> String {
    let start = String::from_utf8_lossy(body.get(..200).unwrap_or(body));
    format!("HTTP status {}: {start}", status.as_u16())
}
