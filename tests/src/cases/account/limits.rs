//! Limits on the calls of an account, at their defaults. One case at a time: all of them come from one address.

use serde_json::{Value, json};

use super::{
    CHANGE_EMAIL, CHANGE_PASSWORD, FORGOT, RESEND, RESET, VERIFY, new_password, reset, reset_token, verification_token,
    verify,
};
use crate::actor::Person;
use crate::each;
use crate::http::{Reply, race};
use crate::registry::Case;
use crate::stage::{CLIENT_ADDRESS_HEADER, Stage};
use crate::timing::flights;

/// More than any sensible limit.
const MANY: usize = 400;

pub(super) fn cases() -> Vec<Case> {
    each![
        Limited;
        mail_to_one_mailbox_is_limited_known_or_unknown,
        mail_for_one_client_is_limited_whatever_the_mailbox,
        a_crowd_sends_no_more_mail_than_one_by_one,
        invented_tokens_are_limited,
        a_stranger_spends_nobodys_link,
        guesses_at_the_password_of_a_session_are_limited,
    ]
}

fn post(stage: &Stage, path: &str, body: &Value) -> Reply {
    let call = stage.call("POST", path).header(CLIENT_ADDRESS_HEADER, "127.0.0.1");
    call.json(body).send()
}

fn limited(reply: &Reply) {
    reply.error(429, "RATE_LIMITED");
    let after = reply.header("retry-after").unwrap_or_default().parse::<u64>();
    assert!(after.is_ok_and(|seconds| (1..=86_400).contains(&seconds)), "{reply}");
}

/// How many go through before one is limited.
fn passed(mut ask: impl FnMut(usize) -> Reply) -> usize {
    for count in 0..MANY {
        let reply = ask(count);
        if reply.status == 429 {
            limited(&reply);
            assert_eq!(flights(&reply).sql, 0, "what is limited costs no query\n{reply}");
            return count;
        }
    }
    panic!("{MANY} calls, and none was limited");
}

fn mail_to_one_mailbox_is_limited_known_or_unknown(stage: &Stage) {
    for paths in [RESEND, FORGOT] {
        stage.cache().flush();
        let (person, _) = stage.somebody();
        let ask = |email: &str| {
            let body = json!({"email": email});
            passed(|count| post(stage, paths[count % 2], &body))
        };
        let known = ask(&person.email);
        let unknown = ask(&Person::new().email);
        assert!((1..=10).contains(&known), "{known} mails within moments");
        assert_eq!(known, unknown, "{paths:?}");
    }
}

fn mail_for_one_client_is_limited_whatever_the_mailbox(stage: &Stage) {
    for path in [RESEND[0], FORGOT[0]] {
        stage.cache().flush();
        passed(|_| post(stage, path, &json!({"email": Person::new().email})));
    }
}

fn a_crowd_sends_no_more_mail_than_one_by_one(stage: &Stage) {
    stage.cache().flush();
    let (person, _) = stage.somebody();
    let body = json!({"email": person.email});
    let alone = passed(|_| post(stage, FORGOT[0], &body));
    let (crowded, _) = stage.somebody();
    let body = json!({"email": crowded.email});
    let replies = race(24, |index| post(stage, FORGOT[index % 2], &body));
    let through = replies.iter().filter(|reply| reply.status == 202).count();
    replies.iter().filter(|reply| reply.status != 202).for_each(limited);
    assert!(through <= alone + 1, "{through} of 24 at once, {alone} one by one");
    assert_eq!(stage.database().outbox(&crowded.email).len(), through + 1);
}

fn invented_tokens_are_limited(stage: &Stage) {
    let password = new_password();
    let bodies = [
        (VERIFY, json!({"token": "x".repeat(86)})),
        (
            RESET,
            json!({"token": "x".repeat(86), "password": password, "confirmPassword": password}),
        ),
    ];
    for (paths, body) in bodies {
        stage.cache().flush();
        let count = passed(|count| {
            let reply = post(stage, paths[count % 2], &body);
            if reply.status != 429 {
                reply.error(400, "TOKEN_INVALID");
            }
            reply
        });
        assert!(count >= 3, "a person may click twice: {count}");
    }
}

fn a_stranger_spends_nobodys_link(stage: &Stage) {
    // Whoever doesn't hold the link can't have it limited away from who does.
    stage.cache().flush();
    let (person, _) = stage.somebody();
    let verification = verification_token(stage, &person);
    let resetting = reset_token(stage, &person.email, 1);
    let forged = format!("{}A", &verification[..verification.len() - 1]);
    for _ in 0..30 {
        let reply = post(stage, VERIFY[0], &json!({"token": forged}));
        assert!([400, 429].contains(&reply.status), "{reply}");
    }
    verify(stage, &verification).expect_only(200);
    reset(stage, &resetting, &new_password()).expect_only(200);
}

fn guesses_at_the_password_of_a_session_are_limited(stage: &Stage) {
    // A stolen access token is no oracle for the password.
    stage.cache().flush();
    let (person, session) = stage.somebody();
    let bodies = [
        (
            CHANGE_PASSWORD,
            json!({"currentPassword": "a wrong one", "newPassword": new_password()}),
        ),
        (
            CHANGE_EMAIL,
            json!({"newEmail": Person::new().email, "password": "a wrong one"}),
        ),
    ];
    let count = passed(|count| {
        let (path, body) = &bodies[count % 2];
        let call = stage.call("POST", path).bearer(&session.access);
        let reply = call.header(CLIENT_ADDRESS_HEADER, "127.0.0.1").json(body).send();
        if reply.status != 429 {
            reply.error(400, "WRONG_PASSWORD");
        }
        reply
    });
    assert!((3..=60).contains(&count), "{count} guesses");
    // The session itself goes on, and so does the sign-in.
    stage.app().refresh(&session);
    stage.app().login(&person);
}
