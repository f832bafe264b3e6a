//! `preferences`: merged key by key, and capped.

use serde_json::{Map, Value, json};

use super::{MINE, UPDATE, profile};
use crate::each;
use crate::http::race;
use crate::people::Signed;
use crate::registry::Case;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        are_merged_key_by_key,
        null_takes_a_key_away,
        take_any_json_that_the_database_can_hold,
        are_capped_in_bytes_keys_and_depth,
        are_capped_after_the_merge,
        sixteen_keys_at_once_all_stay,
    ]
}

fn set(person: &Signed, preferences: &Value) -> Value {
    profile(&person.patch(UPDATE, &json!({ "preferences": preferences })))["preferences"].clone()
}

fn refused(person: &Signed, preferences: &Value) {
    let before = profile(&person.get(MINE))["preferences"].clone();
    person
        .patch(UPDATE, &json!({ "preferences": preferences }))
        .invalid(&["preferences"]);
    assert_eq!(profile(&person.get(MINE))["preferences"], before);
}

fn are_merged_key_by_key(stage: &Stage) {
    let person = stage.signed(None, "member");
    assert_eq!(
        set(&person, &json!({"theme": "dark", "page": 20})),
        json!({"theme": "dark", "page": 20})
    );
    assert_eq!(
        set(&person, &json!({"theme": "light"})),
        json!({"theme": "light", "page": 20})
    );
    assert_eq!(
        set(&person, &json!({"mail": {"news": false, "tips": true}})),
        json!({"theme": "light", "page": 20, "mail": {"news": false, "tips": true}})
    );
    // A key's value is replaced as a whole.
    let after = set(&person, &json!({"mail": {"news": true}}));
    assert_eq!(after["mail"], json!({"news": true}));
    assert_eq!(set(&person, &json!({})), after);
    assert_eq!(profile(&person.get(MINE))["preferences"], after);
}

fn null_takes_a_key_away(stage: &Stage) {
    let person = stage.signed(None, "member");
    set(&person, &json!({"theme": "dark", "page": 20}));
    assert_eq!(set(&person, &json!({"theme": null})), json!({"page": 20}));
    assert_eq!(set(&person, &json!({"never": null})), json!({"page": 20}));
    assert_eq!(set(&person, &json!({"page": null, "new": 1})), json!({"new": 1}));
    for wrong in [json!([]), json!("dark"), json!(5), json!(true)] {
        refused(&person, &wrong);
    }
}

fn take_any_json_that_the_database_can_hold(stage: &Stage) {
    let person = stage.signed(None, "member");
    let odd = json!({
        "": "an empty key", "a.b": 1, "$1": "x", "'; DROP TABLE users; --": true, "__proto__": {"a": 1}, "名前": "🦀",
        "n": [0, -1, 1.5, true, false, "a\nb\"c\\d"],
    });
    assert_eq!(set(&person, &odd), odd);
    for zero in [
        json!({"a": "x\u{0}y"}),
        json!({"x\u{0}y": 1}),
        json!({"a": {"b": ["\u{0}"]}}),
    ] {
        refused(&person, &zero);
    }
}

fn keys(count: usize) -> Value {
    (0..count)
        .map(|n| (format!("key{n}"), json!(n)))
        .collect::<Map<_, _>>()
        .into()
}

/// `{"a": {"a": ... 1}}`, so many objects deep.
fn depth(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }))
}

fn are_capped_in_bytes_keys_and_depth(stage: &Stage) {
    let person = || stage.signed(None, "member");
    set(&person(), &keys(64));
    refused(&person(), &keys(65));
    set(&person(), &json!({"a": "x".repeat(8000)}));
    refused(&person(), &json!({"a": "x".repeat(8193)}));
    // In bytes, not in letters.
    refused(&person(), &json!({"a": "ü".repeat(4097)}));
    set(&person(), &depth(4));
    refused(&person(), &depth(5));
    refused(&person(), &depth(100));
    refused(&person(), &json!({"a": [[[[[[1]]]]]]}));
}

fn are_capped_after_the_merge(stage: &Stage) {
    let person = stage.signed(None, "member");
    set(&person, &keys(64));
    refused(&person, &json!({"one": "more"}));
    // One for another is the same number.
    set(&person, &json!({"key0": null, "one": "more"}));
    let person = stage.signed(None, "member");
    set(&person, &json!({"a": "x".repeat(5000)}));
    refused(&person, &json!({"b": "x".repeat(5000)}));
    set(&person, &json!({"a": null, "b": "x".repeat(5000)}));
}

fn sixteen_keys_at_once_all_stay(stage: &Stage) {
    let person = stage.signed(None, "member");
    for reply in race(16, |index| {
        person.patch(UPDATE, &json!({"preferences": {format!("key{index}"): index}}))
    }) {
        profile(&reply);
    }
    assert_eq!(profile(&person.get(MINE))["preferences"], keys(16));
}
