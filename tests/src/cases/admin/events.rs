//! `GET /api/admin/events?user=&kind=&cursor=&limit=`.

use std::collections::BTreeSet;

use serde_json::json;

use super::{EVENTS, account};
use crate::each;
use crate::people::{page, refuses_bad_paging, walk};
use crate::registry::Case;
use crate::shape::{is_time, is_uuid, text};
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        tells_of_a_user_newest_first,
        filters_by_kind,
        pages_without_a_gap_while_events_come,
        holds_its_bounds,
        a_cursor_is_for_its_own_list,
        is_for_admins,
        an_admin_of_a_firm_reads_of_its_own_people_only,
        tells_no_secret,
        is_two_flights_at_most,
    ]
}

fn tells_of_a_user_newest_first(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    for tier in ["member", "free", "member"] {
        root.patch(&account(&person), &json!({ "tier": tier })).expect_only(200);
    }
    let (events, next) = page(&root.get(&format!("{EVENTS}?user={}", person.id())), "events");
    assert_eq!(next, None);
    let tiers: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == "user.tier_changed")
        .map(|event| text(&event["details"]["after"], "tier"))
        .collect();
    assert_eq!(tiers, ["member", "free", "member"]);
    let times: Vec<_> = events.iter().map(|event| text(event, "createdAt")).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    for event in &events {
        assert_eq!(event["userId"], person.id(), "{event}");
        assert!(
            is_uuid(&text(event, "id")) && is_time(&text(event, "createdAt")),
            "{event}"
        );
        assert!(
            ["success", "failure"].contains(&text(event, "outcome").as_str()),
            "{event}"
        );
        assert!(event["details"].is_object(), "{event}");
    }
}

fn filters_by_kind(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    root.patch(&account(&person), &json!({"tier": "member"}))
        .expect_only(200);
    for (kind, count) in [("session.created", 1), ("user.tier_changed", 1), ("password.reset", 0)] {
        let path = format!("{EVENTS}?user={}&kind={kind}", person.id());
        let (events, _) = page(&root.get(&path), "events");
        assert_eq!(events.len(), count, "{kind}: {events:?}");
        assert!(events.iter().all(|event| event["kind"] == kind), "{events:?}");
    }
    let (none, _) = page(&root.get(&format!("{EVENTS}?kind=no.such.kind")), "events");
    assert!(none.is_empty(), "{none:?}");
    for bad in ["%00", "a%00b", &"a".repeat(5000)] {
        root.get(&format!("{EVENTS}?kind={bad}&limit=0"))
            .invalid(&["kind", "limit"]);
    }
}

fn pages_without_a_gap_while_events_come(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    let mut database = stage.database();
    // As many as in one moment: only the id tells them apart.
    let add = "INSERT INTO events (id, user_id, kind, outcome, created_at)
               SELECT gen_random_uuid(), $1::text::uuid, 'user.updated', 'success',
                      date_trunc('second', now() - interval '1 hour') - (n / 5) * interval '1 second'
               FROM generate_series(1, $2::int4) AS n RETURNING id::text";
    let there: BTreeSet<String> = database
        .query(add, &[&person.id(), &23])
        .iter()
        .map(|row| row.get(0))
        .collect();
    for limit in [1, 4, 23, 100] {
        let path = format!("{EVENTS}?user={}&kind=user.updated", person.id());
        let more = "INSERT INTO events (id, user_id, kind, outcome, created_at)
                    VALUES (gen_random_uuid(), $1::text::uuid, 'user.updated', 'success', now() + interval '1 hour')";
        let found = walk(&root, &path, "events", limit, || {
            database.execute(more, &[&person.id()]);
        });
        let distinct: BTreeSet<_> = found.iter().cloned().collect();
        assert_eq!(distinct.len(), found.len(), "one is there twice, by {limit}");
        assert!(there.is_subset(&distinct), "one is missing, by {limit}");
    }
}

fn holds_its_bounds(stage: &Stage) {
    let root = stage.root();
    refuses_bad_paging(&root, EVENTS);
    root.get(&format!("{EVENTS}?user=01890000-0000-7000-8000-000000000000"))
        .error(404, "USER_NOT_FOUND");
    for bad in ["x", "%00", "01890000"] {
        let reply = root.get(&format!("{EVENTS}?user={bad}"));
        assert!([400, 404].contains(&reply.status), "{reply}");
        reply.error_shape();
    }
}

/// A cursor says where to go on, not what one may see.
fn a_cursor_is_for_its_own_list(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let (admin, rival) = (stage.signed(Some(&home), "admin"), stage.signed(Some(&other), "admin"));
    for _ in 0..3 {
        stage.app().login(&admin.person);
    }
    let (_, cursor) = page(&admin.get(&format!("{EVENTS}?limit=1")), "events");
    let reply = rival.get(&format!("{EVENTS}?limit=100&cursor={}", cursor.expect("more events")));
    if reply.status == 200 {
        for event in page(&reply, "events").0 {
            assert_ne!(event["userId"], admin.id(), "{event}");
        }
    } else {
        reply.invalid(&["cursor"]);
    }
}

fn is_for_admins(stage: &Stage) {
    let home = stage.firm();
    stage.call("GET", EVENTS).send().error(401, "UNAUTHENTICATED");
    for role in ["pm", "mentor", "mentee", "member"] {
        for firm in [Some(&home), None] {
            let person = stage.signed(firm, role);
            for path in [EVENTS.to_owned(), format!("{EVENTS}?user={}", person.id())] {
                person.get(&path).error(403, "FORBIDDEN");
            }
        }
    }
}

fn an_admin_of_a_firm_reads_of_its_own_people_only(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let admin = stage.signed(Some(&home), "admin");
    let own = stage.signed(Some(&home), "member");
    let strangers = [
        stage.signed(Some(&other), "member"),
        stage.signed(None, "member"),
        stage.root(),
    ];
    let (events, _) = page(&admin.get(&format!("{EVENTS}?limit=100")), "events");
    let about: BTreeSet<_> = events.iter().map(|event| text(event, "userId")).collect();
    assert_eq!(about, BTreeSet::from([admin.id(), own.id()]));
    for stranger in &strangers {
        admin
            .get(&format!("{EVENTS}?user={}", stranger.id()))
            .error(404, "USER_NOT_FOUND");
    }
}

fn tells_no_secret(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    let next = stage.app().refresh(&person.session);
    stage.app().present("v1.AAAA").expect_only(401);
    let reply = root.get(&format!("{EVENTS}?user={}", person.id())).expect(200);
    let hash = stage.database().password_hash(&person.id()).expect("a hash");
    for secret in [
        &person.person.password,
        &hash,
        &next.access,
        &next.refresh,
        &person.session.refresh,
    ] {
        assert!(!reply.text().contains(secret.as_str()), "{reply}");
    }
    for row in stage.database().sessions(&person.id()) {
        assert!(!reply.text().contains(&row.token_hash), "{reply}");
    }
}

fn is_two_flights_at_most(stage: &Stage) {
    let root = stage.root();
    for path in [
        EVENTS.to_owned(),
        format!("{EVENTS}?user={}&kind=session.created", root.id()),
    ] {
        let reply = root.get(&path).expect(200);
        let found = flights(&reply);
        assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
    }
}
