//! `POST, GET /api/auth/refresh` = `/auth/refresh`.

use std::collections::BTreeSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::json;

use crate::actor::{App, Browser, Person, REFRESH};
use crate::http::{Reply, race};
use crate::jwt::{decode, random, sha256_hex};
use crate::registry::Case;
use crate::shape::Session;
use crate::stage::Stage;
use crate::timing::flights;
use crate::{both, each};

const DAY: i32 = 86_400;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        rotates_the_cookies_by_post_and_get,
        rotates_the_token_in_token_mode,
        needs_no_access_token,
        stores_the_hash_of_the_newest_token_only,
        shows_a_changed_role_and_tier_at_once,
        the_token_before_answers_the_same_successor_within_the_grace,
        the_token_before_ends_the_session_outside_the_grace,
        a_still_older_token_ends_the_session,
        reuse_ends_one_session_and_is_recorded,
        sixteen_clients_with_one_token_end_with_one_successor,
        sixteen_clients_go_on_together,
        invented_tokens_are_401_and_cost_no_query,
        invented_tokens_do_no_harm,
        what_the_database_holds_is_no_token,
        nothing_to_refresh_is_401,
        token_mode_wants_a_token_in_the_body,
        each_mode_takes_its_own_token_only,
        ends_absolutely_whatever_was_refreshed,
        a_refresh_does_not_prolong,
        revoked_and_expired_are_told_apart,
        inactive_and_suspended_are_403_at_once,
        a_user_who_is_gone_has_no_session,
        is_never_cached,
    ];
    cases.extend(each![Secure; without_a_grace_the_token_before_ends_the_session]);
    cases.extend(both![Main; sixteen_clients_on_both_hosts_end_with_one_successor]);
    cases
}

fn rotates_the_cookies_by_post_and_get(stage: &Stage) {
    let mut browser = stage.browser();
    let mut last = browser.register(&Person::new());
    for path in REFRESH {
        for method in ["POST", "GET"] {
            let reply = browser.send(browser.call(method, path));
            let session = reply.session_by_cookie(200);
            assert_ne!(session.refresh, last.refresh, "rotated\n{reply}");
            assert_ne!(session.access, last.access, "a new access token\n{reply}");
            assert_eq!(session.session_id(), last.session_id(), "the session stays the same");
            assert_eq!(session.user_id(), last.user_id());
            browser.me().expect_only(200);
            last = session;
        }
    }
    assert_eq!(stage.database().only_session(&last.user_id()).generation, 4);
}

fn rotates_the_token_in_token_mode(stage: &Stage) {
    let (_, mut last) = stage.somebody();
    for path in REFRESH {
        let body = json!({"refreshToken": last.refresh});
        let session = stage
            .call("POST", path)
            .token_mode()
            .json(&body)
            .send()
            .session_by_token(200);
        assert_ne!(session.refresh, last.refresh);
        assert_eq!(session.session_id(), last.session_id());
        stage.app().me(&session.access).expect_only(200);
        last = session;
    }
}

fn needs_no_access_token(stage: &Stage) {
    let mut browser = stage.browser();
    browser.register(&Person::new());
    browser.jar.retain(|name, _| name.contains("refresh"));
    browser.refresh();
    browser.me().expect_only(200);
    // A broken one is in nobody's way either.
    browser.jar.insert("doorward_access".to_owned(), "broken".to_owned());
    browser.refresh();
    browser.me().expect_only(200);
}

fn stores_the_hash_of_the_newest_token_only(stage: &Stage) {
    let (_, first) = stage.somebody();
    let second = stage.app().refresh(&first);
    let mut database = stage.database();
    let row = database.only_session(&first.user_id());
    assert_eq!(row.generation, 1);
    assert_eq!(row.token_hash, sha256_hex(&second.refresh));
    for refresh in [&first.refresh, &second.refresh] {
        let tail = &refresh[refresh.len() - 32..];
        assert_eq!(database.tables_containing(tail), Vec::<String>::new());
        assert_eq!(stage.cache().containing(tail), Vec::<String>::new());
    }
}

fn shows_a_changed_role_and_tier_at_once(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage.database().execute(
        "UPDATE users SET role = 'mentor', tier = 'member' WHERE id = $1::text::uuid",
        &[&session.user_id()],
    );
    let session = stage.app().refresh(&session);
    assert_eq!(
        (&session.user["role"], &session.user["tier"]),
        (&json!("mentor"), &json!("member"))
    );
    let claims = decode(&session.access).claims;
    assert_eq!((&claims["role"], &claims["tier"]), (&json!("mentor"), &json!("member")));
}

fn the_token_before_answers_the_same_successor_within_the_grace(stage: &Stage) {
    let (_, first) = stage.somebody();
    let app = stage.app();
    let second = app.refresh(&first);
    for _ in 0..3 {
        let again = app.refresh(&first);
        assert_eq!(again.refresh, second.refresh, "the same successor");
        assert_eq!(again.session_id(), first.session_id());
        app.me(&again.access).expect_only(200);
    }
    let mut database = stage.database();
    assert_eq!(
        database.only_session(&first.user_id()).generation,
        1,
        "given again, not rotated again"
    );
    // Shortly before the grace of 30 seconds ends, it still holds.
    database.age_session(&first.session_id(), 20);
    assert_eq!(app.refresh(&first).refresh, second.refresh);
    app.refresh(&second);
}

fn the_token_before_ends_the_session_outside_the_grace(stage: &Stage) {
    let (_, first) = stage.somebody();
    let app = stage.app();
    let second = app.refresh(&first);
    let mut database = stage.database();
    database.age_session(&first.session_id(), 31);
    app.present(&first.refresh).error(401, "REFRESH_REUSED");
    assert!(database.only_session(&first.user_id()).revoked);
    // Whoever holds the newest one is out as well: it can't be known which of the two is the thief.
    app.present(&second.refresh).error(401, "SESSION_REVOKED");
    let last = stage.poll(
        std::time::Duration::from_secs(5),
        || app.me(&second.access),
        |reply| reply.status == 401,
    );
    last.error(401, "UNAUTHENTICATED");
}

fn a_still_older_token_ends_the_session(stage: &Stage) {
    // Two behind: no tab that raced has it, so the grace is not for it.
    let (_, first) = stage.somebody();
    let app = stage.app();
    let second = app.refresh(&first);
    let third = app.refresh(&second);
    app.present(&first.refresh).error(401, "REFRESH_REUSED");
    assert!(stage.database().only_session(&first.user_id()).revoked);
    app.present(&third.refresh).error(401, "SESSION_REVOKED");
}

fn reuse_ends_one_session_and_is_recorded(stage: &Stage) {
    let (person, first) = stage.somebody();
    let app = stage.app();
    let other = app.login(&person);
    app.refresh(&app.refresh(&first));
    let mut database = stage.database();
    let before = database.events(&first.user_id()).len();
    app.present(&first.refresh).error(401, "REFRESH_REUSED");
    assert_eq!(database.living_sessions(&first.user_id()), [other.session_id()]);
    let events = database.events(&first.user_id());
    assert!(events.len() > before, "an event is written: {events:?}");
    app.refresh(&other);
}

/// All got a session, and all the same refresh token.
fn one_successor(replies: &[Reply]) -> Session {
    let sessions: Vec<_> = replies.iter().map(|reply| reply.session_by_token(200)).collect();
    let successors: BTreeSet<_> = sessions.iter().map(|session| session.refresh.clone()).collect();
    assert_eq!(
        successors.len(),
        1,
        "{} clients, {} successors",
        replies.len(),
        successors.len()
    );
    sessions[0].clone()
}

fn sixteen_clients_with_one_token_end_with_one_successor(stage: &Stage) {
    let (_, first) = stage.somebody();
    let app = stage.app();
    let replies = race(16, |_| app.present(&first.refresh));
    let second = one_successor(&replies);
    let row = stage.database().only_session(&first.user_id());
    assert_eq!((row.generation, row.revoked), (1, false), "rotated once, and alive");
    assert_eq!(row.token_hash, sha256_hex(&second.refresh));
    for reply in &replies {
        app.me(&reply.session_by_token(200).access).expect_only(200);
    }
    app.refresh(&second);
}

fn sixteen_clients_go_on_together(stage: &Stage) {
    let (_, mut session) = stage.somebody();
    let app = stage.app();
    for generation in 1..=4 {
        session = one_successor(&race(16, |_| app.present(&session.refresh)));
        assert_eq!(stage.database().only_session(&session.user_id()).generation, generation);
    }
}

fn sixteen_clients_on_both_hosts_end_with_one_successor(workers: &Stage, spin: &Stage) {
    let (_, first) = workers.somebody();
    let apps = [workers.app(), spin.app()];
    let replies = race(16, |index| apps[index % 2].present(&first.refresh));
    let second = one_successor(&replies);
    assert_eq!(workers.database().only_session(&first.user_id()).generation, 1);
    apps[1].refresh(&second);
}

/// Tokens that no server made, from a real one.
fn inventions(real: &str) -> Vec<String> {
    let encoded = real.strip_prefix("v1.").expect("v1.");
    let bytes = Base64UrlUnpadded::decode_vec(encoded).expect("base64url without padding");
    let seal = |bytes: &[u8]| format!("v1.{}", Base64UrlUnpadded::encode_string(bytes));
    // One bit in every byte, so that no part of it is left out of the MAC.
    let mut inventions: Vec<_> = (0..bytes.len())
        .map(|index| {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            seal(&changed)
        })
        .collect();
    inventions.extend([
        "v1.".to_owned(),
        "v1".to_owned(),
        "x".to_owned(),
        encoded.to_owned(),
        format!("v2.{encoded}"),
        format!("V1.{encoded}"),
        format!("{real}="),
        format!("{real}=="),
        format!("{real}A"),
        format!(" {real}"),
        format!("{real}\n"),
        real[..real.len() - 1].to_owned(),
        seal(&bytes[..bytes.len() - 1]),
        seal(&[bytes.clone(), vec![0]].concat()),
        seal(&random::<72>()),
        seal(&vec![0; bytes.len()]),
        format!("v1.{}", "A".repeat(60_000)),
        "v1.\u{0}".to_owned(),
        "v1.🔑".to_owned(),
    ]);
    inventions.extend(same_bytes_other_letters(real));
    inventions
}

/// The last letter of base64 may hold bits that no byte has: another letter there decodes to the same bytes.
fn same_bytes_other_letters(real: &str) -> Option<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let spare = match real.trim_start_matches("v1.").len() % 4 {
        2 => 4,
        3 => 2,
        _ => return None,
    };
    let (head, last) = real.split_at(real.len() - 1);
    let value = ALPHABET.iter().position(|letter| last.as_bytes()[0] == *letter)?;
    let other = value | ((1 << spare) - 1);
    (other != value).then(|| format!("{head}{}", char::from(ALPHABET[other])))
}

fn invented_tokens_are_401_and_cost_no_query(stage: &Stage) {
    let (_, session) = stage.somebody();
    for token in inventions(&session.refresh) {
        let reply = stage.app().present(&token);
        reply.error(401, "REFRESH_INVALID");
        assert_eq!(
            flights(&reply).sql,
            0,
            "an invented token asks the database: {token}\n{reply}"
        );
    }
}

fn invented_tokens_do_no_harm(stage: &Stage) {
    let (_, first) = stage.somebody();
    let app = stage.app();
    let second = app.refresh(&first);
    for token in inventions(&first.refresh)
        .into_iter()
        .chain(inventions(&second.refresh))
        .step_by(7)
    {
        app.present(&token).error(401, "REFRESH_INVALID");
        let mut browser = Browser::new(&stage.base);
        // What can't stand in a header can't come by cookie.
        if token.bytes().all(|byte| (0x21..0x7f).contains(&byte)) && token.len() < 4000 {
            browser.jar.insert("doorward_refresh".to_owned(), token);
            let call = browser.call("GET", REFRESH[0]);
            browser.send(call).error(401, "REFRESH_INVALID");
        }
    }
    assert!(!stage.database().only_session(&first.user_id()).revoked);
    app.refresh(&second);
}

fn what_the_database_holds_is_no_token(stage: &Stage) {
    let (_, session) = stage.somebody();
    let row = stage.database().only_session(&session.user_id());
    for token in [
        row.token_hash.clone(),
        format!("v1.{}", row.token_hash),
        row.id.clone(),
        session.access.clone(),
    ] {
        stage.app().present(&token).error(401, "REFRESH_INVALID");
    }
    assert!(!stage.database().only_session(&session.user_id()).revoked);
}

fn nothing_to_refresh_is_401(stage: &Stage) {
    for path in REFRESH {
        for method in ["POST", "GET"] {
            let calls = [
                stage.call(method, path),
                stage.call(method, path).header("cookie", "doorward_refresh="),
                stage.call(method, path).header("cookie", "doorward_refresh=nonsense"),
                stage.call(method, path).header("cookie", "other=v1.x"),
            ];
            for call in calls {
                let reply = call.send();
                reply.error(401, "REFRESH_INVALID");
                assert_eq!(flights(&reply).sql, 0, "{reply}");
            }
        }
    }
}

fn token_mode_wants_a_token_in_the_body(stage: &Stage) {
    let send = |body: serde_json::Value| stage.call("POST", REFRESH[0]).token_mode().json(&body).send();
    send(json!({})).invalid(&["refreshToken"]);
    send(json!({"refreshToken": 5})).invalid(&["refreshToken"]);
    send(json!({"refreshToken": null})).invalid(&["refreshToken"]);
    send(json!({"refreshToken": ["v1.x"]})).invalid(&["refreshToken"]);
}

fn each_mode_takes_its_own_token_only(stage: &Stage) {
    let (_, session) = stage.somebody();
    // Without the mode's header, a token in the body is none.
    let body = json!({"refreshToken": session.refresh});
    stage
        .call("POST", REFRESH[0])
        .json(&body)
        .send()
        .error(401, "REFRESH_INVALID");
    // In token mode, the cookie is none.
    let cookie = format!("doorward_refresh={}", session.refresh);
    let call = stage
        .call("POST", REFRESH[0])
        .token_mode()
        .header("cookie", cookie.clone());
    call.json(&json!({})).send().invalid(&["refreshToken"]);
    // And it sets no cookie where one is there.
    let call = stage.call("POST", REFRESH[0]).token_mode().header("cookie", cookie);
    call.json(&body).send().session_by_token(200);
}

fn ends_absolutely_whatever_was_refreshed(stage: &Stage) {
    let (person, _) = stage.somebody();
    let app = stage.app();
    let mut body = person.credentials();
    body["rememberMe"] = json!(true);
    let remembered = app
        .call("POST", "/api/auth/login")
        .json(&body)
        .send()
        .session_by_token(200);
    let brief = app.login(&person);
    let mut database = stage.database();
    for (mut session, days) in [(brief, 1), (remembered, 30)] {
        // Refreshed all the time until a minute before the end.
        database.age_session(&session.session_id(), days * DAY / 2);
        session = app.refresh(&session);
        database.age_session(&session.session_id(), days * DAY / 2 - 60);
        session = app.refresh(&session);
        database.age_session(&session.session_id(), 61);
        app.present(&session.refresh).error(401, "SESSION_EXPIRED");
    }
}

fn a_refresh_does_not_prolong(stage: &Stage) {
    let (_, session) = stage.somebody();
    let mut database = stage.database();
    let before = database.only_session(&session.user_id()).expires_at;
    let session = stage.app().refresh(&session);
    stage.app().refresh(&session);
    assert_eq!(database.only_session(&session.user_id()).expires_at, before);
}

fn revoked_and_expired_are_told_apart(stage: &Stage) {
    let app = stage.app();
    let (_, revoked) = stage.somebody();
    app.logout(&revoked);
    app.present(&revoked.refresh).error(401, "SESSION_REVOKED");
    let (_, expired) = stage.somebody();
    stage.database().age_session(&expired.session_id(), DAY + 1);
    for token in [&expired.refresh, &expired.refresh] {
        app.present(token).error(401, "SESSION_EXPIRED");
    }
    assert_eq!(stage.database().only_session(&expired.user_id()).generation, 0);
}

fn inactive_and_suspended_are_403_at_once(stage: &Stage) {
    for (status, code) in [("inactive", "ACCOUNT_INACTIVE"), ("suspended", "ACCOUNT_SUSPENDED")] {
        let (_, session) = stage.somebody();
        let mut database = stage.database();
        database.set_status(&session.user_id(), status);
        let reply = stage.app().present(&session.refresh);
        reply.error(403, code);
        assert!(!reply.text().contains("v1."), "{reply}");
    }
}

fn a_user_who_is_gone_has_no_session(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage
        .database()
        .execute("DELETE FROM users WHERE id = $1::text::uuid", &[&session.user_id()]);
    stage.app().present(&session.refresh).error(401, "REFRESH_INVALID");
}

fn is_never_cached(stage: &Stage) {
    // GET hands out secrets here: no cache on the way may keep the answer (RFC 6749, section 5.1).
    let mut browser = stage.browser();
    browser.register(&Person::new());
    let reply = browser.send(browser.call("GET", REFRESH[0])).expect(200);
    let control = reply.header("cache-control").unwrap_or_default();
    assert!(control.contains("no-store"), "{reply}");
}

fn without_a_grace_the_token_before_ends_the_session(stage: &Stage) {
    let (_, first) = stage.somebody();
    let app = App::new(&stage.base);
    let second = app.refresh(&first);
    app.present(&first.refresh).error(401, "REFRESH_REUSED");
    app.present(&second.refresh).error(401, "SESSION_REVOKED");
}
