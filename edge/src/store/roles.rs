//! Roles: what one allows.

use doorward_core::permission::Permissions;
use doorward_core::role::Role;

use super::{Reader, statement, text};
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// Looks a role up.
pub(crate) fn permissions(role: &Role) -> Statement<'_> {
    statement(
        "role.permissions",
        "SELECT array_to_string(permissions, ' ') FROM roles WHERE name = $1::text",
        vec![text(role.as_str())],
    )
}

/// The answer to [`permissions`]; nothing where there is no such role.
pub(crate) fn first(rows: &Rows) -> Result<Option<Permissions>, Failure> {
    Reader::first(rows, "role")
        .map(|mut row| Ok(Permissions::parse(row.text()?)))
        .transpose()
}
