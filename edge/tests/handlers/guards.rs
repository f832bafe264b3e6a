//! Who gets how far, before anything else is asked: the calls under a permission, by everybody who has none.

use serde_json::json;

use crate::data::{ACME, ANN, BOB, OTHER_SESSION, SESSION, firm, none, one, person};
use crate::stage::{Ask, Stage};

/// Each call under a permission with what it takes, and the statements of its first flight.
pub(crate) fn calls() -> Vec<(Ask, &'static [&'static str])> {
    let user = |rest: &str| format!("/api/admin/users/{BOB}{rest}");
    vec![
        (Ask::get("/api/firms"), &["session.alive", "firm.list"]),
        (
            Ask::post("/api/firms").json(json!({ "slug": "acme", "name": "Acme" })),
            &["session.alive"],
        ),
        (
            Ask::patch(&format!("/api/firms/{ACME}")).json(json!({ "name": "Acme" })),
            &["session.alive"],
        ),
        (
            Ask::get(&format!("/api/firms/{ACME}/invitations")),
            &["session.alive", "invitation.list", "firm.exists"],
        ),
        (
            Ask::post(&format!("/api/firms/{ACME}/invitations"))
                .json(json!({ "email": "new@example.com", "role": "pm" })),
            &["session.alive", "role.permissions"],
        ),
        (
            Ask::delete(&format!("/api/firms/{ACME}/invitations/{OTHER_SESSION}")),
            &["session.alive"],
        ),
        (
            Ask::patch(&user("")).json(json!({ "role": "pm" })),
            &["session.alive", "user.read", "role.permissions"],
        ),
        (Ask::delete(&user("/sessions")), &["session.alive", "user.read"]),
        (Ask::get("/api/admin/events"), &["session.alive", "event.list"]),
    ]
}

/// The answers of a first flight in which somebody asks, everything else being there too.
fn answers(asker: &crate::data::Row, names: &[&'static str]) -> Vec<(&'static str, doorward_edge::host::Rows)> {
    let rows = |name: &'static str| match name {
        "session.alive" => one(asker.clone()),
        "user.read" => one(person(BOB, None, "member", "active")),
        "role.permissions" => one(crate::data::row(&["profiles.read"])),
        "firm.list" => one(firm(ACME, "acme")),
        _ => none(),
    };
    names.iter().map(|name| (*name, rows(name))).collect()
}

#[test]
fn who_is_not_signed_in_costs_no_flight() {
    let stage = Stage::new();
    for (ask, _) in calls() {
        assert_eq!(stage.send(&ask).outcome(), (401, "UNAUTHENTICATED".to_owned()));
        assert_eq!(
            stage.send(&ask.bearer("x")).outcome(),
            (401, "UNAUTHENTICATED".to_owned())
        );
    }
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
}

#[test]
fn a_revocation_takes_effect_at_once() {
    let stage = Stage::new();
    let token = stage.access_token_of(ANN, SESSION, "admin", None);
    // The instance believes the session alive; these calls don't ask the instance.
    stage.sql("session.alive", one(person(ANN, None, "admin", "active")));
    assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(&token)).status, 200);
    for (ask, names) in calls() {
        stage.batch(names.iter().map(|name| (*name, none())).collect());
        assert_eq!(
            stage.send(&ask.bearer(&token)).outcome(),
            (401, "UNAUTHENTICATED".to_owned())
        );
    }
}

#[test]
fn a_role_that_allows_nothing_is_refused_in_one_flight() {
    for (role, firm) in [
        ("member", None),
        ("mentor", Some(ACME)),
        ("mentee", None),
        ("pm", Some(ACME)),
    ] {
        let stage = Stage::new();
        // The token still says admin: it was made before the role was taken away.
        let token = stage.access_token_of(ANN, SESSION, "admin", firm);
        for (ask, names) in calls() {
            stage.batch(answers(&person(ANN, firm, role, "active"), names));
            let answer = stage.send(&ask.bearer(&token));
            assert_eq!(answer.outcome(), (403, "FORBIDDEN".to_owned()), "{role} {names:?}");
            assert_eq!(stage.flights().len(), 1);
        }
    }
}

#[test]
fn what_is_wrong_with_a_request_is_told_to_those_only_who_may_send_it() {
    let stage = Stage::new();
    let spoilt = [
        Ask::get("/api/firms?limit=0"),
        Ask::post("/api/firms").json(json!({ "slug": "-" })),
        Ask::patch(&format!("/api/firms/{ACME}")).json(json!({ "name": 7 })),
        Ask::get(&format!("/api/firms/{ACME}/invitations?cursor=x")),
        Ask::post(&format!("/api/firms/{ACME}/invitations")).json(json!({ "email": "new" })),
        Ask::patch(&format!("/api/admin/users/{BOB}")).json(json!({ "tier": "anonymous" })),
        Ask::get("/api/admin/events?user=bob"),
    ];
    for (role, expected) in [("member", (403, "FORBIDDEN")), ("admin", (400, "VALIDATION_FAILED"))] {
        for ask in &spoilt {
            stage.advance(std::time::Duration::from_secs(6));
            stage.sql("session.alive", one(person(ANN, None, role, "active")));
            let token = stage.access_token_of(ANN, SESSION, role, None);
            let answer = stage.send(&ask.clone().bearer(&token));
            assert_eq!(answer.outcome(), (expected.0, expected.1.to_owned()));
        }
    }
}
