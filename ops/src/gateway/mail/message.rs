//! A message as it comes in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most addresses that one message goes to.
const RECIPIENTS: usize = 50;

/// A message that was caught.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message {
    /// A UUID.
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) html: Option<String>,
    pub(crate) text: Option<String>,
    /// ISO 8601, in UTC.
    pub(crate) created_at: String,
}

/// What a sender says, checked. Fields that are not shown (headers, tags, copies) are accepted and left.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) subject: String,
    pub(crate) html: Option<String>,
    pub(crate) text: Option<String>,
}

/// Why a message can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Not a JSON object with fields of the right types.
    Shape,
    /// A field that every message has is missing.
    Missing(&'static str),
    /// A field holds what isn't an address.
    Address(&'static str),
    /// Too many recipients, or none.
    Recipients,
}

impl Problem {
    /// Resend's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Missing(_) => "missing_required_field",
            Self::Shape | Self::Address(_) | Self::Recipients => "validation_error",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => f.write_str("The message is a JSON object; to is a string or an array of strings."),
            Self::Missing(field) => write!(f, "Missing `{field}` field."),
            Self::Address(field) => {
                write!(
                    f,
                    "Invalid `{field}` field. An address looks like `name@example.com` or `Name <name@example.com>`."
                )
            }
            Self::Recipients => write!(f, "Invalid `to` field. A message goes to 1 to {RECIPIENTS} addresses."),
        }
    }
}

#[derive(Deserialize)]
struct Body {
    from: Option<String>,
    to: Option<OneOrMany>,
    subject: Option<String>,
    html: Option<String>,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Draft {
    /// Reads a request's body.
    ///
    /// # Errors
    /// See [`Problem`].
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Problem> {
        let body: Body = serde_json::from_slice(json).map_err(|_| Problem::Shape)?;
        let from = body.from.ok_or(Problem::Missing("from"))?;
        let to = match body.to.ok_or(Problem::Missing("to"))? {
            OneOrMany::One(address) => vec![address],
            OneOrMany::Many(addresses) => addresses,
        };
        let subject = body.subject.ok_or(Problem::Missing("subject"))?;
        if body.html.is_none() && body.text.is_none() {
            return Err(Problem::Missing("html"));
        }
        if address(&from).is_none() {
            return Err(Problem::Address("from"));
        }
        if to.is_empty() || to.len() > RECIPIENTS {
            return Err(Problem::Recipients);
        }
        if !to.iter().all(|one| address(one).is_some()) {
            return Err(Problem::Address("to"));
        }
        Ok(Self {
            from,
            to,
            subject,
            html: body.html,
            text: body.text,
        })
    }
}

/// The bare address of `name@example.com` or `Name <name@example.com>`.
pub(crate) fn address(text: &str) -> Option<&str> {
    let text = text.trim();
    let bare = match text.strip_suffix('>') {
        Some(rest) => rest.rsplit_once('<')?.1.trim(),
        None => text,
    };
    let (local, domain) = bare.rsplit_once('@')?;
    let clean = !bare
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ','));
    (clean && !local.is_empty() && !domain.is_empty()).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_name() {
        assert_eq!(address("a@b.c"), Some("a@b.c"));
        assert_eq!(address("Ann, of B <a@b.c>"), Some("a@b.c"));
        for wrong in [
            "",
            "a",
            "@b.c",
            "a@",
            "<a@b.c",
            "a b@c.d",
            "a@b.c, d@e.f",
            "a@b.c>\r\nBcc: x@y.z",
        ] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_message_has_sender_recipient_subject_and_content() {
        let parse = |json: &str| Draft::parse(json.as_bytes());
        let draft = parse(r#"{"from": "a@b.c", "to": "d@e.f", "subject": "s", "text": "t", "tags": []}"#).unwrap();
        assert_eq!((draft.to, draft.html), (vec!["d@e.f".to_owned()], None));
        let error = |json: &str| parse(json).unwrap_err();
        assert_eq!(error("[]"), Problem::Shape);
        assert_eq!(error(r#"{"from": 1}"#), Problem::Shape);
        assert_eq!(error("{}"), Problem::Missing("from"));
        assert_eq!(
            error(r#"{"from": "a@b.c", "to": "d@e.f", "subject": "s"}"#),
            Problem::Missing("html")
        );
        assert_eq!(
            error(r#"{"from": "a@b.c", "to": [], "subject": "s", "text": ""}"#),
            Problem::Recipients
        );
        assert_eq!(
            error(r#"{"from": "a@b.c", "to": ["d"], "subject": "s", "text": ""}"#),
            Problem::Address("to")
        );
    }
}
