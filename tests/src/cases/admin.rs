//! What admins do: `/api/admin/...`.

use serde_json::Value;

use crate::people::{Signed, page};
use crate::registry::Case;

mod events;
mod last_admin;
mod sessions;
mod users;

const USERS: &str = "/api/admin/users";
const EVENTS: &str = "/api/admin/events";

/// What may be played beside each other.
pub(super) fn cases() -> Vec<Case> {
    [users::cases(), sessions::cases(), events::cases(), last_admin::cases()].concat()
}

/// What needs the stack to itself.
pub(super) fn outage() -> Vec<Case> {
    last_admin::outage()
}

/// The path of somebody's account.
fn account(person: &Signed) -> String {
    format!("{USERS}/{}", person.id())
}

/// The events of a kind about a user, newest first, as somebody who may read them is told.
pub(super) fn events_of(reader: &Signed, user: &str, kind: &str) -> Vec<Value> {
    let reply = reader.get(&format!("{EVENTS}?user={user}&kind={kind}&limit=100"));
    page(&reply, "events").0
}

/// The newest event of a kind that `reader` made.
pub(super) fn last_event(reader: &Signed, kind: &str) -> Value {
    let (events, _) = page(&reader.get(&format!("{EVENTS}?kind={kind}&limit=100")), "events");
    let own = events.into_iter().find(|event| event["actorId"] == reader.id());
    own.unwrap_or_else(|| panic!("no {kind} of {}", reader.id()))
}
