//! Profiles: `/api/profiles/...` and `/api/profile/update`.

use serde_json::Value;

use crate::http::Reply;
use crate::people::Signed;
use crate::registry::Case;
use crate::shape::{USER_FIELDS, is_uuid, keys_are, text, user};

mod avatar;
mod list;
mod mentoring;
mod preferences;
mod read;
mod update;

const PROFILES: &str = "/api/profiles";
const MINE: &str = "/api/profiles/me";
const UPDATE: &str = "/api/profile/update";

/// What may be played beside each other.
pub(super) fn cases() -> Vec<Case> {
    [
        read::cases(),
        list::cases(),
        update::cases(),
        preferences::cases(),
        avatar::cases(),
        mentoring::cases(),
    ]
    .concat()
}

/// The path of somebody's profile.
pub(super) fn path(person: &Signed) -> String {
    format!("{PROFILES}/{}", person.id())
}

/// The profile of an answer of exactly `{profile}`.
pub(super) fn profile(reply: &Reply) -> Value {
    reply.expect_only(200);
    let body = reply.json();
    keys_are(&body, &["profile"]);
    is_profile(&body["profile"]);
    body["profile"].clone()
}

/// Asserts that it is a profile: the user's fields, flat, with firm, mentor and mentee.
fn is_profile(value: &Value) {
    let fields = [&USER_FIELDS[..], &["firm", "mentor", "mentee"]].concat();
    keys_are(value, &fields);
    let mut flat = value.clone();
    for name in ["firm", "mentor", "mentee"] {
        flat.as_object_mut().expect("an object").remove(name);
    }
    user(&flat);
    if value["firmId"].is_null() {
        assert!(value["firm"].is_null(), "{value}");
    } else {
        keys_are(&value["firm"], &["id", "slug", "name"]);
        assert_eq!(value["firm"]["id"], value["firmId"]);
    }
    let is = |name: &str| value["role"] == name;
    assert_eq!(value["mentor"].is_object(), is("mentor"), "{value}");
    assert_eq!(value["mentee"].is_object(), is("mentee"), "{value}");
    if is("mentor") {
        is_mentor(&value["mentor"]);
    }
    if is("mentee") {
        keys_are(&value["mentee"], &["goals", "officeSessions"]);
        assert!(value["mentee"]["officeSessions"].is_array(), "{value}");
    }
}

fn is_mentor(value: &Value) {
    keys_are(
        value,
        &["headline", "bio", "expertise", "availability", "officeSessions"],
    );
    assert!(value["officeSessions"].is_array(), "{value}");
    for name in value["expertise"].as_array().expect("a list") {
        assert!(name.is_string(), "{value}");
    }
    for window in value["availability"].as_array().expect("a list") {
        keys_are(window, &["id", "weekday", "start", "end", "timeZone"]);
        assert!(is_uuid(&text(window, "id")), "{window}");
        assert!(
            window["weekday"].as_u64().is_some_and(|day| (1..=7).contains(&day)),
            "{window}"
        );
        for name in ["start", "end"] {
            let time = text(window, name);
            let digits = time
                .bytes()
                .enumerate()
                .all(|(at, byte)| if at == 2 { byte == b':' } else { byte.is_ascii_digit() });
            assert!(time.len() == 5 && digits, "{window}");
        }
    }
}
