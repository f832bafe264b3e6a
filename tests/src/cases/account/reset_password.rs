//! `POST /api/auth/reset-password` = `/auth/reset-password`.

use serde_json::json;

use super::{
    RESET, RESET_PAGE, are_over, change_email, forgeries, forgot, login, new_password, reset, reset_token, signs_in,
    user_alone, verify,
};
use crate::actor::Person;
use crate::each;
use crate::http::race;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::shape::Session;
use crate::stage::Stage;
use crate::timing::{Flights, flights};

/// How often a race is run: once proves little.
const ROUNDS: usize = 4;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        the_mailed_token_sets_a_password,
        only_the_latest_works,
        a_used_token_is_400,
        an_expired_token_is_410,
        an_invented_token_is_400_and_costs_no_query,
        a_user_who_is_gone_is_400,
        passwords_that_differ_are_400,
        a_weak_password_is_400_and_spends_nothing,
        a_pending_change_of_address_dies_with_it,
        names_every_failing_field_at_once,
        sixteen_at_once_set_one_password,
        every_session_is_over,
        no_racing_refresh_survives,
        no_racing_login_survives,
        is_one_flight_each,
        tells_the_owner,
        a_suspended_account_stays_suspended,
    ]
}

fn the_mailed_token_sets_a_password(stage: &Stage) {
    for path in RESET {
        let (person, session) = stage.somebody();
        let token = reset_token(stage, &person.email, 1);
        let before = stage.database().password_hash(&session.user_id());
        let password = new_password();
        let body = json!({"token": token, "password": password, "confirmPassword": password});
        let reply = stage.call("POST", path).json(&body).send();
        let user = user_alone(&reply);
        assert_eq!(user["id"], session.user["id"]);
        assert!(!signs_in(stage, &person.email, &person.password));
        assert!(signs_in(stage, &person.email, &password));
        let after = stage.database().password_hash(&session.user_id());
        assert_ne!(before, after);
        assert!(after.is_some_and(|hash| hash.starts_with("$argon2id$")));
    }
}

fn only_the_latest_works(stage: &Stage) {
    let (person, _) = stage.somebody();
    let first = reset_token(stage, &person.email, 1);
    let second = reset_token(stage, &person.email, 2);
    assert_ne!(first, second);
    let (lost, won) = (new_password(), new_password());
    reset(stage, &first, &lost).error(400, "TOKEN_INVALID");
    assert!(signs_in(stage, &person.email, &person.password));
    reset(stage, &second, &won).expect_only(200);
    reset(stage, &first, &lost).error(400, "TOKEN_INVALID");
    assert!(signs_in(stage, &person.email, &won));
    assert!(!signs_in(stage, &person.email, &lost));
}

fn a_used_token_is_400(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    let password = new_password();
    reset(stage, &token, &password).expect_only(200);
    for again in [&password, &new_password()] {
        reset(stage, &token, again).error(400, "TOKEN_INVALID");
    }
    assert!(signs_in(stage, &person.email, &password));
}

fn an_expired_token_is_410(stage: &Stage) {
    let (person, session) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    stage.database().expire_tokens(&session.user_id(), "password_reset");
    reset(stage, &token, &new_password()).error(410, "TOKEN_EXPIRED");
    assert!(signs_in(stage, &person.email, &person.password));
    stage.app().refresh(&session);
}

fn an_invented_token_is_400_and_costs_no_query(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    for forged in forgeries(&token) {
        let reply = reset(stage, &forged, &new_password());
        reply.error(400, "TOKEN_INVALID");
        assert_eq!(flights(&reply).sql, 0, "{forged:?}\n{reply}");
    }
    assert!(signs_in(stage, &person.email, &person.password));
    reset(stage, &token, &new_password()).expect_only(200);
}

fn a_user_who_is_gone_is_400(stage: &Stage) {
    // Unlike verify-email, this call has no answer of its own for it.
    let (person, session) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    let mut database = stage.database();
    database.execute("DELETE FROM users WHERE id = $1::text::uuid", &[&session.user_id()]);
    reset(stage, &token, &new_password()).error(400, "TOKEN_INVALID");
}

fn passwords_that_differ_are_400(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    let password = new_password();
    for path in RESET {
        for other in [new_password(), format!("{password} "), password.to_uppercase()] {
            let body = json!({"token": token, "password": password, "confirmPassword": other});
            let details = stage
                .call("POST", path)
                .json(&body)
                .send()
                .invalid(&["confirmPassword"]);
            assert_eq!(details[0]["message"], "Passwords don't match");
        }
    }
    assert!(signs_in(stage, &person.email, &person.password));
    reset(stage, &token, &password).expect_only(200);
}

fn a_weak_password_is_400_and_spends_nothing(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    for weak in ["short", "password", "12345678", &"x".repeat(129)] {
        reset(stage, &token, weak).invalid(&["password"]);
    }
    reset(stage, &token, &new_password()).expect_only(200);
}

fn a_pending_change_of_address_dies_with_it(stage: &Stage) {
    // Somebody who knew the password asked for another address. The owner is told, and sets a new password: that has to
    // be the end of it, or the link in the stranger's mailbox would take the account over after all.
    let (person, session) = stage.somebody();
    let strange = Person::new().email;
    change_email(stage, &session.access, &strange, &person.password).expect_only(202);
    let link = Mailbox::of(stage).token(&strange, super::VERIFY_PAGE, 1);
    let password = new_password();
    reset(stage, &reset_token(stage, &person.email, 1), &password).expect_only(200);
    verify(stage, &link).error(400, "TOKEN_INVALID");
    assert!(signs_in(stage, &person.email, &password));
    assert_eq!(stage.database().users_with(&strange), 0);
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let all = ["token", "password", "confirmPassword"];
    for path in RESET {
        let send = |body: serde_json::Value| stage.call("POST", path).json(&body).send();
        send(json!({})).invalid(&all);
        send(json!({"token": 1, "password": 2, "confirmPassword": 3})).invalid(&all);
        let password = new_password();
        send(json!({"token": "x", "password": password})).invalid(&["confirmPassword"]);
    }
}

fn sixteen_at_once_set_one_password(stage: &Stage) {
    let (person, session) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    let passwords: Vec<_> = (0..16).map(|_| new_password()).collect();
    let replies = race(16, |index| reset(stage, &token, &passwords[index]));
    let winners: Vec<_> = (0..16).filter(|&index| replies[index].status == 200).collect();
    for reply in &replies {
        if reply.status != 200 {
            reply.error(400, "TOKEN_INVALID");
        }
    }
    assert_eq!(winners.len(), 1, "one wins: {winners:?}");
    let working: Vec<_> = (0..16)
        .filter(|&index| signs_in(stage, &person.email, &passwords[index]))
        .collect();
    assert_eq!(working, winners, "the one that was told so is the one that is set");
    assert!(!signs_in(stage, &person.email, &person.password));
    are_over(stage, &[session]);
}

fn every_session_is_over(stage: &Stage) {
    let (person, first) = stage.somebody();
    let mut sessions = vec![first];
    sessions.extend((0..3).map(|_| stage.app().login(&person)));
    let token = reset_token(stage, &person.email, 1);
    let reply = reset(stage, &token, &new_password());
    let user = user_alone(&reply);
    let id = user["id"].as_str().expect("id").to_owned();
    assert_eq!(stage.database().living_sessions(&id), Vec::<String>::new());
    let refused = stage.app().present(&sessions[0].refresh);
    refused.error(401, "SESSION_REVOKED");
    are_over(stage, &sessions);
}

fn no_racing_refresh_survives(stage: &Stage) {
    for _ in 0..ROUNDS {
        let (person, session) = stage.somebody();
        let token = reset_token(stage, &person.email, 1);
        let password = new_password();
        let outcomes = race(7, |index| {
            if index == 0 {
                reset(stage, &token, &password).expect_only(200);
                return Vec::new();
            }
            let (mut got, mut current) = (Vec::new(), session.clone());
            for _ in 0..6 {
                let reply = stage.app().present(&current.refresh);
                if reply.status != 200 {
                    reply.expect_only(401);
                    break;
                }
                current = reply.session_by_token(200);
                got.push(current.clone());
            }
            got
        });
        let all: Vec<Session> = outcomes.into_iter().flatten().collect();
        let user = session.user_id();
        assert_eq!(stage.database().living_sessions(&user), Vec::<String>::new());
        are_over(stage, &all);
    }
}

fn no_racing_login_survives(stage: &Stage) {
    for _ in 0..ROUNDS {
        let (person, session) = stage.somebody();
        let token = reset_token(stage, &person.email, 1);
        let password = new_password();
        let outcomes = race(5, |index| {
            if index == 0 {
                reset(stage, &token, &password).expect_only(200);
                return Vec::new();
            }
            let mut got = Vec::new();
            for _ in 0..4 {
                let reply = login(stage, &person.email, &person.password);
                if reply.status != 200 {
                    reply.error(401, "INVALID_CREDENTIALS");
                    break;
                }
                got.push(reply.session_by_token(200));
            }
            got
        });
        let all: Vec<Session> = outcomes.into_iter().flatten().collect();
        let user = session.user_id();
        assert_eq!(stage.database().living_sessions(&user), Vec::<String>::new());
        are_over(stage, &all);
        assert!(signs_in(stage, &person.email, &password));
    }
}

fn is_one_flight_each(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    for status in [200, 400] {
        let reply = reset(stage, &token, &new_password()).expect(status);
        assert_eq!(flights(&reply), Flights { sql: 1, kv: 1 }, "{reply}");
    }
}

fn tells_the_owner(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = reset_token(stage, &person.email, 1);
    let mut database = stage.database();
    let before = database.outbox(&person.email).len();
    let password = new_password();
    reset(stage, &token, &password).expect_only(200);
    assert_eq!(database.outbox(&person.email).len(), before + 1);
    let told = Mailbox::of(stage).wait(&person.email, 1, |mail| {
        mail.token(RESET_PAGE).is_none() && mail.token(super::VERIFY_PAGE).is_none()
    });
    assert!(told[0].subject.to_lowercase().contains("password"), "{:?}", told[0]);
    assert!(!told[0].text.contains(&password) && !told[0].html.contains(&password));
    // One that fails tells nobody.
    reset(stage, &token, &new_password()).expect_only(400);
    assert_eq!(database.outbox(&person.email).len(), before + 1);
}

fn a_suspended_account_stays_suspended(stage: &Stage) {
    for (status, code) in [("suspended", "ACCOUNT_SUSPENDED"), ("inactive", "ACCOUNT_INACTIVE")] {
        let (person, session) = stage.somebody();
        let token = reset_token(stage, &person.email, 1);
        stage.database().set_status(&session.user_id(), status);
        let password = new_password();
        let reply = reset(stage, &token, &password);
        let working = if reply.status == 200 {
            &password
        } else {
            &person.password
        };
        login(stage, &person.email, working).error(403, code);
        // Asked for while suspended, it is no way in either.
        forgot(stage, &person.email).expect_only(202);
        login(stage, &person.email, working).error(403, code);
    }
}
