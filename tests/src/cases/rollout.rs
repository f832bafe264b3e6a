//! Moving people over while the system that they come from goes on: whom each side answers, what a host passes on and
//! back, and the arrival of those whom only the old one knows.
//!
//! Each case has a host of its own in front of an old system of the case's own.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::actor::Person;
use crate::each;
use crate::http::{Reply, race};
use crate::registry::Case;
use crate::stage::{Stage, Variant};
use crate::stub::{Asked, Stub};

pub(super) fn cases() -> Vec<Case> {
    each![
        Outage;
        the_old_system_answers_in_its_own_words,
        a_percentage_keeps_its_people,
        in_shadow_differences_are_counted,
        who_signs_in_with_the_old_password_is_here,
        sixteen_arrivals_are_one_person,
        those_who_are_here_do_not_notice_that_the_old_system_is_down,
        a_stored_switch_is_moved_and_moved_back,
    ]
}

/// An old system that knows some people, and keeps what it was asked.
struct Old {
    asked: Arc<Mutex<Vec<Asked>>>,
    port: u16,
    stub: Option<Stub>,
}

impl Old {
    fn with(people: &[&Person]) -> Self {
        let port = Stub::free_port();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let known: Vec<(String, String)> = people
            .iter()
            .map(|person| (person.email.to_lowercase(), person.password.clone()))
            .collect();
        let kept = Arc::clone(&asked);
        let stub = Stub::start(port, move |request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            let (email, password) = (text("email").to_lowercase(), text("password"));
            let is_login = request.path == "/old/auth/login";
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            let answer = if !is_login {
                (299, json!({ "said": "by the old system" }))
            } else if known.contains(&(email.clone(), password)) {
                let user = json!({ "id": "old-7", "email": email, "name": "Known There", "isVerified": true });
                (200, json!({ "user": user }))
            } else {
                (401, json!({ "message": "the old system says no" }))
            };
            let cookies = vec![
                ("set-cookie", "old_a=1".to_owned()),
                ("set-cookie", "old_b=2".to_owned()),
            ];
            Some((answer.0, cookies, answer.1.to_string()))
        });
        Self {
            asked,
            port,
            stub: Some(stub),
        }
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn goes_down(&mut self) {
        drop(self.stub.take());
    }

    /// The host in front of it.
    fn behind(&self, stage: &Stage, rollout: &str) -> Stage {
        let url = format!("http://127.0.0.1:{}/old", self.port);
        let name = format!("rollout-{}", self.port);
        stage.another(&name, Variant::Main, &[("LEGACY_AUTH", &url), ("ROLLOUT", rollout)])
    }
}

/// Replies of the old system aren't described by our description, so they are sent unchecked.
fn login(stage: &Stage, person: &Person) -> Reply {
    let call = stage.call("POST", "/api/auth/login").token_mode();
    call.json(&person.credentials()).send_unchecked()
}

fn the_old_system_answers_in_its_own_words(stage: &Stage) {
    let person = Person::new();
    let old = Old::with(&[&person]);
    let stage = old.behind(stage, "off");
    let call = stage.call("POST", "/api/auth/login").json(&person.credentials());
    let reply = call.header("cookie", "old_c=3; doorward_access=ours").send_unchecked();
    reply.expect_only(200);
    assert_eq!(reply.json()["user"]["name"], "Known There");
    assert_eq!(reply.headers("set-cookie").collect::<Vec<_>>(), ["old_a=1", "old_b=2"]);
    let asked = old.asked();
    assert_eq!((asked.len(), asked[0].header("cookie").as_str()), (1, "old_c=3"));
    assert_eq!(
        serde_json::from_slice::<Value>(&asked[0].body).unwrap(),
        person.credentials()
    );

    let reply = stage.call("GET", "/auth/refresh").send_unchecked();
    assert_eq!(
        (reply.status, reply.json()["said"].as_str()),
        (299, Some("by the old system"))
    );
    let asked = old.asked();
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str()),
        ("GET", "/old/auth/refresh")
    );
    assert!(
        stage
            .database()
            .query("SELECT FROM users WHERE email = $1", &[&person.email])
            .is_empty()
    );
}

/// The number of an address as docs/ROLLOUT.md has it, computed by Postgres.
fn number(stage: &Stage, email: &str) -> i64 {
    let sql = "SELECT ('x' || encode(substr(sha256(convert_to(lower($1), 'UTF8')), 1, 4), 'hex'))::bit(32)::bigint";
    let first: i64 = stage.database().query(sql, &[&email])[0].get(0);
    first.rem_euclid(1 << 32) % 100
}

fn a_percentage_keeps_its_people(stage: &Stage) {
    let people: Vec<_> = (0..12).map(|_| Person::new()).collect();
    let old = Old::with(&[]);
    let stage = old.behind(stage, "percent:50");
    for person in &people {
        let reply = stage.call("POST", "/auth/forgot-password");
        let reply = reply
            .json(&json!({ "email": person.email.to_uppercase() }))
            .send_unchecked();
        let is_here = number(&stage, &person.email) < 50;
        assert_eq!(reply.status, if is_here { 202 } else { 299 }, "{}", person.email);
        assert_eq!(old.asked().len(), usize::from(!is_here));
    }
}

fn in_shadow_differences_are_counted(stage: &Stage) {
    let only_there = Person::new();
    let nowhere = Person::new();
    let old = Old::with(&[&only_there]);
    let stage = old.behind(stage, "shadow");
    let count = |outcome: &str| {
        let value: Option<String> = stage
            .cache()
            .hash_field("doorward:rollout", &format!("login:{outcome}"));
        value.map_or(0, |text| text.parse::<i64>().unwrap())
    };
    let (same, different) = (count("same"), count("different"));
    assert_eq!(login(&stage, &nowhere).status, 401);
    assert_eq!((count("same"), count("different")), (same + 1, different));
    assert_eq!(login(&stage, &only_there).status, 200);
    assert_eq!((count("same"), count("different")), (same + 1, different + 1));
    let rows = stage
        .database()
        .query("SELECT FROM users WHERE email = $1", &[&only_there.email]);
    assert!(rows.is_empty(), "a shadow writes nothing");
}

fn who_signs_in_with_the_old_password_is_here(stage: &Stage) {
    let person = Person::new();
    let mut old = Old::with(&[&person]);
    let stage = old.behind(stage, "on");
    let wrong = json!({ "email": person.email, "password": "not the password" });
    let refused = stage.call("POST", "/auth/login").json(&wrong).send();
    refused.expect_only(401);
    let arrived = stage.app().login(&person);
    assert_eq!(arrived.user["name"], "Known There");
    assert_eq!(arrived.user["isVerified"], true);
    assert_eq!(stage.app().me(&arrived.access).status, 200);
    let events = stage.database().query(
        "SELECT details->>'from', details->>'id' FROM events JOIN users ON users.id = user_id
         WHERE email = $1 AND kind = 'user.migrated'",
        &[&person.email],
    );
    assert_eq!(
        (events.len(), events[0].get::<_, &str>(0), events[0].get::<_, &str>(1)),
        (1, "http", "old-7")
    );
    // From now on without the old system.
    old.goes_down();
    stage.app().login(&person);
}

fn sixteen_arrivals_are_one_person(stage: &Stage) {
    let person = Person::new();
    let old = Old::with(&[&person]);
    let stage = old.behind(stage, "on");
    let replies = race(16, |_| login(&stage, &person));
    for reply in &replies {
        reply.expect_only(200);
    }
    let users = stage
        .database()
        .query("SELECT id FROM users WHERE email = $1", &[&person.email]);
    assert_eq!(users.len(), 1);
}

fn those_who_are_here_do_not_notice_that_the_old_system_is_down(stage: &Stage) {
    let (person, session) = stage.somebody();
    let mut old = Old::with(&[]);
    old.goes_down();
    for rollout in ["on", "percent:100"] {
        let stage = old.behind(stage, rollout);
        stage.app().login(&person);
        assert_eq!(stage.app().me(&session.access).status, 200);
        let stranger = login(&stage, &Person::new());
        stranger.expect_only(503);
        assert!(stranger.header("retry-after").is_some());
    }
    let off = old.behind(stage, "off");
    login(&off, &person).expect_only(503);
    // A session that was made here is at home here.
    off.app().refresh(&session);
}

fn a_stored_switch_is_moved_and_moved_back(stage: &Stage) {
    let (person, _) = stage.somebody();
    let old = Old::with(&[]);
    let behind = old.behind(stage, "stored");
    let set = |position: &str| {
        stage.database().execute(
            "INSERT INTO deployment (key, value) VALUES ('rollout', $1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            &[&position],
        );
    };
    let bound = std::time::Duration::from_secs(5);
    for (position, status) in [
        ("off", 401),
        ("on", 200),
        ("percent:0", 401),
        ("percent:100", 200),
        ("shadow", 401),
    ] {
        set(position);
        let reply = behind.poll(bound, || login(&behind, &person), |reply| reply.status == status);
        assert_eq!(reply.status, status, "{position}");
    }
    stage
        .database()
        .execute("DELETE FROM deployment WHERE key = 'rollout'", &[]);
}
