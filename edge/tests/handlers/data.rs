//! People and the rows that the database answers about them.

use std::sync::LazyLock;

use doorward_core::id::{FirmId, SessionId, UserId};
use doorward_core::password::{self, Password, Workspace};
use doorward_core::time::Time;
use doorward_core::token::HashedToken;
use doorward_core::unicode;
use doorward_edge::host::Rows;

use crate::fake::NOON;

pub(crate) type Row = Vec<Option<String>>;

/// What Ann's password is, and its hash of today's kind.
pub(crate) const PASSWORD: &str = "Ångström & co of 1874";
pub(crate) static HASH: LazyLock<String> = LazyLock::new(|| {
    let password = Password::new(PASSWORD, &[], unicode::TABLES).unwrap();
    let hash = password::hash(&password, [7; 16], &mut Workspace::new()).unwrap();
    hash.as_str().to_owned()
});

/// When Ann's password was set, as Postgres prints it.
pub(crate) const CHANGED_AT: &str = "2026-01-02 03:04:05.678901+00";

pub(crate) const EMAIL: &str = "ann@example.com";
pub(crate) const NAME: &str = "Ann Example";

pub(crate) const ANN: UserId = UserId::from_bytes([0xa1; 16]);
pub(crate) const BOB: UserId = UserId::from_bytes([0xb0; 16]);
pub(crate) const SESSION: SessionId = SessionId::from_bytes([0x5e; 16]);
pub(crate) const OTHER_SESSION: SessionId = SessionId::from_bytes([0x0f; 16]);

pub(crate) const ACME: FirmId = FirmId::from_bytes([0xac; 16]);
pub(crate) const OTHER_FIRM: FirmId = FirmId::from_bytes([0x0f; 16]);

/// A time relative to the beginning of the test, in milliseconds.
pub(crate) fn at(millis: i64) -> Time {
    Time::from_millis(NOON + millis)
}

/// No rows.
pub(crate) fn none() -> Rows {
    Rows::default()
}

pub(crate) fn one(row: Row) -> Rows {
    Rows {
        rows: vec![row],
        ..Rows::default()
    }
}

pub(crate) fn row(values: &[&str]) -> Row {
    values.iter().map(|value| Some((*value).to_owned())).collect()
}

/// The values of one row after the other.
pub(crate) fn joined(rows: &[Row]) -> Row {
    rows.concat()
}

/// `count` NULLs, as an outer join leaves them.
pub(crate) fn nulls(count: usize) -> Row {
    vec![None; count]
}

/// How many columns a user has.
pub(crate) const USER_COLUMNS: usize = 17;

/// Ann as the API shows her: a row of `user_columns!`.
pub(crate) fn ann() -> Row {
    user(ANN, "active")
}

pub(crate) fn user(id: UserId, status: &str) -> Row {
    person(id, None, "member", status)
}

/// Somebody of a firm, or of none, with what the migrations let the role do.
pub(crate) fn person(id: UserId, firm: Option<FirmId>, role: &str, status: &str) -> Row {
    let id = id.to_string();
    let mut columns = row(&[&id, EMAIL, NAME, role, status, "free", "t"]);
    columns.push(firm.map(|firm| firm.to_string()));
    // Phone, avatar, department, position.
    columns.extend(nulls(4));
    columns.push(Some(r#"{"locale": "en"}"#.to_owned()));
    // Last sign-in, made, changed.
    columns.push(None);
    columns.extend(row(&["1767322984000", "1767322985678", permissions(role)]));
    assert_eq!(columns.len(), USER_COLUMNS);
    columns
}

/// A firm as the API shows one.
pub(crate) fn firm(id: FirmId, slug: &str) -> Row {
    row(&[
        &id.to_string(),
        slug,
        "Acme & Söhne",
        "active",
        "1767322984000",
        "1767322985678",
    ])
}

/// What the migrations let a role do.
pub(crate) fn permissions(role: &str) -> &'static str {
    match role {
        "admin" => {
            "profiles.read profiles.list profiles.write users.manage events.read firms.read firms.manage invitations.manage"
        }
        "pm" => "profiles.read",
        "mentor" => "mentoring.offer",
        "mentee" => "mentoring.ask",
        _ => "",
    }
}

/// What a sign-in reads first.
pub(crate) fn credentials(hash: Option<&str>, status: &str, verified: bool) -> Row {
    vec![
        Some(ANN.to_string()),
        hash.map(str::to_owned),
        Some(CHANGED_AT.to_owned()),
        Some(status.to_owned()),
        Some(if verified { "t" } else { "f" }.to_owned()),
    ]
}

/// What a change of the account reads first: credentials, address and name.
pub(crate) fn owner() -> Row {
    joined(&[credentials(Some(&HASH), "active", true), row(&[EMAIL, NAME])])
}

/// A session as a refresh reads it, without its user.
pub(crate) struct Session {
    pub(crate) hash: HashedToken,
    pub(crate) generation: u32,
    pub(crate) rotated_at: Time,
    pub(crate) expires_at: Time,
    pub(crate) revoked_at: Option<Time>,
    /// When its next refresh would come if they came at the sustained rate.
    pub(crate) arrival: Option<Time>,
}

impl Session {
    pub(crate) fn row(&self, status: &str) -> Row {
        let session = vec![
            Some(self.hash.to_string()),
            Some(self.generation.to_string()),
            Some(self.rotated_at.as_millis().to_string()),
            Some(self.expires_at.as_millis().to_string()),
            self.revoked_at.map(|time| time.as_millis().to_string()),
            self.arrival.map(|time| time.as_millis().to_string()),
        ];
        joined(&[session, user(ANN, status)])
    }
}
