//! `POST /api/auth/resend-verification` and `/api/auth/forgot-password`, and what they may not tell.

use serde_json::json;

use super::{FORGOT, RESEND, VERIFY_PAGE, forgot, login, resend, signs_in, verification_token, verify};
use crate::actor::Person;
use crate::each;
use crate::http::Reply;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;

/// More than any sensible limit on one mailbox.
const MANY: usize = 60;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        known_and_unknown_are_answered_alike,
        resend_mails_who_is_not_verified_and_nobody_else,
        forgot_mails_who_is_known_and_nobody_else,
        the_address_in_any_letters,
        a_mailbox_is_not_flooded_known_or_unknown,
        a_limited_mailbox_does_not_lock_its_owner_out,
        asking_changes_nothing,
        names_the_failing_field,
    ]
}

/// Everything of a reply that somebody could compare.
fn face(reply: &Reply) -> (u16, String, Vec<String>, String) {
    let mut names: Vec<_> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    (reply.status, reply.text(), names, format!("{:?}", flights(reply)))
}

fn known_and_unknown_are_answered_alike(stage: &Stage) {
    let (fresh, _) = stage.somebody();
    let (verified, _) = stage.somebody();
    verify(stage, &verification_token(stage, &verified)).expect_only(200);
    let (suspended, session) = stage.somebody();
    stage.database().set_status(&session.user_id(), "suspended");
    let (inactive, session) = stage.somebody();
    stage.database().set_status(&session.user_id(), "inactive");
    let nobody = Person::new();
    for paths in [RESEND, FORGOT] {
        for path in paths {
            let ask = |person: &Person| {
                let reply = stage.call("POST", path).json(&json!({"email": person.email})).send();
                face(&reply.expect(202))
            };
            let unknown = ask(&nobody);
            for person in [&fresh, &verified, &suspended, &inactive] {
                assert_eq!(ask(person), unknown, "{path}");
            }
        }
    }
}

fn resend_mails_who_is_not_verified_and_nobody_else(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = verification_token(stage, &person);
    let mut database = stage.database();
    resend(stage, &person.email).expect_only(202);
    assert_eq!(database.outbox(&person.email).len(), 2);
    let second = Mailbox::of(stage).token(&person.email, VERIFY_PAGE, 2);
    assert_ne!(token, second);
    verify(stage, &second).expect_only(200);
    let before = database.outbox(&person.email);
    resend(stage, &person.email).expect_only(202);
    assert_eq!(
        database.outbox(&person.email),
        before,
        "a verified address needs no mail"
    );
    let nobody = Person::new();
    resend(stage, &nobody.email).expect_only(202);
    assert_eq!(database.outbox(&nobody.email), Vec::new());
}

fn forgot_mails_who_is_known_and_nobody_else(stage: &Stage) {
    let (person, _) = stage.somebody();
    let nobody = Person::new();
    let mut database = stage.database();
    assert_eq!(database.outbox(&person.email).len(), 1);
    forgot(stage, &person.email).expect_only(202);
    assert_eq!(database.outbox(&person.email).len(), 2);
    Mailbox::of(stage).token(&person.email, super::RESET_PAGE, 1);
    forgot(stage, &nobody.email).expect_only(202);
    assert_eq!(database.outbox(&nobody.email), Vec::new());
    assert_eq!(database.users_with(&nobody.email), 0);
}

fn the_address_in_any_letters(stage: &Stage) {
    let (person, _) = stage.somebody();
    forgot(stage, &person.email.to_uppercase()).expect_only(202);
    // To the address as it is stored: what was typed is a stranger's.
    let mails = Mailbox::of(stage).wait(&person.email, 1, |mail| mail.link(super::RESET_PAGE).is_some());
    assert_eq!(mails[0].to, std::slice::from_ref(&person.email));
    resend(stage, &person.email.to_uppercase()).expect_only(202);
    let rows = stage.database().query(
        "SELECT recipient FROM mail_outbox WHERE lower(recipient) = $1",
        &[&person.email],
    );
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(row.get::<_, String>(0), person.email);
    }
}

/// How many go through before one is limited, whichever of the two paths and whatever the letters.
fn until_limited(stage: &Stage, paths: [&str; 2], email: &str) -> (usize, Reply) {
    for count in 0..MANY {
        let email = if count % 3 == 2 {
            email.to_uppercase()
        } else {
            email.to_owned()
        };
        let reply = stage
            .call("POST", paths[count % 2])
            .json(&json!({"email": email}))
            .send();
        if reply.status != 202 {
            reply.error(429, "RATE_LIMITED");
            let after = reply.header("retry-after").unwrap_or_default().parse::<u64>();
            assert!(after.is_ok_and(|seconds| (1..=86_400).contains(&seconds)), "{reply}");
            assert_eq!(flights(&reply).sql, 0, "what is limited costs no query\n{reply}");
            return (count, reply);
        }
    }
    panic!("{MANY} to one mailbox, and none was limited");
}

fn a_mailbox_is_not_flooded_known_or_unknown(stage: &Stage) {
    for paths in [RESEND, FORGOT] {
        let (person, _) = stage.somebody();
        let (known, told) = until_limited(stage, paths, &person.email);
        let (unknown, told_nobody) = until_limited(stage, paths, &Person::new().email);
        assert_eq!(known, unknown, "{paths:?}");
        assert_eq!(told.json()["error"], told_nobody.json()["error"]);
        assert_eq!(face(&told).2, face(&told_nobody).2);
        // One with the registration, and one each time.
        let posted = stage.database().outbox(&person.email).len();
        assert_eq!(posted, known + 1, "{paths:?}");
    }
}

fn a_limited_mailbox_does_not_lock_its_owner_out(stage: &Stage) {
    let (person, session) = stage.somebody();
    until_limited(stage, FORGOT, &person.email);
    assert!(signs_in(stage, &person.email, &person.password));
    stage.app().refresh(&session);
}

fn asking_changes_nothing(stage: &Stage) {
    let (person, session) = stage.somebody();
    forgot(stage, &person.email).expect_only(202);
    resend(stage, &person.email).expect_only(202);
    let next = stage.app().refresh(&session);
    stage.app().me(&next.access).expect_only(200);
    let again = login(stage, &person.email, &person.password).session_by_token(200);
    assert_eq!(again.user["isVerified"], false);
}

fn names_the_failing_field(stage: &Stage) {
    for path in [RESEND, FORGOT].concat() {
        for body in [
            json!({}),
            json!({"email": null}),
            json!({"email": 5}),
            json!({"email": "nobody"}),
            json!({"email": ["a@example.com"]}),
            json!({"email": "a@example.com\r\nBcc: b@example.com"}),
        ] {
            stage.call("POST", path).json(&body).send().invalid(&["email"]);
        }
    }
}
