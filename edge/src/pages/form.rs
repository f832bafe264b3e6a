//! A form: what was typed (`application/x-www-form-urlencoded`, URL standard, section 5.1), as JSON for the API's handler,
//! and what came back from it.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::visit::View;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::{MAX_BODY, has_media_type, unescaped};
use crate::host::Host;
use crate::json;
use crate::reply::Reply;

/// What was typed, field by field.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

/// How a field goes into the JSON body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Take {
    /// As text, also when it is empty: the API says then that it is required.
    Text(&'static str),
    /// As text, and not at all when it is empty.
    Filled(&'static str),
    /// True when it is there.
    Flag(&'static str),
}

impl Form {
    /// Reads the body of a post.
    ///
    /// # Errors
    /// 413, 415, and 400 for what isn't UTF-8.
    pub(super) fn read<H: Host>(ctx: &Context<H>) -> Result<Self, Failure> {
        if ctx.body.len() > MAX_BODY {
            return Err(Code::BodyTooLarge.into());
        }
        if !has_media_type(&ctx.headers, "application/x-www-form-urlencoded") {
            return Err(Code::UnsupportedMediaType.into());
        }
        let text = std::str::from_utf8(&ctx.body).map_err(|_| Code::MalformedJson)?;
        Self::parse(text).ok_or_else(|| Code::MalformedJson.into())
    }

    /// A form that is filled in already.
    pub(super) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Reads the text of a form or of a query; none where what is escaped isn't UTF-8.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        decoded.collect::<Option<_>>().map(Self)
    }

    /// What was typed into a field; nothing where it isn't there.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether a field is there, as a checked box is.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// The pairs, in their order.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// A JSON body of these fields.
    pub(super) fn json(&self, fields: &[Take]) -> Bytes {
        let mut json = Map::new();
        for field in fields {
            match *field {
                Take::Filled(name) if self.get(name).trim().is_empty() => None,
                Take::Text(name) | Take::Filled(name) => json.insert(name.to_owned(), self.get(name).into()),
                Take::Flag(name) => json.insert(name.to_owned(), self.has(name).into()),
            };
        }
        json::text(&Value::Object(json)).into()
    }
}

/// Makes a page's post a call of the API with this body.
pub(super) fn call<H: Host>(ctx: &mut Context<H>, body: Bytes) {
    let json = HeaderValue::from_static("application/json");
    ctx.headers.insert(header::CONTENT_TYPE, json);
    ctx.body = body;
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(unescaped(text)).ok()
}

/// What the API found wrong with a form.
#[derive(Debug, Default)]
pub(super) struct Problems {
    status: StatusCode,
    code: Option<Code>,
    fields: Vec<(String, &'static str, String)>,
    /// Headers that go with the refusal.
    retry_after: Option<std::time::Duration>,
}

impl Problems {
    /// Why the API's handler refused, or couldn't answer.
    ///
    /// # Errors
    /// That nobody is signed in any more, which no form can help.
    pub(super) fn of<H: Host>(ctx: &Context<H>, failure: Failure) -> Result<Self, Failure> {
        match failure {
            Failure::Rejected(rejection) if rejection.code == Code::Unauthenticated => {
                Err(Failure::Rejected(rejection))
            }
            Failure::Rejected(rejection) => Ok(Self {
                status: rejection.code.status(),
                code: Some(rejection.code),
                retry_after: rejection.retry_after,
                fields: rejection
                    .fields
                    .into_iter()
                    .map(|field| (field.path.into_owned(), field.code, field.message))
                    .collect(),
            }),
            failure => {
                ctx.log_failure(&failure);
                let code = match failure {
                    Failure::Unavailable(..) => Code::Unavailable,
                    _ => Code::Internal,
                };
                Ok(Self {
                    status: code.status(),
                    code: Some(code),
                    retry_after: (code == Code::Unavailable).then_some(crate::reply::UNAVAILABLE_FOR),
                    ..Self::default()
                })
            }
        }
    }

    /// The code of the refusal, if there is one.
    pub(super) fn code(&self) -> Option<Code> {
        self.code
    }

    /// The form again, with the status of the refusal.
    pub(super) fn reply(&self, page: Reply) -> Reply {
        if self.code.is_none() {
            return page;
        }
        let page = page.with_status(self.status);
        match self.retry_after {
            Some(duration) => page.retry_after(duration),
            None => page,
        }
    }

    /// The sentence above the form, and what is wrong with fields that the form doesn't show (`shown` are those it does).
    pub(super) fn notice(&self, view: &View, shown: &[&str]) -> Markup {
        let Some(code) = self.code else {
            return html! {};
        };
        let is_shown = |path: &str| shown.iter().any(|shown| is_of(path, shown));
        let hidden = self.fields.iter().filter(|(path, ..)| !is_shown(path));
        html! {
            div.notice.problem role="alert" tabindex="-1" data-focus {
                p { (view.words.code(code)) }
                @for (path, code, message) in hidden {
                    p { (path) ": " (view.words.problem("", code).unwrap_or(message)) }
                }
            }
        }
    }

    /// What is wrong with a field.
    pub(super) fn field(&self, view: &View, path: &str, check: &str) -> Option<String> {
        let all = self.fields.iter().filter(|(other, ..)| is_of(other, path));
        let all: Vec<_> = all
            .map(|(_, code, message)| view.words.problem(check, code).unwrap_or(message))
            .collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// Whether a path is a field's, or that of something in it, such as `expertise[2]`.
fn is_of(path: &str, field: &str) -> bool {
    path.strip_prefix(field)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
}

/// One field of a form.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Field<'a> {
    /// The field's name, in the form and in the API alike.
    pub(super) name: &'static str,
    /// Set before the name for an id, where a page has the name twice.
    pub(super) prefix: &'a str,
    pub(super) label: &'a str,
    pub(super) hint: &'a str,
    pub(super) value: &'a str,
    /// `type` of the input; `textarea` is one of those.
    pub(super) kind: &'static str,
    /// The field that it repeats.
    pub(super) same_as: &'static str,
    /// What the core checks it as.
    pub(super) check: &'static str,
    /// For password managers (HTML standard, "Autofill").
    pub(super) autocomplete: &'static str,
    pub(super) is_optional: bool,
}

/// The id of a field, which a prefix tells from others of the same name.
fn id(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        [prefix, name].join("-")
    }
}

/// A field with its label, its hint and what is wrong with it.
pub(super) fn field(view: &View, problems: &Problems, f: &Field<'_>) -> Markup {
    let words = view.words;
    let id = id(f.prefix, f.name);
    let (hint_id, error_id) = (format!("{id}-hint"), format!("{id}-error"));
    let error = problems.field(view, f.name, f.check);
    let described = if f.hint.is_empty() {
        error_id.clone()
    } else {
        [&*hint_id, &*error_id].join(" ")
    };
    let invalid = error.as_ref().map(|_| "true");
    let is_password = f.kind == "password";
    let is_plain = matches!(f.kind, "email" | "password" | "url");
    let capitalize = is_plain.then_some("none");
    let spellcheck = is_plain.then_some("false");
    let check = (!f.check.is_empty()).then_some(f.check);
    let same_as = (!f.same_as.is_empty()).then_some(f.same_as);
    let complete = (!f.autocomplete.is_empty()).then_some(f.autocomplete);
    let input_mode = match f.kind {
        "email" | "tel" | "url" => Some(f.kind),
        _ => None,
    };
    html! {
        div.field data-field=(f.name) {
            label for=(id) {
                (f.label)
                @if f.is_optional { " " span.optional { "(" (words.optional) ")" } }
            }
            @if !f.hint.is_empty() { p.hint id=(hint_id) { (f.hint) } }
            div.control {
                @if f.kind == "textarea" {
                    textarea id=(id) name=(f.name) rows="4" data-check=[check] aria-describedby=(described)
                        aria-invalid=[invalid] { (f.value) }
                } @else {
                    input id=(id) name=(f.name) type=(f.kind) value=[(!is_password).then_some(f.value)]
                        required[!f.is_optional] data-check=[check] data-same-as=[same_as] autocomplete=[complete] inputmode=[input_mode]
                        autocapitalize=[capitalize] spellcheck=[spellcheck] aria-describedby=(described)
                        aria-invalid=[invalid];
                }
                @if is_password {
                    button.reveal type="button" data-reveal=(id) aria-label=(words.reveal_password) aria-controls=(id)
                        aria-pressed="false" hidden { (words.reveal) }
                }
            }
            @if f.check == "new-password" { div.meter data-meter-for=(id) hidden {} }
            p.error id=(error_id) { @if let Some(error) = error { (error) } }
        }
    }
}

/// A box to check.
pub(super) fn checkbox(name: &'static str, label: &str, checked: bool) -> Markup {
    html! {
        div.field.check data-field=(name) {
            input id=(name) name=(name) type="checkbox" value="1" checked[checked];
            label for=(name) { (label) }
        }
    }
}

/// A choice of one among a few: value and text.
pub(super) fn select(prefix: &str, name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    let id = id(prefix, name);
    html! {
        div.field data-field=(name) {
            label for=(id) { (label) }
            div.control {
                select id=(id) name=(name) {
                    @for (value, text) in options {
                        option value=(value) selected[*value == chosen] { (text) }
                    }
                }
            }
        }
    }
}

/// A value that the form takes along.
pub(super) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// The button that sends the form.
pub(super) fn submit(view: &View, label: &str) -> Markup {
    html! { button.primary type="submit" data-busy-text=(view.words.busy) { (label) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded() {
        let form = Form::parse("a=1+2&b=%C3%A4%26&c&=x&a=later&d=100%&e=%2").unwrap();
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), ("1 2", "ä&", ""));
        assert_eq!((form.get("d"), form.get("e")), ("100%", "%2"));
        assert!(form.has("c") && !form.has("f"));
        assert!(Form::parse("a=%ff").is_none());
        assert!(Form::parse("").unwrap().pairs().is_empty());
    }

    #[test]
    fn a_form_becomes_json() {
        let form = Form::parse("email=&phone=+&name=%22A%22&rememberMe=1").unwrap();
        let fields = [
            Take::Text("email"),
            Take::Text("password"),
            Take::Filled("phone"),
            Take::Filled("name"),
            Take::Flag("rememberMe"),
            Take::Flag("other"),
        ];
        let json: Value = serde_json::from_slice(&form.json(&fields)).unwrap();
        let expected = r#"{"email":"","password":"","name":"\"A\"","rememberMe":true,"other":false}"#;
        assert_eq!(json, serde_json::from_str::<Value>(expected).unwrap());
    }
}
