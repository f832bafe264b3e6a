//! What is done under a permission: who acts is read, the core decides, and the write holds only while whoever acts is
//! still who was read.

use std::rc::Rc;

use doorward_core::authority::Scope;
use doorward_core::id::{SessionId, UserId};
use doorward_core::permission::Permission;
use doorward_core::time::Time;

use super::tokens::Step;
use super::users::User;
use super::{Param, maybe, shown, text};

/// Who acts, as the database said a moment ago.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) user: Rc<User>,
    pub(crate) session: SessionId,
}

/// SQL of the common table expression `actor`: one row while whoever acts is signed in, active, of the same role and of the
/// same firm as when it was decided; none otherwise. Takes `$1` to `$5`; [`Actor::params`] makes `$1` to `$8`.
macro_rules! actor {
    () => {
        "actor AS (
            SELECT u.id FROM sessions AS s JOIN users AS u ON u.id = s.user_id
            WHERE s.id = $1::text::uuid AND u.id = $2::text::uuid AND s.revoked_at IS NULL
              AND s.expires_at > $3::text::timestamptz AND u.status = 'active' AND u.role = $4::text
              AND u.firm_id IS NOT DISTINCT FROM $5::text::uuid
         )"
    };
}

impl Actor {
    /// `$1` session, `$2` user, `$3` now, `$4` role, `$5` firm, `$6` event, `$7` address, `$8` user agent; and `more`.
    pub(super) fn params<'a>(&'a self, step: Step<'a>, more: impl IntoIterator<Item = Param<'a>>) -> Vec<Param<'a>> {
        let mut params = vec![
            shown(self.session),
            shown(self.user.id),
            shown(step.now),
            text(self.user.role.as_str()),
            self.user.firm_id.and_then(shown),
            shown(step.event),
            maybe(step.client.address.as_deref()),
            maybe(step.client.user_agent.as_deref()),
        ];
        params.extend(more);
        params
    }
}

/// Who asks for a list, by the access token, and what it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
    pub(crate) permission: Permission,
    /// What the list is of.
    pub(crate) scope: Scope,
    pub(crate) now: Time,
}

/// SQL that is true while whoever asks is signed in, active and of a role with the permission. It is decided before the list
/// is read, so that a list costs nothing to whoever may not see it. [`Asker::params`] makes the parameters.
macro_rules! asked {
    ($session:literal, $user:literal, $now:literal, $permission:literal) => {
        concat!(
            "EXISTS (
                SELECT 1 FROM sessions AS s JOIN users AS asker ON asker.id = s.user_id
                JOIN roles AS of_asker ON of_asker.name = asker.role
                WHERE s.id = ",
            $session,
            "::text::uuid AND s.user_id = ",
            $user,
            "::text::uuid AND s.revoked_at IS NULL AND s.expires_at > ",
            $now,
            "::text::timestamptz AND asker.status = 'active' AND ",
            $permission,
            "::text = ANY (of_asker.permissions))"
        )
    };
}

impl Asker {
    /// Session, user, now and permission, in the order in which [`asked`] takes them.
    pub(super) fn params(&self) -> [Param<'static>; 4] {
        [
            shown(self.session),
            shown(self.user),
            shown(self.now),
            text(self.permission.as_str()),
        ]
    }
}

pub(super) use {actor, asked};
