//! Sessions: how long one lasts. It ends absolutely, whatever was refreshed.

use core::time::Duration;

use crate::time::Time;

/// How long a session lasts that is to be remembered: 30 days.
pub const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// How long any other session lasts: 1 day.
pub const BRIEF: Duration = Duration::from_hours(24);

/// When a session that begins now ends.
pub fn expires_at(now: Time, remember: bool) -> Time {
    now.saturating_add(if remember { REMEMBERED } else { BRIEF })
}

words! {
    /// Why a session was ended before its time.
    pub enum RevocationReason {
        /// Its owner signed out.
        Logout => "logout",
        /// Its owner ended it from another session.
        ByOwner => "by_owner",
        /// An admin ended it.
        ByAdmin => "by_admin",
        /// One of its refresh tokens was used after its successor.
        TokenReused => "token_reused",
        /// The password was changed or reset.
        PasswordChanged => "password_changed",
        /// The account was made inactive or suspended.
        AccountClosed => "account_closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_after_a_day_or_thirty() {
        let now = Time::parse("2026-02-27T12:00:00Z").unwrap();
        assert_eq!(expires_at(now, false), Time::parse("2026-02-28T12:00:00Z").unwrap());
        assert_eq!(expires_at(now, true), Time::parse("2026-03-29T12:00:00Z").unwrap());
    }
}
