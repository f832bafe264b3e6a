//! `POST /api/auth/verify-email` = `/auth/verify-email`.

use serde_json::{Value, json};

use super::{
    ACCOUNT, RESET, VERIFY, forgeries, forgot, login, new_password, resend, reset, reset_token, signs_in, user_alone,
    verification_token, verify,
};
use crate::actor::{Person, REGISTER};
use crate::each;
use crate::http::race;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::{Flights, flights};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        the_mailed_token_verifies,
        a_used_token_is_400,
        a_replaced_token_is_400,
        an_invented_token_is_400_and_costs_no_query,
        a_stored_hash_is_no_token,
        an_expired_token_is_410,
        a_user_who_is_gone_is_404,
        each_kind_of_token_is_for_its_own_call,
        sixteen_at_once_are_one,
        is_one_flight_each,
        names_the_failing_field,
    ];
    cases.extend(each![
        Reserved;
        opens_the_door_where_it_is_required,
        a_second_registration_takes_nothing_over,
    ]);
    cases
}

fn the_mailed_token_verifies(stage: &Stage) {
    for path in VERIFY {
        let (person, session) = stage.somebody();
        assert_eq!(session.user["isVerified"], false);
        let token = verification_token(stage, &person);
        let reply = stage.call("POST", path).json(&json!({"token": token})).send();
        let user = user_alone(&reply);
        assert_eq!(user["id"], session.user["id"]);
        assert_eq!(user["isVerified"], true);
        let again = login(stage, &person.email, &person.password).session_by_token(200);
        assert_eq!(again.user["isVerified"], true);
        // Who is signed in needn't sign in again to be seen as verified.
        let me = stage.poll(
            super::BOUND,
            || stage.app().me(&session.access),
            |reply| reply.json()["user"]["isVerified"] == true,
        );
        assert_eq!(me.expect(200).json()["user"]["isVerified"], true);
    }
}

fn a_used_token_is_400(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = verification_token(stage, &person);
    verify(stage, &token).expect_only(200);
    for path in VERIFY {
        let reply = stage.call("POST", path).json(&json!({"token": token})).send();
        reply.error(400, "TOKEN_INVALID");
    }
}

fn a_replaced_token_is_400(stage: &Stage) {
    let (person, _) = stage.somebody();
    let first = verification_token(stage, &person);
    resend(stage, &person.email).expect_only(202);
    let second = Mailbox::of(stage).token(&person.email, super::VERIFY_PAGE, 2);
    assert_ne!(first, second);
    verify(stage, &first).error(400, "TOKEN_INVALID");
    assert_eq!(user_alone(&verify(stage, &second))["isVerified"], true);
    verify(stage, &first).error(400, "TOKEN_INVALID");
}

fn an_invented_token_is_400_and_costs_no_query(stage: &Stage) {
    let (person, _) = stage.somebody();
    let token = verification_token(stage, &person);
    for forged in forgeries(&token) {
        let reply = verify(stage, &forged);
        reply.error(400, "TOKEN_INVALID");
        assert_eq!(flights(&reply).sql, 0, "{forged:?}\n{reply}");
    }
    // None of that spent the real one.
    verify(stage, &token).expect_only(200);
}

fn a_stored_hash_is_no_token(stage: &Stage) {
    let (person, session) = stage.somebody();
    verification_token(stage, &person);
    let mut database = stage.database();
    let rows = database.query(
        "SELECT id::text, token_hash FROM tokens WHERE user_id = $1::text::uuid",
        &[&session.user_id()],
    );
    assert_eq!(rows.len(), 1);
    for column in [0, 1] {
        let stored: String = rows[0].get(column);
        verify(stage, &stored).error(400, "TOKEN_INVALID");
    }
}

fn an_expired_token_is_410(stage: &Stage) {
    let (person, session) = stage.somebody();
    let token = verification_token(stage, &person);
    stage.database().expire_tokens(&session.user_id(), "email_verification");
    for path in VERIFY {
        let reply = stage.call("POST", path).json(&json!({"token": token})).send();
        reply.error(410, "TOKEN_EXPIRED");
    }
    // A fresh one helps.
    resend(stage, &person.email).expect_only(202);
    let fresh = Mailbox::of(stage).token(&person.email, super::VERIFY_PAGE, 2);
    verify(stage, &fresh).expect_only(200);
}

fn a_user_who_is_gone_is_404(stage: &Stage) {
    // By the person's own wish, and by an operator's hand.
    let (person, session) = stage.somebody();
    let token = verification_token(stage, &person);
    let call = stage.call("DELETE", ACCOUNT).bearer(&session.access);
    call.json(&json!({"password": person.password})).send().expect_only(204);
    verify(stage, &token).error(404, "USER_NOT_FOUND");

    let (person, session) = stage.somebody();
    let token = verification_token(stage, &person);
    stage
        .database()
        .execute("DELETE FROM users WHERE id = $1::text::uuid", &[&session.user_id()]);
    for path in VERIFY {
        let reply = stage.call("POST", path).json(&json!({"token": token})).send();
        reply.error(404, "USER_NOT_FOUND");
    }
    // Whoever only guesses doesn't learn it.
    for forged in forgeries(&token) {
        verify(stage, &forged).error(400, "TOKEN_INVALID");
    }
}

fn each_kind_of_token_is_for_its_own_call(stage: &Stage) {
    let (person, _) = stage.somebody();
    let verification = verification_token(stage, &person);
    let resetting = reset_token(stage, &person.email, 1);
    verify(stage, &resetting).error(400, "TOKEN_INVALID");
    reset(stage, &verification, &new_password()).error(400, "TOKEN_INVALID");
    // Neither was spent by that.
    verify(stage, &verification).expect_only(200);
    reset(stage, &resetting, &new_password()).expect_only(200);
    // Nor is any other token of ours one of these.
    let (_, session) = stage.somebody();
    for other in [&session.access, &session.refresh] {
        verify(stage, other).error(400, "TOKEN_INVALID");
        reset(stage, other, &new_password()).error(400, "TOKEN_INVALID");
    }
}

fn sixteen_at_once_are_one(stage: &Stage) {
    let (person, session) = stage.somebody();
    let token = verification_token(stage, &person);
    let replies = race(16, |index| {
        let call = stage.call("POST", VERIFY[index % 2]);
        call.json(&json!({"token": token})).send()
    });
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert_eq!(
        won.len(),
        1,
        "{:?}",
        replies.iter().map(|r| r.status).collect::<Vec<_>>()
    );
    for reply in lost {
        reply.error(400, "TOKEN_INVALID");
    }
    let verified =
        "SELECT count(*) FROM events WHERE user_id = $1::text::uuid AND kind LIKE '%verified' AND outcome = 'success'";
    let count: i64 = stage.database().query(verified, &[&session.user_id()])[0].get(0);
    assert_eq!(count, 1, "it is recorded once");
}

fn is_one_flight_each(stage: &Stage) {
    let (person, session) = stage.somebody();
    let token = verification_token(stage, &person);
    let exactly = |status: u16| {
        let reply = verify(stage, &token).expect(status);
        assert_eq!(flights(&reply), Flights { sql: 1, kv: 1 }, "{reply}");
    };
    exactly(200);
    exactly(400);
    let mut database = stage.database();
    database.execute("DELETE FROM users WHERE id = $1::text::uuid", &[&session.user_id()]);
    exactly(404);
}

fn names_the_failing_field(stage: &Stage) {
    for path in VERIFY {
        for body in [
            json!({}),
            json!({"token": null}),
            json!({"token": 5}),
            json!({"token": ["x"]}),
            json!({"token": {"$ne": null}}),
        ] {
            stage.call("POST", path).json(&body).send().invalid(&["token"]);
        }
        // In the address it is no token: links are opened by mail scanners.
        let reply = stage.call("GET", &format!("{path}?token=x")).send();
        if path.starts_with("/api") {
            reply.error(405, "METHOD_NOT_ALLOWED");
        }
    }
    let body: Value = json!({"token": 5, "password": 5});
    let details = stage.call("POST", RESET[0]).json(&body).send();
    details.invalid(&["token", "password", "confirmPassword"]);
}

fn opens_the_door_where_it_is_required(stage: &Stage) {
    let person = Person::new();
    let call = stage.call("POST", REGISTER[0]).json(&person.registration());
    call.send().expect_only(202);
    login(stage, &person.email, &person.password).error(403, "EMAIL_NOT_VERIFIED");
    let token = verification_token(stage, &person);
    assert_eq!(user_alone(&verify(stage, &token))["isVerified"], true);
    login(stage, &person.email, &person.password).session_by_token(200);
}

fn a_second_registration_takes_nothing_over(stage: &Stage) {
    // Somebody registers with the address of an account that isn't verified yet: learns nothing, takes nothing over.
    let owner = Person::new();
    let register = |person: &Person| {
        let call = stage.call("POST", REGISTER[0]).json(&person.registration());
        call.send().expect(202)
    };
    let first = register(&owner);
    let token = verification_token(stage, &owner);
    let stranger = Person {
        email: owner.email.to_uppercase(),
        password: new_password(),
        ..Person::new()
    };
    let second = register(&stranger);
    assert_eq!(first.text(), second.text());
    assert_eq!(flights(&first).sql, flights(&second).sql);
    assert_eq!(stage.database().users_with(&owner.email), 1);
    let user = user_alone(&verify(stage, &token));
    assert_eq!(user["name"], owner.name);
    assert!(!signs_in(stage, &owner.email, &stranger.password));
    assert!(signs_in(stage, &owner.email, &owner.password));
    // And the same once it is verified.
    let third = register(&Person {
        email: owner.email.clone(),
        ..Person::new()
    });
    assert_eq!(first.text(), third.text());
    assert_eq!(flights(&first).sql, flights(&third).sql);
    forgot(stage, &owner.email).expect_only(202);
    assert!(signs_in(stage, &owner.email, &owner.password), "asking changes nothing");
}
