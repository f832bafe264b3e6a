//! Users: what the API shows of one, and what a sign-in needs to know.

use doorward_core::authority::{Person, Principal, Target};
use doorward_core::email::Email;
use doorward_core::id::{FirmId, UserId};
use doorward_core::permission::Permissions;
use doorward_core::role::Role;
use doorward_core::tier::Tier;
use doorward_core::time::Time;
use doorward_core::user::Status;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Reader, shown, statement, text, user_columns};
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// A user as the API shows one.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id))]
    pub(crate) id: UserId,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::address))]
    pub(crate) email: String,
    pub(crate) name: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::role))]
    pub(crate) role: Role,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::status))]
    pub(crate) status: Status,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::tier))]
    pub(crate) tier: Tier,
    pub(crate) is_verified: bool,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id_or_null))]
    pub(crate) firm_id: Option<FirmId>,
    pub(crate) phone: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) position: Option<String>,
    /// A JSON object, passed on as Postgres gives it.
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::object))]
    pub(crate) preferences: Box<RawValue>,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time_or_null))]
    pub(crate) last_login_at: Option<Time>,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    pub(crate) created_at: Time,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    pub(crate) updated_at: Time,
    /// What the role allows. Not shown.
    #[serde(skip)]
    pub(crate) permissions: Permissions,
}

impl User {
    /// From the columns that `user_columns!` selects.
    pub(super) fn decode(row: &mut Reader<'_>) -> Result<Self, Failure> {
        Ok(Self {
            id: row.parsed(UserId::parse)?,
            email: row.text()?.to_owned(),
            name: row.text()?.to_owned(),
            role: row.parsed(|text| Role::parse(text).ok())?,
            status: row.parsed(Status::parse)?,
            tier: row.parsed(Tier::parse)?,
            is_verified: row.flag()?,
            firm_id: row.optionally(FirmId::parse)?,
            phone: row.owned()?,
            avatar_url: row.owned()?,
            department: row.owned()?,
            position: row.owned()?,
            preferences: row.parsed(|text| RawValue::from_string(text.to_owned()).ok())?,
            last_login_at: row.optional_time()?,
            created_at: row.time()?,
            updated_at: row.time()?,
            permissions: Permissions::parse(row.text()?),
        })
    }

    /// As somebody who acts.
    pub(crate) fn principal(&self) -> Principal {
        Principal {
            user: Some(self.id),
            role: self.role.clone(),
            permissions: self.permissions,
            tier: self.tier,
            firm: self.firm_id,
        }
    }

    /// As somebody to whom something is done.
    pub(crate) fn target(&self) -> Target<'_> {
        Target::Person(Person {
            id: self.id,
            firm: self.firm_id,
            role: &self.role,
            permissions: self.permissions,
        })
    }

    /// The first row's user, if there is one.
    pub(crate) fn first(rows: &Rows) -> Result<Option<Self>, Failure> {
        Reader::first(rows, "user")
            .map(|mut row| Self::decode(&mut row))
            .transpose()
    }
}

/// Reads a user.
pub(crate) fn by_id(user: UserId) -> Statement<'static> {
    statement(
        "user.read",
        concat!(
            "SELECT ",
            user_columns!("u"),
            " FROM users AS u WHERE u.id = $1::text::uuid"
        ),
        vec![shown(user)],
    )
}

/// What a sign-in reads before the password is checked.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) user: UserId,
    /// A PHC string; none for a user who has no password.
    pub(crate) password_hash: Option<String>,
    /// When the password was set, to the microsecond as Postgres prints it: guards the write that follows.
    pub(crate) password_changed_at: Option<String>,
    pub(crate) status: Status,
    pub(crate) is_verified: bool,
}

/// Looks the credentials of an address up.
pub(crate) fn credentials(email: &Email) -> Statement<'_> {
    statement(
        "user.credentials",
        "SELECT id, password_hash, password_changed_at, status, is_verified FROM users WHERE lower(email) = lower($1::text)",
        vec![text(email.as_str())],
    )
}

impl Credentials {
    /// From `id, password_hash, password_changed_at, status, is_verified`.
    pub(super) fn decode(row: &mut Reader<'_>) -> Result<Self, Failure> {
        Ok(Self {
            user: row.parsed(UserId::parse)?,
            password_hash: row.owned()?,
            password_changed_at: row.owned()?,
            status: row.parsed(Status::parse)?,
            is_verified: row.flag()?,
        })
    }

    /// The answer to [`credentials`].
    pub(crate) fn first(rows: &Rows) -> Result<Option<Self>, Failure> {
        Reader::first(rows, "credentials")
            .map(|mut row| Self::decode(&mut row))
            .transpose()
    }
}
