//! `PATCH /api/admin/users/{id}`: role, status, tier.

use serde_json::json;

use super::{USERS, account, events_of};
use crate::actor::LOGIN;
use crate::http::Reply;
use crate::jwt::{decode, random_hex};
use crate::people::Signed;
use crate::registry::Case;
use crate::shape::{keys_are, text, user};
use crate::stage::Stage;
use crate::timing::flights;
use crate::{both, each};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        each_of_the_three_changes_by_itself,
        all_three_at_once,
        every_change_is_an_event_with_before_and_after,
        names_every_failing_field_at_once,
        other_fields_change_nothing,
        is_for_admins,
        an_admin_of_a_firm_reaches_its_own_people_only,
        nobody_is_404,
        nobody_raises_oneself,
        no_role_with_more_than_one_has_is_given,
        the_new_role_is_in_the_next_token,
        a_suspended_user_is_out,
        is_two_flights_at_most,
    ];
    cases.extend(both![
        Main;
        a_demoted_admin_can_do_nothing_at_once,
        a_promoted_one_can_at_once,
        a_change_shows_on_the_other_host_within_five_seconds,
    ]);
    cases
}

/// The user of an answer of exactly `{user}`.
fn changed(reply: &Reply) -> serde_json::Value {
    reply.expect_only(200);
    let body = reply.json();
    keys_are(&body, &["user"]);
    user(&body["user"]);
    body["user"].clone()
}

fn each_of_the_three_changes_by_itself(stage: &Stage) {
    let home = stage.firm();
    for admin in [stage.root(), stage.signed(Some(&home), "admin")] {
        let person = stage.signed(Some(&home), "member");
        let mut expected = person.session.user.clone();
        for (field, value) in [
            ("role", "mentor"),
            ("role", "mentee"),
            ("role", "pm"),
            ("role", "admin"),
            ("role", "member"),
            ("tier", "member"),
            ("tier", "free"),
            ("status", "inactive"),
            ("status", "suspended"),
            ("status", "active"),
        ] {
            let after = changed(&admin.patch(&account(&person), &json!({ field: value })));
            expected[field] = json!(value);
            assert!(text(&after, "updatedAt") >= text(&expected, "updatedAt"));
            expected["updatedAt"] = after["updatedAt"].clone();
            assert_eq!(after, expected, "{field} becomes {value}");
            let row = &stage.database().query(
                "SELECT role, tier, status FROM users WHERE id = $1::text::uuid",
                &[&person.id()],
            )[0];
            for (index, name) in ["role", "tier", "status"].iter().enumerate() {
                assert_eq!(expected[*name], row.get::<_, String>(index), "{name} as stored");
            }
        }
    }
}

fn all_three_at_once(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    let body = json!({"role": "pm", "status": "inactive", "tier": "member"});
    let after = changed(&root.patch(&account(&person), &body));
    for name in ["role", "status", "tier"] {
        assert_eq!(after[name], body[name]);
    }
    assert_eq!(after["email"], person.person.email);
}

fn every_change_is_an_event_with_before_and_after(stage: &Stage) {
    let home = stage.firm();
    let (admin, person) = (stage.signed(Some(&home), "admin"), stage.signed(Some(&home), "member"));
    for (kind, field, before, after) in [
        ("user.role_changed", "role", "member", "mentee"),
        ("user.tier_changed", "tier", "free", "member"),
        ("user.status_changed", "status", "active", "suspended"),
    ] {
        changed(&admin.patch(&account(&person), &json!({ field: after })));
        let events = events_of(&admin, &person.id(), kind);
        assert_eq!(events.len(), 1, "{kind}: {events:?}");
        let event = &events[0];
        assert_eq!(event["kind"], kind);
        assert_eq!(event["actorId"], admin.id(), "{event}");
        assert_eq!(event["userId"], person.id(), "{event}");
        assert_eq!(event["outcome"], "success", "{event}");
        assert_eq!(event["details"]["before"][field], before, "{event}");
        assert_eq!(event["details"]["after"][field], after, "{event}");
    }
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    let path = account(&person);
    root.patch(&path, &json!({"role": "No Role", "status": "asleep", "tier": "gold"}))
        .invalid(&["role", "status", "tier"]);
    root.patch(&path, &json!({"role": "nobody-has-this"}))
        .invalid(&["role"]);
    root.patch(&path, &json!({"role": 5, "status": [], "tier": {}}))
        .invalid(&["role", "status", "tier"]);
    // Nobody with an account has the tier of those who have none.
    root.patch(&path, &json!({"tier": "anonymous"})).invalid(&["tier"]);
    let nothing = changed(&root.patch(&path, &json!({"role": null, "status": null, "tier": null})));
    assert_eq!(nothing["role"], "member");
    for role in ["", "Admin", "' OR 1=1", "a\u{0}"] {
        root.patch(&path, &json!({ "role": role })).invalid(&["role"]);
    }
    // What is wrong in one field changes nothing in another.
    root.patch(&path, &json!({"role": "nobody-has-this", "tier": "member"}))
        .invalid(&["role"]);
    assert_eq!(stage.app().me(&person.session.access).json()["user"]["tier"], "free");
}

fn other_fields_change_nothing(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    let body = json!({"tier": "member", "name": "Mallory", "email": "mallory@example.com", "firmId": stage.firm().id, "id": root.id()});
    let after = changed(&root.patch(&account(&person), &body));
    for name in ["id", "name", "email", "firmId"] {
        assert_eq!(after[name], person.session.user[name], "{name}");
    }
}

fn is_for_admins(stage: &Stage) {
    let home = stage.firm();
    let target = stage.signed(Some(&home), "member");
    let body = json!({"tier": "member"});
    stage
        .call("PATCH", &account(&target))
        .json(&body)
        .send()
        .error(401, "UNAUTHENTICATED");
    for role in ["pm", "mentor", "mentee", "member"] {
        for firm in [Some(&home), None] {
            let person = stage.signed(firm, role);
            for path in [
                account(&target),
                account(&person),
                format!("{USERS}/01890000-0000-7000-8000-000000000000"),
            ] {
                person.patch(&path, &body).error(403, "FORBIDDEN");
            }
        }
    }
    let tier = "SELECT tier FROM users WHERE id = $1::text::uuid";
    assert_eq!(
        stage.database().query(tier, &[&target.id()])[0].get::<_, String>(0),
        "free"
    );
}

fn an_admin_of_a_firm_reaches_its_own_people_only(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let admin = stage.signed(Some(&home), "admin");
    for stranger in [
        stage.signed(Some(&other), "member"),
        stage.signed(Some(&other), "admin"),
        stage.signed(None, "member"),
        stage.root(),
    ] {
        for body in [
            json!({"role": "pm"}),
            json!({"status": "suspended"}),
            json!({"tier": "member"}),
        ] {
            admin.patch(&account(&stranger), &body).error(404, "USER_NOT_FOUND");
        }
        let me = stage.app().me(&stranger.session.access).expect(200).json();
        assert_eq!(me["user"]["role"], stranger.session.user["role"]);
    }
}

fn nobody_is_404(stage: &Stage) {
    let home = stage.firm();
    for admin in [stage.root(), stage.signed(Some(&home), "admin")] {
        let path = format!("{USERS}/01890000-0000-7000-8000-000000000000");
        admin
            .patch(&path, &json!({"tier": "member"}))
            .error(404, "USER_NOT_FOUND");
        for bad in ["x", "%00", "..", "01890000-0000-7000-8000-00000000000g"] {
            let reply = admin.patch(&format!("{USERS}/{bad}"), &json!({"tier": "member"}));
            reply.expect_only(404);
            reply.error_shape();
        }
    }
}

fn nobody_raises_oneself(stage: &Stage) {
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    stage.resident(Some(&home), "admin");
    admin
        .patch(&account(&admin), &json!({"tier": "member"}))
        .error(403, "FORBIDDEN");
    // Stepping down is allowed where somebody else stays.
    assert_eq!(
        changed(&admin.patch(&account(&admin), &json!({"role": "member"})))["role"],
        "member"
    );
    admin
        .patch(&account(&admin), &json!({"role": "admin"}))
        .error(403, "FORBIDDEN");
}

/// A role of the deployment's own, with these permissions.
fn role(stage: &Stage, permissions: &[&str]) -> String {
    let name = format!("r-{}", random_hex::<8>());
    let permissions: Vec<String> = permissions.iter().map(|&name| name.to_owned()).collect();
    stage.database().execute(
        "INSERT INTO roles (name, description, permissions) VALUES ($1, 'of a case', $2)",
        &[&name, &permissions],
    );
    name
}

fn no_role_with_more_than_one_has_is_given(stage: &Stage) {
    let home = stage.firm();
    let clerk = role(stage, &["users.manage"]);
    let (clerks, listers) = (
        role(stage, &["users.manage"]),
        role(stage, &["users.manage", "profiles.list"]),
    );
    let manager = stage.signed(Some(&home), &clerk);
    let person = stage.signed(Some(&home), "member");
    let accomplice = stage.signed(Some(&home), "member");
    assert_eq!(
        changed(&manager.patch(&account(&person), &json!({ "role": clerks })))["role"],
        clerks
    );
    for more in ["admin", "pm", listers.as_str()] {
        manager
            .patch(&account(&person), &json!({ "role": more }))
            .error(403, "FORBIDDEN");
        manager
            .patch(&account(&accomplice), &json!({ "role": more }))
            .error(403, "FORBIDDEN");
    }
    // Nor may it lay hands on who has more.
    let admin = stage.signed(Some(&home), "admin");
    stage.resident(Some(&home), "admin");
    for body in [json!({"role": "member"}), json!({"status": "suspended"})] {
        manager.patch(&account(&admin), &body).error(403, "FORBIDDEN");
    }
    assert_eq!(
        stage.app().me(&admin.session.access).expect(200).json()["user"]["role"],
        "admin"
    );
}

fn the_new_role_is_in_the_next_token(stage: &Stage) {
    let home = stage.firm();
    let (root, person) = (stage.root(), stage.signed(Some(&home), "member"));
    let claims = decode(&person.session.access).claims;
    assert_eq!(
        (&claims["role"], &claims["tier"], &claims["firm"]),
        (&json!("member"), &json!("free"), &json!(home.id))
    );
    changed(&root.patch(&account(&person), &json!({"role": "mentor", "tier": "member"})));
    let next = stage.app().refresh(&person.session);
    let claims = decode(&next.access).claims;
    assert_eq!(
        (&claims["role"], &claims["tier"], &claims["firm"]),
        (&json!("mentor"), &json!("member"), &json!(home.id))
    );
    assert_eq!(
        (&next.user["role"], &next.user["tier"]),
        (&json!("mentor"), &json!("member"))
    );
}

fn a_suspended_user_is_out(stage: &Stage) {
    for (status, code) in [("suspended", "ACCOUNT_SUSPENDED"), ("inactive", "ACCOUNT_INACTIVE")] {
        let (root, person) = (stage.root(), stage.signed(None, "admin"));
        let target = stage.signed(None, "member");
        stage.app().me(&person.session.access).expect_only(200);
        changed(&root.patch(&account(&person), &json!({ "status": status })));
        // At once where something could be done.
        stage.app().present(&person.session.refresh).error(403, code);
        let tried = [
            person.patch(&account(&target), &json!({"tier": "member"})),
            person.delete(&format!("{}/sessions", account(&target))),
            person.get(super::EVENTS),
            person.post(
                "/api/auth/change-password",
                &json!({"currentPassword": person.person.password, "newPassword": crate::actor::OTHER_PASSWORD}),
            ),
        ];
        for reply in tried {
            assert!([401, 403].contains(&reply.status), "{reply}");
            reply.error_shape();
        }
        let login = stage.call("POST", LOGIN[0]).json(&person.person.credentials()).send();
        login.error(403, code);
        let out = |reply: &Reply| reply.status != 200;
        let last = stage.poll(BOUND, || stage.app().me(&person.session.access), out);
        assert!(out(&last), "not within {BOUND:?}\n{last}");
        // And back again.
        changed(&root.patch(&account(&person), &json!({"status": "active"})));
        stage.app().login(&person.person);
        // But not with what somebody may have kept from before.
        stage
            .app()
            .present(&person.session.refresh)
            .error(401, "SESSION_REVOKED");
        let kept = stage.poll(BOUND, || stage.app().me(&person.session.access), out);
        kept.error(401, "UNAUTHENTICATED");
    }
}

/// Within this a change is known on calls that only read.
const BOUND: std::time::Duration = std::time::Duration::from_secs(5);

/// An admin of a firm whose place another one holds, too.
fn one_of_two(stage: &Stage, home: &crate::people::Firm) -> Signed {
    stage.resident(Some(home), "admin");
    stage.signed(Some(home), "admin")
}

fn a_demoted_admin_can_do_nothing_at_once(workers: &Stage, spin: &Stage) {
    for (here, there) in [(workers, spin), (spin, workers)] {
        let home = here.firm();
        let admin = one_of_two(here, &home);
        let target = here.signed(Some(&home), "member");
        for stage in [here, there] {
            // Both have it at hand as an admin now.
            admin.at(stage).get(super::EVENTS).expect_only(200);
            stage.app().me(&admin.session.access).expect_only(200);
        }
        changed(&here.root().patch(&account(&admin), &json!({"role": "member"})));
        for stage in [there, here] {
            let admin = admin.at(stage);
            for reply in [
                admin.patch(&account(&target), &json!({"tier": "member"})),
                admin.delete(&format!("{}/sessions", account(&target))),
                admin.get(super::EVENTS),
                admin.patch(&format!("/api/firms/{}", home.id), &json!({"name": "Still mine"})),
            ] {
                reply.error(403, "FORBIDDEN");
            }
        }
        here.app().refresh(&target.session);
    }
}

fn a_promoted_one_can_at_once(workers: &Stage, spin: &Stage) {
    for (here, there) in [(workers, spin), (spin, workers)] {
        let home = here.firm();
        let person = here.signed(Some(&home), "member");
        let target = here.signed(Some(&home), "member");
        for stage in [here, there] {
            person
                .at(stage)
                .patch(&account(&target), &json!({"tier": "member"}))
                .error(403, "FORBIDDEN");
            stage.app().me(&person.session.access).expect_only(200);
        }
        changed(&here.root().patch(&account(&person), &json!({"role": "admin"})));
        for stage in [there, here] {
            changed(&person.at(stage).patch(&account(&target), &json!({"tier": "member"})));
        }
    }
}

fn a_change_shows_on_the_other_host_within_five_seconds(workers: &Stage, spin: &Stage) {
    for (here, there) in [(workers, spin), (spin, workers)] {
        let person = here.signed(None, "member");
        for stage in [here, there] {
            stage.app().me(&person.session.access).expect_only(200);
        }
        changed(
            &here
                .root()
                .patch(&account(&person), &json!({"role": "mentee", "tier": "member"})),
        );
        let done = |reply: &Reply| {
            reply.status == 200 && reply.json()["user"]["role"] == "mentee" && reply.json()["user"]["tier"] == "member"
        };
        for stage in [here, there] {
            let last = stage.poll(BOUND, || stage.app().me(&person.session.access), done);
            assert!(done(&last), "not within {BOUND:?}\n{last}");
        }
    }
}

fn is_two_flights_at_most(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    for body in [
        json!({"role": "pm"}),
        json!({"tier": "member"}),
        json!({"status": "suspended"}),
    ] {
        let reply = root.patch(&account(&person), &body).expect(200);
        let found = flights(&reply);
        assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
    }
    let refused = person.patch(&account(&root), &json!({"role": "member"}));
    assert!(flights(&refused).sql <= 1, "{refused}");
}
