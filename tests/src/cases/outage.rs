//! Services that die or fall silent in the middle, and come back.
//!
//! Valkey only makes things faster: without it everything goes on. Without Postgres the answer is 503 at once, except
//! where a cached one is right. Nothing hangs, nothing is lost, and all is well when it returns.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::actor::{LOGIN, LOGOUT, ME, Person, REFRESH, REGISTER};
use crate::each;
use crate::http::{Call, Reply, race};
use crate::registry::Case;
use crate::shape::Session;
use crate::stage::{Stage, Variant};
use crate::timing::flights;

/// No answer may take longer, whatever is down. The statement timeout is 5 seconds; a hash and a queue come on top.
const PROMPT: Duration = Duration::from_secs(15);
/// In this time a host has found a service that came back.
const RECOVERY: Duration = Duration::from_secs(20);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Outage;
        without_valkey_everything_goes_on,
        with_a_silent_valkey_everything_goes_on,
        valkey_dies_in_the_middle_of_a_crowd,
        without_postgres_it_is_503_at_once,
        with_a_silent_postgres_it_is_503_in_time,
        with_a_locked_table_it_is_503_in_time,
        postgres_dies_in_the_middle_of_a_crowd,
        without_the_gateway_nothing_hangs,
    ];
    cases.extend(each![Limited; without_valkey_there_are_still_limits]);
    cases
}

/// Puts things right when the case ends, also when it fails: the next one wants a whole stack.
struct Repair<'a> {
    stage: &'a Stage,
    stopped: Vec<String>,
}

impl<'a> Repair<'a> {
    /// Starts from a host that has everything at hand again, whatever was down in the case before.
    fn of(stage: &'a Stage) -> Self {
        let whole = |reply: &Reply| reply.status == 200 && flights(reply).kv > 0;
        let ready = crate::stage::poll(RECOVERY, || stage.call("GET", "/readyz").send(), whole);
        assert!(whole(&ready), "{ready}");
        Self {
            stage,
            stopped: Vec::new(),
        }
    }

    /// Stops processes without ending them: connections stay open, and silent.
    fn freeze(&mut self, pids: Vec<String>) {
        assert!(!pids.is_empty(), "nothing to freeze");
        signal("-STOP", &pids);
        self.stopped = pids;
    }

    fn thaw(&mut self) {
        if !self.stopped.is_empty() {
            signal("-CONT", &self.stopped);
            self.stopped.clear();
        }
    }
}

impl Drop for Repair<'_> {
    fn drop(&mut self) {
        self.thaw();
        self.stage.stack.disturb(|services| {
            if !services.postgres.is_running() {
                services.postgres.start().expect("Postgres starts again");
            }
            if !services.valkey.is_running() {
                services.valkey.start().expect("Valkey starts again");
            }
            if !services.gateway.is_running() {
                services.gateway.start().expect("the gateway starts again");
            }
        });
    }
}

fn signal(name: &str, pids: &[String]) {
    // Some may have ended since they were listed: their answer isn't awaited by anybody.
    Command::new("kill")
        .arg(name)
        .args(pids)
        .status()
        .expect("kill(1) is there");
}

fn prompt(reply: Reply) -> Reply {
    assert!(reply.took < PROMPT, "took {} ms\n{reply}", reply.took.as_millis());
    reply
}

fn ask(call: Call) -> Reply {
    prompt(call.send())
}

fn unavailable(reply: &Reply) {
    reply.error(503, "UNAVAILABLE");
    let after = reply
        .header("retry-after")
        .unwrap_or_else(|| panic!("503 without Retry-After\n{reply}"));
    assert!(
        after.parse::<u64>().is_ok_and(|seconds| (1..=3600).contains(&seconds)),
        "{reply}"
    );
    assert!(reply.cookies().is_empty(), "{reply}");
}

/// What `readyz` says of the dependencies, less what changes by itself.
fn state(reply: &Reply) -> (u16, String) {
    let mut body = reply.json();
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.as_str().is_some_and(crate::shape::is_time));
    }
    (reply.status, body.to_string())
}

/// Asks until the answer is 200, within the time for recovery.
fn recovers(call: impl Fn() -> Call) -> Reply {
    crate::stage::poll(RECOVERY, || call().send(), |reply| reply.status == 200).expect(200)
}

/// The whole life of a session, each step in good time.
fn lives(stage: &Stage, person: &Person, old: &Session) {
    let app = stage.app();
    let newcomer = Person::new();
    ask(app.call("POST", REGISTER[0]).json(&newcomer.registration())).session_by_token(201);
    let session = ask(app.call("POST", LOGIN[0]).json(&person.credentials())).session_by_token(200);
    prompt(app.me(&session.access)).expect_only(200);
    prompt(app.me(&old.access)).expect_only(200);
    let next = prompt(app.present(&session.refresh)).session_by_token(200);
    ask(stage.call("POST", LOGOUT[0]).bearer(&next.access)).expect_only(204);
    prompt(app.present(&next.refresh)).error(401, "SESSION_REVOKED");
    let wrong = json!({"email": person.email, "password": "not the password"});
    ask(stage.call("POST", LOGIN[0]).json(&wrong)).error(401, "INVALID_CREDENTIALS");
    // Signed out is signed out within the bound, with or without the cache.
    let last = stage.poll(
        Duration::from_secs(5),
        || app.me(&next.access),
        |reply| reply.status == 401,
    );
    last.error(401, "UNAUTHENTICATED");
}

fn without_valkey_everything_goes_on(stage: &Stage) {
    let (person, session) = stage.somebody();
    let _repair = Repair::of(stage);
    let healthy = state(&recovers(|| stage.call("GET", "/readyz")));
    stage.stack.disturb(|services| services.valkey.kill());
    lives(stage, &person, &session);
    ask(stage.call("GET", "/healthz")).expect_only(200);
    let ready = crate::stage::poll(
        RECOVERY,
        || ask(stage.call("GET", "/readyz")),
        |reply| state(reply) != healthy,
    );
    assert_ne!(state(&ready), healthy, "readyz says what is down\n{ready}");
    // Without it everything works, so that the host is to be sent requests.
    ready.expect_only(200);
    stage
        .stack
        .disturb(|services| services.valkey.start())
        .expect("Valkey starts again");
    let ready = crate::stage::poll(
        RECOVERY,
        || ask(stage.call("GET", "/readyz")),
        |reply| state(reply) == healthy,
    );
    assert_eq!(state(&ready), healthy, "readyz says that it is back\n{ready}");
    lives(stage, &person, &session);
}

fn with_a_silent_valkey_everything_goes_on(stage: &Stage) {
    let (person, session) = stage.somebody();
    let pid = stage.cache().process_id();
    let mut repair = Repair::of(stage);
    repair.freeze(vec![pid]);
    lives(stage, &person, &session);
    repair.thaw();
    lives(stage, &person, &session);
}

fn valkey_dies_in_the_middle_of_a_crowd(stage: &Stage) {
    let (person, _) = stage.somebody();
    let _repair = Repair::of(stage);
    let replies = race(13, |index| {
        if index == 0 {
            std::thread::sleep(Duration::from_millis(150));
            stage.stack.disturb(|services| services.valkey.kill());
            return Vec::new();
        }
        (0..4)
            .map(|_| ask(stage.call("POST", LOGIN[0]).token_mode().json(&person.credentials())))
            .collect()
    });
    for reply in replies.iter().flatten() {
        reply.session_by_token(200);
    }
    assert_eq!(replies.iter().flatten().count(), 48);
}

fn without_valkey_there_are_still_limits(stage: &Stage) {
    // By counters in each instance: coarser, but there. On a host of its own, where nobody before left many instances behind
    // that take turns.
    let stage = &stage.another("without-valkey", Variant::Limited, &[]);
    let (person, _) = stage.somebody();
    let _repair = Repair::of(stage);
    stage.stack.disturb(|services| services.valkey.kill());
    let wrong = json!({"email": person.email, "password": "not the password"});
    // An instance of Wasmtime's answers 128 requests, and more than one may take turns.
    let limited = (0..600).any(|_| {
        let reply = ask(stage.call("POST", LOGIN[0]).json(&wrong));
        assert!([401, 429].contains(&reply.status), "{reply}");
        reply.status == 429
    });
    assert!(limited, "600 attempts, and none was limited");
}

/// What has to be 503 while Postgres doesn't answer, and what must go on.
fn postgres_is_missing(stage: &Stage, person: &Person, session: &Session) {
    let app = stage.app();
    unavailable(&ask(stage.call("POST", LOGIN[0]).json(&person.credentials())));
    unavailable(&ask(stage.call("POST", LOGIN[1]).json(&Person::new().credentials())));
    unavailable(&ask(stage
        .call("POST", REGISTER[0])
        .json(&Person::new().registration())));
    unavailable(&prompt(app.present(&session.refresh)));
    let cookie = format!("doorward_refresh={}", session.refresh);
    unavailable(&ask(stage.call("GET", REFRESH[0]).header("cookie", cookie)));
    // It can't be said that the session is revoked, so it isn't said.
    unavailable(&ask(stage.call("POST", LOGOUT[0]).bearer(&session.access)));
    // What needs no database goes on.
    ask(stage.call("POST", LOGOUT[0])).expect_only(204);
    ask(stage.call("GET", "/healthz")).expect_only(200);
    ask(stage.call("GET", "/.well-known/jwks.json")).expect_only(200);
    ask(stage.call("GET", ME)).error(401, "UNAUTHENTICATED");
    ask(stage.call("POST", LOGIN[0]).json(&json!({}))).error(400, "VALIDATION_FAILED");
    prompt(app.present("v1.invented")).error(401, "REFRESH_INVALID");
    // Who was seen just now may be answered from what is at hand.
    let me = prompt(app.me(&session.access));
    if me.status != 200 {
        unavailable(&me);
    }
    let ready = crate::stage::poll(
        RECOVERY,
        || ask(stage.call("GET", "/readyz")),
        |reply| reply.status != 200,
    );
    // An error like others, but for its details, which name what is down.
    ready.expect_only(503);
    assert_eq!(ready.json()["code"], "UNAVAILABLE", "{ready}");
    assert!(ready.header("retry-after").is_some(), "{ready}");
}

/// Nothing was lost, and nothing is left behind: the session that was there goes on with the token that it had.
fn postgres_is_back(stage: &Stage, person: &Person, session: &Session) {
    recovers(|| stage.call("GET", "/readyz"));
    let app = stage.app();
    let next = prompt(app.present(&session.refresh)).session_by_token(200);
    assert_eq!(next.session_id(), session.session_id());
    lives(stage, person, &next);
}

fn without_postgres_it_is_503_at_once(stage: &Stage) {
    let (person, session) = stage.somebody();
    let _repair = Repair::of(stage);
    stage.stack.disturb(|services| services.postgres.kill());
    postgres_is_missing(stage, &person, &session);
    stage
        .stack
        .disturb(|services| services.postgres.start())
        .expect("Postgres starts again");
    postgres_is_back(stage, &person, &session);
}

fn with_a_silent_postgres_it_is_503_in_time(stage: &Stage) {
    let (person, session) = stage.somebody();
    let mut repair = Repair::of(stage);
    let pids = stage.database().process_ids();
    repair.freeze(pids);
    postgres_is_missing(stage, &person, &session);
    repair.thaw();
    // What was on its way when it fell silent may still be done now: the presented token was rotated, and its loser is
    // given the successor.
    postgres_is_back(stage, &person, &session);
}

fn with_a_locked_table_it_is_503_in_time(stage: &Stage) {
    let (person, session) = stage.somebody();
    let mut database = stage.database();
    database.execute("BEGIN", &[]);
    database.execute("LOCK TABLE users, sessions IN ACCESS EXCLUSIVE MODE", &[]);
    let app = stage.app();
    unavailable(&ask(stage.call("POST", LOGIN[0]).json(&person.credentials())));
    unavailable(&prompt(app.present(&session.refresh)));
    ask(stage.call("GET", "/healthz")).expect_only(200);
    ask(stage.call("GET", "/.well-known/jwks.json")).expect_only(200);
    database.execute("ROLLBACK", &[]);
    // The statements were given up by Postgres as well: nothing was rotated behind anybody's back.
    assert_eq!(database.only_session(&session.user_id()).generation, 0);
    postgres_is_back(stage, &person, &session);
}

fn postgres_dies_in_the_middle_of_a_crowd(stage: &Stage) {
    let people: Vec<_> = (0..6).map(|_| stage.somebody()).collect();
    let _repair = Repair::of(stage);
    let started = Instant::now();
    let outcomes = race(7, |index| {
        if index == 6 {
            std::thread::sleep(Duration::from_millis(300));
            stage.stack.disturb(|services| services.postgres.kill());
            return None;
        }
        let (person, first) = &people[index];
        let mut session = first.clone();
        let mut refused = 0;
        // Until long after the death, everybody refreshes and signs in.
        while started.elapsed() < Duration::from_millis(1500) {
            let reply = prompt(stage.app().present(&session.refresh));
            if reply.status == 200 {
                session = reply.session_by_token(200);
            } else {
                unavailable(&reply);
                refused += 1;
            }
            let reply = ask(stage.call("POST", LOGIN[0]).json(&person.credentials()));
            // So many sign-ins of one person are limited at some time; that isn't what is tested here.
            if ![200, 429].contains(&reply.status) {
                unavailable(&reply);
                refused += 1;
            }
        }
        assert!(refused > 0, "the death wasn't noticed");
        Some(session)
    });
    stage
        .stack
        .disturb(|services| services.postgres.start())
        .expect("Postgres starts again");
    recovers(|| stage.call("GET", "/readyz"));
    // So many sign-ins may have been too many, and the cache remembers.
    stage.cache().flush();
    // Whoever was told 503 goes on with the token that was refused, whether Postgres had rotated it or not.
    for (session, (person, _)) in outcomes.into_iter().flatten().zip(&people) {
        let next = prompt(stage.app().present(&session.refresh)).session_by_token(200);
        assert_eq!(next.session_id(), session.session_id());
        stage.app().login(person);
    }
}

fn without_the_gateway_nothing_hangs(stage: &Stage) {
    // On the WASI host, the way to Postgres and to Valkey at once; on Workers, the way to Valkey.
    let (person, session) = stage.somebody();
    let _repair = Repair::of(stage);
    stage.stack.disturb(|services| services.gateway.kill());
    let reply = ask(stage.call("POST", LOGIN[0]).json(&person.credentials()));
    if reply.status != 200 {
        unavailable(&reply);
    }
    ask(stage.call("GET", "/healthz")).expect_only(200);
    ask(stage.call("GET", "/.well-known/jwks.json")).expect_only(200);
    let reply = prompt(stage.app().present(&session.refresh));
    if reply.status != 200 {
        unavailable(&reply);
    }
    stage
        .stack
        .disturb(|services| services.gateway.start())
        .expect("the gateway starts again");
    recovers(|| stage.call("GET", "/readyz"));
    let next = prompt(stage.app().present(&session.refresh)).session_by_token(200);
    lives(stage, &person, &next);
}
