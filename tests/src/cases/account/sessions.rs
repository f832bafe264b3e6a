//! `GET`, `DELETE /api/auth/sessions` and `DELETE /api/auth/sessions/{id}`.

use std::time::Duration;

use serde_json::Value;

use super::{SESSIONS, are_over};
use crate::actor::{LOGIN, Person};
use crate::each;
use crate::http::Reply;
use crate::registry::Case;
use crate::shape::{Session, is_time, is_uuid, keys_are, text};
use crate::stage::{Host, Stage};

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        lists_ones_own_in_the_documented_shape,
        the_last_used_comes_first,
        says_where_from,
        what_is_over_is_not_listed,
        one_can_be_ended,
        a_foreign_or_unknown_one_is_404,
        all_others_can_be_ended,
        this_one_can_be_ended,
        many_are_all_ended,
        without_a_session_it_is_401,
    ]
}

fn list(stage: &Stage, access: &str) -> Vec<Value> {
    let reply = stage.call("GET", SESSIONS).bearer(access).send().expect(200);
    listed(&reply)
}

fn listed(reply: &Reply) -> Vec<Value> {
    let body = reply.json();
    keys_are(&body, &["sessions"]);
    let sessions = body["sessions"].as_array().expect("an array").clone();
    for session in &sessions {
        keys_are(
            session,
            &["id", "createdAt", "lastUsedAt", "ip", "userAgent", "current"],
        );
        assert!(is_uuid(&text(session, "id")), "{session}");
        assert!(
            is_time(&text(session, "createdAt")) && is_time(&text(session, "lastUsedAt")),
            "{session}"
        );
        assert!(session["current"].is_boolean(), "{session}");
        for name in ["ip", "userAgent"] {
            assert!(session[name].is_null() || session[name].is_string(), "{session}");
        }
    }
    sessions
}

fn ids(sessions: &[Value]) -> Vec<String> {
    sessions.iter().map(|session| text(session, "id")).collect()
}

fn end(stage: &Stage, access: &str, id: &str) -> Reply {
    stage.call("DELETE", &format!("{SESSIONS}/{id}")).bearer(access).send()
}

fn lists_ones_own_in_the_documented_shape(stage: &Stage) {
    let (person, first) = stage.somebody();
    let second = stage.app().login(&person);
    stage.somebody();
    for session in [&first, &second] {
        let found = list(stage, &session.access);
        assert_eq!(found.len(), 2);
        let current: Vec<_> = found.iter().filter(|one| one["current"] == true).collect();
        assert_eq!(current.len(), 1, "one is this one: {found:?}");
        assert_eq!(current[0]["id"], session.session_id());
        let mut ids = ids(&found);
        ids.sort();
        let mut expected = vec![first.session_id(), second.session_id()];
        expected.sort();
        assert_eq!(ids, expected);
        // No secret, not even its hash.
        let all = Value::from(found).to_string();
        assert!(!all.contains("v1.") && !all.to_lowercase().contains("hash"), "{all}");
    }
    // With cookies it is the same list.
    let mut browser = stage.browser();
    let third = browser.login(&person);
    let reply = browser.call("GET", SESSIONS).send().expect(200);
    let found = listed(&reply);
    assert_eq!(found.len(), 3);
    assert!(
        found
            .iter()
            .all(|one| (one["id"] == third.session_id()) == (one["current"] == true))
    );
    let control = reply.header("cache-control").unwrap_or_default();
    assert!(control.contains("no-store"), "{reply}");
}

fn the_last_used_comes_first(stage: &Stage) {
    let (person, first) = stage.somebody();
    let second = stage.app().login(&person);
    let third = stage.app().login(&person);
    let mut database = stage.database();
    for (session, ago) in [(&first, 300), (&second, 200), (&third, 100)] {
        database.age_session(&session.session_id(), ago);
    }
    let order = |access: &str| ids(&list(stage, access));
    assert_eq!(
        order(&first.access),
        [third.session_id(), second.session_id(), first.session_id()]
    );
    let first = stage.app().refresh(&first);
    assert_eq!(
        order(&third.access),
        [first.session_id(), third.session_id(), second.session_id()]
    );
}

fn says_where_from(stage: &Stage) {
    let person = Person::new();
    stage.app().register(&person);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let sign_in = |agent: &str| {
        let call = stage.call("POST", LOGIN[0]).token_mode().header("user-agent", agent);
        call.json(&person.credentials()).send().session_by_token(200)
    };
    let session = sign_in(agent);
    let found = list(stage, &session.access);
    let this = found.iter().find(|one| one["current"] == true).expect("this one");
    assert_eq!(this["userAgent"], agent);
    if stage.host == Host::Workers {
        assert_eq!(this["ip"], "127.0.0.1");
    }
    // What a client says of itself may be anything, of any length.
    let long = sign_in(&"x".repeat(4000));
    let found = list(stage, &long.access);
    let this = found.iter().find(|one| one["current"] == true).expect("this one");
    let kept = text(this, "userAgent");
    assert!(!kept.is_empty() && kept.len() <= 1024, "{} characters", kept.len());
}

fn what_is_over_is_not_listed(stage: &Stage) {
    let (person, session) = stage.somebody();
    let app = stage.app();
    let (ended, expired) = (app.login(&person), app.login(&person));
    app.logout(&ended);
    stage.database().age_session(&expired.session_id(), 24 * 3600 + 1);
    assert_eq!(ids(&list(stage, &session.access)), [session.session_id()]);
}

fn one_can_be_ended(stage: &Stage) {
    let (person, session) = stage.somebody();
    let (other, third) = (stage.app().login(&person), stage.app().login(&person));
    stage.app().me(&other.access).expect_only(200);
    let reply = end(stage, &session.access, &other.session_id()).expect(204);
    assert!(reply.body.is_empty(), "{reply}");
    stage.app().present(&other.refresh).error(401, "SESSION_REVOKED");
    are_over(stage, std::slice::from_ref(&other));
    assert_eq!(list(stage, &session.access).len(), 2);
    stage.app().refresh(&third);
    // Again: it isn't in the list any more. Either reading of that; the others stay.
    let again = end(stage, &session.access, &other.session_id());
    assert!([204, 404].contains(&again.status), "{again}");
    assert_eq!(list(stage, &session.access).len(), 2);
}

fn a_foreign_or_unknown_one_is_404(stage: &Stage) {
    let (_, session) = stage.somebody();
    let (_, foreign) = stage.somebody();
    let unknown = "01890000-0000-7000-8000-000000000000";
    let for_foreign = end(stage, &session.access, &foreign.session_id());
    let for_unknown = end(stage, &session.access, unknown);
    for_foreign.error_shape();
    assert_eq!((for_foreign.status, for_unknown.status), (404, 404), "{for_foreign}");
    assert_eq!(
        for_foreign.text(),
        for_unknown.text(),
        "nobody learns which ids there are"
    );
    stage.app().refresh(&foreign);
    for nonsense in ["x", "1", "%27", "me", &"0".repeat(300)] {
        let reply = end(stage, &session.access, nonsense);
        assert_eq!(reply.status, 404, "{reply}");
        reply.error_shape();
    }
    assert_eq!(list(stage, &session.access).len(), 1);
}

fn all_others_can_be_ended(stage: &Stage) {
    let (person, session) = stage.somebody();
    let others: Vec<_> = (0..3).map(|_| stage.app().login(&person)).collect();
    let (_, bystander) = stage.somebody();
    let reply = stage.call("DELETE", SESSIONS).bearer(&session.access).send();
    reply.expect_only(204);
    assert_eq!(ids(&list(stage, &session.access)), [session.session_id()]);
    are_over(stage, &others);
    let next = stage.app().refresh(&session);
    stage.app().me(&next.access).expect_only(200);
    stage.app().refresh(&bystander);
    // With nothing left to end it is the same answer.
    let reply = stage.call("DELETE", SESSIONS).bearer(&next.access).send();
    reply.expect_only(204);
}

fn this_one_can_be_ended(stage: &Stage) {
    let (person, session) = stage.somebody();
    let other = stage.app().login(&person);
    end(stage, &session.access, &session.session_id()).expect_only(204);
    are_over(stage, &[session]);
    stage.app().refresh(&other);
}

fn many_are_all_ended(stage: &Stage) {
    // Not only those of the first page of a list.
    let (person, session) = stage.somebody();
    stage.database().execute(
        "INSERT INTO sessions (id, user_id, token_hash, rotated_at, created_at, last_used_at, expires_at)
         SELECT gen_random_uuid(), $1::text::uuid, encode(sha256(gen_random_uuid()::text::bytea), 'hex'),
                now(), now(), now(), now() + interval '1 day'
         FROM generate_series(1, 250)",
        &[&session.user_id()],
    );
    let other: Session = stage.app().login(&person);
    stage
        .call("DELETE", SESSIONS)
        .bearer(&session.access)
        .send()
        .expect_only(204);
    let living = stage.database().living_sessions(&session.user_id());
    assert_eq!(living, [session.session_id()]);
    are_over(stage, &[other]);
}

fn without_a_session_it_is_401(stage: &Stage) {
    let (person, session) = stage.somebody();
    let one = format!("{SESSIONS}/{}", session.session_id());
    for (method, path) in [("GET", SESSIONS), ("DELETE", SESSIONS), ("DELETE", &one)] {
        stage.call(method, path).send().error(401, "UNAUTHENTICATED");
        let call = stage.call(method, path).bearer(&session.refresh);
        call.send().error(401, "UNAUTHENTICATED");
    }
    assert_eq!(list(stage, &session.access).len(), 1);
    // A revoked one lists nothing once the bound has passed.
    let other = stage.app().login(&person);
    stage.app().me(&other.access).expect_only(200);
    stage.app().logout(&other);
    let ask = || stage.call("GET", SESSIONS).bearer(&other.access).send();
    let last = stage.poll(Duration::from_secs(5), ask, |reply| reply.status == 401);
    last.error(401, "UNAUTHENTICATED");
}
