//! What people set for themselves: a small JSON object of keys that clients agree on, changed key by key.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};

/// The largest object that is kept, in bytes of its JSON text.
pub const MAX_BYTES: usize = 8 * 1024;
/// The most keys at the top.
pub const MAX_KEYS: usize = 64;
/// How deep objects and arrays may stand in each other, the outermost object included.
pub const MAX_DEPTH: usize = 4;

problems! {
    /// Why preferences can't be changed like that.
    pub enum PreferencesError {
        /// More than 8 KiB, alone or together with what is there.
        TooLarge => "too_large", "Preferences have at most 8 KiB.";
        /// More than 64 keys, alone or together with those that are there.
        TooMany => "too_many", "Preferences have at most 64 keys.";
        /// Objects and arrays stand in each other more than 4 deep.
        TooDeep => "too_deep", "Preferences are at most 4 levels deep.";
        /// A text in it has a NUL, which no database column takes.
        Invalid => "invalid_text", "Leave out the character NUL.";
    }
}

/// A change: these keys get other values, those go, all others stay. Values are replaced whole.
#[derive(Debug, Clone, PartialEq)]
pub struct PreferencesChange {
    set: Map<String, Value>,
    remove: Vec<String>,
}

impl PreferencesChange {
    /// From the object that was sent: null takes a key away.
    ///
    /// # Errors
    /// See [`PreferencesError`]. What it comes to with the keys that are there, only the database can say.
    pub fn new(wanted: Map<String, Value>) -> Result<Self, PreferencesError> {
        if wanted.len() > MAX_KEYS {
            return Err(PreferencesError::TooMany);
        }
        let (mut set, mut remove) = (Map::new(), Vec::new());
        for (key, value) in wanted {
            check(&value, 2)?;
            if key.contains('\0') {
                return Err(PreferencesError::Invalid);
            }
            if value.is_null() {
                remove.push(key);
            } else {
                set.insert(key, value);
            }
        }
        let change = Self { set, remove };
        if change.is_too_large() {
            return Err(PreferencesError::TooLarge);
        }
        Ok(change)
    }

    /// The keys with their new values, and the keys that go.
    pub fn into_parts(self) -> (Map<String, Value>, Vec<String>) {
        (self.set, self.remove)
    }

    fn is_too_large(&self) -> bool {
        // Maps with text keys always serialise.
        let set = serde_json::to_string(&self.set).unwrap_or_default();
        set.len() > MAX_BYTES || self.remove.iter().map(String::len).sum::<usize>() > MAX_BYTES
    }
}

/// `depth` is that of the value, were it an object or an array.
fn check(value: &Value, depth: usize) -> Result<(), PreferencesError> {
    match value {
        Value::String(text) if text.contains('\0') => Err(PreferencesError::Invalid),
        Value::Array(_) | Value::Object(_) if depth > MAX_DEPTH => Err(PreferencesError::TooDeep),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, depth + 1)),
        Value::Object(members) => members.iter().try_for_each(|(key, member)| {
            if key.contains('\0') {
                return Err(PreferencesError::Invalid);
            }
            check(member, depth + 1)
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "for `json!` to be given as it is")]
    fn change(sent: Value) -> Result<PreferencesChange, PreferencesError> {
        PreferencesChange::new(sent.as_object().unwrap().clone())
    }

    #[test]
    fn null_takes_a_key_away_and_values_stay_whole() {
        let change = change(json!({ "locale": "de", "theme": null, "mail": { "news": null } })).unwrap();
        let (set, remove) = change.into_parts();
        assert_eq!(Value::Object(set), json!({ "locale": "de", "mail": { "news": null } }));
        assert_eq!(remove, ["theme"]);
    }

    #[test]
    fn four_levels_and_no_fifth() {
        assert!(change(json!({ "1": { "2": { "3": { "4": 1 } } } })).is_ok());
        assert_eq!(
            change(json!({ "1": { "2": { "3": { "4": [] } } } })),
            Err(PreferencesError::TooDeep)
        );
        assert_eq!(change(json!({ "1": [[[[]]]] })), Err(PreferencesError::TooDeep));
    }

    #[test]
    fn has_a_size() {
        // {"k":"..."} has 8 characters around the text.
        assert!(change(json!({ "k": "x".repeat(MAX_BYTES - 8) })).is_ok());
        assert_eq!(
            change(json!({ "k": "x".repeat(MAX_BYTES - 7) })),
            Err(PreferencesError::TooLarge)
        );
        let keys = |count: usize| Value::Object((0..count).map(|at| (format!("k{at}"), json!(1))).collect());
        assert!(change(keys(MAX_KEYS)).is_ok());
        assert_eq!(change(keys(MAX_KEYS + 1)), Err(PreferencesError::TooMany));
    }

    #[test]
    fn refuses_nul() {
        for sent in [
            json!({ "a\0": 1 }),
            json!({ "a": "\0" }),
            json!({ "a": [{ "\0": 1 }] }),
            json!({ "\0": null }),
        ] {
            assert_eq!(change(sent), Err(PreferencesError::Invalid));
        }
    }
}
