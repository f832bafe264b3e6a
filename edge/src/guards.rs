//! Who may go on: guards that read like the HTTP contract, over what `doorward_core::authority` decides.
//!
//! Reads go by what this instance knows of a session within the revocation bound. What is done under a permission goes by
//! `Context::fresh`: the person as the database says now, in the flight that brings what the decision needs.

use std::rc::Rc;

use doorward_core::authority::{Action, Decision, Principal, Target, may};
use doorward_core::permission::Permission;
use doorward_core::tier::Tier;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::host::{Host, Rows, Statement};
use crate::reply::Reply;
use crate::store::acts::{Actor, Asker};
use crate::store::sessions::alive;
use crate::store::users::User;

impl<H: Host> Context<H> {
    /// Whoever sends this request; without a session the anonymous one.
    ///
    /// # Errors
    /// When the database is needed and down.
    pub async fn principal(&self) -> Result<Principal, Failure> {
        match self.current_user().await {
            Ok(user) => Ok(user.principal()),
            Err(Failure::Rejected(_)) => Ok(Principal::anonymous()),
            Err(failure) => Err(failure),
        }
    }

    /// Somebody who is signed in.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED`.
    pub async fn require_session(&self) -> Result<Principal, Failure> {
        self.current_user().await.map(|user| user.principal())
    }

    /// Somebody whose role allows this, to whomever.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED`, 403 `FORBIDDEN`.
    pub async fn require_permission(&self, permission: Permission) -> Result<Principal, Failure> {
        let principal = self.require_session().await?;
        let allowed = principal.permissions.has(permission);
        open_to(principal, allowed)
    }

    /// Somebody with one of these roles.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED`, 403 `FORBIDDEN`.
    pub async fn require_role(&self, roles: &[&str]) -> Result<Principal, Failure> {
        let principal = self.require_session().await?;
        let allowed = roles.contains(&principal.role.as_str());
        open_to(principal, allowed)
    }

    /// Whoever's tier opens at least this. The anonymous tier is everybody's.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED` where signing in might help, 403 `FORBIDDEN` where it was done.
    pub async fn require_tier(&self, tier: Tier) -> Result<Principal, Failure> {
        let principal = self.principal().await?;
        let allowed = principal.tier >= tier;
        open_to(principal, allowed)
    }

    /// Who sends this request, as the database says now, and the answers to `statements`: all in one flight.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED`, also for a session that was ended a moment ago.
    pub(crate) async fn fresh(&self, mut statements: Vec<Statement<'_>>) -> Result<(Actor, Vec<Rows>), Failure> {
        let claims = self.access_claims()?;
        statements.insert(0, alive(claims.session, claims.subject, self.now));
        let mut answers = self.sql(&statements).await?.into_iter();
        let user = User::first(&answers.next().unwrap_or_default())?.map(Rc::new);
        self.remember(claims.session, user.clone());
        let actor = Actor {
            user: user.ok_or(Code::Unauthenticated)?,
            session: claims.session,
        };
        Ok((actor, answers.collect()))
    }

    /// What `list` reads for whoever sends this request, within the scope that is this one's now: one flight, or two where
    /// role or firm have changed since the access token was made. The list's own statement sees to it that nothing is read
    /// for somebody who may not.
    ///
    /// # Errors
    /// 401 `UNAUTHENTICATED`, 403 `FORBIDDEN`.
    pub(crate) async fn listed<'a>(
        &self,
        action: &Action<'_>,
        list: &dyn Fn(Asker) -> Vec<Statement<'a>>,
    ) -> Result<(Actor, Vec<Rows>), Failure> {
        let claims = self.access_claims()?;
        let presumed = Principal {
            role: claims.role,
            firm: claims.firm,
            ..Principal::anonymous()
        }
        .scope();
        let asker = |scope| Asker {
            session: claims.session,
            user: claims.subject,
            permission: action.permission(),
            scope,
            now: self.now,
        };
        let (actor, answers) = self.fresh(list(asker(presumed))).await?;
        let principal = actor.user.principal();
        allow(may(&principal, action, &Target::OwnScope), Code::Forbidden)?;
        if principal.scope() == presumed {
            return Ok((actor, answers));
        }
        let answers = self.sql(&list(asker(principal.scope()))).await?;
        Ok((actor, answers))
    }

    /// The failure of a write that found whoever acts to be somebody else by now, as far as the session, the role or the
    /// firm go.
    ///
    /// # Errors
    /// Always: 401 `UNAUTHENTICATED` or 403 `FORBIDDEN`.
    pub(crate) async fn outdated(&self) -> Result<Reply, Failure> {
        self.fresh(Vec::new()).await?;
        Err(Code::Forbidden.into())
    }

    /// Tells what is wrong with a request to those who may send such requests, and the others that they may not.
    ///
    /// # Errors
    /// Always: 401 `UNAUTHENTICATED`, 403 `FORBIDDEN`, or the failure.
    pub(crate) async fn refuse(&self, permission: Permission, failure: Failure) -> Result<Reply, Failure> {
        self.require_permission(permission).await?;
        Err(failure)
    }
}

/// What a decision comes to: 403 `FORBIDDEN` for what is denied, and for what is hidden the code that an id gets which
/// there isn't.
///
/// # Errors
/// Unless it is allowed.
pub(crate) fn allow(decision: Decision, hidden: Code) -> Result<(), Failure> {
    match decision {
        Decision::Allowed => Ok(()),
        Decision::Denied => Err(Code::Forbidden.into()),
        Decision::Hidden => Err(hidden.into()),
    }
}

/// The principal where it is allowed; else what this one is told: to sign in, where that wasn't done yet.
fn open_to(principal: Principal, allowed: bool) -> Result<Principal, Failure> {
    match (allowed, principal.user) {
        (true, _) => Ok(principal),
        (false, Some(_)) => Err(Code::Forbidden.into()),
        (false, None) => Err(Code::Unauthenticated.into()),
    }
}
