//! One record becomes a user that Doorward would take, with a note for everything that had to be changed for it, or is
//! refused with the reason.

use std::collections::HashSet;

use doorward_core::email::Email;
use doorward_core::name::PersonName;
use doorward_core::password;
use doorward_core::phone::Phone;
use doorward_core::role::Role;
use doorward_core::text::ShortText;
use doorward_core::time::Time;
use doorward_core::user::Status;

use super::ids::{Key, object_id_millis};
use super::moment;
use super::value::{Field, Record, Value};

/// The longest name that is taken, in characters.
const NAME_CHARS: usize = 100;
/// The longest address of a picture, in bytes.
const URL_BYTES: usize = 2048;

/// What the records are judged by.
#[derive(Debug)]
pub(super) struct Rules {
    /// The name of the source: part of the ids that are made, and the provider of the accounts.
    pub(super) source: String,
    /// The roles that the database has.
    pub(super) roles: HashSet<String>,
    /// The source has nothing but texts.
    pub(super) textual: bool,
}

/// What was changed, and in which field: `phone:invalid`.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<(&'static str, &'static str)>);

impl Notes {
    fn add(&mut self, field: &'static str, code: &'static str) {
        self.0.push((field, code));
    }

    /// `field:code`, separated by commas. `None` when there is none.
    pub(super) fn text(&self) -> Option<String> {
        let all: Vec<_> = self.0.iter().map(|(field, code)| format!("{field}:{code}")).collect();
        (!all.is_empty()).then(|| all.join(","))
    }
}

/// A user that can come in.
#[derive(Debug)]
pub(super) struct User {
    pub(super) key: Key,
    pub(super) email: Email,
    pub(super) name: String,
    pub(super) password_hash: Option<String>,
    pub(super) role: String,
    pub(super) status: Status,
    pub(super) is_verified: bool,
    pub(super) verified_at: Option<Time>,
    pub(super) phone: Option<Phone>,
    pub(super) avatar_url: Option<String>,
    pub(super) department: Option<String>,
    pub(super) position: Option<String>,
    pub(super) created_at: Option<Time>,
    pub(super) updated_at: Option<Time>,
    pub(super) last_login_at: Option<Time>,
    pub(super) notes: Notes,
}

/// Why a record can't come in: the field, and the code.
pub(super) type Refusal = (&'static str, &'static str);

/// Judges a record.
///
/// # Errors
/// Why it can't come in: it can't be read, or has no address that a mail could go to.
pub(super) fn user(record: &Record, rules: &Rules) -> Result<User, Refusal> {
    if let Some(damage) = record.damage {
        return Err(("document", damage));
    }
    let mut notes = Notes::default();
    let email = email(record, &mut notes)?;
    let id = record.get(Field::Id);
    let key = if id.is_none() {
        Key::of(&Value::Text(email.as_str().to_owned()), &rules.source)
    } else {
        Key::of(id, &rules.source)
    };
    let key = key.ok_or(("id", "invalid_id"))?;
    let (is_verified, verified_at) = verified(record, rules, &mut notes);
    let mut created_at = time(record, Field::CreatedAt, "createdAt", rules, &mut notes);
    if created_at.is_none() {
        created_at = object_id_millis(id).map(Time::from_millis);
    }
    Ok(User {
        name: name(record, &email, &mut notes),
        password_hash: password_hash(record, &mut notes),
        role: role(record, rules, &mut notes),
        status: status(record, rules, &mut notes),
        is_verified,
        verified_at,
        phone: phone(record, &mut notes),
        avatar_url: avatar_url(record, &mut notes),
        department: line(record, Field::Department, "department", &mut notes),
        position: line(record, Field::Position, "position", &mut notes),
        created_at,
        updated_at: time(record, Field::UpdatedAt, "updatedAt", rules, &mut notes),
        last_login_at: time(record, Field::LastLoginAt, "lastLoginAt", rules, &mut notes),
        key,
        email,
        notes,
    })
}

fn email(record: &Record, notes: &mut Notes) -> Result<Email, Refusal> {
    let raw = match record.get(Field::Email) {
        Value::Text(text) => text,
        Value::None => return Err(("email", "required")),
        _ => return Err(("email", "invalid_email")),
    };
    let email = Email::parse(raw).map_err(|e| ("email", e.code()))?;
    if raw.trim().len() != raw.len() {
        notes.add("email", "trimmed");
    }
    if raw.trim() != email.as_str() {
        notes.add("email", "folded");
    }
    Ok(email)
}

/// The name; the parts of it; or what stands before the `@`.
fn name(record: &Record, email: &Email, notes: &mut Notes) -> String {
    let whole = match record.get(Field::Name) {
        Value::Text(text) => text.clone(),
        Value::None => {
            let parts =
                [Field::FirstName, Field::LastName].map(|part| record.get(part).text().unwrap_or_default().trim());
            parts.join(" ").trim().to_owned()
        }
        other => {
            notes.add("name", "not_text");
            match other {
                Value::Int(number) => number.to_string(),
                _ => String::new(),
            }
        }
    };
    if let Ok(name) = PersonName::parse(&whole) {
        if name.as_str() != whole {
            notes.add("name", "trimmed");
        }
        return name.as_str().to_owned();
    }
    // Whatever isn't plain becomes a space, and the rest is cut.
    let plain: String = whole
        .chars()
        .map(|c| {
            if PersonName::parse(&format!("a{c}a")).is_ok() {
                c
            } else {
                ' '
            }
        })
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = plain.chars().take(NAME_CHARS).collect();
    if let Ok(name) = PersonName::parse(&cut) {
        notes.add(
            "name",
            if plain.len() > cut.len() {
                "too_long"
            } else {
                "invalid_name"
            },
        );
        return name.as_str().to_owned();
    }
    notes.add("name", "missing");
    email.local_part().to_owned()
}

/// A hash that a sign-in can be checked with. Anything else, a password in the clear above all, stays behind.
fn password_hash(record: &Record, notes: &mut Notes) -> Option<String> {
    let value = record.get(Field::Password);
    if value.is_none() {
        return None;
    }
    let hash = value.text().map(str::trim).filter(|hash| password::is_readable(hash));
    if hash.is_none() {
        notes.add("password", "unusable");
    }
    hash.map(str::to_owned)
}

/// Whether the address is proven, and since when: some systems have the moment in that field.
fn verified(record: &Record, rules: &Rules, notes: &mut Notes) -> (bool, Option<Time>) {
    let value = record.get(Field::IsVerified);
    if value.is_none() {
        return (false, None);
    }
    let word = match value {
        Value::Bool(flag) => return (*flag, None),
        Value::Date(time) => return (true, Some(*time)),
        Value::Int(number @ (0 | 1)) => Some(*number == 1),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "1" => Some(true),
            "false" | "f" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    };
    if let Some(flag) = word {
        if !rules.textual {
            notes.add("isVerified", "not_boolean");
        }
        return (flag, None);
    }
    if let Ok(Some(moment)) = moment::read(value, rules.textual) {
        if let Some(shape) = moment.shape {
            notes.add("isVerified", shape);
        }
        return (true, Some(moment.time));
    }
    notes.add("isVerified", "unreadable");
    (false, None)
}

/// A role that the database has; whoever has another one is a member.
fn role(record: &Record, rules: &Rules, notes: &mut Notes) -> String {
    let raw = match record.get(Field::Role) {
        value if value.is_none() => return Role::MEMBER.to_owned(),
        Value::Text(text) => text.trim(),
        _ => "",
    };
    let folded = raw.to_ascii_lowercase();
    // What most systems call an ordinary member.
    if folded == "user" && !rules.roles.contains("user") {
        return Role::MEMBER.to_owned();
    }
    if !rules.roles.contains(&folded) {
        notes.add("role", "unknown");
        return Role::MEMBER.to_owned();
    }
    if folded != raw {
        notes.add("role", "folded");
    }
    folded
}

/// Whether the account may be used. A word that nobody here knows is no permission.
fn status(record: &Record, rules: &Rules, notes: &mut Notes) -> Status {
    if matches!(record.get(Field::Banned), Value::Bool(true)) {
        return Status::Suspended;
    }
    let value = record.get(Field::Status);
    let raw = match value {
        value if value.is_none() => return Status::Active,
        Value::Bool(true) => return Status::Active,
        Value::Bool(false) => return Status::Inactive,
        Value::Text(text) => text.trim(),
        _ => "",
    };
    let folded = raw.to_ascii_lowercase();
    if let Some(status) = Status::parse(&folded) {
        if folded != raw {
            notes.add("status", "folded");
        }
        return status;
    }
    let known = match folded.as_str() {
        // The last four are Cognito's.
        "enabled"
        | "true"
        | "t"
        | "1"
        | "ok"
        | "verified"
        | "pending"
        | "confirmed"
        | "unconfirmed"
        | "reset_required"
        | "force_change_password" => Some(Status::Active),
        "disabled" | "deactivated" | "false" | "f" | "0" | "archived" | "deleted" | "closed" => Some(Status::Inactive),
        "banned" | "blocked" | "locked" | "compromised" => Some(Status::Suspended),
        _ => None,
    };
    match known {
        Some(_) if rules.textual => {}
        Some(_) => notes.add("status", "translated"),
        None => notes.add("status", "unknown"),
    }
    known.unwrap_or(Status::Inactive)
}

fn phone(record: &Record, notes: &mut Notes) -> Option<Phone> {
    let value = record.get(Field::Phone);
    if value.is_none() {
        return None;
    }
    let phone = Phone::parse(&value.shown()).ok();
    if phone.is_none() {
        notes.add("phone", "invalid_phone");
    }
    phone
}

fn avatar_url(record: &Record, notes: &mut Notes) -> Option<String> {
    let value = record.get(Field::AvatarUrl);
    if value.is_none() {
        return None;
    }
    let fits = |url: &&str| {
        url.len() <= URL_BYTES
            && url.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
            && url.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let url = value.text().map(str::trim).filter(fits);
    if url.is_none() {
        notes.add("avatarUrl", "invalid_url");
    }
    url.map(str::to_owned)
}

fn line(record: &Record, field: Field, name: &'static str, notes: &mut Notes) -> Option<String> {
    let value = record.get(field);
    if value.is_none() {
        return None;
    }
    let text = value.text().and_then(|text| ShortText::<100>::parse(text).ok());
    if text.is_none() {
        notes.add(name, "invalid_text");
    }
    text.map(|text| text.as_str().to_owned())
}

fn time(record: &Record, field: Field, name: &'static str, rules: &Rules, notes: &mut Notes) -> Option<Time> {
    match moment::read(record.get(field), rules.textual) {
        Ok(Some(moment)) => {
            if let Some(shape) = moment.shape {
                notes.add(name, shape);
            }
            Some(moment.time)
        }
        Ok(None) => None,
        Err(code) => {
            notes.add(name, code);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            source: "mongo".to_owned(),
            roles: ["admin", "pm", "mentor", "mentee", "member"].map(str::to_owned).into(),
            textual: false,
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn judged(fields: &[(Field, Value)]) -> Result<User, Refusal> {
        let mut record = Record::default();
        record.set((Field::Id, 0), Value::ObjectId([0x65; 12]));
        for (field, value) in fields {
            record.set((*field, 0), value.clone());
        }
        user(&record, &rules())
    }

    fn with(field: Field, value: Value) -> User {
        judged(&[
            (Field::Email, text("ada@example.com")),
            (Field::Name, text("Ada")),
            (field, value),
        ])
        .unwrap()
    }

    #[test]
    fn what_is_right_stays_as_it_is() {
        let user = with(Field::Role, text("mentor"));
        assert_eq!(
            (user.email.as_str(), user.name.as_str(), user.role.as_str()),
            ("ada@example.com", "Ada", "mentor")
        );
        assert_eq!(
            (user.status, user.is_verified, user.notes.text()),
            (Status::Active, false, None)
        );
        // The ObjectId knows when it was made.
        assert_eq!(user.created_at.map(Time::as_seconds), Some(0x6565_6565));
    }

    #[test]
    fn addresses_are_trimmed_folded_or_refused() {
        let user = judged(&[(Field::Email, text("  Ada@Example.COM ")), (Field::Name, text("Ada"))]).unwrap();
        assert_eq!(user.email.as_str(), "ada@example.com");
        assert_eq!(user.notes.text().unwrap(), "email:trimmed,email:folded");
        for (value, code) in [
            (Value::None, "required"),
            (text("  "), "required"),
            (text("nobody"), "invalid_email"),
            (Value::Int(7), "invalid_email"),
            (text(&"a".repeat(300)), "too_long"),
        ] {
            assert_eq!(
                judged(&[(Field::Email, value.clone())]).err(),
                Some(("email", code)),
                "{value:?}"
            );
        }
    }

    #[test]
    fn names_are_found_or_made() {
        let named = |fields: &[(Field, Value)]| {
            let mut all = vec![(Field::Email, text("ada.l@example.com"))];
            all.extend_from_slice(fields);
            let user = judged(&all).unwrap();
            (user.name, user.notes.text().unwrap_or_default())
        };
        let parts = [(Field::FirstName, text(" Ada ")), (Field::LastName, text("Lovelace"))];
        assert_eq!(named(&parts), ("Ada Lovelace".to_owned(), String::new()));
        assert_eq!(named(&parts[1..]), ("Lovelace".to_owned(), String::new()));
        for (value, name, notes) in [
            (Value::None, "ada.l", "name:missing"),
            (text(" "), "ada.l", "name:missing"),
            (Value::Other, "ada.l", "name:not_text,name:missing"),
            (text(" Ada "), "Ada", "name:trimmed"),
            (text("Ada\r\n\u{202e}Lovelace"), "Ada Lovelace", "name:invalid_name"),
            (text(&"é".repeat(101)), &"é".repeat(100), "name:too_long"),
        ] {
            assert_eq!(named(&[(Field::Name, value)]), (name.to_owned(), notes.to_owned()));
        }
    }

    #[test]
    fn a_password_in_the_clear_stays_behind() {
        let bcrypt = "$2b$05$abcdefghijklmnopqrstuuw1XXhQ5C8Zcm6QLvdJ77.2rdR17LM02";
        let user = with(Field::Password, text(bcrypt));
        assert_eq!((user.password_hash.as_deref(), user.notes.text()), (Some(bcrypt), None));
        for other in [
            "secret",
            "$2b$20$abcdefghijklmnopqrstuuw1XXhQ5C8Zcm6QLvdJ77.2rdR17LM02",
            "5f4dcc3b5aa765d61d8327deb882cf99",
        ] {
            let user = with(Field::Password, text(other));
            assert_eq!(
                (user.password_hash, user.notes.text().unwrap().as_str()),
                (None, "password:unusable")
            );
        }
    }

    #[test]
    fn words_and_flags_are_understood_or_noted() {
        for (field, value, notes) in [
            (Field::Role, text("Mentor"), "role:folded"),
            (Field::Role, text("wizard"), "role:unknown"),
            (Field::Role, text("user"), ""),
            (Field::Status, text("BANNED"), "status:translated"),
            (Field::Status, text("purple"), "status:unknown"),
            (Field::IsVerified, text("yes"), "isVerified:not_boolean"),
            (Field::IsVerified, text("perhaps"), "isVerified:unreadable"),
            (Field::Phone, text("call me"), "phone:invalid_phone"),
            (Field::Phone, Value::Int(49_301_234_567), ""),
            (Field::AvatarUrl, text("javascript:alert(1)"), "avatarUrl:invalid_url"),
            (Field::CreatedAt, text("2024-01-01T00:00:00Z"), "createdAt:text"),
            (Field::LastLoginAt, text("never"), "lastLoginAt:unreadable"),
            (Field::Department, text("R\nD"), "department:invalid_text"),
        ] {
            let user = with(field, value.clone());
            assert_eq!(user.notes.text().unwrap_or_default(), notes, "{value:?}");
        }
        assert_eq!(with(Field::Status, text("purple")).status, Status::Inactive);
        assert_eq!(with(Field::Status, text("BANNED")).status, Status::Suspended);
        assert_eq!(with(Field::Banned, Value::Bool(true)).status, Status::Suspended);
        let date = with(Field::IsVerified, Value::Date(Time::from_millis(5)));
        assert_eq!((date.is_verified, date.verified_at), (true, Some(Time::from_millis(5))));
    }
}
