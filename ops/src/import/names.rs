//! What a source calls the fields: the usual names, and those of a mapping file.
//!
//! A mapping file is JSON, `{"table": "people", "columns": {"email": "mail", "name": ["first", "last"]}}`, or the same in
//! lines: `email = mail`. On the left stands the field as Doorward calls it, on the right what the source calls it.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value as Json;

use super::value::Field;

/// The usual names of each field, the better one first. Compared without case, `_`, `-` and spaces.
const USERS: &[(Field, &str, &[&str])] = &[
    (
        Field::Id,
        "id",
        &["_id", "sub", "id", "userid", "uuid", "cognito:username"],
    ),
    (Field::Email, "email", &["email", "emailaddress"]),
    (Field::Name, "name", &["name", "fullname", "displayname"]),
    (Field::FirstName, "firstName", &["firstname", "givenname"]),
    (Field::LastName, "lastName", &["lastname", "familyname", "surname"]),
    (
        Field::Password,
        "password",
        &["password", "passwordhash", "hashedpassword", "encryptedpassword"],
    ),
    (
        Field::IsVerified,
        "isVerified",
        &["isverified", "emailverified", "verified", "emailverifiedat"],
    ),
    (Field::Role, "role", &["role"]),
    (
        Field::Status,
        "status",
        &["status", "userstatus", "enabled", "isactive"],
    ),
    (Field::Phone, "phone", &["phone", "phonenumber"]),
    (Field::AvatarUrl, "avatarUrl", &["avatarurl", "picture", "image"]),
    (Field::Department, "department", &["department"]),
    (Field::Position, "position", &["position"]),
    (
        Field::CreatedAt,
        "createdAt",
        &["createdat", "created", "usercreatedate"],
    ),
    (
        Field::UpdatedAt,
        "updatedAt",
        &["updatedat", "updated", "userlastmodifieddate"],
    ),
    (
        Field::LastLoginAt,
        "lastLoginAt",
        &["lastloginat", "lastlogin", "lastsignedin"],
    ),
    (Field::Banned, "banned", &["banned"]),
];

const TOKENS: &[(Field, &str, &[&str])] = &[
    (Field::UserId, "userId", &["userid", "user"]),
    (Field::Token, "token", &["token"]),
    (Field::TokenHash, "tokenHash", &["tokenhash", "hashedtoken"]),
    (Field::ExpiresAt, "expiresAt", &["expiresat", "expires", "expiry"]),
    (Field::CreatedAt, "createdAt", &["createdat"]),
    (Field::UsedAt, "usedAt", &["usedat", "used", "consumedat"]),
    (Field::Id, "id", &["_id", "id"]),
];

/// What records are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Users,
    Tokens,
}

/// The fields by the names that a source gives them.
#[derive(Debug)]
pub(super) struct Names {
    /// By the exact name, from the mapping.
    exact: HashMap<String, (Field, u8)>,
    /// By the folded usual name.
    usual: HashMap<String, (Field, u8)>,
}

impl Names {
    /// The usual names, less those of fields that the mapping gives others to.
    pub(super) fn new(about: About, map: &Mapping) -> anyhow::Result<Self> {
        let table = match about {
            About::Users => USERS,
            About::Tokens => TOKENS,
        };
        let (mut exact, mut usual) = (HashMap::new(), HashMap::new());
        for (field, names) in map.columns(about) {
            let known = table.iter().find(|(_, name, _)| fold(name) == fold(field));
            let Some((known, ..)) = known else {
                let all: Vec<_> = table.iter().map(|(_, name, _)| *name).collect();
                bail!("the mapping has a field {field:?}; the fields are: {}", all.join(", "));
            };
            let parts = match (*known, names.as_slice()) {
                (Field::Name, [first, last]) => vec![(first, Field::FirstName), (last, Field::LastName)],
                (field, names) => names.iter().map(|name| (name, field)).collect(),
            };
            for (rank, (name, field)) in (0..).zip(parts) {
                exact.insert(name.clone(), (field, rank));
            }
        }
        for (field, _, names) in table {
            if exact.values().any(|(mapped, _)| mapped == field) {
                continue;
            }
            for (rank, name) in (0..).zip(*names) {
                usual.insert((*name).to_owned(), (*field, rank));
            }
        }
        Ok(Self { exact, usual })
    }

    /// The field of a name, and the rank of that name among those of the field.
    pub(super) fn find(&self, name: &str) -> Option<(Field, u8)> {
        if let Some(found) = self.exact.get(name) {
            return Some(*found);
        }
        // A name that is one already is found without making another text.
        if let Some(found) = self.usual.get(name) {
            return Some(*found);
        }
        self.usual.get(&fold(name)).copied()
    }
}

/// Without case, `_`, `-` and spaces, but for a leading `_`.
fn fold(name: &str) -> String {
    if name == "_id" {
        return name.to_owned();
    }
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// A mapping file, read.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    /// The table of users, for a database.
    pub(super) table: Option<String>,
    users: Vec<(String, Vec<String>)>,
    tokens: Vec<(String, Vec<String>)>,
}

impl Mapping {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// What can't be read, with its name.
    pub(super) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).with_context(|| format!("the mapping {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the mapping {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut mapping = Self::default();
        if text.trim_start().starts_with('{') {
            let json: serde_json::Map<String, Json> = serde_json::from_str(text)?;
            for (key, value) in json {
                match (key.as_str(), value) {
                    ("table", Json::String(name)) => mapping.table = Some(name),
                    ("columns" | "users", Json::Object(columns)) => mapping.users.extend(columns_of(columns)?),
                    ("tokens", Json::Object(columns)) => mapping.tokens.extend(columns_of(columns)?),
                    (_, value) => mapping.users.push((key, names_of(value)?)),
                }
            }
            return Ok(mapping);
        }
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') || line.starts_with('[') {
                continue;
            }
            let Some((field, names)) = line.split_once('=') else {
                bail!("{line:?} isn't `field = column`");
            };
            let plain = |text: &str| text.trim().trim_matches(|c| c == '"' || c == '\'').to_owned();
            let names: Vec<_> = names.trim().trim_matches(['[', ']']).split(',').map(plain).collect();
            match field.trim() {
                "table" => mapping.table = names.into_iter().next(),
                field => mapping.users.push((plain(field), names)),
            }
        }
        Ok(mapping)
    }

    fn columns(&self, about: About) -> &[(String, Vec<String>)] {
        match about {
            About::Users => &self.users,
            About::Tokens => &self.tokens,
        }
    }
}

fn columns_of(columns: serde_json::Map<String, Json>) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    columns
        .into_iter()
        .map(|(field, value)| Ok((field, names_of(value)?)))
        .collect()
}

fn names_of(value: Json) -> anyhow::Result<Vec<String>> {
    match value {
        Json::String(name) => Ok(vec![name]),
        Json::Array(names) if !names.is_empty() => names
            .into_iter()
            .map(|name| match name {
                Json::String(name) => Ok(name),
                other => bail!("{other} is no column's name"),
            })
            .collect(),
        other => bail!("{other} is no column's name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(mapping: &str) -> anyhow::Result<Names> {
        Names::new(About::Users, &Mapping::parse(mapping)?)
    }

    #[test]
    fn the_usual_names_in_any_dress() {
        let names = names("").unwrap();
        for (name, field, rank) in [
            ("_id", Field::Id, 0),
            ("email", Field::Email, 0),
            ("passwordHash", Field::Password, 1),
            ("password_hash", Field::Password, 1),
            ("hashedPassword", Field::Password, 2),
            ("emailVerified", Field::IsVerified, 1),
            ("EMAIL_VERIFIED", Field::IsVerified, 1),
            ("given_name", Field::FirstName, 1),
            ("last login at", Field::LastLoginAt, 0),
        ] {
            assert_eq!(names.find(name), Some((field, rank)), "{name}");
        }
        assert_eq!(names.find("favouriteColour"), None);
    }

    #[test]
    fn a_mapping_takes_the_place_of_the_usual_names() {
        for text in [
            r#"{"table": "people", "columns": {"email": "Mail", "name": ["vor", "nach"]}}"#,
            r#"{"table": "people", "email": "Mail", "name": ["vor", "nach"]}"#,
            "# old\ntable = people\nemail = \"Mail\"\nname = [vor, nach]\n",
        ] {
            let names = names(text).unwrap();
            assert_eq!(names.find("Mail"), Some((Field::Email, 0)), "{text}");
            assert_eq!(names.find("email"), None, "{text}");
            assert_eq!(names.find("vor"), Some((Field::FirstName, 0)), "{text}");
            assert_eq!(names.find("nach"), Some((Field::LastName, 1)), "{text}");
            assert_eq!(names.find("phone"), Some((Field::Phone, 0)), "{text}");
            assert_eq!(Mapping::parse(text).unwrap().table.as_deref(), Some("people"));
        }
    }

    #[test]
    fn a_mapping_that_makes_no_sense_is_refused() {
        for text in [
            r#"{"colour": "blue"}"#,
            r#"{"email": 1}"#,
            r#"{"email": []}"#,
            "email",
            "{",
        ] {
            assert!(names(text).is_err(), "{text}");
        }
    }
}
