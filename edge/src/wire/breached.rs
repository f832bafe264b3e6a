//! The range API of Pwned Passwords (its reference, "Searching by range"): the first five of the forty hexadecimal digits
//! of a password's SHA-1 go out, the endings of all breached passwords with that beginning come back. Nobody but us learns
//! which one was meant, or whether it was among them.
//!
//! SHA-1 is what the list is keyed by. It protects nothing here.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use sha1::{Digest as _, Sha1};

use super::endpoint::{self, EndpointError};

/// How many digits are shown.
const SHOWN: usize = 5;
/// Asks for an answer whose length tells nothing.
const ADD_PADDING: HeaderName = HeaderName::from_static("add-padding");
/// The service refuses requests without one.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("doorward/", env!("CARGO_PKG_VERSION")));

/// Where the service is.
#[derive(Debug, Clone)]
pub struct Breached {
    base: String,
}

/// A question on its way: the digits that are not shown.
pub struct Question {
    hidden: String,
}

impl Breached {
    /// `base_url` such as `https://api.pwnedpasswords.com`.
    ///
    /// # Errors
    /// [`EndpointError::Url`].
    pub fn new(base_url: &str) -> Result<Self, EndpointError> {
        let base = base_url.trim_end_matches('/').to_owned();
        endpoint::url(&base).map(|_| Self { base })
    }

    /// The request that asks about a password, and what to look for in its answer.
    pub fn ask(&self, password: &[u8]) -> Option<(Request<Bytes>, Question)> {
        let digits = format!("{:X}", Sha1::digest(password));
        let (shown, hidden) = digits.split_at_checked(SHOWN)?;
        let uri: Uri = format!("{}/range/{shown}", self.base).parse().ok()?;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        request
            .headers_mut()
            .insert(ADD_PADDING, HeaderValue::from_static("true"));
        request.headers_mut().insert(http::header::USER_AGENT, AGENT);
        Some((
            request,
            Question {
                hidden: hidden.to_owned(),
            },
        ))
    }
}

impl Question {
    /// Whether the password is on the list; nothing when the answer isn't one. Padding has a count of 0.
    pub fn answer(&self, response: &Response<Bytes>) -> Option<bool> {
        if response.status() != StatusCode::OK {
            return None;
        }
        let text = std::str::from_utf8(response.body()).ok()?;
        let mut lines = text.lines().filter_map(|line| line.trim().split_once(':'));
        Some(lines.any(|(ending, count)| ending.eq_ignore_ascii_case(&self.hidden) && count.trim() != "0"))
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Question([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Option<bool> {
        let service = Breached::new("https://api.example.com/").unwrap();
        let (_, question) = service.ask(b"password").unwrap();
        question.answer(&Response::builder().status(status).body(Bytes::from(body)).unwrap())
    }

    #[test]
    fn five_digits_go_out_and_no_more() {
        let service = Breached::new("https://api.example.com/").unwrap();
        let (request, question) = service.ask(b"password").unwrap();
        // SHA-1("password") = 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8
        assert_eq!(request.uri(), "https://api.example.com/range/5BAA6");
        assert_eq!(question.hidden, "1E4C9B93F3F0682250B6CF8331B7EE68FD8");
        assert!(request.body().is_empty());
    }

    #[test]
    fn padding_does_not_count() {
        let line = "0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n";
        assert_eq!(answer(200, line), Some(false));
        assert_eq!(
            answer(200, "1E4C9B93F3F0682250B6CF8331B7EE68FD8:9659365\r\n"),
            Some(true)
        );
        assert_eq!(answer(200, "1e4c9b93f3f0682250b6cf8331b7ee68fd8:1"), Some(true));
        assert_eq!(answer(200, "1E4C9B93F3F0682250B6CF8331B7EE68FD8:0\r\n"), Some(false));
    }

    #[test]
    fn what_is_no_answer_says_nothing() {
        assert_eq!(answer(503, "1E4C9B93F3F0682250B6CF8331B7EE68FD8:1"), None);
        assert_eq!(answer(200, ""), Some(false));
    }
}
