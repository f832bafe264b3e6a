//! Whose pages may call: the cross-origin defence and CORS.
//!
//! The defence is the rule of Go 1.25's `http.CrossOriginProtection`: it needs no token in a form, because browsers say
//! where a request comes from. CORS answers trusted origins only.

use std::borrow::Cow;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};

use crate::reply::Reply;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a state-changing request may go on. `own` is the origin that people see, where it is configured: a proxy may
/// have put another host in the request, and some WASI hosts show none at all.
pub(crate) fn is_allowed(headers: &HeaderMap, uri: &Uri, own: Option<&str>, trusted: &[String]) -> bool {
    let origin = headers.get(header::ORIGIN).filter(|value| !value.is_empty());
    let is_trusted = || {
        origin
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| is_trusted(value, trusted))
    };
    match headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => true,
        Some(site) if !site.is_empty() => is_trusted(),
        _ => match origin {
            None => true,
            Some(origin) => is_own(origin, headers, uri, own) || is_trusted(),
        },
    }
}

/// What a preflight asks (Fetch standard, "CORS-preflight request").
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds what lets a trusted origin's page read the reply.
pub(crate) fn with_cors(reply: Reply, headers: &HeaderMap, trusted: &[String]) -> Reply {
    let reply = reply.with(header::VARY, HeaderValue::from_static("Origin"));
    match trusted_origin(headers, trusted) {
        None => reply,
        Some(origin) => reply
            .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())
            .with(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            )
            .with(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("x-request-id, retry-after"),
            ),
    }
}

/// Adds what a preflight from a trusted origin wants to know.
pub(crate) fn with_preflight(reply: Reply, headers: &HeaderMap, trusted: &[String], allow: &'static str) -> Reply {
    if trusted_origin(headers, trusted).is_none() {
        return reply;
    }
    reply
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allow))
        .with(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, x-doorward-mode"),
        )
        .with(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"))
}

fn trusted_origin<'a>(headers: &'a HeaderMap, trusted: &[String]) -> Option<&'a HeaderValue> {
    headers
        .get(header::ORIGIN)
        .filter(|value| value.to_str().is_ok_and(|value| is_trusted(value, trusted)))
}

fn is_trusted(origin: &str, trusted: &[String]) -> bool {
    trusted.iter().any(|trusted| trusted.eq_ignore_ascii_case(origin))
}

/// Whether the origin's host and port are the ones that the request was sent to, or the origin is our own. Where a host
/// shows neither, what it was sent to is our own, or on this machine another name of that.
fn is_own(origin: &HeaderValue, headers: &HeaderMap, uri: &Uri, own: Option<&str>) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    if own.is_some_and(|own| own.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let Some((_, origin_host)) = origin.split_once("://") else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
    match (host, own.and_then(|own| own.split_once("://"))) {
        (Some(host), _) => !host.is_empty() && host.eq_ignore_ascii_case(origin_host),
        (None, Some((_, own_host))) => on_this_machine(own_host).eq_ignore_ascii_case(&on_this_machine(origin_host)),
        (None, None) => false,
    }
}

/// A host and port, by one name for the names of the loopback address.
fn on_this_machine(host: &str) -> Cow<'_, str> {
    // An IPv6 address stands in brackets (RFC 3986, 3.2.2), and its colons are no port's.
    let name = match host.rsplit_once(':') {
        Some((name, _)) if !host.ends_with(']') => name,
        _ => host,
    };
    match host.strip_prefix(name) {
        Some(port) if ["localhost", "127.0.0.1", "[::1]"].contains(&name) => Cow::Owned(["localhost", port].concat()),
        _ => Cow::Borrowed(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "id.example.com".parse().unwrap());
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_allowed(
            &headers,
            &Uri::from_static("/auth/login"),
            Some("https://seen.example.com"),
            &["https://app.example.com".to_owned()],
        )
    }

    #[test]
    fn the_rule_of_go() {
        assert!(allowed(&[]));
        assert!(allowed(&[("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("sec-fetch-site", "none")]));
        assert!(!allowed(&[("sec-fetch-site", "same-site")]));
        assert!(!allowed(&[("sec-fetch-site", "cross-site")]));
        assert!(!allowed(&[("sec-fetch-site", "Same-Origin")]));
        // With Sec-Fetch-Site the Origin only counts when it is trusted.
        assert!(!allowed(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://id.example.com")
        ]));
        assert!(allowed(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://app.example.com")
        ]));
        // An older browser says its Origin only.
        assert!(allowed(&[("origin", "https://id.example.com")]));
        assert!(allowed(&[("origin", "http://id.example.com")]));
        assert!(allowed(&[("origin", "https://app.example.com")]));
        assert!(!allowed(&[("origin", "https://id.example.com:8443")]));
        assert!(allowed(&[("origin", "https://seen.example.com")]));
        assert!(!allowed(&[("origin", "http://seen.example.com")]));
        assert!(!allowed(&[("origin", "https://evil.example")]));
        assert!(!allowed(&[("origin", "https://app.example.com.evil.example")]));
        assert!(!allowed(&[("origin", "null")]));
        assert!(allowed(&[("origin", "")]));
    }

    #[test]
    fn a_host_that_shows_no_host_was_sent_to_our_own() {
        let allowed = |own: &str, origin: &'static str| {
            let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
            is_allowed(&headers, &Uri::from_static("/auth/login"), Some(own), &[])
        };
        let own = "http://localhost:3000";
        for origin in [
            own,
            "https://localhost:3000",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
        ] {
            assert!(allowed(own, origin), "{origin}");
        }
        assert!(allowed("https://[::1]", "https://localhost"));
        assert!(allowed("https://id.example.com", "http://id.example.com"));
        for origin in [
            "http://localhost:3001",
            "http://localhost",
            "http://127.0.0.2:3000",
            "http://localhost.evil.example:3000",
            "http://evil.example:3000",
            "null",
        ] {
            assert!(!allowed(own, origin), "{origin}");
        }
        assert!(!allowed("https://id.example.com", "http://localhost"));
    }
}
