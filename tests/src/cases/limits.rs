//! Limits, on hosts that run with their defaults. One case at a time: all of them come from one address.
//!
//! How many attempts are too many is configuration; that there is such a number, that it is the same for everybody and
//! on every host, and that it holds against a crowd, is not.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::actor::{LOGIN, Person, REGISTER};
use crate::http::{Call, Reply, race};
use crate::registry::Case;
use crate::stage::{CLIENT_ADDRESS_HEADER, Host, Stage};
use crate::timing::flights;
use crate::{both, each};

/// More than any sensible limit on one account.
const MANY: usize = 60;
/// More than any sensible limit on one address.
const VERY_MANY: usize = 400;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Limited;
        attempts_on_one_account_are_limited,
        a_limited_account_is_limited_for_the_right_password_too,
        other_accounts_go_on,
        unknown_addresses_are_limited_alike,
        letters_of_an_address_make_no_new_account,
        a_crowd_gets_no_more_than_one_by_one,
        one_client_is_limited_whatever_the_account,
        registrations_of_one_client_are_limited,
        registrations_with_one_address_are_limited,
        a_stranger_keeps_nobody_from_registering,
        a_client_cannot_choose_its_address,
        retry_after_is_right,
        the_count_is_in_the_cache_and_expires,
        unknown_and_known_addresses_take_the_same_time,
    ];
    cases.extend(both![Limited; both_hosts_count_together, both_hosts_count_a_sessions_refreshes]);
    cases
}

/// From one client, whichever way the host learns its address: Workers knows it itself.
fn call(stage: &Stage, path: &str) -> Call {
    call_from(stage, path, "127.0.0.1")
}

fn call_from(stage: &Stage, path: &str, address: &str) -> Call {
    stage.call("POST", path).header(CLIENT_ADDRESS_HEADER, address)
}

fn attempt(stage: &Stage, email: &str, password: &str) -> Reply {
    call(stage, LOGIN[0])
        .json(&json!({"email": email, "password": password}))
        .send()
}

/// Nobody has asked for anything yet, as far as the cache knows.
fn fresh(stage: &Stage) {
    stage.cache().flush();
}

fn limited(reply: &Reply) -> u64 {
    reply.error(429, "RATE_LIMITED");
    let after = reply
        .header("retry-after")
        .unwrap_or_else(|| panic!("429 without Retry-After\n{reply}"));
    let seconds = after
        .parse()
        .unwrap_or_else(|_| panic!("Retry-After in whole seconds\n{reply}"));
    assert!((1..=86_400).contains(&seconds), "{reply}");
    seconds
}

/// What is limited costs no query, or one where an instance hasn't seen its client fail: Wasmtime starts new ones when it likes.
fn costs_no_query(stage: &Stage, reply: &Reply) {
    let most = u32::from(stage.host != Host::Workers);
    assert!(flights(reply).sql <= most, "{reply}");
}

/// How many attempts pass before the first that is limited.
fn passed(most: usize, mut ask: impl FnMut(usize) -> Reply) -> (usize, Reply) {
    for count in 0..most {
        let reply = ask(count);
        if reply.status == 429 {
            limited(&reply);
            return (count, reply);
        }
    }
    panic!("{most} attempts, and none was limited");
}

fn attempts_on_one_account_are_limited(stage: &Stage) {
    fresh(stage);
    let (person, _) = stage.somebody();
    let (count, reply) = passed(MANY, |_| {
        let reply = attempt(stage, &person.email, "not the password");
        assert!(reply.status == 429 || reply.status == 401, "{reply}");
        reply
    });
    assert!(count >= 3, "a person may mistype: {count}");
    costs_no_query(stage, &reply);
}

fn a_limited_account_is_limited_for_the_right_password_too(stage: &Stage) {
    fresh(stage);
    let (person, session) = stage.somebody();
    passed(MANY, |_| attempt(stage, &person.email, "not the password"));
    let reply = attempt(stage, &person.email, &person.password);
    limited(&reply);
    assert!(reply.cookies().is_empty(), "{reply}");
    assert_eq!(stage.database().sessions(&session.user_id()).len(), 1);
    // Who is signed in already isn't put out by a stranger's attempts.
    stage.app().me(&session.access).expect_only(200);
    stage.app().refresh(&session);
}

fn other_accounts_go_on(stage: &Stage) {
    fresh(stage);
    let (victim, _) = stage.somebody();
    let (other, _) = stage.somebody();
    passed(MANY, |_| attempt(stage, &victim.email, "not the password"));
    attempt(stage, &other.email, &other.password).expect_only(200);
}

fn unknown_addresses_are_limited_alike(stage: &Stage) {
    fresh(stage);
    let (person, _) = stage.somebody();
    let (known, told) = passed(MANY, |_| attempt(stage, &person.email, "not the password"));
    fresh(stage);
    let nobody = Person::new();
    let (unknown, told_nobody) = passed(MANY, |_| attempt(stage, &nobody.email, "not the password"));
    assert_eq!(known, unknown);
    assert_eq!(told.text(), told_nobody.text());
}

fn letters_of_an_address_make_no_new_account(stage: &Stage) {
    fresh(stage);
    let (person, _) = stage.somebody();
    let (count, _) = passed(MANY, |_| attempt(stage, &person.email, "not the password"));
    fresh(stage);
    let (mixed, _) = passed(MANY, |index| {
        // Another letter in upper case each time.
        let email: String = person
            .email
            .char_indices()
            .map(|(at, letter)| {
                if at == index % person.email.len() {
                    letter.to_ascii_uppercase()
                } else {
                    letter
                }
            })
            .collect();
        attempt(stage, &email, "not the password")
    });
    assert_eq!(count, mixed);
}

fn a_crowd_gets_no_more_than_one_by_one(stage: &Stage) {
    fresh(stage);
    let person = Person::new();
    let wrong = |person: &Person| attempt(stage, &person.email, "not the password");
    let (count, _) = passed(MANY, |_| wrong(&person));
    // How soon another one is let through, once it is too many: the shortest of a few.
    let restored = (0..4).map(|_| {
        let started = Instant::now();
        while wrong(&person).status == 429 {}
        started.elapsed()
    });
    let restored = restored.min().expect("four");
    fresh(stage);
    let crowd = Person::new();
    let started = Instant::now();
    let replies = race(48, |_| wrong(&crowd));
    // The crowd takes its time to be served, and what is restored meanwhile is let through, as it should be.
    let meanwhile = started.elapsed().as_millis() / restored.as_millis().max(1);
    let most = count + 2 + usize::try_from(meanwhile).expect("not so many");
    let through = replies.iter().filter(|reply| reply.status != 429).count();
    for reply in replies.iter().filter(|reply| reply.status == 429) {
        limited(reply);
    }
    assert!(
        most < 48,
        "the race proves nothing: {count} one by one, another each {} ms",
        restored.as_millis()
    );
    assert!(
        through >= 1 && through <= most,
        "{through} of 48 at once, {count} one by one, {most} at most"
    );
}

fn one_client_is_limited_whatever_the_account(stage: &Stage) {
    fresh(stage);
    let (_, reply) = passed(VERY_MANY, |_| attempt(stage, &Person::new().email, "not the password"));
    costs_no_query(stage, &reply);
    if stage.host == Host::Spin {
        // Another client isn't.
        let body = json!({"email": Person::new().email, "password": "not the password"});
        call_from(stage, LOGIN[0], "203.0.113.9")
            .json(&body)
            .send()
            .expect_only(401);
    }
    // Reading isn't what is limited.
    stage.call("GET", "/.well-known/jwks.json").send().expect_only(200);
    fresh(stage);
    attempt(stage, &Person::new().email, "not the password").expect_only(401);
}

fn registrations_of_one_client_are_limited(stage: &Stage) {
    fresh(stage);
    let mut last = Person::new();
    let (count, reply) = passed(VERY_MANY, |index| {
        last = Person::new();
        call(stage, REGISTER[index % 2]).json(&last.registration()).send()
    });
    assert!(count >= 2, "{count}");
    assert_eq!(flights(&reply).sql, 0, "{reply}");
    assert_eq!(stage.database().users_with(&last.email), 0);
}

fn registrations_with_one_address_are_limited(stage: &Stage) {
    // Or it would be a way to ask who has an account, and to make the server hash.
    fresh(stage);
    let (person, _) = stage.somebody();
    passed(VERY_MANY, |_| {
        call(stage, REGISTER[0]).json(&person.registration()).send()
    });
}

fn a_stranger_keeps_nobody_from_registering(stage: &Stage) {
    fresh(stage);
    // One that comes to nothing, and tells nobody.
    let person = Person::new();
    let mut body = person.registration();
    body["firmSlug"] = json!("there-is-no-such-firm");
    passed(MANY, |_| call(stage, REGISTER[0]).json(&body).send());
    if stage.host == Host::Spin {
        let own = call_from(stage, REGISTER[0], "203.0.113.9");
        own.json(&person.registration()).send().expect_only(201);
    }
}

fn a_client_cannot_choose_its_address(stage: &Stage) {
    // Whatever it writes to the left of what the proxy adds, or into the headers of other proxies. Within an IPv6 network
    // of 64 bits every address is the same client's.
    fresh(stage);
    let nobody = || json!({"email": Person::new().email, "password": "not the password"});
    passed(VERY_MANY, |index| {
        let own = format!("2001:db8:1:2::{index:x}");
        let claimed = format!("198.51.{}.{}", index / 250, index % 250);
        call_from(stage, LOGIN[0], &format!("{claimed}, {own}"))
            .header("x-forwarded-for", &claimed)
            .header("x-real-ip", &claimed)
            .header("forwarded", format!("for={claimed}"))
            .header("true-client-ip", &claimed)
            .json(&nobody())
            .send()
    });
}

fn retry_after_is_right(stage: &Stage) {
    fresh(stage);
    let person = Person::new();
    let (_, reply) = passed(MANY, |_| attempt(stage, &person.email, "not the password"));
    let first = limited(&reply);
    // It counts down, and asking doesn't put it off.
    std::thread::sleep(Duration::from_millis(2100));
    let reply = attempt(stage, &person.email, "not the password");
    if first > 3 {
        let second = limited(&reply);
        assert!(
            second <= first - 2 && second + 4 >= first,
            "{first} s, then {second} s after two seconds"
        );
    } else {
        reply.expect_only(401);
    }
    // Where it is short enough to wait for, it holds to the second.
    if (4..=20).contains(&first) {
        std::thread::sleep(Duration::from_secs(limited(&attempt(
            stage,
            &person.email,
            "not the password",
        ))));
        attempt(stage, &person.email, "not the password").expect_only(401);
    }
}

fn the_count_is_in_the_cache_and_expires(stage: &Stage) {
    fresh(stage);
    let person = Person::new();
    passed(MANY, |_| attempt(stage, &person.email, "not the password"));
    let mut cache = stage.cache();
    assert!(!cache.keys().is_empty(), "limits are in the cache");
    assert_eq!(cache.without_expiry(), Vec::<String>::new(), "every key expires");
    // The count is nowhere else: what the cache forgets is forgotten.
    cache.flush();
    attempt(stage, &person.email, "not the password").expect_only(401);
}

fn both_hosts_count_together(workers: &Stage, spin: &Stage) {
    for (here, there) in [(workers, spin), (spin, workers)] {
        fresh(here);
        let person = Person::new();
        let (alone, _) = passed(MANY, |_| attempt(here, &person.email, "not the password"));
        limited(&attempt(there, &person.email, "not the password"));
        fresh(here);
        let other = Person::new();
        let (shared, _) = passed(MANY, |index| {
            attempt(
                if index % 2 == 0 { here } else { there },
                &other.email,
                "not the password",
            )
        });
        assert_eq!(alone, shared, "attempts that alternate between the hosts");
    }
}

fn both_hosts_count_a_sessions_refreshes(workers: &Stage, spin: &Stage) {
    let hosts = [workers, spin];
    let (_, mut session) = workers.somebody();
    let (count, refused) = passed(VERY_MANY, |index| {
        let reply = hosts[index % 2].app().present(&session.refresh);
        if reply.status == 200 {
            session = reply.session_by_token(200);
        }
        reply
    });
    assert!(count >= 30, "a session is used in many tabs: {count}");
    assert_eq!(flights(&refused).kv, 0, "{refused}");
    // Nothing is lost by it, and nobody else is held up.
    let (_, other) = workers.somebody();
    spin.app().refresh(&other);
    std::thread::sleep(Duration::from_secs(limited(&refused)));
    spin.app().refresh(&session);
}

/// Half or twice would be visible over a network. A hash left out would be far more.
fn unknown_and_known_addresses_take_the_same_time(stage: &Stage) {
    fn median(mut times: Vec<Duration>) -> f64 {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    }
    let (person, _) = stage.somebody();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..15 {
        fresh(stage);
        known.push(attempt(stage, &person.email, "not the password").expect(401).took);
        unknown.push(
            attempt(stage, &Person::new().email, "not the password")
                .expect(401)
                .took,
        );
    }
    let ratio = median(known) / median(unknown);
    assert!(
        (0.67..1.5).contains(&ratio),
        "known takes {ratio} times as long as unknown"
    );
}
