//! Permissions: what a role lets its people do. The set is closed; which role has which is for the table of roles to say.

words! {
    /// One thing that a role may allow. It counts within the scope of whoever has it, see [`crate::authority`].
    pub enum Permission {
        /// Read the profiles of others.
        ProfilesRead => "profiles.read",
        /// List and search profiles.
        ProfilesList => "profiles.list",
        /// Change the profiles of others.
        ProfilesWrite => "profiles.write",
        /// Change the role, the status and the tier of others, and end their sessions.
        UsersManage => "users.manage",
        /// Read the audit trail.
        EventsRead => "events.read",
        /// Read firms.
        FirmsRead => "firms.read",
        /// Make, rename and close firms.
        FirmsManage => "firms.manage",
        /// Invite people into a firm.
        InvitationsManage => "invitations.manage",
        /// Offer office sessions: expertise, availability, confirming.
        MentoringOffer => "mentoring.offer",
        /// Ask for office sessions.
        MentoringAsk => "mentoring.ask",
    }
}

impl Permission {
    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// Whether it is only about oneself and gives no power over others.
    const fn is_personal(self) -> bool {
        matches!(self, Self::MentoringOffer | Self::MentoringAsk)
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// Exactly these.
    pub fn of(permissions: &[Permission]) -> Self {
        Self(permissions.iter().fold(0, |bits, permission| bits | permission.bit()))
    }

    /// Reads words with white space between them. A word that isn't known is one of a later release, and allows nothing
    /// in this one.
    pub fn parse(words: &str) -> Self {
        let known = words.split_ascii_whitespace().filter_map(Permission::parse);
        Self(known.fold(0, |bits, permission| bits | permission.bit()))
    }

    /// Whether this one is among them.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Whether every power over others that `other` holds is among them. What is only about oneself counts for nothing.
    pub fn cover(self, other: Self) -> bool {
        let mut missing = Permission::ALL
            .iter()
            .filter(|permission| !permission.is_personal() && other.has(**permission) && !self.has(**permission));
        missing.next().is_none()
    }

    /// Each of them, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL
            .iter()
            .copied()
            .filter(move |permission| self.has(*permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn reads_words_and_leaves_out_what_it_does_not_know() {
        let some = Permissions::parse("firms.read  mentoring.ask\nprofiles.fly profiles");
        assert_eq!(
            some,
            Permissions::of(&[Permission::MentoringAsk, Permission::FirmsRead])
        );
        let names: Vec<_> = some.iter().map(Permission::as_str).collect();
        assert_eq!(names, ["firms.read", "mentoring.ask"]);
        assert_eq!(Permissions::parse(""), Permissions::NONE);
        assert_eq!(Permissions::of(Permission::ALL).iter().count(), Permission::ALL.len());
    }

    #[test]
    fn covers_what_is_a_power_over_others() {
        let both = Permissions::of(&[Permission::FirmsRead, Permission::UsersManage]);
        let one = Permissions::of(&[Permission::FirmsRead]);
        assert!(both.cover(one) && both.cover(both) && both.cover(Permissions::NONE));
        assert!(!one.cover(both) && !Permissions::NONE.cover(one));
        let personal = Permissions::of(&[Permission::MentoringOffer, Permission::MentoringAsk]);
        assert!(Permissions::NONE.cover(personal) && !personal.cover(one));
    }
}
