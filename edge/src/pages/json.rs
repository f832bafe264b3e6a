//! What a page reads out of an answer of the API.

use serde_json::Value;

/// A member; null where there is none.
pub(super) fn at<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// A text; nothing where there is none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    at(value, name).as_str().unwrap_or_default()
}

/// The items of a list; none where there is no list.
pub(super) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    at(value, name).as_array().map_or(&[], Vec::as_slice)
}
