//! What must not get out. Passwords and tokens are noted as they come in and go out, and none may be seen in a statement's
//! parameters, a command to the cache, a line of the log, or a request to another service, except that a mail carries the
//! one-time token that it is for. No address may be seen in the log.

use std::collections::BTreeSet;

use bytes::Bytes;
use doorward_edge::host::Level;
use http::{HeaderMap, Request, header};
use serde_json::Value;

use crate::fake::Batch;

/// The secrets and addresses that were seen so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    secrets: BTreeSet<String>,
    /// One-time tokens: the secrets that mail may carry.
    mailed: BTreeSet<String>,
    emails: BTreeSet<String>,
}

/// Shorter ones are found in other words by chance.
const SHORTEST: usize = 6;

impl Watch {
    /// Notes what a request brings.
    pub(crate) fn request(&mut self, headers: &HeaderMap, body: &Bytes) {
        self.body(body);
        for value in headers.get_all(header::AUTHORIZATION) {
            let value = value.to_str().unwrap();
            self.secret(value.split_once(' ').map_or(value, |(_, token)| token));
        }
        for value in headers.get_all(header::COOKIE) {
            self.secret(value.to_str().unwrap().split_once('=').unwrap().1);
        }
    }

    /// Notes what a reply hands out.
    pub(crate) fn reply(&mut self, headers: &HeaderMap, body: &Bytes) {
        self.body(body);
        for value in headers.get_all(header::SET_COOKIE) {
            let pair = value.to_str().unwrap().split(';').next().unwrap();
            self.secret(pair.split_once('=').unwrap().1);
        }
    }

    /// Notes a one-time token.
    pub(crate) fn mailed(&mut self, token: &str) {
        if token.len() >= SHORTEST {
            self.mailed.insert(token.to_owned());
        }
    }

    pub(crate) fn sql(&self, flights: &[Batch]) {
        for value in flights.iter().flat_map(Batch::values) {
            self.keeps_quiet("SQL", value);
        }
    }

    pub(crate) fn kv(&self, flights: &[Vec<Vec<String>>]) {
        for word in flights.iter().flatten().flatten() {
            self.keeps_quiet("the cache", word);
            self.names_nobody("the cache", word);
        }
    }

    pub(crate) fn log(&self, lines: &[(Level, String)]) {
        for (_, line) in lines {
            self.keeps_quiet("the log", line);
            self.names_nobody("the log", line);
        }
    }

    pub(crate) fn fetch(&self, requests: &[Request<Bytes>]) {
        for request in requests {
            self.keeps_quiet("a URL", &request.uri().to_string());
            for value in request.headers().values() {
                self.keeps_quiet("a header", &String::from_utf8_lossy(value.as_bytes()));
            }
            let body = String::from_utf8_lossy(request.body());
            let seen = self.secrets.iter().find(|secret| body.contains(*secret));
            assert_eq!(seen, None, "seen in a request to another service: {body}");
        }
    }

    fn keeps_quiet(&self, place: &str, text: &str) {
        let secrets = self.secrets.iter().chain(&self.mailed);
        let seen = secrets.into_iter().find(|secret| text.contains(*secret));
        assert_eq!(seen, None, "seen in {place}: {text}");
    }

    fn names_nobody(&self, place: &str, text: &str) {
        let seen = self.emails.iter().find(|email| text.contains(*email));
        assert_eq!(seen, None, "seen in {place}: {text}");
    }

    fn secret(&mut self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.secrets.insert(secret.to_owned());
        }
    }

    fn body(&mut self, body: &Bytes) {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return self.form(body);
        };
        for (name, value) in &members {
            let Value::String(text) = value else { continue };
            self.field(name, text);
        }
    }

    /// A page's form, as `Ask::form` writes it: every byte escaped.
    fn form(&mut self, body: &Bytes) {
        for pair in String::from_utf8_lossy(body).split('&') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let bytes = value.split('%').skip(1).map(|digits| u8::from_str_radix(digits, 16));
            if let Ok(Ok(text)) = bytes.collect::<Result<Vec<_>, _>>().map(String::from_utf8) {
                self.field(name, &text);
            }
        }
    }

    fn field(&mut self, name: &str, text: &str) {
        match name {
            "email" | "newEmail" => drop(self.emails.insert(text.trim().to_lowercase())),
            "token" | "invitation" => self.mailed(text),
            "password" | "currentPassword" | "newPassword" | "confirmPassword" | "accessToken" | "refreshToken" => {
                self.secret(text);
            }
            _ => {}
        }
    }
}

#[test]
fn the_watch_sees_what_it_should() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let mut watch = Watch::default();
    let body = r#"{"email":"Ann@Example.com","password":"correct horse","token":"one-time-token"}"#;
    watch.request(&HeaderMap::new(), &Bytes::from(body));
    let sees = |check: &dyn Fn(&Watch)| catch_unwind(AssertUnwindSafe(|| check(&watch))).is_err();
    let batch = |value: &str| [Batch(vec![("x", vec![None, Some(value.to_owned())])])];
    assert!(sees(&|watch| watch.sql(&batch("x correct horse"))));
    assert!(sees(&|watch| watch.sql(&batch("one-time-token"))));
    assert!(!sees(&|watch| watch.sql(&batch("ann@example.com"))));
    assert!(sees(
        &|watch| watch.kv(&[vec![vec!["limit:ann@example.com".to_owned()]]])
    ));
    assert!(sees(&|watch| watch.log(&[(Level::Info, "correct horse".to_owned())])));
    assert!(sees(
        &|watch| watch.log(&[(Level::Info, "to ann@example.com".to_owned())])
    ));
    let to = |uri: &str, body: &'static str| [Request::builder().uri(uri).body(Bytes::from(body)).unwrap()];
    assert!(sees(&|watch| watch.fetch(&to("http://x/?t=one-time-token", ""))));
    assert!(sees(&|watch| watch.fetch(&to("http://x/", "correct horse"))));
    assert!(!sees(&|watch| watch.fetch(&to("http://x/", "one-time-token"))));
}
