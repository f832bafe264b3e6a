//! The cases, laid out as the URLs are.

use crate::registry::Case;

mod account;
mod auth;
mod documentation;
mod errors;
mod flights;
mod gateway;
mod limits;
mod origin;
mod outage;
mod parity;
mod readme;
mod service;

/// What may be played beside each other.
pub fn suite() -> Vec<Case> {
    [
        auth::cases(),
        account::cases(),
        service::cases(),
        errors::cases(),
        origin::cases(),
        flights::cases(),
        parity::cases(),
        readme::cases(),
        documentation::cases(),
        gateway::cases(),
    ]
    .concat()
}

/// What needs the stack to itself.
pub fn outage() -> Vec<Case> {
    [
        limits::cases(),
        flights::counted_cases(),
        outage::cases(),
        account::outage(),
    ]
    .concat()
}
