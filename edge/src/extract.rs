//! From a body to values: JSON with every rule of the contract, and all failing fields at once.

use std::fmt;

use bytes::Bytes;
use doorward_core::error::{FieldError, FieldProblem, Problem};
use doorward_core::password::Password;
use doorward_core::unicode::Unicode;
use http::{HeaderMap, Uri, header};
use percent_encoding::percent_decode_str;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::{Code, Failure};

mod nested;

/// The largest body that is read, in bytes. A host adapter stops reading one byte later.
pub const MAX_BODY: usize = 64 * 1024;

/// How much of a body that is too large a host adapter still takes off the wire before it answers, in bytes: a proxy in
/// front may give up on a server that answers while it is still sending.
pub const MAX_DRAINED: usize = 8 * 1024 * 1024;

/// How many problems one reply tells: more than a body with the longest lists that are taken can have.
const MAX_ERRORS: usize = 250;

/// Fields that decide what somebody may do. Sent to a call that doesn't take them, they are refused rather than ignored.
pub(crate) const PRIVILEGED: [&str; 4] = ["role", "status", "tier", "isVerified"];

/// The fields of a JSON object on their way to becoming values. Each reader takes a field, notes what is wrong with it
/// and goes on, so that [`Fields::finish`] can name every failing field.
#[derive(Debug)]
pub struct Fields {
    members: Vec<(String, Json)>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a JSON object from a request's body. `privileged` names those of the privileged fields that this call takes.
    ///
    /// # Errors
    /// 413, 415, 400 `MALFORMED_JSON`, 400 `VALIDATION_FAILED` for what isn't an object or repeats a field, and 403
    /// `FORBIDDEN` for a privileged field that the call doesn't take.
    pub fn read(headers: &HeaderMap, body: &Bytes, privileged: &[&str]) -> Result<Self, Failure> {
        if body.len() > MAX_BODY {
            return Err(Code::BodyTooLarge.into());
        }
        if !is_json(headers) {
            return Err(Code::UnsupportedMediaType.into());
        }
        let json: Json = serde_json::from_slice(body).map_err(|_| Code::MalformedJson)?;
        if let Some(path) = json.repeated() {
            return Err(Failure::fields(vec![duplicate(path)]));
        }
        let Json::Object { members, .. } = json else {
            return Err(Failure::field("", &FieldProblem::WrongType));
        };
        let forbidden = |name: &str| PRIVILEGED.contains(&name) && !privileged.contains(&name);
        if members.iter().any(|(name, _)| forbidden(name)) {
            return Err(Code::Forbidden.into());
        }
        Ok(Self {
            members,
            errors: Vec::new(),
        })
    }

    /// Reads the parameters of a query (`application/x-www-form-urlencoded`), each of them a text. An empty one is none, as
    /// forms send what nobody filled in; but an empty `limit` is no number.
    pub fn query(uri: &Uri) -> Self {
        let mut fields = Self::none();
        let pairs = uri.query().unwrap_or_default().split('&');
        for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
            let name = decoded(name);
            if fields.members.iter().any(|(other, _)| *other == name) {
                fields.errors.push(duplicate(name));
            } else if !value.is_empty() || name == "limit" {
                fields.members.push((name, Json::Text(decoded(value))));
            }
        }
        fields
    }

    /// A field that has to be there, parsed by `parse`.
    pub fn required<T, E: Problem>(
        &mut self,
        path: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.required_text(path)?;
        self.parsed(path, &text, parse)
    }

    /// A field that may be absent or null, parsed by `parse`.
    pub fn optional<T, E: Problem>(
        &mut self,
        path: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.optional_text(path)?;
        self.parsed(path, &text, parse)
    }

    /// A text that has to be there and not be empty, as it was sent.
    pub fn required_text(&mut self, path: &'static str) -> Option<String> {
        match self.take(path) {
            None | Some(Json::Null) => self.problem(path, &FieldProblem::Required),
            Some(Json::Text(text)) if text.is_empty() => self.problem(path, &FieldProblem::Required),
            Some(Json::Text(text)) => Some(text),
            Some(_) => self.problem(path, &FieldProblem::WrongType),
        }
    }

    /// A text that may be absent or null, as it was sent.
    pub fn optional_text(&mut self, path: &'static str) -> Option<String> {
        match self.take(path) {
            None | Some(Json::Null) => None,
            Some(Json::Text(text)) => Some(text),
            Some(_) => self.problem(path, &FieldProblem::WrongType),
        }
    }

    /// A flag; absent or null is false.
    pub fn flag(&mut self, path: &'static str) -> bool {
        match self.take(path) {
            None | Some(Json::Null) => false,
            Some(Json::Bool(flag)) => flag,
            Some(_) => {
                self.problem::<()>(path, &FieldProblem::WrongType);
                false
            }
        }
    }

    /// A password that somebody wants to have from now on, checked by the policy. It must not be `not_like` any of these.
    pub fn new_password(
        &mut self,
        path: &'static str,
        raw: &str,
        not_like: &[&str],
        unicode: Unicode,
    ) -> Option<Password> {
        match Password::new(raw, not_like, unicode) {
            Ok(password) => Some(password),
            Err(problems) => {
                self.errors
                    .extend(problems.iter().map(|problem| FieldError::new(path, problem)));
                None
            }
        }
    }

    /// No fields at all, to note problems that only show after a look-up.
    pub fn none() -> Self {
        Self {
            members: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Notes what is wrong with a field.
    pub fn problem<T>(&mut self, path: &'static str, problem: &impl Problem) -> Option<T> {
        self.errors.push(FieldError::new(path, problem));
        None
    }

    /// All is read.
    ///
    /// # Errors
    /// 400 `VALIDATION_FAILED` with every field that failed.
    pub fn finish(mut self) -> Result<(), Failure> {
        if self.errors.is_empty() {
            return Ok(());
        }
        self.errors.truncate(MAX_ERRORS);
        Err(Failure::fields(self.errors))
    }

    fn take(&mut self, path: &str) -> Option<Json> {
        let at = self.members.iter().position(|(name, _)| name == path)?;
        Some(self.members.swap_remove(at).1)
    }

    fn parsed<T, E: Problem>(
        &mut self,
        path: &'static str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => self.problem(path, &problem),
        }
    }
}

/// A field that a refused body may not be read without: the parse went through, so every value is there.
///
/// # Errors
/// Never in practice: a defect in a handler that forgot to note a problem.
pub fn present<T>(value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::Internal("a field was neither read nor refused".into()))
}

fn duplicate(path: String) -> FieldError {
    FieldError {
        path: path.into(),
        code: "duplicate",
        message: "This field is there twice.".to_owned(),
    }
}

/// A name or a value of a query. What isn't encoded rightly stands for itself.
fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&unescaped(text)).into_owned()
}

/// The bytes that a name or a value of `application/x-www-form-urlencoded` stands for: `+` is a space, and a `%` that
/// escapes nothing stands for itself (URL Standard, 5.1).
pub(crate) fn unescaped(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}

/// Whether a body calls itself JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    has_media_type(headers, "application/json")
}

/// Whether a body calls itself of this media type, whatever its parameters.
pub(crate) fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case(media_type)
}

/// JSON as the contract sees it: a repeated field is remembered.
#[derive(Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    Array(Vec<Json>),
    Object {
        members: Vec<(String, Json)>,
        repeated: Option<String>,
    },
}

impl Json {
    /// The first field that stands twice in one object, at any depth.
    fn repeated(&self) -> Option<String> {
        match self {
            Self::Object {
                repeated: Some(name), ..
            } => Some(name.clone()),
            Self::Object { members, .. } => members.iter().find_map(|(_, value)| value.repeated()),
            Self::Array(items) => items.iter().find_map(Self::repeated),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // JSON has no infinities, so there is always a number.
        Ok(serde_json::Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        let mut repeated = None;
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                repeated.get_or_insert_with(|| name.clone());
            }
            members.push((name, value));
        }
        Ok(Json::Object { members, repeated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Fields, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "Application/JSON; charset=utf-8".parse().unwrap());
        Fields::read(&headers, &Bytes::copy_from_slice(body.as_bytes()), &["role"])
    }

    fn code(result: Result<Fields, Failure>) -> (Code, String) {
        match result.unwrap_err() {
            Failure::Rejected(r) => (r.code, r.fields.first().map(|f| f.path.to_string()).unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_object_or_repeats_itself_is_refused() {
        for malformed in [
            "",
            "{",
            "{\"a\":1,}",
            "nul",
            "{\"a\":\"\\ud800\"}",
            "\u{feff}{}",
            "[1",
            "{} {}",
        ] {
            assert_eq!(code(read(malformed)).0, Code::MalformedJson, "{malformed}");
        }
        for other in ["null", "[]", "1", "\"text\"", "true"] {
            assert_eq!(code(read(other)).0, Code::ValidationFailed, "{other}");
        }
        assert_eq!(
            code(read(r#"{"a":1,"b":2,"a":1}"#)),
            (Code::ValidationFailed, "a".to_owned())
        );
        assert_eq!(
            code(read(r#"{"x":[{"b":{"c":1,"c":2}}]}"#)),
            (Code::ValidationFailed, "c".to_owned())
        );
        assert_eq!(code(read(&"[".repeat(100_000))).0, Code::BodyTooLarge);
        assert_eq!(code(read(&"[".repeat(60_000))).0, Code::MalformedJson);
    }

    #[test]
    fn privileged_fields_are_refused_where_they_are_not_taken() {
        assert!(read(r#"{"role":"admin","unknown":{"status":1}}"#).is_ok());
        for name in ["status", "tier", "isVerified"] {
            assert_eq!(code(read(&format!("{{\"{name}\":null}}"))).0, Code::Forbidden, "{name}");
        }
    }

    #[test]
    fn a_query_is_read_like_a_body() {
        let mut query = Fields::query(
            &"/x?q=a%2Bb+%C3%A4&none=&role=Admin&limit=1&limit=2&%66irm=f%&flag"
                .parse()
                .unwrap(),
        );
        assert_eq!(query.optional_text("q").as_deref(), Some("a+b ä"));
        assert_eq!(query.optional_text("none"), None);
        assert_eq!(query.optional_text("flag"), None);
        assert_eq!(query.optional_text("firm").as_deref(), Some("f%"));
        assert_eq!(query.optional("role", doorward_core::role::Role::parse), None);
        let Err(Failure::Rejected(rejection)) = query.finish() else {
            panic!("accepted")
        };
        let named: Vec<_> = rejection.fields.iter().map(|f| (f.path.as_ref(), f.code)).collect();
        assert_eq!(named, [("limit", "duplicate"), ("role", "invalid_role")]);
        assert!(Fields::query(&"/x".parse().unwrap()).finish().is_ok());
    }

    #[test]
    fn a_reply_tells_no_more_problems_than_a_sensible_request_can_have() {
        let query = Fields::query(&format!("/x?{}", "a=1&".repeat(4000)).parse().unwrap());
        let Err(Failure::Rejected(rejection)) = query.finish() else {
            panic!("accepted")
        };
        assert_eq!(rejection.fields.len(), MAX_ERRORS);
    }

    #[test]
    fn every_failing_field_is_named() {
        let mut fields = read(r#"{"email":7,"name":"","remember":"yes","phone":null}"#).unwrap();
        assert_eq!(fields.required_text("email"), None);
        assert_eq!(fields.required_text("name"), None);
        assert_eq!(fields.required_text("password"), None);
        assert!(!fields.flag("remember"));
        assert_eq!(fields.optional_text("phone"), None);
        let Err(Failure::Rejected(rejection)) = fields.finish() else {
            panic!("accepted")
        };
        let named: Vec<_> = rejection
            .fields
            .iter()
            .map(|f| (f.path.to_string(), f.code.to_string()))
            .collect();
        let expected = [
            ("email", "wrong_type"),
            ("name", "required"),
            ("password", "required"),
            ("remember", "wrong_type"),
        ];
        assert_eq!(named, expected.map(|(path, code)| (path.to_owned(), code.to_owned())));
    }
}
