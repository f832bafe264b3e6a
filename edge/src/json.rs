//! JSON values from and to text.

use serde_json::Value;

use crate::extract::Json;

/// The value of a text; none where it isn't JSON. By the reader of requests' bodies: `Value`'s own would bring a second
/// parser, for numbers and raw values as texts.
pub(crate) fn parse(text: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Json>(text).ok().map(Value::from)
}

/// A value's text, by the serialiser that replies need anyway: `Value`'s `Display` would bring two of its own, one of them
/// for indented text.
pub(crate) fn text(value: &Value) -> String {
    // A value always serialises.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_what_serde_json_does() {
        for sent in [
            "null",
            "[true,-1,18446744073709551615,1.5,1e300,\"\\u00e9\\n\"]",
            "{\"b\":{\"c\":[]},\"a\":\"\",\"b\":2}",
        ] {
            let value: Value = serde_json::from_str(sent).unwrap();
            assert_eq!(parse(sent.as_bytes()), Some(value.clone()));
            assert_eq!(text(&value), value.to_string());
        }
        for sent in ["", "{", "nul", "1 2", "\"\u{7}\""] {
            assert_eq!(parse(sent.as_bytes()), None, "{sent}");
        }
    }
}
