//! Who gets how far, before anything else is asked: the calls under a permission, by everybody who has none.

use std::rc::Rc;

use doorward_core::authority::Principal;
use doorward_core::id::RequestId;
use doorward_core::permission::Permission;
use doorward_core::tier::Tier;
use doorward_edge::context::Context;
use doorward_edge::error::Failure;
use serde_json::json;

use crate::data::{ACME, ANN, BOB, OTHER_SESSION, SESSION, firm, none, one, person};
use crate::fake::{FakeHost, poll};
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
    let invitations = format!("/api/firms/{ACME}/invitations");
    let spoilt: [(Ask, &[&'static str]); 7] = [
        (Ask::get("/api/firms?limit=0"), &["session.alive"]),
        (Ask::post("/api/firms").json(json!({ "slug": "-" })), &["session.alive"]),
        (
            Ask::patch(&format!("/api/firms/{ACME}")).json(json!({ "name": 7 })),
            &["session.alive"],
        ),
        (Ask::get(&format!("{invitations}?cursor=x")), &["session.alive"]),
        (
            Ask::post(&invitations).json(json!({ "email": "new", "role": "pm" })),
            &["session.alive", "role.permissions"],
        ),
        (
            Ask::patch(&format!("/api/admin/users/{BOB}")).json(json!({ "tier": "anonymous" })),
            &["session.alive", "user.read"],
        ),
        (Ask::get("/api/admin/events?user=bob"), &["session.alive"]),
    ];
    for (role, expected) in [("member", (403, "FORBIDDEN")), ("admin", (400, "VALIDATION_FAILED"))] {
        for (ask, names) in &spoilt {
            stage.advance(std::time::Duration::from_secs(6));
            stage.batch(answers(&person(ANN, None, role, "active"), names));
            let token = stage.access_token_of(ANN, SESSION, role, None);
            let answer = stage.send(&ask.clone().bearer(&token));
            assert_eq!(
                answer.outcome(),
                (expected.0, expected.1.to_owned()),
                "{role} {names:?}"
            );
        }
    }
}

/// What a guard says to somebody with this role and tier, or to nobody.
fn guarded(
    asker: Option<(&str, &str)>,
    guard: &impl AsyncFn(&Context<FakeHost>) -> Result<Principal, Failure>,
) -> Result<String, u16> {
    let stage = Stage::new();
    let mut request = http::Request::new(bytes::Bytes::new());
    if let Some((role, tier)) = asker {
        let mut alive = person(ANN, None, role, "active");
        alive[5] = Some(tier.to_owned());
        stage.sql("session.alive", one(alive));
        let token = format!("Bearer {}", stage.access_token(ANN, SESSION));
        request.headers_mut().insert("authorization", token.parse().unwrap());
    }
    let id = RequestId::from_bytes([0; 16]);
    let context = Context::new(stage.host.clone(), Rc::clone(&stage.instance), id, None, request);
    let result = poll(&mut Box::pin(guard(&context))).expect("it waits for nothing");
    stage.flights();
    result
        .map(|principal| principal.role.to_string())
        .map_err(|failure| match failure {
            Failure::Rejected(rejection) => rejection.code.status().as_u16(),
            other => panic!("{other:?}"),
        })
}

#[test]
fn guards_read_like_the_contract() {
    let signed_in = async |ctx: &Context<FakeHost>| ctx.require_session().await;
    let reads = async |ctx: &Context<FakeHost>| ctx.require_permission(Permission::ProfilesRead).await;
    let leads = async |ctx: &Context<FakeHost>| ctx.require_role(&["admin", "pm"]).await;
    let (pm, member) = (Some(("pm", "free")), Some(("member", "member")));
    assert_eq!(guarded(None, &signed_in), Err(401));
    assert_eq!(guarded(member, &signed_in), Ok("member".to_owned()));
    for guard in [0, 1] {
        let say = |asker| {
            if guard == 0 {
                guarded(asker, &reads)
            } else {
                guarded(asker, &leads)
            }
        };
        assert_eq!(say(None), Err(401));
        assert_eq!(say(member), Err(403));
        assert_eq!(say(pm), Ok("pm".to_owned()));
    }
}

#[test]
fn without_a_session_one_is_of_the_anonymous_tier() {
    let at_least = |asker, tier| {
        guarded(asker, &async move |ctx: &Context<FakeHost>| {
            ctx.require_tier(tier).await
        })
    };
    let (free, member) = (Some(("member", "free")), Some(("member", "member")));
    assert!(at_least(None, Tier::Anonymous).is_ok());
    assert_eq!(at_least(None, Tier::Free), Err(401));
    assert!(at_least(free, Tier::Anonymous).is_ok() && at_least(free, Tier::Free).is_ok());
    assert_eq!(at_least(free, Tier::Member), Err(403));
    assert!(at_least(member, Tier::Member).is_ok());
}
