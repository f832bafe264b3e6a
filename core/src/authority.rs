//! Who may do what: the one place that decides.
//!
//! A permission says *what* a role lets its people do, the [`Scope`] says *to whom*: somebody who belongs to a firm acts
//! within that firm only; an admin who belongs to none acts everywhere; anybody else who belongs to none acts among those
//! who belong to none either, but reads nobody's profile. What is about oneself needs no permission.
//!
//! ```
//! use doorward_core::authority::{Action, Decision, Person, Principal, Target, may};
//! use doorward_core::id::{FirmId, UserId};
//! use doorward_core::permission::Permissions;
//! use doorward_core::role::Role;
//! use doorward_core::tier::Tier;
//!
//! let firm = Some(FirmId::from_bytes([1; 16]));
//! let pm = Principal {
//!     user: Some(UserId::from_bytes([2; 16])),
//!     role: Role::parse("pm")?,
//!     permissions: Permissions::parse("profiles.read"),
//!     tier: Tier::Free,
//!     firm,
//! };
//! let member = Role::member();
//! let person = |firm| Target::Person(Person {
//!     id: UserId::from_bytes([3; 16]),
//!     firm,
//!     role: &member,
//!     permissions: Permissions::NONE,
//! });
//! assert_eq!(may(&pm, &Action::ReadProfile, &person(firm)), Decision::Allowed);
//! assert_eq!(may(&pm, &Action::ReadProfile, &person(None)), Decision::Hidden);
//! assert_eq!(may(&pm, &Action::UpdateProfile, &person(firm)), Decision::Denied);
//! # Ok::<(), doorward_core::role::RoleError>(())
//! ```

use crate::id::{FirmId, UserId};
use crate::permission::{Permission, Permissions};
use crate::role::Role;
use crate::tier::Tier;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// None for a request without a session.
    pub user: Option<UserId>,
    /// The role's name.
    pub role: Role,
    /// What the role allows.
    pub permissions: Permissions,
    /// What the plan opens.
    pub tier: Tier,
    /// Where this one belongs.
    pub firm: Option<FirmId>,
}

/// How far a principal's permissions reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everybody and everything.
    Deployment,
    /// One firm and its people.
    Firm(FirmId),
    /// The people who belong to no firm.
    Firmless,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Read a person's profile.
    ReadProfile,
    /// List and search the profiles of a scope.
    ListProfiles,
    /// Change a person's profile.
    UpdateProfile,
    /// Give a person this role, which allows this.
    SetRole {
        /// The role's name.
        role: &'a Role,
        /// What it allows.
        permissions: Permissions,
    },
    /// Let a person in, or keep one out.
    SetStatus,
    /// Change what a person's plan opens.
    SetTier,
    /// End the sessions of a person.
    EndSessions,
    /// Read the audit trail, of a person or of a scope.
    ReadEvents,
    /// Read a firm, or list those of a scope.
    ReadFirms,
    /// Make a firm.
    MakeFirm,
    /// Change a firm's name, its slug, or whether it takes people.
    ChangeFirm,
    /// List and take back a firm's invitations.
    ManageInvitations,
    /// Invite somebody into a firm, as this role, which allows this.
    Invite {
        /// The role's name.
        role: &'a Role,
        /// What it allows.
        permissions: Permissions,
    },
    /// Offer office sessions oneself: expertise, availability, confirming.
    OfferOfficeSessions,
    /// Ask a person for an office session.
    AskForOfficeSession,
}

/// A person to whom something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person<'a> {
    /// Who.
    pub id: UserId,
    /// Where this one belongs.
    pub firm: Option<FirmId>,
    /// The role's name.
    pub role: &'a Role,
    /// What the role allows.
    pub permissions: Permissions,
}

/// What something is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// A person.
    Person(Person<'a>),
    /// A firm.
    Firm(FirmId),
    /// Whatever is within the principal's own scope.
    OwnScope,
    /// The deployment as a whole.
    Deployment,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead.
    Allowed,
    /// Not this one, or not this.
    Denied,
    /// This one may do such things, but this target is out of its sight: to it there is no such thing.
    Hidden,
}

impl Principal {
    /// Whoever sends a request without a session.
    pub fn anonymous() -> Self {
        Self {
            user: None,
            role: Role::member(),
            permissions: Permissions::NONE,
            tier: Tier::Anonymous,
            firm: None,
        }
    }

    /// How far the permissions reach.
    pub fn scope(&self) -> Scope {
        match self.firm {
            Some(firm) => Scope::Firm(firm),
            None if self.role.is_admin() => Scope::Deployment,
            None => Scope::Firmless,
        }
    }

    fn is(&self, person: &Person<'_>) -> bool {
        self.user == Some(person.id)
    }

    /// Whether this one holds every power that the other role gives. To be an admin without a firm is a power of its own.
    fn covers(&self, role: &Role, permissions: Permissions, firm: Option<FirmId>) -> bool {
        let runs_all = role.is_admin() && firm.is_none();
        self.permissions.cover(permissions) && (!runs_all || self.scope() == Scope::Deployment)
    }
}

impl Scope {
    /// Whether a target is within.
    pub fn holds(self, target: &Target<'_>) -> bool {
        match (self, target) {
            (Self::Deployment, _) | (_, Target::OwnScope) => true,
            (Self::Firm(own), Target::Person(person)) => person.firm == Some(own),
            (Self::Firm(own), Target::Firm(firm)) => own == *firm,
            (Self::Firmless, Target::Person(person)) => person.firm.is_none(),
            (_, Target::Deployment) | (Self::Firmless, Target::Firm(_)) => false,
        }
    }
}

impl Action<'_> {
    /// The permission that it takes, unless it is about oneself.
    pub const fn permission(&self) -> Permission {
        match self {
            Self::ReadProfile => Permission::ProfilesRead,
            Self::ListProfiles => Permission::ProfilesList,
            Self::UpdateProfile => Permission::ProfilesWrite,
            Self::SetRole { .. } | Self::SetStatus | Self::SetTier | Self::EndSessions => Permission::UsersManage,
            Self::ReadEvents => Permission::EventsRead,
            Self::ReadFirms => Permission::FirmsRead,
            Self::MakeFirm | Self::ChangeFirm => Permission::FirmsManage,
            Self::ManageInvitations | Self::Invite { .. } => Permission::InvitationsManage,
            Self::OfferOfficeSessions => Permission::MentoringOffer,
            Self::AskForOfficeSession => Permission::MentoringAsk,
        }
    }
}

/// Whether a principal may do this to that.
pub fn may(principal: &Principal, action: &Action<'_>, target: &Target<'_>) -> Decision {
    if principal.user.is_none() {
        return Decision::Denied;
    }
    let is_self = matches!(target, Target::Person(person) if principal.is(person));
    if is_self && matches!(action, Action::ReadProfile | Action::UpdateProfile) {
        return Decision::Allowed;
    }
    if !principal.permissions.has(action.permission()) {
        return Decision::Denied;
    }
    let runs_all = principal.scope() == Scope::Deployment;
    // What is denied here is no secret, so it isn't hidden.
    if *target == Target::Deployment {
        return allowed_if(runs_all);
    }
    // To belong to no firm is nothing that two people have in common, where profiles are read.
    let is_shared = principal.scope() != Scope::Firmless || *action != Action::ReadProfile;
    if !is_shared || !principal.scope().holds(target) {
        return Decision::Hidden;
    }
    match (action, target) {
        // What one's own plan opens is for whoever runs the deployment to say.
        (Action::SetTier, _) if is_self => allowed_if(runs_all),
        (Action::SetRole { role, permissions }, Target::Person(person)) => {
            let holds = principal.covers(person.role, person.permissions, person.firm);
            allowed_if(holds && principal.covers(role, *permissions, person.firm))
        }
        (Action::SetStatus | Action::SetTier | Action::EndSessions, Target::Person(person)) => {
            allowed_if(principal.covers(person.role, person.permissions, person.firm))
        }
        (Action::Invite { role, permissions }, Target::Firm(firm)) => {
            allowed_if(principal.covers(role, *permissions, Some(*firm)))
        }
        (Action::OfferOfficeSessions, Target::Person(_)) => allowed_if(is_self),
        (Action::AskForOfficeSession, Target::Person(person)) => {
            allowed_if(!is_self && person.permissions.has(Permission::MentoringOffer))
        }
        (Action::ReadProfile | Action::UpdateProfile | Action::ReadEvents, Target::Person(_))
        | (
            Action::ListProfiles
            | Action::ReadEvents
            | Action::ReadFirms
            | Action::ChangeFirm
            | Action::ManageInvitations,
            Target::Firm(_),
        )
        | (Action::ListProfiles | Action::ReadEvents | Action::ReadFirms, Target::OwnScope) => Decision::Allowed,
        // Such a thing can't be done to such a target.
        _ => Decision::Denied,
    }
}

const fn allowed_if(yes: bool) -> Decision {
    if yes { Decision::Allowed } else { Decision::Denied }
}

#[cfg(test)]
mod tests;
