//! JSON values as text.

use serde_json::Value;

/// A value's text, by the serialiser that replies need anyway: `Value`'s `Display` would bring two of its own, one of them
/// for indented text.
pub(crate) fn text(value: &Value) -> String {
    // A value always serialises.
    serde_json::to_string(value).unwrap_or_default()
}
