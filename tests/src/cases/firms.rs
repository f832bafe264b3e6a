//! `GET, POST /api/firms` and `PATCH /api/firms/{id}`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::admin::last_event;
use crate::actor::{Person, REGISTER};
use crate::each;
use crate::http::{Reply, race};
use crate::jwt::random_hex;
use crate::people::{Signed, page, refuses_bad_paging, walk};
use crate::registry::Case;
use crate::shape::{is_time, is_uuid, keys_are, text};
use crate::stage::Stage;
use crate::timing::flights;

const FIRMS: &str = "/api/firms";

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        an_admin_makes_renames_and_closes_one,
        names_every_failing_field_at_once,
        a_slug_is_taken_once,
        sixteen_at_once_with_one_slug,
        one_that_is_not_there_is_404,
        is_for_admins,
        a_firms_admin_sees_and_changes_its_own_only,
        a_closed_one_takes_nobody_in,
        the_list_has_each_once,
        the_list_holds_its_bounds,
        is_one_flight_or_two,
    ]
}

fn slug() -> String {
    format!("house-{}", random_hex::<6>())
}

fn make(admin: &Signed, slug: &str, name: &str) -> Reply {
    admin.post(FIRMS, &json!({"slug": slug, "name": name}))
}

/// The firm of an answer of exactly `{firm}`.
fn firm(reply: &Reply, status: u16) -> Value {
    reply.expect_only(status);
    let body = reply.json();
    keys_are(&body, &["firm"]);
    is_firm(&body["firm"]);
    body["firm"].clone()
}

fn is_firm(value: &Value) {
    keys_are(value, &["id", "slug", "name", "status", "createdAt", "updatedAt"]);
    assert!(is_uuid(&text(value, "id")), "{value}");
    assert!(
        ["active", "inactive"].contains(&text(value, "status").as_str()),
        "{value}"
    );
    for name in ["createdAt", "updatedAt"] {
        assert!(is_time(&text(value, name)), "{value}");
    }
}

fn an_admin_makes_renames_and_closes_one(stage: &Stage) {
    let root = stage.root();
    let slug_ = slug();
    let made = firm(&make(&root, &slug_, "A House of Doors"), 201);
    assert_eq!(
        (&made["slug"], &made["name"], &made["status"]),
        (&json!(slug_), &json!("A House of Doors"), &json!("active"))
    );
    let path = format!("{FIRMS}/{}", text(&made, "id"));
    let event = last_event(&root, "firm.created");
    assert_eq!(event["actorId"], root.id(), "{event}");
    let closed = json!({"slug": slug(), "name": "A Closed House", "status": "inactive"});
    assert_eq!(firm(&root.post(FIRMS, &closed), 201)["status"], "inactive");
    // Each field by itself, and the others stay.
    let other = slug();
    let mut expected = made.clone();
    for (field, value) in [
        ("name", "Another House"),
        ("slug", other.as_str()),
        ("status", "inactive"),
        ("status", "active"),
    ] {
        let before = expected[field].clone();
        let changed = firm(&root.patch(&path, &json!({ field: value })), 200);
        expected[field] = json!(value);
        expected["updatedAt"] = changed["updatedAt"].clone();
        assert_eq!(changed, expected);
        assert!(text(&changed, "updatedAt") >= text(&made, "updatedAt"));
        let event = last_event(&root, "firm.updated");
        assert_eq!(event["details"]["before"][field], before, "{event}");
        assert_eq!(event["details"]["after"][field], value, "{event}");
    }
    let all = firm(
        &root.patch(&path, &json!({"name": "Three", "slug": slug_, "status": "inactive"})),
        200,
    );
    assert_eq!(
        (&all["slug"], &all["name"], &all["status"]),
        (&json!(slug_), &json!("Three"), &json!("inactive"))
    );
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let root = stage.root();
    root.post(FIRMS, &json!({})).invalid(&["slug", "name"]);
    root.post(FIRMS, &json!({"slug": 5, "name": []}))
        .invalid(&["slug", "name"]);
    for bad in ["", "No Slug", "-a", "a-", "ü", "a_b", &"a".repeat(64), "a\u{0}"] {
        root.post(FIRMS, &json!({"slug": bad, "name": "A House"}))
            .invalid(&["slug"]);
    }
    for bad in ["", " ", "a\u{0}b", &"a".repeat(10_000)] {
        root.post(FIRMS, &json!({"slug": slug(), "name": bad}))
            .invalid(&["name"]);
    }
    let path = format!("{FIRMS}/{}", stage.firm().id);
    root.patch(&path, &json!({"slug": "No Slug", "name": "", "status": "asleep"}))
        .invalid(&["slug", "name", "status"]);
    let before = firm(&root.patch(&path, &json!({})), 200);
    let nothing = firm(
        &root.patch(&path, &json!({"slug": null, "name": null, "status": null})),
        200,
    );
    for name in ["slug", "name", "status"] {
        assert_eq!(nothing[name], before[name]);
    }
}

fn a_slug_is_taken_once(stage: &Stage) {
    let root = stage.root();
    let (taken, other) = (stage.firm(), stage.firm());
    make(&root, &taken.slug, "A House").error(409, "SLUG_TAKEN");
    let path = format!("{FIRMS}/{}", other.id);
    root.patch(&path, &json!({"slug": taken.slug})).error(409, "SLUG_TAKEN");
    // One's own is no other's.
    firm(&root.patch(&path, &json!({"slug": other.slug})), 200);
}

fn sixteen_at_once_with_one_slug(stage: &Stage) {
    let root = stage.root();
    let slug = slug();
    let replies = race(16, |_| make(&root, &slug, "A House"));
    let made: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(made.len(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        reply.error(409, "SLUG_TAKEN");
    }
}

fn one_that_is_not_there_is_404(stage: &Stage) {
    let root = stage.root();
    let nobody = format!("{FIRMS}/01890000-0000-7000-8000-000000000000");
    root.patch(&nobody, &json!({"name": "A House"}))
        .error(404, "FIRM_NOT_FOUND");
    for bad in ["x", "%00", "01890000-0000-7000-8000-00000000000", &"9".repeat(500)] {
        let reply = root.patch(&format!("{FIRMS}/{bad}"), &json!({"name": "A House"}));
        reply.expect_only(404);
        reply.error_shape();
    }
}

fn is_for_admins(stage: &Stage) {
    let home = stage.firm();
    let path = format!("{FIRMS}/{}", home.id);
    let body = json!({"slug": slug(), "name": "A House"});
    for reply in [
        stage.call("GET", FIRMS).send(),
        stage.call("POST", FIRMS).json(&body).send(),
        stage.call("PATCH", &path).json(&json!({"name": "Mine"})).send(),
    ] {
        reply.error(401, "UNAUTHENTICATED");
    }
    for role in ["pm", "mentor", "mentee", "member"] {
        for firm in [Some(&home), None] {
            let person = stage.signed(firm, role);
            for reply in [
                person.get(FIRMS),
                person.post(FIRMS, &body),
                person.patch(&path, &json!({"name": "Mine"})),
            ] {
                reply.error(403, "FORBIDDEN");
            }
        }
    }
    let name = "SELECT name FROM firms WHERE id = $1::text::uuid";
    assert_eq!(
        stage.database().query(name, &[&home.id])[0].get::<_, String>(0),
        home.slug
    );
}

fn a_firms_admin_sees_and_changes_its_own_only(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let admin = stage.signed(Some(&home), "admin");
    let (seen, next) = page(&admin.get(FIRMS), "firms");
    assert_eq!(
        seen.iter().map(|firm| text(firm, "id")).collect::<Vec<_>>(),
        std::slice::from_ref(&home.id)
    );
    assert_eq!(next, None);
    make(&admin, &slug(), "A House").error(403, "FORBIDDEN");
    let (own, foreign) = (format!("{FIRMS}/{}", home.id), format!("{FIRMS}/{}", other.id));
    let named = firm(&admin.patch(&own, &json!({"name": "Our House"})), 200);
    assert_eq!(named["name"], "Our House");
    for body in [
        json!({"slug": slug()}),
        json!({"status": "inactive"}),
        json!({"name": "Our House", "status": "active"}),
    ] {
        let changed = firm(&admin.patch(&own, &body), 200);
        for (field, value) in body.as_object().unwrap() {
            assert_eq!(&changed[field], value);
        }
    }
    for body in [
        json!({"name": "Theirs"}),
        json!({"slug": slug()}),
        json!({"status": "inactive"}),
    ] {
        admin.patch(&foreign, &body).error(404, "FIRM_NOT_FOUND");
    }
    let query = "SELECT name FROM firms WHERE id IN ($1::text::uuid, $2::text::uuid) ORDER BY name = 'Our House' DESC";
    let stored: Vec<String> = stage
        .database()
        .query(query, &[&home.id, &other.id])
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(stored, ["Our House".to_owned(), other.slug]);
}

fn a_closed_one_takes_nobody_in(stage: &Stage) {
    let (root, home) = (stage.root(), stage.firm());
    let join = || {
        let mut body = Person::new().registration();
        body["firmSlug"] = json!(home.slug);
        stage.call("POST", REGISTER[0]).token_mode().json(&body).send()
    };
    join().session_by_token(201);
    let path = format!("{FIRMS}/{}", home.id);
    firm(&root.patch(&path, &json!({"status": "inactive"})), 200);
    join().invalid(&["firmSlug"]);
    firm(&root.patch(&path, &json!({"status": "active"})), 200);
    join().session_by_token(201);
}

fn the_list_has_each_once(stage: &Stage) {
    let root = stage.root();
    let mine: BTreeSet<_> = (0..7).map(|_| stage.firm().id).collect();
    // Others make firms meanwhile, and so does this case.
    let found = walk(&root, FIRMS, "firms", 20, || drop(stage.firm()));
    let distinct: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(distinct.len(), found.len(), "one is there twice");
    assert!(mine.is_subset(&distinct), "one is missing");
    let (firms, _) = page(&root.get(FIRMS), "firms");
    assert!((7..=20).contains(&firms.len()));
    firms.iter().for_each(is_firm);
}

fn the_list_holds_its_bounds(stage: &Stage) {
    refuses_bad_paging(&stage.root(), FIRMS);
}

fn is_one_flight_or_two(stage: &Stage) {
    let root = stage.root();
    let made = make(&root, &slug(), "A House").expect(201);
    let id = text(&made.json()["firm"], "id");
    let renamed = root
        .patch(&format!("{FIRMS}/{id}"), &json!({"name": "Another"}))
        .expect(200);
    let listed = root.get(FIRMS).expect(200);
    for (reply, most) in [(&made, 2), (&renamed, 2), (&listed, 2)] {
        let found = flights(reply);
        assert!(found.sql <= most && found.kv <= 1, "{found:?}\n{reply}");
    }
}
