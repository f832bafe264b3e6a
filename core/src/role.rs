//! Roles: what a user may do. A deployment can add its own.

use alloc::string::String;

/// A role's name: a lower-case letter and up to 31 more of `a-z`, `0-9`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(String);

validated_text!(Role);

problems! {
    /// Why a text is no role's name.
    pub enum RoleError {
        /// Not a role's name.
        Invalid => "invalid_role", "There is no such role.";
    }
}

impl Role {
    /// Runs the deployment, or its own firm.
    pub const ADMIN: &str = "admin";
    /// Programme manager of a firm.
    pub const PM: &str = "pm";
    /// Offers office sessions.
    pub const MENTOR: &str = "mentor";
    /// Asks for office sessions.
    pub const MENTEE: &str = "mentee";
    /// Everybody else. The default.
    pub const MEMBER: &str = "member";

    /// Reads a role's name. Whether the deployment has this role is for its table of roles to say.
    ///
    /// # Errors
    /// See [`RoleError`].
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if begins && text.len() <= 32 && text.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(RoleError::Invalid)
        }
    }

    /// The default role.
    pub fn member() -> Self {
        Self(Self::MEMBER.into())
    }

    /// Whether this is the admins' role.
    pub fn is_admin(&self) -> bool {
        self.0 == Self::ADMIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        for text in ["admin", "a", "programme-lead_2", &"a".repeat(32)] {
            assert_eq!(Role::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "Admin", "2nd", "-a", "_a", "a b", "a\n", "rôle", &"a".repeat(33)] {
            assert_eq!(Role::parse(text), Err(RoleError::Invalid), "{text}");
        }
    }

    #[test]
    fn knows_its_own() {
        assert!(Role::parse("admin").unwrap().is_admin());
        assert!(!Role::member().is_admin());
        for name in [Role::ADMIN, Role::PM, Role::MENTOR, Role::MENTEE, Role::MEMBER] {
            assert!(Role::parse(name).is_ok());
        }
    }
}
