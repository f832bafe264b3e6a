//! The service itself: its keys, its health and its description.

use crate::registry::Case;

mod description;
mod health;
mod jwks;

pub(super) fn cases() -> Vec<Case> {
    [jwks::cases(), health::cases(), description::cases()].concat()
}
