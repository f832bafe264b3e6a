//! The cases, laid out as the URLs are.

use crate::registry::Case;

mod account;
mod admin;
mod auth;
mod documentation;
mod errors;
mod firms;
mod flights;
mod gateway;
mod integrate;
mod invitations;
mod isolation;
mod limits;
mod office_sessions;
mod origin;
mod outage;
mod pages;
mod parity;
mod profiles;
mod readme;
mod rollout;
mod service;
mod upgrade;

/// What may be played beside each other.
pub fn suite() -> Vec<Case> {
    [
        auth::cases(),
        account::cases(),
        admin::cases(),
        firms::cases(),
        invitations::cases(),
        profiles::cases(),
        office_sessions::cases(),
        isolation::cases(),
        service::cases(),
        errors::cases(),
        origin::cases(),
        flights::cases(),
        pages::cases(),
        parity::cases(),
        readme::cases(),
        documentation::cases(),
        gateway::cases(),
        integrate::cases(),
    ]
    .concat()
}

/// What needs the stack to itself. What counts in Valkey comes before what takes it away: each instance of a host that
/// missed it goes on counting by itself for two seconds more, and nobody outside can ask every instance whether it still does.
pub fn outage() -> Vec<Case> {
    [
        limits::cases(),
        account::outage(),
        admin::outage(),
        flights::counted_cases(),
        rollout::cases(),
        upgrade::cases(),
        outage::cases(),
    ]
    .concat()
}
