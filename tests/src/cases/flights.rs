//! The table of flights: how often each operation asks Postgres and Redis.
//!
//! | operation | SQL | KV |
//! |---|---|---|
//! | register | 1 | 1 |
//! | login, known or unknown address alike | 2 | 1 |
//! | me, with a valid access token | 0 (1 when nothing has it at hand) | at most 1, 0 within the bound of 5 s |
//! | refresh | 1 | at most 1 |
//! | logout | 1 | at most 1 |

use serde_json::json;

use crate::actor::{LOGIN, LOGOUT, Person, REFRESH, REGISTER};
use crate::data::Database;
use crate::each;
use crate::http::Reply;
use crate::registry::Case;
use crate::stage::{Host, Stage};
use crate::timing::{Flights, flights};

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        every_reply_reports_its_flights,
        register_is_one_and_one,
        login_is_two_and_one,
        me_is_none_once_it_is_at_hand,
        refresh_is_one,
        logout_is_one,
        what_is_refused_at_the_door_costs_nothing,
    ]
}

/// What needs the stack to itself.
pub(super) fn counted_cases() -> Vec<Case> {
    each![Outage; postgres_counts_as_many]
}

/// What `Server-Timing` says is what the service says of itself. A flight is a transaction, and Postgres counts those.
fn postgres_counts_as_many(stage: &Stage) {
    const TIMES: usize = 20;
    let url = &stage.stack.database_url;
    let app = stage.app();
    let mut sessions: Vec<_> = (0..TIMES).map(|_| stage.somebody().1).collect();
    // Autovacuum has a transaction for each table that it looks after, whenever its minute has come.
    let mut database = stage.database();
    database.execute("ALTER SYSTEM SET autovacuum = off", &[]);
    database.query("SELECT pg_reload_conf()", &[]);
    let before = Database::transactions(url);
    let mut said = 0;
    for session in &mut sessions {
        let refreshed = app.present(&session.refresh);
        *session = refreshed.session_by_token(200);
        let stranger = stage
            .call("POST", LOGIN[0])
            .json(&Person::new().credentials())
            .send()
            .expect(401);
        let me = app.me(&session.access).expect(200);
        let logout = stage.call("POST", LOGOUT[0]).bearer(&session.access).send().expect(204);
        said += [refreshed, stranger, me, logout]
            .iter()
            .map(|reply| i64::from(flights(reply).sql))
            .sum::<i64>();
    }
    let counted = Database::transactions(url) - before;
    database.execute("ALTER SYSTEM RESET autovacuum", &[]);
    database.query("SELECT pg_reload_conf()", &[]);
    // A little of the servers' own may come along, such as whether a pooled connection still lives.
    assert!(
        (said..=said + said / 5).contains(&counted),
        "{counted} transactions, where {said} flights were told of"
    );
}

fn every_reply_reports_its_flights(stage: &Stage) {
    for (method, path) in [
        ("GET", "/healthz"),
        ("GET", "/nothing-here"),
        ("PUT", LOGIN[0]),
        ("POST", LOGOUT[1]),
    ] {
        flights(&stage.call(method, path).send());
    }
}

fn exactly(reply: &Reply, sql: u32, kv: u32) {
    assert_eq!(flights(reply), Flights { sql, kv }, "{reply}");
}

fn at_most_one_kv(reply: &Reply, sql: u32) {
    let found = flights(reply);
    assert!(
        found.sql == sql && found.kv <= 1,
        "{found:?}, expected {sql} SQL and at most one KV\n{reply}"
    );
}

fn register_is_one_and_one(stage: &Stage) {
    for path in REGISTER {
        let person = Person::new();
        let fresh = stage.call("POST", path).json(&person.registration()).send().expect(201);
        exactly(&fresh, 1, 1);
        let taken = stage.call("POST", path).json(&person.registration()).send().expect(409);
        exactly(&taken, 1, 1);
    }
}

fn login_is_two_and_one(stage: &Stage) {
    let (person, session) = stage.somebody();
    for path in LOGIN {
        let send = |email: &str, password: &str| {
            stage
                .call("POST", path)
                .json(&json!({"email": email, "password": password}))
                .send()
        };
        exactly(&send(&person.email, &person.password).expect(200), 2, 1);
        exactly(&send(&person.email, "not the password").expect(401), 2, 1);
        exactly(&send(&Person::new().email, "not the password").expect(401), 2, 1);
    }
    stage.database().set_status(&session.user_id(), "suspended");
    let suspended = stage
        .call("POST", LOGIN[0])
        .json(&person.credentials())
        .send()
        .expect(403);
    assert!(flights(&suspended).sql <= 2, "{suspended}");
}

fn me_is_none_once_it_is_at_hand(stage: &Stage) {
    let (_, session) = stage.somebody();
    let app = stage.app();
    let first = app.me(&session.access).expect(200);
    let found = flights(&first);
    assert!(found.sql <= 1 && found.kv <= 1, "{found:?}\n{first}");
    let asked: Vec<_> = (0..8).map(|_| flights(&app.me(&session.access).expect(200))).collect();
    assert!(asked.iter().all(|found| found.sql <= 1 && found.kv <= 1), "{asked:?}");
    // Wrangler runs one isolate, which was asked just now. A WASI host spreads requests over instances, and each of them
    // has to ask once; it also starts new ones when it likes.
    let at_hand = asked.iter().filter(|found| found.sql == 0).count();
    let expected = if stage.host == Host::Workers { asked.len() } else { 1 };
    assert!(at_hand >= expected, "{asked:?}");
}

fn refresh_is_one(stage: &Stage) {
    let (_, session) = stage.somebody();
    let app = stage.app();
    let rotated = app.present(&session.refresh);
    let next = rotated.session_by_token(200);
    exactly(&rotated, 1, 0);
    // The loser of a race, too: the row that it needs comes in the same flight.
    exactly(&app.present(&session.refresh).expect(200), 1, 0);
    let mut browser = stage.browser();
    browser.jar.insert("doorward_refresh".to_owned(), next.refresh);
    exactly(&browser.send(browser.call("GET", REFRESH[1])).expect(200), 1, 0);
    // One that ends the session, and one that finds it ended.
    exactly(&app.present(&session.refresh).expect(401), 1, 0);
    exactly(&app.present(&session.refresh).expect(401), 1, 0);
}

fn logout_is_one(stage: &Stage) {
    let (_, session) = stage.somebody();
    for _ in 0..2 {
        let reply = stage.call("POST", LOGOUT[0]).bearer(&session.access).send().expect(204);
        let found = flights(&reply);
        assert!(found.sql <= 1 && found.kv <= 1, "{found:?}\n{reply}");
    }
    let mut browser = stage.browser();
    browser.register(&Person::new());
    at_most_one_kv(&browser.send(browser.call("POST", LOGOUT[1])).expect(204), 1);
}

fn what_is_refused_at_the_door_costs_nothing(stage: &Stage) {
    let replies = [
        stage.call("GET", "/nothing-here").send().expect(404),
        stage.call("DELETE", LOGIN[0]).send().expect(405),
        stage.call("POST", LOGIN[0]).body("text/plain", "x").send().expect(415),
        stage
            .call("POST", LOGIN[0])
            .body("application/json", "{")
            .send()
            .expect(400),
        stage
            .call("POST", LOGIN[0])
            .header("sec-fetch-site", "cross-site")
            .json(&json!({}))
            .send()
            .expect(403),
        stage
            .call("POST", LOGIN[0])
            .body("application/json", " ".repeat(70_000))
            .send()
            .expect(413),
        stage.call("GET", "/api/auth/me").send().expect(401),
        stage
            .call("GET", "/api/auth/me")
            .bearer("e30.e30.AA")
            .send()
            .expect(401),
        stage.call("POST", LOGOUT[0]).send().expect(204),
    ];
    for reply in &replies {
        assert_eq!(flights(reply).sql, 0, "{reply}");
    }
}
