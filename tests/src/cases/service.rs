//! The service itself: its keys and its health.

use crate::registry::Case;

mod health;
mod jwks;

pub(super) fn cases() -> Vec<Case> {
    [jwks::cases(), health::cases()].concat()
}
