//! The ids of what comes in. They follow from the source's own, so that a second run finds what the first one made.

use sha2::{Digest as _, Sha256};

use doorward_core::id::UserId;

use super::value::{Value, hex, unhex};

/// How a source knows a person: the text that is kept with the account, and the id here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// As the source writes it.
    pub(super) text: String,
    /// The id here.
    pub(super) id: UserId,
}

impl Key {
    /// Of a value that the source has as the id. `None` for nothing, and for what is no id.
    ///
    /// A UUID stays what it is. An ObjectId becomes the UUIDv7 of the same moment, without losing a bit, so that no two
    /// become one and the order stays. Anything else becomes a UUIDv8 of its hash together with the source's name.
    pub(super) fn of(value: &Value, source: &str) -> Option<Self> {
        match value {
            Value::ObjectId(bytes) => Some(Self {
                text: hex(bytes),
                id: of_object_id(*bytes),
            }),
            Value::Uuid(bytes) => {
                let id = UserId::from_bytes(*bytes);
                Some(Self {
                    text: id.to_string(),
                    id,
                })
            }
            Value::Int(number) => Some(Self::of_text(&number.to_string(), source)),
            Value::Text(text) => {
                let text = text.trim();
                (!text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control))
                    .then(|| Self::of_text(text, source))
            }
            Value::None | Value::Bool(_) | Value::Date(_) | Value::Other => None,
        }
    }

    fn of_text(text: &str, source: &str) -> Self {
        if let Some(bytes) = unhex::<12>(text) {
            return Self {
                text: text.to_ascii_lowercase(),
                id: of_object_id(bytes),
            };
        }
        if let Some(id) = UserId::parse(text) {
            return Self {
                text: id.to_string(),
                id,
            };
        }
        Self {
            text: text.to_owned(),
            id: UserId::from_bytes(hashed(&[source, text])),
        }
    }
}

/// 48 bits of milliseconds are the ObjectId's 32 of seconds, the 74 that RFC 9562 leaves free (section 5.7) hold its
/// other 64, from the left.
fn of_object_id(bytes: [u8; 12]) -> UserId {
    let [a, b, c, d, rest @ ..] = bytes;
    let millis = u128::from(u32::from_be_bytes([a, b, c, d])) * 1000;
    let rest = u128::from(u64::from_be_bytes(rest));
    let (high, low) = (rest >> 52, rest & ((1 << 52) - 1));
    let bits = millis << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 10;
    UserId::from_bytes(bits.to_be_bytes())
}

/// A UUIDv8 (RFC 9562, section 5.8) of the SHA-256 of the parts.
pub(super) fn hashed(parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(hash.finalize())
        .for_each(|(byte, made)| *byte = made);
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    bytes
}

/// When an ObjectId was made, in milliseconds since 1970.
pub(super) fn object_id_millis(value: &Value) -> Option<i64> {
    let bytes = match value {
        Value::ObjectId(bytes) => *bytes,
        Value::Text(text) => unhex(text.trim())?,
        _ => return None,
    };
    let [a, b, c, d, ..] = bytes;
    Some(i64::from(u32::from_be_bytes([a, b, c, d])) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> String {
        Key::of(&Value::Text(text.to_owned()), "mongo").unwrap().id.to_string()
    }

    #[test]
    fn an_object_id_keeps_its_moment_its_order_and_every_bit() {
        // 0x65920080 is 2024-01-01T00:00:00Z.
        let first = id("659200800102030405060708");
        assert_eq!(first, "018cc251-f400-7010-880c-1014181c2000");
        assert_eq!(id("659200800102030405060708".to_uppercase().as_str()), first);
        let mut all = vec![
            first,
            id("659200800102030405060709"),
            id("6592008001020304050607ff"),
            id("6592008001020304ff000000"),
            id("65920080ff00000000000000"),
            id("659200810000000000000000"),
        ];
        let sorted = {
            let mut copy = all.clone();
            copy.sort();
            copy
        };
        assert_eq!(all, sorted);
        all.dedup();
        assert_eq!(all.len(), 6);
        let text = Value::Text("659200800102030405060708".to_owned());
        assert_eq!(object_id_millis(&text), Some(1_704_067_200_000));
    }

    #[test]
    fn a_uuid_stays_and_the_rest_is_hashed_with_its_source() {
        assert_eq!(
            id("018CC251-f400-7010-880c-1014181c2000"),
            "018cc251-f400-7010-880c-1014181c2000"
        );
        let [mongo, csv] = ["mongo", "csv"].map(|source| Key::of(&Value::Int(7), source).unwrap());
        assert_eq!((mongo.text.as_str(), csv.text.as_str()), ("7", "7"));
        assert_ne!(mongo.id, csv.id);
        assert_eq!(mongo, Key::of(&Value::Text(" 7 ".to_owned()), "mongo").unwrap());
        assert_eq!(mongo.id.as_bytes()[6] >> 4, 8);
        assert_eq!(mongo.id.as_bytes()[8] >> 6, 2);
        assert_ne!(hashed(&["a", "bc"]), hashed(&["ab", "c"]));
        for value in [
            Value::None,
            Value::Other,
            Value::Text(" ".to_owned()),
            Value::Text("a\u{0}".to_owned()),
        ] {
            assert_eq!(Key::of(&value, "mongo"), None);
        }
    }
}
