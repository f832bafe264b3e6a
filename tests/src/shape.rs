//! What an answer must look like: exact key sets, formats, and nothing that doesn't belong there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::http::Reply;

/// Every field of a user in an answer.
pub const USER_FIELDS: [&str; 16] = [
    "id",
    "email",
    "name",
    "role",
    "status",
    "tier",
    "isVerified",
    "firmId",
    "phone",
    "avatarUrl",
    "department",
    "position",
    "preferences",
    "lastLoginAt",
    "createdAt",
    "updatedAt",
];

/// Words that only a leaking error says: SQL, Postgres' and Redis' own messages, Rust's.
const LEAKS: [&str; 18] = [
    "select ",
    "insert into",
    "sqlstate",
    "duplicate key",
    "violates",
    "constraint",
    "syntax error",
    "panicked",
    "stack backtrace",
    ".rs:",
    "src/",
    "unwrap",
    "postgres",
    "redis",
    "valkey",
    "upstash",
    "hyperdrive",
    "caused by",
];

/// A session answer, checked and taken apart.
#[derive(Debug, Clone)]
pub struct Session {
    /// The user object.
    pub user: Value,
    /// The access token, a compact JWS.
    pub access: String,
    /// The refresh token: from the body in token mode, else from its cookie.
    pub refresh: String,
}

impl Session {
    /// The user's id.
    pub fn user_id(&self) -> String {
        text(&self.user, "id")
    }

    /// The session's id, as the access token names it.
    pub fn session_id(&self) -> String {
        text(&crate::jwt::decode(&self.access).claims, "sid")
    }
}

/// One `Set-Cookie`, taken apart (RFC 6265, section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// With its prefix, where it has one.
    pub name: String,
    /// As sent.
    pub value: String,
    /// Attribute names in lower case.
    pub attributes: BTreeMap<String, String>,
}

impl Cookie {
    /// Parses the value of a `Set-Cookie` header.
    pub fn parse(header: &str) -> Self {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts
            .next()
            .and_then(|pair| pair.split_once('='))
            .expect("a cookie has a name and a value");
        let attributes = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self {
            name: name.to_owned(),
            value: value.to_owned(),
            attributes,
        }
    }

    /// Whether the browser is told to drop it.
    pub fn deletes(&self) -> bool {
        let at_once = |age: &String| age.parse::<i64>().is_ok_and(|age| age <= 0);
        self.attributes.get("max-age").is_some_and(at_once)
            || self.attributes.get("expires").is_some_and(|when| when.contains("1970"))
    }
}

impl Reply {
    /// The cookies it sets.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.headers("set-cookie").map(Cookie::parse).collect()
    }

    /// One of the cookies it sets, by the name without prefix.
    ///
    /// # Panics
    /// When it isn't set exactly once.
    pub fn cookie(&self, name: &str) -> Cookie {
        let mut found = self.cookies();
        found.retain(|cookie| cookie.name.trim_start_matches("__Host-") == name);
        assert_eq!(found.len(), 1, "expected the cookie {name} once\n{self}");
        found.remove(0)
    }

    /// Asserts an error of exactly this status and code, in exactly the documented shape; gives back its details.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn error(&self, status: u16, code: &str) -> Value {
        self.expect_only(status);
        let body = self.json();
        assert_eq!(body["code"], code, "expected the code {code}\n{self}");
        self.error_shape()
    }

    /// Asserts the shape of an error, whatever its code; gives back its details.
    ///
    /// # Panics
    /// When it has another shape, or tells what it shouldn't.
    pub fn error_shape(&self) -> Value {
        let body = self.json();
        let object = body
            .as_object()
            .unwrap_or_else(|| panic!("an error is an object\n{self}"));
        for key in object.keys() {
            assert!(
                ["error", "code", "details"].contains(&key.as_str()),
                "{key} doesn't belong in an error\n{self}"
            );
        }
        let sentence = body["error"].as_str().unwrap_or_default();
        assert!(
            sentence.len() > 3 && !sentence.contains('\n'),
            "error is a sentence for a person\n{self}"
        );
        let code = body["code"].as_str().unwrap_or_default();
        let stable = !code.is_empty()
            && code
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        assert!(stable, "code is a STABLE_CODE\n{self}");
        let text = self.text().to_lowercase();
        for leak in LEAKS {
            assert!(!text.contains(leak), "an error that tells of {leak:?}\n{self}");
        }
        body["details"].clone()
    }

    /// Asserts 400 `VALIDATION_FAILED` for exactly these paths, each once, in any order.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn invalid(&self, paths: &[&str]) -> Value {
        let details = self.error(400, "VALIDATION_FAILED");
        let entries = details
            .as_array()
            .unwrap_or_else(|| panic!("details is an array\n{self}"));
        let mut found: Vec<String> = Vec::new();
        for entry in entries {
            keys_are(entry, &["path", "code", "message"]);
            found.push(text(entry, "path"));
            let code = text(entry, "code");
            let snake = code
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            assert!(
                !code.is_empty() && snake,
                "a detail's code such as invalid_email\n{self}"
            );
            assert!(
                text(entry, "message").len() > 3,
                "a detail's message is for a person\n{self}"
            );
        }
        let distinct: BTreeSet<_> = found.iter().map(String::as_str).collect();
        assert_eq!(
            distinct,
            paths.iter().copied().collect(),
            "every failing field at once\n{self}"
        );
        details
    }

    /// Asserts a session answer of cookie mode: both cookies, and no refresh token in the body.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn session_by_cookie(&self, status: u16) -> Session {
        self.expect_only(status);
        let body = self.json();
        keys_are(&body, &["user", "accessToken", "tokenType", "expiresIn"]);
        let access = self.cookie("doorward_access").value;
        let refresh = self.cookie("doorward_refresh").value;
        assert_eq!(
            body["accessToken"], access,
            "the cookie and the body hold one access token\n{self}"
        );
        assert!(
            !self.text().contains(&refresh),
            "the refresh token is in the body\n{self}"
        );
        session(&body, refresh, self)
    }

    /// Asserts a session answer of token mode: no cookie, the refresh token in the body.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn session_by_token(&self, status: u16) -> Session {
        self.expect_only(status);
        let body = self.json();
        keys_are(
            &body,
            &["user", "accessToken", "tokenType", "expiresIn", "refreshToken"],
        );
        assert!(self.cookies().is_empty(), "token mode sets no cookie\n{self}");
        session(&body, text(&body, "refreshToken"), self)
    }
}

fn session(body: &Value, refresh: String, reply: &Reply) -> Session {
    user(&body["user"]);
    assert_eq!(body["tokenType"], "Bearer", "{reply}");
    assert!(
        body["expiresIn"].as_u64().is_some_and(|seconds| seconds > 0),
        "expiresIn in seconds\n{reply}"
    );
    assert!(
        refresh.starts_with("v1."),
        "a refresh token is v1. and base64url\n{reply}"
    );
    Session {
        user: body["user"].clone(),
        access: text(body, "accessToken"),
        refresh,
    }
}

/// Asserts a user object: exactly the documented fields, each of its type.
///
/// # Panics
/// When it isn't.
pub fn user(value: &Value) {
    keys_are(value, &USER_FIELDS);
    assert!(is_uuid(&text(value, "id")), "id is a UUID: {value}");
    for name in ["email", "name"] {
        assert!(!text(value, name).is_empty(), "{name} is text: {value}");
    }
    let role = text(value, "role");
    assert!(
        !role.is_empty() && role == role.to_lowercase(),
        "role is a name: {value}"
    );
    assert!(
        ["active", "inactive", "suspended"].contains(&text(value, "status").as_str()),
        "{value}"
    );
    assert!(
        ["anonymous", "free", "member"].contains(&text(value, "tier").as_str()),
        "{value}"
    );
    assert!(value["isVerified"].is_boolean(), "{value}");
    assert!(value["preferences"].is_object(), "{value}");
    for name in ["firmId", "phone", "avatarUrl", "department", "position"] {
        assert!(
            value[name].is_null() || value[name].is_string(),
            "{name} is text or null: {value}"
        );
    }
    for name in ["createdAt", "updatedAt"] {
        assert!(
            is_time(&text(value, name)),
            "{name} is ISO 8601 with milliseconds and Z: {value}"
        );
    }
    let last = &value["lastLoginAt"];
    assert!(
        last.is_null() || last.as_str().is_some_and(is_time),
        "lastLoginAt is a time or null: {value}"
    );
}

/// Asserts the exact set of an object's keys.
///
/// # Panics
/// When it is another set, or no object.
pub fn keys_are(value: &Value, expected: &[&str]) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("expected an object, got {value}"));
    let found: BTreeSet<_> = object.keys().map(String::as_str).collect();
    assert_eq!(
        found,
        expected.iter().copied().collect(),
        "the exact set of keys of {value}"
    );
}

/// A field that has to be text.
///
/// # Panics
/// When it isn't.
pub fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} is text in {value}"))
        .to_owned()
}

/// `2026-11-20T18:00:00.123Z`, exactly.
pub fn is_time(text: &str) -> bool {
    let pattern = b"dddd-dd-ddTdd:dd:dd.dddZ";
    text.len() == pattern.len()
        && text.bytes().zip(pattern).all(|(byte, &kind)| {
            if kind == b'd' {
                byte.is_ascii_digit()
            } else {
                byte == kind
            }
        })
}

/// A hyphenated UUID in lower case.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        })
}
