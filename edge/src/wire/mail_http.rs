//! The Resend API for sending one mail (its reference, "Send Email" and "Errors"): `POST /emails`.
//!
//! A mail that is sent again with the same `Idempotency-Key` within 24 hours goes out once, so that a crash between the
//! sending and the noting of it does no harm.

use std::time::Duration;

use bytes::Bytes;
use http::header::{RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::endpoint::{self, EndpointError, bearer, url};

/// Resend refuses requests without one.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("doorward/", env!("CARGO_PKG_VERSION")));
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest name of an error that is passed on, in bytes.
const ERROR_NAME: usize = 64;

/// Where the provider is, its key, and who the mail is from. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct MailHttp {
    emails: Uri,
    authorization: HeaderValue,
    from: String,
}

/// A mail, finished.
#[derive(Debug, Clone, Copy)]
pub struct Mail<'a> {
    /// The one address that it goes to.
    pub to: &'a str,
    /// The subject line.
    pub subject: &'a str,
    /// The body for those who see HTML.
    pub html: &'a str,
    /// The same for those who don't.
    pub text: &'a str,
}

/// What the provider made of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It will send it, or has done so at an earlier attempt.
    Accepted,
    /// It won't take this mail, however often it is asked.
    Refused(Trouble),
    /// It couldn't take this mail now.
    NotNow(Trouble),
    /// It takes no mail at all at present: it is down, has had enough, or doesn't know us.
    NoneNow {
        /// Why.
        trouble: Trouble,
        /// How long it wants to be left alone, if it says so.
        rest: Option<Duration>,
    },
}

/// A refusal in a few characters: the status and the provider's name for the error. Nothing else of its answer is kept,
/// because it could repeat what is in the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble(String);

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    from: &'a str,
    to: [&'a str; 1],
    subject: &'a str,
    html: &'a str,
    text: &'a str,
}

#[derive(Deserialize)]
struct Refusal {
    name: String,
}

impl MailHttp {
    /// `base` is the provider's URL, such as `https://api.resend.com`; `from` is `name@example.com` or
    /// `Name <name@example.com>`.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn new(base: &str, token: &str, from: &str) -> Result<Self, EndpointError> {
        Ok(Self {
            emails: url(&format!("{}/emails", base.trim_end_matches('/')))?,
            authorization: bearer(token)?,
            from: from.to_owned(),
        })
    }

    /// The request that hands a mail over. `key` (1 to 256 characters) is the same whenever this mail is sent, and so is
    /// the mail.
    ///
    /// # Errors
    /// A sentence for the log if the mail can't be said in JSON or the key in a header, which text and an id always can.
    pub fn request(&self, mail: &Mail<'_>, key: &str) -> Result<Request<Bytes>, String> {
        let body = Body {
            from: &self.from,
            to: [mail.to],
            subject: mail.subject,
            html: mail.html,
            text: mail.text,
        };
        let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let key = HeaderValue::from_str(key).map_err(|error| error.to_string())?;
        let mut request = endpoint::post(&self.emails, Some(&self.authorization), body);
        request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        request.headers_mut().insert(USER_AGENT, AGENT);
        Ok(request)
    }
}

/// Whether text can stand as the sender: `name@example.com` or `Name <name@example.com>`.
pub fn is_sender(text: &str) -> bool {
    let address = match text.strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<').map(|(_, address)| address),
        None => Some(text),
    };
    let parts = address.and_then(|address| address.split_once('@'));
    let clean = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>@,;\"".contains(c));
    !text.contains(char::is_control) && parts.is_some_and(|(local, domain)| clean(local) && clean(domain))
}

/// What an answer means.
///
/// Final is only what is said of the mail itself. Whatever can be the deployment's fault (a wrong key, a domain that isn't
/// verified, a wrong URL) is worth another attempt after an operator has put it right.
pub fn decode(response: &Response<Bytes>) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Answer::Accepted;
    }
    let name = serde_json::from_slice(response.body()).ok().and_then(error_name);
    let trouble = Trouble(match &name {
        Some(name) => format!("HTTP status {} {name}", status.as_u16()),
        None => format!("HTTP status {}", status.as_u16()),
    });
    match status {
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
            if name.as_deref() != Some("invalid_from_address") =>
        {
            Answer::Refused(trouble)
        }
        // Another attempt with this key is under way, or came with another text: a template has changed in between. The
        // provider forgets a key after 24 hours.
        StatusCode::CONFLICT => Answer::NotNow(trouble),
        _ => Answer::NoneNow {
            trouble,
            rest: retry_after(response.headers()),
        },
    }
}

fn error_name(refusal: Refusal) -> Option<String> {
    let name = refusal.name;
    let is_word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_word && (1..=ERROR_NAME).contains(&name.len())).then_some(name)
}

/// The seconds of `Retry-After` (RFC 9110, section 10.2.3); a date isn't understood.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: Mail<'static> = Mail {
        to: "ann@example.com",
        subject: "Grüße \"\u{1f980}\"",
        html: "<p>a & b</p>\n",
        text: "a & b\n",
    };

    fn answer(status: u16, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        decode(&Response::builder().status(status).body(body).unwrap())
    }

    fn said(text: &str) -> Trouble {
        Trouble(text.to_owned())
    }

    #[test]
    fn a_mail_is_one_post() {
        for base in ["https://api.resend.com", "https://api.resend.com/"] {
            let provider = MailHttp::new(base, "re_123", "Doorward <no-reply@example.com>").unwrap();
            let request = provider.request(&MAIL, "0192-key").unwrap();
            assert_eq!(request.method(), "POST");
            assert_eq!(request.uri(), "https://api.resend.com/emails");
            assert_eq!(request.headers()["authorization"], "Bearer re_123");
            assert_eq!(request.headers()["content-type"], "application/json");
            assert_eq!(request.headers()["idempotency-key"], "0192-key");
            assert!(
                request.headers()["user-agent"]
                    .to_str()
                    .unwrap()
                    .starts_with("doorward/")
            );
            assert_eq!(request.headers().len(), 4);
            let expected = concat!(
                r#"{"from":"Doorward <no-reply@example.com>","to":["ann@example.com"],"#,
                "\"subject\":\"Grüße \\\"\u{1f980}\\\"\",",
                r#""html":"<p>a & b</p>\n","text":"a & b\n"}"#
            );
            assert_eq!(request.body(), expected);
        }
    }

    #[test]
    fn a_bad_configuration_is_refused_and_none_shows_its_key() {
        let new = |url, token| MailHttp::new(url, token, "a@b.c");
        assert_eq!(new("api.resend.com", "t").unwrap_err(), EndpointError::Url);
        assert_eq!(new("https://h", "t\n").unwrap_err(), EndpointError::Token);
        let provider = new("https://h", "re_123").unwrap();
        let request = provider.request(&MAIL, "k").unwrap();
        let shown = format!("{provider:?} {request:?}");
        assert!(!shown.contains("re_123"), "{shown}");
        assert!(provider.request(&MAIL, "k\n").is_err());
    }

    #[test]
    fn a_sender_has_an_address() {
        for right in ["a@b.c", "Doorward <doorward@localhost>", "Ann, of \"B\" <a@b.c>"] {
            assert!(is_sender(right), "{right}");
        }
        for wrong in [
            "",
            "a",
            "@b",
            "a@",
            "a@b@c",
            "A <a>",
            "<a@b.c",
            "a b@c.d",
            "a@b.c, d@e.f",
            "A\r\nBcc: x <a@b.c>",
        ] {
            assert!(!is_sender(wrong), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_said_of_the_mail_is_final() {
        for status in [200, 201, 202, 204] {
            assert_eq!(answer(status, r#"{"id":"49a3999c"}"#), Answer::Accepted);
        }
        // An answer that is cut short or unreadable is still the answer of its status.
        assert_eq!(answer(200, "{"), Answer::Accepted);
        let body = |name: &str| format!(r#"{{"statusCode":0,"name":"{name}","message":"secret"}}"#);
        for (status, name) in [
            (400, "validation_error"),
            (413, "validation_error"),
            (422, "missing_required_field"),
        ] {
            let expected = Answer::Refused(said(&format!("HTTP status {status} {name}")));
            assert_eq!(answer(status, &body(name)), expected);
        }
        for name in ["invalid_idempotent_request", "concurrent_idempotent_requests"] {
            let expected = Answer::NotNow(said(&format!("HTTP status 409 {name}")));
            assert_eq!(answer(409, &body(name)), expected);
        }
        for (status, name) in [
            (401, "missing_api_key"),
            (403, "validation_error"),
            (404, "not_found"),
            (405, "method_not_allowed"),
            (422, "invalid_from_address"),
            (429, "daily_quota_exceeded"),
            (451, "security_error"),
            (500, "application_error"),
        ] {
            let trouble = said(&format!("HTTP status {status} {name}"));
            assert_eq!(answer(status, &body(name)), Answer::NoneNow { trouble, rest: None });
        }
        for status in [301, 308, 408, 502, 503, 504] {
            let trouble = said(&format!("HTTP status {status}"));
            assert_eq!(answer(status, "<html>"), Answer::NoneNow { trouble, rest: None });
        }
    }

    #[test]
    fn nothing_but_a_name_is_kept_of_a_refusal() {
        for body in [
            "",
            "null",
            "[]",
            r#"{"message":"https://x/?token=secret"}"#,
            r#"{"name":7}"#,
            r#"{"name":""}"#,
            r#"{"name":"token=secret"}"#,
            r#"{"name":"Secret"}"#,
            &format!(r#"{{"name":"{}"}}"#, "a".repeat(65)),
        ] {
            assert_eq!(answer(422, body), Answer::Refused(said("HTTP status 422")), "{body}");
        }
    }

    #[test]
    fn the_provider_says_how_long_to_wait() {
        for (value, expected) in [
            ("1", Some(1)),
            (" 120 ", Some(120)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("Fri, 20 Nov 2026 18:00:00 GMT", None),
        ] {
            let response = Response::builder().status(429).header("retry-after", value);
            let Answer::NoneNow { rest, .. } = decode(&response.body(Bytes::new()).unwrap()) else {
                panic!("{value}");
            };
            assert_eq!(rest, expected.map(Duration::from_secs), "{value}");
        }
    }
}
