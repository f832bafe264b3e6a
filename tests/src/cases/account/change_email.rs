//! `POST /api/auth/change-email`, and verify-email, by which it takes effect.

use serde_json::json;

use super::{
    CHANGE_EMAIL, SESSIONS, VERIFY_PAGE, change_email, new_password, reset, reset_token, signs_in, user_alone,
    verification_token, verify,
};
use crate::actor::{Person, REGISTER};
use crate::each;
use crate::http::race;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        takes_effect_when_the_new_address_is_verified,
        the_old_address_is_told,
        a_taken_address_is_answered_the_same_and_its_owner_told,
        an_address_that_is_taken_meanwhile_stays_its_owners,
        two_who_want_one_address_at_once,
        only_the_latest_wish_counts,
        links_to_the_old_address_die,
        a_used_or_expired_link_changes_nothing,
        a_user_who_is_gone_is_404,
        a_wrong_password_is_400,
        without_a_session_it_is_401,
        a_revoked_session_is_refused_at_once,
        names_every_failing_field_at_once,
    ]
}

/// The token that was mailed to a new address.
fn mailed(stage: &Stage, new: &str) -> String {
    Mailbox::of(stage).token(new, VERIFY_PAGE, 1)
}

fn takes_effect_when_the_new_address_is_verified(stage: &Stage) {
    for path in super::VERIFY {
        let (person, session) = stage.somebody();
        let new = Person::new().email;
        change_email(stage, &session.access, &new.to_uppercase(), &person.password).expect_only(202);
        let token = mailed(stage, &new);
        // Until then nothing has changed.
        assert_eq!(
            stage.app().me(&session.access).expect(200).json()["user"]["email"],
            person.email
        );
        assert!(signs_in(stage, &person.email, &person.password));
        assert!(!signs_in(stage, &new, &person.password));
        let reply = stage.call("POST", path).json(&json!({"token": token})).send();
        let user = user_alone(&reply);
        assert_eq!(user["id"], session.user["id"]);
        assert_eq!(user["email"], new);
        assert_eq!(user["isVerified"], true);
        assert!(signs_in(stage, &new, &person.password));
        assert!(!signs_in(stage, &person.email, &person.password));
        let me = stage.poll(
            super::BOUND,
            || stage.app().me(&session.access),
            |reply| reply.status != 200 || reply.json()["user"]["email"] == new.as_str(),
        );
        if me.status == 200 {
            assert_eq!(me.json()["user"]["email"], new);
        } else {
            me.error(401, "UNAUTHENTICATED");
        }
        // The old address is free for somebody else.
        let other = Person {
            email: person.email.clone(),
            ..Person::new()
        };
        stage.app().register(&other);
    }
}

fn the_old_address_is_told(stage: &Stage) {
    let (person, session) = stage.somebody();
    let new = Person::new().email;
    change_email(stage, &session.access, &new, &person.password).expect_only(202);
    let mailbox = Mailbox::of(stage);
    let plain = |mail: &crate::mailbox::Mail| mail.link(VERIFY_PAGE).is_none();
    let told = mailbox.wait(&person.email, 1, plain);
    assert!(
        told[0]
            .link(super::RESET_PAGE)
            .is_none_or(|link| !link.contains("token="))
    );
    let token = mailed(stage, &new);
    assert!(!told[0].text.contains(&token) && !told[0].html.contains(&token));
    verify(stage, &token).expect_only(200);
    // Whether it is told once more is a matter of taste; the new one gets no link again.
    assert!(!mailbox.of_person(&person.email).is_empty());
    assert_eq!(
        mailbox
            .of_person(&new)
            .iter()
            .filter(|mail| mail.link(VERIFY_PAGE).is_some())
            .count(),
        1
    );
}

fn a_taken_address_is_answered_the_same_and_its_owner_told(stage: &Stage) {
    let (owner, _) = stage.somebody();
    let (person, session) = stage.somebody();
    let free = Person::new().email;
    let for_free = change_email(stage, &session.access, &free, &person.password).expect(202);
    let before = stage.database().outbox(&owner.email).len();
    let for_taken = change_email(stage, &session.access, &owner.email.to_uppercase(), &person.password).expect(202);
    assert_eq!(for_free.text(), for_taken.text());
    assert_eq!(flights(&for_free), flights(&for_taken));
    let names = |reply: &crate::http::Reply| {
        let mut names: Vec<_> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&for_free), names(&for_taken));
    assert_eq!(stage.database().outbox(&owner.email).len(), before + 1);
    let mailbox = Mailbox::of(stage);
    let told = mailbox.wait(&owner.email, 2, |_| true);
    // Without a link that would give the account away, and without who asked for it.
    let fresh: Vec<_> = told.iter().filter(|mail| mail.link(VERIFY_PAGE).is_none()).collect();
    assert_eq!(fresh.len(), 1);
    for secret in [&person.email, &person.name] {
        assert!(!fresh[0].text.contains(secret) && !fresh[0].html.contains(secret));
    }
    assert!(signs_in(stage, &owner.email, &owner.password));
    assert!(signs_in(stage, &person.email, &person.password));
    // One's own address is taken by oneself: nothing happens to it either.
    change_email(stage, &session.access, &person.email, &person.password).expect_only(202);
    assert!(signs_in(stage, &person.email, &person.password));
    assert_eq!(stage.database().users_with(&person.email), 1);
}

fn an_address_that_is_taken_meanwhile_stays_its_owners(stage: &Stage) {
    let (person, session) = stage.somebody();
    let late = Person {
        password: new_password(),
        ..Person::new()
    };
    change_email(stage, &session.access, &late.email, &person.password).expect_only(202);
    let token = mailed(stage, &late.email);
    stage
        .call("POST", REGISTER[0])
        .json(&late.registration())
        .send()
        .expect_only(201);
    let reply = verify(stage, &token);
    assert!((400..500).contains(&reply.status), "{reply}");
    reply.error_shape();
    assert!(signs_in(stage, &late.email, &late.password));
    assert!(signs_in(stage, &person.email, &person.password));
    assert_eq!(stage.database().users_with(&late.email), 1);
}

fn two_who_want_one_address_at_once(stage: &Stage) {
    let wanted = Person::new().email;
    let people: Vec<_> = (0..2).map(|_| stage.somebody()).collect();
    for (person, session) in &people {
        change_email(stage, &session.access, &wanted, &person.password).expect_only(202);
    }
    let mails = Mailbox::of(stage).wait(&wanted, 2, |mail| mail.link(VERIFY_PAGE).is_some());
    let tokens: Vec<_> = mails.iter().filter_map(|mail| mail.token(VERIFY_PAGE)).collect();
    let replies = race(2, |index| verify(stage, &tokens[index]));
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(
        won,
        1,
        "{:?}",
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>()
    );
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert!((400..500).contains(&reply.status), "{reply}");
        reply.error_shape();
    }
    assert_eq!(stage.database().users_with(&wanted), 1);
    let working = people
        .iter()
        .filter(|(person, _)| signs_in(stage, &person.email, &person.password));
    assert_eq!(working.count(), 1, "the other keeps the address that it had");
}

fn only_the_latest_wish_counts(stage: &Stage) {
    let (person, session) = stage.somebody();
    let (first, second) = (Person::new().email, Person::new().email);
    change_email(stage, &session.access, &first, &person.password).expect_only(202);
    let before = mailed(stage, &first);
    change_email(stage, &session.access, &second, &person.password).expect_only(202);
    let token = mailed(stage, &second);
    verify(stage, &before).error(400, "TOKEN_INVALID");
    assert_eq!(user_alone(&verify(stage, &token))["email"], second);
    verify(stage, &before).error(400, "TOKEN_INVALID");
    assert!(signs_in(stage, &second, &person.password));
}

fn links_to_the_old_address_die(stage: &Stage) {
    let (person, session) = stage.somebody();
    let verification = verification_token(stage, &person);
    let resetting = reset_token(stage, &person.email, 1);
    let new = Person::new().email;
    change_email(stage, &session.access, &new, &person.password).expect_only(202);
    verify(stage, &mailed(stage, &new)).expect_only(200);
    // Whoever reads the old mailbox now has no way in.
    reset(stage, &resetting, &new_password()).error(400, "TOKEN_INVALID");
    verify(stage, &verification).error(400, "TOKEN_INVALID");
    assert!(signs_in(stage, &new, &person.password));
}

fn a_used_or_expired_link_changes_nothing(stage: &Stage) {
    let (person, session) = stage.somebody();
    let new = Person::new().email;
    change_email(stage, &session.access, &new, &person.password).expect_only(202);
    let token = mailed(stage, &new);
    stage.database().expire_tokens(&session.user_id(), "email_change");
    verify(stage, &token).error(410, "TOKEN_EXPIRED");
    assert!(signs_in(stage, &person.email, &person.password));

    let (person, session) = stage.somebody();
    let new = Person::new().email;
    change_email(stage, &session.access, &new, &person.password).expect_only(202);
    let token = mailed(stage, &new);
    let replies = race(8, |_| verify(stage, &token));
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        reply.error(400, "TOKEN_INVALID");
    }
    verify(stage, &token).error(400, "TOKEN_INVALID");
}

fn a_user_who_is_gone_is_404(stage: &Stage) {
    let (person, session) = stage.somebody();
    let new = Person::new().email;
    change_email(stage, &session.access, &new, &person.password).expect_only(202);
    let token = mailed(stage, &new);
    let mut database = stage.database();
    database.execute("DELETE FROM users WHERE id = $1::text::uuid", &[&session.user_id()]);
    verify(stage, &token).error(404, "USER_NOT_FOUND");
    assert_eq!(database.users_with(&new), 0);
}

fn a_wrong_password_is_400(stage: &Stage) {
    let (person, session) = stage.somebody();
    let (owner, _) = stage.somebody();
    let free = Person::new().email;
    let mut database = stage.database();
    for new in [&free, &owner.email] {
        let before = database.outbox(new).len();
        change_email(stage, &session.access, new, "not the password").error(400, "WRONG_PASSWORD");
        assert_eq!(database.outbox(new).len(), before);
    }
    assert_eq!(database.outbox(&person.email).len(), 1, "nobody is told of nothing");
}

fn without_a_session_it_is_401(stage: &Stage) {
    let (person, session) = stage.somebody();
    let new = Person::new().email;
    let body = json!({"newEmail": new, "password": person.password});
    let call = || stage.call("POST", CHANGE_EMAIL).json(&body);
    call().send().error(401, "UNAUTHENTICATED");
    call().bearer(&session.refresh).send().error(401, "UNAUTHENTICATED");
    assert_eq!(stage.database().outbox(&new), Vec::new());
}

fn a_revoked_session_is_refused_at_once(stage: &Stage) {
    let (person, session) = stage.somebody();
    let other = stage.app().login(&person);
    stage.app().me(&other.access).expect_only(200);
    let path = format!("{SESSIONS}/{}", other.session_id());
    stage
        .call("DELETE", &path)
        .bearer(&session.access)
        .send()
        .expect_only(204);
    let new = Person::new().email;
    change_email(stage, &other.access, &new, &person.password).error(401, "UNAUTHENTICATED");
    assert_eq!(stage.database().outbox(&new), Vec::new());
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let (person, session) = stage.somebody();
    let send = |body: serde_json::Value| {
        let call = stage.call("POST", CHANGE_EMAIL).bearer(&session.access);
        call.json(&body).send()
    };
    send(json!({})).invalid(&["newEmail", "password"]);
    send(json!({"newEmail": 1, "password": 2})).invalid(&["newEmail", "password"]);
    send(json!({"newEmail": "nobody", "password": person.password})).invalid(&["newEmail"]);
    send(json!({"newEmail": "a@example.com\nBcc: b@example.com", "password": person.password})).invalid(&["newEmail"]);
}
