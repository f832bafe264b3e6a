//! One record becomes a one-time token that its old link can be used with, or is refused with the reason.

use doorward_core::time::Time;
use doorward_core::token::HashedToken;
use doorward_core::token::one_time::may_be_imported;

use super::clean::{Refusal, Rules};
use super::ids::Key;
use super::moment;
use super::value::{Field, Record, Value};

/// A token that can come in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// How the source knows the token's user.
    pub(super) user: String,
    pub(super) hash: HashedToken,
    pub(super) created_at: Option<Time>,
    pub(super) expires_at: Time,
}

/// Judges a record.
///
/// # Errors
/// Why it can't come in.
pub(super) fn token(record: &Record, rules: &Rules, now: Time) -> Result<Token, Refusal> {
    if let Some(damage) = record.damage {
        return Err(("document", damage));
    }
    let user = Key::of(record.get(Field::UserId), &rules.source).ok_or(("userId", "required"))?;
    match record.get(Field::UsedAt) {
        Value::Bool(false) => {}
        value if value.is_none() => {}
        _ => return Err(("token", "used")),
    }
    let expires_at = match moment::read(record.get(Field::ExpiresAt), rules.textual) {
        Ok(Some(moment)) => moment.time,
        Ok(None) => return Err(("expiresAt", "required")),
        Err(code) => return Err(("expiresAt", code)),
    };
    if expires_at <= now {
        return Err(("expiresAt", "expired"));
    }
    let created_at = moment::read(record.get(Field::CreatedAt), rules.textual).ok().flatten();
    Ok(Token {
        user: user.text,
        hash: hash(record)?,
        created_at: created_at.map(|moment| moment.time),
        expires_at,
    })
}

/// Of the token where the source has it, else the source's own hash, if it is made as ours is.
fn hash(record: &Record) -> Result<HashedToken, Refusal> {
    if let Value::Text(text) = record.get(Field::Token) {
        // A link with any other would be answered without a look at the database.
        return if may_be_imported(text) {
            Ok(HashedToken::of(text))
        } else {
            Err(("token", "unusable"))
        };
    }
    match record.get(Field::TokenHash) {
        Value::Text(text) => HashedToken::parse(&text.trim().to_ascii_lowercase()).ok_or(("tokenHash", "not_sha256")),
        _ => Err(("token", "required")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1000);

    fn judged(changes: &[(Field, Value)]) -> Result<Token, Refusal> {
        let mut record = Record::default();
        for (field, value) in [
            (Field::UserId, Value::Int(7)),
            (Field::Token, Value::Text("0123456789abcdef0123".to_owned())),
            (Field::ExpiresAt, Value::Date(Time::from_millis(2000))),
        ] {
            if !changes.iter().any(|(changed, _)| *changed == field) {
                record.set((field, 0), value);
            }
        }
        for (field, value) in changes {
            record.set((*field, 0), value.clone());
        }
        let rules = Rules {
            source: "mongo".to_owned(),
            roles: [].into(),
            textual: false,
        };
        token(&record, &rules, NOW)
    }

    #[test]
    fn a_token_or_its_hash() {
        let plain = judged(&[]).unwrap();
        assert_eq!(plain.hash, HashedToken::of("0123456789abcdef0123"));
        assert_eq!((plain.user.as_str(), plain.expires_at.as_millis()), ("7", 2000));
        let hash = plain.hash.as_str().to_ascii_uppercase();
        let hashed = judged(&[(Field::Token, Value::None), (Field::TokenHash, Value::Text(hash))]).unwrap();
        assert_eq!(hashed, plain);
        assert!(judged(&[(Field::UsedAt, Value::Bool(false))]).is_ok());
    }

    #[test]
    fn what_no_link_can_use_is_refused() {
        for (changes, refusal) in [
            (vec![(Field::UserId, Value::None)], ("userId", "required")),
            (vec![(Field::Token, Value::None)], ("token", "required")),
            (
                vec![(Field::Token, Value::Text("123456".to_owned()))],
                ("token", "unusable"),
            ),
            (vec![(Field::ExpiresAt, Value::None)], ("expiresAt", "required")),
            (vec![(Field::ExpiresAt, Value::Date(NOW))], ("expiresAt", "expired")),
            (vec![(Field::ExpiresAt, Value::Other)], ("expiresAt", "unreadable")),
            (vec![(Field::UsedAt, Value::Bool(true))], ("token", "used")),
            (vec![(Field::UsedAt, Value::Date(NOW))], ("token", "used")),
            (
                vec![
                    (Field::Token, Value::None),
                    (Field::TokenHash, Value::Text("$2b$10$x".to_owned())),
                ],
                ("tokenHash", "not_sha256"),
            ),
        ] {
            assert_eq!(judged(&changes), Err(refusal), "{changes:?}");
        }
    }
}
