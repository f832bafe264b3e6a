//! What the audit trail records.

words! {
    /// What happened.
    pub enum EventKind {
        /// Somebody signed up.
        UserRegistered => "user.registered",
        /// A profile was changed.
        UserUpdated => "user.updated",
        /// An admin changed a role.
        UserRoleChanged => "user.role_changed",
        /// An admin changed a status.
        UserStatusChanged => "user.status_changed",
        /// An admin changed a tier.
        UserTierChanged => "user.tier_changed",
        /// Somebody signed in whom only the old system knew, and is here from now on.
        UserMigrated => "user.migrated",
        /// An account and everything of it was deleted.
        UserDeleted => "user.deleted",
        /// Somebody signed in.
        SessionCreated => "session.created",
        /// A session was ended before its time.
        SessionRevoked => "session.revoked",
        /// A sign-in was refused.
        LoginFailed => "login.failed",
        /// A refresh token was used after its successor: the session was ended.
        TokenReused => "token.reused",
        /// An address was verified.
        EmailVerified => "email.verified",
        /// Another address was asked for.
        EmailChangeRequested => "email.change_requested",
        /// Another address took effect.
        EmailChanged => "email.changed",
        /// A reset of the password was asked for.
        PasswordResetRequested => "password.reset_requested",
        /// The password was reset by mail.
        PasswordReset => "password.reset",
        /// The password was changed by somebody who knew it.
        PasswordChanged => "password.changed",
        /// Somebody with a session gave a wrong password where it is asked for again.
        PasswordRefused => "password.refused",
        /// A stored hash was replaced by today's kind.
        PasswordRehashed => "password.rehashed",
        /// A firm was made.
        FirmCreated => "firm.created",
        /// A firm was changed.
        FirmUpdated => "firm.updated",
        /// Somebody was invited into a firm.
        InvitationCreated => "invitation.created",
        /// An invitation was taken back.
        InvitationRevoked => "invitation.revoked",
        /// A role was made, or what it allows was changed.
        RoleChanged => "role.changed",
        /// A role was deleted.
        RoleDeleted => "role.deleted",
        /// A mentee asked for an office session.
        OfficeSessionRequested => "office_session.requested",
        /// Both sides agree on its time.
        OfficeSessionConfirmed => "office_session.confirmed",
        /// One side named another time.
        OfficeSessionMoved => "office_session.moved",
        /// It was called off.
        OfficeSessionCancelled => "office_session.cancelled",
        /// It took place.
        OfficeSessionCompleted => "office_session.completed",
    }
}

words! {
    /// How it went.
    pub enum Outcome {
        /// It was done.
        Success => "success",
        /// It was refused.
        Failure => "failure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(EventKind::parse("user"), None);
        assert_eq!(Outcome::parse("success"), Some(Outcome::Success));
    }
}
