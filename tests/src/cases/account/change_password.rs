//! `POST /api/auth/change-password`.

use serde_json::json;

use super::{
    CHANGE_PASSWORD, RESET_PAGE, SESSIONS, VERIFY_PAGE, are_over, change_email, change_password, login, new_password,
    reset, reset_token, signs_in, user_alone, verify,
};
use crate::actor::Person;
use crate::each;
use crate::http::race;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::shape::Session;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        the_old_one_gives_way_to_the_new_one,
        works_with_cookies,
        a_wrong_current_password_is_400,
        others_are_over_and_this_one_goes_on,
        others_stay_where_that_is_asked_for,
        no_racing_refresh_or_login_survives,
        eight_at_once_set_one_password,
        without_a_session_it_is_401,
        a_revoked_session_is_refused_at_once,
        a_suspended_user_is_refused_at_once,
        names_every_failing_field_at_once,
        the_policy_is_the_same,
        links_that_were_asked_for_with_the_old_one_die,
        tells_the_owner,
    ]
}

fn the_old_one_gives_way_to_the_new_one(stage: &Stage) {
    let (person, session) = stage.somebody();
    let password = new_password();
    let user = user_alone(&change_password(stage, &session.access, &person.password, &password));
    assert_eq!(user["id"], session.user["id"]);
    assert!(!signs_in(stage, &person.email, &person.password));
    assert!(signs_in(stage, &person.email, &password));
}

fn works_with_cookies(stage: &Stage) {
    let person = Person::new();
    let mut browser = stage.browser();
    browser.register(&person);
    let password = new_password();
    let body = json!({"currentPassword": person.password, "newPassword": password});
    let reply = browser
        .send(browser.call("POST", CHANGE_PASSWORD).json(&body))
        .expect(200);
    assert!(!reply.text().contains("v1."), "{reply}");
    browser.me().expect_only(200);
    browser.refresh();
    assert!(signs_in(stage, &person.email, &password));
    // A page of another site can't do it.
    let call = browser.call("POST", CHANGE_PASSWORD).json(&body);
    let foreign = stage
        .call("POST", CHANGE_PASSWORD)
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site")
        .header("cookie", browser.cookie_header())
        .json(&json!({"currentPassword": password, "newPassword": new_password()}));
    foreign.send().error(403, "ORIGIN_REFUSED");
    call.send().error(400, "WRONG_PASSWORD");
}

fn a_wrong_current_password_is_400(stage: &Stage) {
    let (person, session) = stage.somebody();
    let other = login(stage, &person.email, &person.password).session_by_token(200);
    let before = stage.database().password_hash(&session.user_id());
    for wrong in [
        "not the password",
        "",
        &person.password.to_uppercase(),
        &"x".repeat(500),
    ] {
        let reply = change_password(stage, &session.access, wrong, &new_password());
        if wrong.is_empty() || wrong.len() > 128 {
            // Either reading: it fails, and it isn't the password.
            assert_eq!(reply.status, 400, "{reply}");
        } else {
            reply.error(400, "WRONG_PASSWORD");
        }
    }
    assert_eq!(stage.database().password_hash(&session.user_id()), before);
    stage.app().refresh(&other);
    stage.app().refresh(&session);
    assert_eq!(
        stage.database().outbox(&person.email).len(),
        1,
        "nobody is told of nothing"
    );
}

fn others_are_over_and_this_one_goes_on(stage: &Stage) {
    let (person, session) = stage.somebody();
    let others: Vec<_> = (0..3).map(|_| stage.app().login(&person)).collect();
    change_password(stage, &session.access, &person.password, &new_password()).expect_only(200);
    let living = stage.database().living_sessions(&session.user_id());
    assert_eq!(living, [session.session_id()]);
    stage.app().present(&others[0].refresh).error(401, "SESSION_REVOKED");
    are_over(stage, &others);
    let next = stage.app().refresh(&session);
    stage.app().me(&next.access).expect_only(200);
}

fn others_stay_where_that_is_asked_for(stage: &Stage) {
    let (person, session) = stage.somebody();
    let other = stage.app().login(&person);
    let mut current = person.password.clone();
    for (keep, lives) in [(true, true), (false, false)] {
        let new = new_password();
        let body = json!({"currentPassword": current, "newPassword": new, "keepOtherSessions": keep});
        let call = stage.call("POST", CHANGE_PASSWORD).bearer(&session.access);
        call.json(&body).send().expect_only(200);
        current = new;
        let living = stage.database().living_sessions(&session.user_id());
        assert_eq!(living.contains(&other.session_id()), lives, "keepOtherSessions {keep}");
        assert!(living.contains(&session.session_id()));
    }
    are_over(stage, &[other]);
}

fn no_racing_refresh_or_login_survives(stage: &Stage) {
    for _ in 0..3 {
        let (person, session) = stage.somebody();
        let other = stage.app().login(&person);
        let password = new_password();
        let outcomes = race(6, |index| {
            if index == 0 {
                change_password(stage, &session.access, &person.password, &password).expect_only(200);
                return Vec::new();
            }
            let (mut got, mut current) = (Vec::new(), other.clone());
            for _ in 0..4 {
                let reply = if index % 2 == 0 {
                    login(stage, &person.email, &person.password)
                } else {
                    stage.app().present(&current.refresh)
                };
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
        let living = stage.database().living_sessions(&session.user_id());
        assert_eq!(living, [session.session_id()], "the one that changed it, and no other");
        are_over(stage, &all);
    }
}

fn eight_at_once_set_one_password(stage: &Stage) {
    // Eight, because each is two hashes: sixteen would keep one instance busy beyond the deadlines of those beside it.
    let (person, session) = stage.somebody();
    let passwords: Vec<_> = (0..8).map(|_| new_password()).collect();
    let replies = race(8, |index| {
        change_password(stage, &session.access, &person.password, &passwords[index])
    });
    let winners: Vec<_> = (0..8).filter(|&index| replies[index].status == 200).collect();
    for reply in &replies {
        if reply.status != 200 {
            reply.error(400, "WRONG_PASSWORD");
        }
    }
    assert_eq!(winners.len(), 1, "the old password is right once: {winners:?}");
    let working: Vec<_> = (0..8)
        .filter(|&index| signs_in(stage, &person.email, &passwords[index]))
        .collect();
    assert_eq!(working, winners);
}

fn without_a_session_it_is_401(stage: &Stage) {
    let (person, session) = stage.somebody();
    let body = json!({"currentPassword": person.password, "newPassword": new_password()});
    let call = || stage.call("POST", CHANGE_PASSWORD).json(&body);
    call().send().error(401, "UNAUTHENTICATED");
    call().bearer("x").send().error(401, "UNAUTHENTICATED");
    call().bearer(&session.refresh).send().error(401, "UNAUTHENTICATED");
    assert!(signs_in(stage, &person.email, &person.password));
}

fn a_revoked_session_is_refused_at_once(stage: &Stage) {
    let (person, session) = stage.somebody();
    let other = stage.app().login(&person);
    // Seen just now, so that every instance has it at hand as living.
    stage.app().me(&other.access).expect_only(200);
    let ended = stage.call("DELETE", SESSIONS).bearer(&session.access).send();
    ended.expect_only(204);
    change_password(stage, &other.access, &person.password, &new_password()).error(401, "UNAUTHENTICATED");
    assert!(signs_in(stage, &person.email, &person.password));
}

fn a_suspended_user_is_refused_at_once(stage: &Stage) {
    let (person, session) = stage.somebody();
    stage.app().me(&session.access).expect_only(200);
    stage.database().set_status(&session.user_id(), "suspended");
    let reply = change_password(stage, &session.access, &person.password, &new_password());
    assert!([401, 403].contains(&reply.status), "{reply}");
    login(stage, &person.email, &person.password).error(403, "ACCOUNT_SUSPENDED");
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let (person, session) = stage.somebody();
    let send = |body: serde_json::Value| {
        let call = stage.call("POST", CHANGE_PASSWORD).bearer(&session.access);
        call.json(&body).send()
    };
    send(json!({})).invalid(&["currentPassword", "newPassword"]);
    send(json!({"currentPassword": 1, "newPassword": 2, "keepOtherSessions": "yes"})).invalid(&[
        "currentPassword",
        "newPassword",
        "keepOtherSessions",
    ]);
    send(json!({"currentPassword": person.password, "newPassword": "short"})).invalid(&["newPassword"]);
    assert!(signs_in(stage, &person.email, &person.password));
}

fn the_policy_is_the_same(stage: &Stage) {
    let (person, session) = stage.somebody();
    for weak in ["password", "12345678", &"x".repeat(129), &person.email, &person.name] {
        change_password(stage, &session.access, &person.password, weak).invalid(&["newPassword"]);
    }
    assert!(signs_in(stage, &person.email, &person.password));
}

fn links_that_were_asked_for_with_the_old_one_die(stage: &Stage) {
    // What is in somebody's mailbox, or in the mailbox that a stranger gave, is no way back in.
    let (person, session) = stage.somebody();
    let strange = Person::new().email;
    change_email(stage, &session.access, &strange, &person.password).expect_only(202);
    let moving = Mailbox::of(stage).token(&strange, VERIFY_PAGE, 1);
    let resetting = reset_token(stage, &person.email, 1);
    let password = new_password();
    change_password(stage, &session.access, &person.password, &password).expect_only(200);
    verify(stage, &moving).error(400, "TOKEN_INVALID");
    reset(stage, &resetting, &new_password()).error(400, "TOKEN_INVALID");
    assert!(signs_in(stage, &person.email, &password));
}

fn tells_the_owner(stage: &Stage) {
    let (person, session) = stage.somebody();
    let password = new_password();
    change_password(stage, &session.access, &person.password, &password).expect_only(200);
    assert_eq!(stage.database().outbox(&person.email).len(), 2);
    let told = Mailbox::of(stage).wait(&person.email, 1, |mail| {
        mail.token(RESET_PAGE).is_none() && mail.token(VERIFY_PAGE).is_none()
    });
    assert!(told[0].subject.to_lowercase().contains("password"), "{:?}", told[0]);
    assert!(!told[0].text.contains(&password) && !told[0].text.contains(&person.password));
}
