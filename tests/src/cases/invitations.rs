//! Invitations into a firm: `POST, GET /api/firms/{id}/invitations`, `DELETE .../{invitationId}`, and what register makes of
//! the token in the mail.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account::forgeries;
use crate::actor::{Person, REGISTER};
use crate::each;
use crate::http::{Reply, race};
use crate::jwt::decode;
use crate::mailbox::Mailbox;
use crate::people::{Firm, Signed, refuses_bad_paging, walk};
use crate::registry::Case;
use crate::shape::{is_time, is_uuid, keys_are, text};
use crate::stage::Stage;
use crate::timing::flights;

/// The page that the link in the mail opens.
const PAGE: &str = "register";

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        the_invited_one_joins_with_the_role_and_a_verified_address,
        is_answered_the_same_for_an_address_with_an_account,
        is_spent_once,
        sixteen_at_once_are_one,
        the_latest_alone_counts,
        one_that_was_taken_back_is_no_more,
        one_that_expired_is_410,
        is_for_the_invited_address,
        the_firm_and_the_role_come_from_it_alone,
        an_invented_one_is_400,
        is_for_the_firms_admins,
        no_role_with_more_than_one_has_is_offered,
        names_every_failing_field_at_once,
        the_list_is_of_those_that_are_open,
        an_answer_holds_no_token,
        is_two_flights_at_most,
    ]
}

fn path(firm: &Firm) -> String {
    format!("/api/firms/{}/invitations", firm.id)
}

fn invite(admin: &Signed, firm: &Firm, email: &str, role: &str) -> Reply {
    admin.post(&path(firm), &json!({"email": email, "role": role}))
}

/// The invitation of an answer of exactly `{invitation}`.
fn invitation(reply: &Reply) -> Value {
    reply.expect_only(201);
    let body = reply.json();
    keys_are(&body, &["invitation"]);
    is_invitation(&body["invitation"]);
    body["invitation"].clone()
}

fn is_invitation(value: &Value) {
    keys_are(value, &["id", "email", "role", "expiresAt", "createdAt"]);
    assert!(is_uuid(&text(value, "id")), "{value}");
    assert!(
        is_time(&text(value, "expiresAt")) && is_time(&text(value, "createdAt")),
        "{value}"
    );
    assert!(text(value, "expiresAt") > text(value, "createdAt"), "{value}");
}

fn accept(stage: &Stage, person: &Person, token: &str) -> Reply {
    let mut body = person.registration();
    body["invitation"] = json!(token);
    stage.call("POST", REGISTER[0]).token_mode().json(&body).send()
}

/// A firm, its admin, and somebody with an invitation: their data and the token.
fn invited(stage: &Stage, role: &str) -> (Firm, Signed, Person, String) {
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    let person = Person::new();
    invitation(&invite(&admin, &home, &person.email, role));
    let token = Mailbox::of(stage).token(&person.email, PAGE, 1);
    (home, admin, person, token)
}

fn the_invited_one_joins_with_the_role_and_a_verified_address(stage: &Stage) {
    for role in ["member", "mentor", "pm", "admin"] {
        let (home, admin, person, token) = invited(stage, role);
        let session = accept(stage, &person, &token).session_by_token(201);
        assert_eq!(session.user["firmId"], home.id);
        assert_eq!(session.user["role"], role);
        assert_eq!(session.user["isVerified"], true);
        assert_eq!(session.user["tier"], "free");
        let claims = decode(&session.access).claims;
        assert_eq!((&claims["role"], &claims["firm"]), (&json!(role), &json!(home.id)));
        // The address is verified: nobody is asked to do it again.
        let mails = Mailbox::of(stage).of_person(&person.email);
        assert!(
            mails.iter().all(|mail| mail.link("verify-email").is_none()),
            "{mails:?}"
        );
        let listed = admin.get(&path(&home)).expect(200).json();
        assert_eq!(
            listed["invitations"],
            json!([]),
            "one that was accepted is open no more"
        );
    }
}

fn is_answered_the_same_for_an_address_with_an_account(stage: &Stage) {
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    let (member, _) = stage.somebody();
    let known = invitation(&invite(&admin, &home, &member.email, "member"));
    let fresh = invitation(&invite(&admin, &home, &Person::new().email, "member"));
    let names = |value: &Value| {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&known), names(&fresh));
    assert_eq!(known["email"], member.email);
    // What the admin can't see, the owner is told, and the account stays where it is.
    Mailbox::of(stage).wait(&member.email, 2, |_| true);
    let firm = "SELECT firm_id::text FROM users WHERE email = $1";
    assert_eq!(
        stage.database().query(firm, &[&member.email])[0].get::<_, Option<String>>(0),
        None
    );
}

fn is_spent_once(stage: &Stage) {
    let (_, _, person, token) = invited(stage, "mentee");
    accept(stage, &person, &token).session_by_token(201);
    let again = accept(stage, &person, &token);
    assert!([400, 409].contains(&again.status), "{again}");
    again.error_shape();
    // Not even when the account is gone again.
    stage
        .database()
        .execute("DELETE FROM users WHERE email = $1", &[&person.email]);
    accept(stage, &person, &token).error(400, "TOKEN_INVALID");
}

fn sixteen_at_once_are_one(stage: &Stage) {
    let (home, _, person, token) = invited(stage, "mentee");
    let replies = race(16, |_| accept(stage, &person, &token));
    let joined = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(joined, 1);
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        match reply.status {
            409 => reply.error(409, "EMAIL_TAKEN"),
            _ => reply.error(400, "TOKEN_INVALID"),
        };
    }
    let members = "SELECT count(*) FROM users WHERE firm_id = $1::text::uuid AND role = 'mentee'";
    assert_eq!(stage.database().query(members, &[&home.id])[0].get::<_, i64>(0), 1);
}

fn the_latest_alone_counts(stage: &Stage) {
    let (home, admin, person, first) = invited(stage, "member");
    invitation(&invite(&admin, &home, &person.email.to_uppercase(), "mentor"));
    let second = Mailbox::of(stage).token(&person.email, PAGE, 2);
    assert_ne!(first, second);
    let listed = admin.get(&path(&home)).expect(200).json();
    assert_eq!(listed["invitations"].as_array().map(Vec::len), Some(1), "{listed}");
    accept(stage, &person, &first).error(400, "TOKEN_INVALID");
    let session = accept(stage, &person, &second).session_by_token(201);
    assert_eq!(session.user["role"], "mentor");
}

fn one_that_was_taken_back_is_no_more(stage: &Stage) {
    let (home, admin, person, token) = invited(stage, "member");
    let listed = admin.get(&path(&home)).expect(200).json();
    let one = format!("{}/{}", path(&home), text(&listed["invitations"][0], "id"));
    let reply = admin.delete(&one).expect(204);
    assert!(reply.body.is_empty(), "{reply}");
    accept(stage, &person, &token).error(400, "TOKEN_INVALID");
    assert_eq!(stage.database().users_with(&person.email), 0);
    admin.delete(&one).expect_only(404);
    admin.delete(&format!("{}/x", path(&home))).expect_only(404);
}

fn one_that_expired_is_410(stage: &Stage) {
    let (home, admin, person, token) = invited(stage, "member");
    let expire =
        "UPDATE invitations SET expires_at = now() - interval '1 second', created_at = created_at - interval '90 days'
                  WHERE firm_id = $1::text::uuid";
    assert_eq!(stage.database().execute(expire, &[&home.id]), 1);
    accept(stage, &person, &token).error(410, "TOKEN_EXPIRED");
    assert_eq!(stage.database().users_with(&person.email), 0);
    // A fresh one helps.
    invitation(&invite(&admin, &home, &person.email, "member"));
    let fresh = Mailbox::of(stage).token(&person.email, PAGE, 2);
    accept(stage, &person, &fresh).session_by_token(201);
}

fn is_for_the_invited_address(stage: &Stage) {
    let (_, _, person, token) = invited(stage, "admin");
    let other = Person::new();
    accept(stage, &other, &token).invalid(&["email"]);
    assert_eq!(stage.database().users_with(&other.email), 0);
    // That didn't spend it, and letters' case is no other address.
    let shouting = Person {
        email: person.email.to_uppercase(),
        ..person.clone()
    };
    accept(stage, &shouting, &token).session_by_token(201);
    assert_eq!(stage.database().users_with(&person.email), 1);
}

fn the_firm_and_the_role_come_from_it_alone(stage: &Stage) {
    let (home, _, person, token) = invited(stage, "member");
    let other = stage.firm();
    for (field, value) in [
        ("role", "admin"),
        ("role", "pm"),
        ("tier", "member"),
        ("status", "active"),
    ] {
        let mut body = person.registration();
        body["invitation"] = json!(token);
        body[field] = json!(value);
        let reply = stage.call("POST", REGISTER[0]).token_mode().json(&body).send();
        reply.error(403, "FORBIDDEN");
        assert_eq!(stage.database().users_with(&person.email), 0);
    }
    // What anybody may choose is no privilege, but chosen already.
    let mut body = person.registration();
    body["invitation"] = json!(token);
    body["role"] = json!("mentor");
    body["firmSlug"] = json!(other.slug);
    let both = stage.call("POST", REGISTER[0]).token_mode().json(&body).send();
    both.invalid(&["firmSlug", "role"]);
    let user = accept(stage, &person, &token).session_by_token(201).user;
    assert_eq!((&user["firmId"], &user["role"]), (&json!(home.id), &json!("member")));
    let joined = "SELECT count(*) FROM users WHERE firm_id = $1::text::uuid";
    assert_eq!(stage.database().query(joined, &[&other.id])[0].get::<_, i64>(0), 0);
}

fn an_invented_one_is_400(stage: &Stage) {
    let (_, _, person, token) = invited(stage, "member");
    for forged in forgeries(&token) {
        let reply = accept(stage, &person, &forged);
        reply.expect_only(400);
        reply.error_shape();
    }
    // A token for something else is none, and this is none for something else.
    let (other, _) = stage.somebody();
    let verification = Mailbox::of(stage).token(&other.email, "verify-email", 1);
    accept(stage, &person, &verification).error(400, "TOKEN_INVALID");
    for call in ["/api/auth/verify-email", "/api/auth/reset-password"] {
        let body = json!({"token": token, "password": "a door that is somebody else's", "confirmPassword": "a door that is somebody else's"});
        stage.call("POST", call).json(&body).send().error(400, "TOKEN_INVALID");
    }
    assert_eq!(stage.database().users_with(&person.email), 0);
    accept(stage, &person, &token).session_by_token(201);
}

fn is_for_the_firms_admins(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let email = Person::new().email;
    let body = json!({"email": email, "role": "member"});
    stage
        .call("POST", &path(&home))
        .json(&body)
        .send()
        .error(401, "UNAUTHENTICATED");
    stage.call("GET", &path(&home)).send().error(401, "UNAUTHENTICATED");
    for role in ["pm", "mentor", "mentee", "member"] {
        let person = stage.signed(Some(&home), role);
        person.post(&path(&home), &body).error(403, "FORBIDDEN");
        person.get(&path(&home)).error(403, "FORBIDDEN");
    }
    let rival = stage.signed(Some(&other), "admin");
    rival.post(&path(&home), &body).error(404, "FIRM_NOT_FOUND");
    rival.get(&path(&home)).error(404, "FIRM_NOT_FOUND");
    assert_eq!(stage.database().outbox(&email), []);
    let root = stage.root();
    let one = invitation(&root.post(&path(&home), &body));
    let admin = stage.signed(Some(&home), "admin");
    rival
        .delete(&format!("{}/{}", path(&home), text(&one, "id")))
        .expect_only(404);
    rival
        .delete(&format!("{}/{}", path(&other), text(&one, "id")))
        .expect_only(404);
    admin
        .delete(&format!("{}/{}", path(&home), text(&one, "id")))
        .expect_only(204);
    let nowhere = "/api/firms/01890000-0000-7000-8000-000000000000/invitations";
    root.post(nowhere, &body).error(404, "FIRM_NOT_FOUND");
    root.post("/api/firms/x/invitations", &body).expect_only(404);
}

fn no_role_with_more_than_one_has_is_offered(stage: &Stage) {
    let home = stage.firm();
    let role = format!("r-{}", crate::jwt::random_hex::<8>());
    stage.database().execute(
        "INSERT INTO roles (name, description, permissions) VALUES ($1, 'of a case', '{invitations.manage}')",
        &[&role],
    );
    let host = stage.signed(Some(&home), &role);
    for more in ["admin", "pm"] {
        let email = Person::new().email;
        invite(&host, &home, &email, more).error(403, "FORBIDDEN");
        assert_eq!(stage.database().outbox(&email), []);
    }
    for fair in ["member", role.as_str()] {
        invitation(&invite(&host, &home, &Person::new().email, fair));
    }
}

fn names_every_failing_field_at_once(stage: &Stage) {
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    for body in [
        json!({}),
        json!({"email": 5, "role": []}),
        json!({"email": "nobody", "role": "No Role"}),
        json!({"email": null, "role": null}),
    ] {
        admin.post(&path(&home), &body).invalid(&["email", "role"]);
    }
    let email = Person::new().email;
    invite(&admin, &home, &email, "nobody-has-this").invalid(&["role"]);
    assert_eq!(stage.database().outbox(&email), []);
}

fn the_list_is_of_those_that_are_open(stage: &Stage) {
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    let mut emails: Vec<_> = (0..3).map(|_| Person::new().email).collect();
    for email in &emails {
        invitation(&invite(&admin, &home, email, "member"));
    }
    // Another firm's aren't there.
    let other = stage.firm();
    invitation(&invite(
        &stage.signed(Some(&other), "admin"),
        &other,
        &Person::new().email,
        "member",
    ));
    let body = admin.get(&path(&home)).expect(200).json();
    let listed = body["invitations"].as_array().expect("a list");
    listed.iter().for_each(is_invitation);
    let mut found: Vec<_> = listed.iter().map(|one| text(one, "email")).collect();
    found.sort();
    emails.sort();
    assert_eq!(found, emails);
    let ids: BTreeSet<_> = listed.iter().map(|one| text(one, "id")).collect();
    for limit in [1, 2, 3] {
        let walked = walk(&admin, &path(&home), "invitations", limit, || ());
        assert_eq!(walked.len(), 3);
        assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), ids);
    }
    refuses_bad_paging(&admin, &path(&home));
}

fn an_answer_holds_no_token(stage: &Stage) {
    let (home, admin, _, token) = invited(stage, "member");
    let listed = admin.get(&path(&home)).expect(200);
    assert!(!listed.text().contains(&token), "{listed}");
    assert_eq!(stage.database().tables_containing(&token), Vec::<String>::new());
}

fn is_two_flights_at_most(stage: &Stage) {
    let (home, admin, person, token) = invited(stage, "member");
    let email = Person::new().email;
    let asked = invite(&admin, &home, &email, "member");
    let one = format!("{}/{}", path(&home), text(&invitation(&asked), "id"));
    for reply in [
        asked,
        admin.get(&path(&home)).expect(200),
        admin.delete(&one).expect(204),
    ] {
        let found = flights(&reply);
        assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
    }
    let joined = accept(stage, &person, &token).expect(201);
    assert!(flights(&joined).sql <= 2 && flights(&joined).kv <= 1, "{joined}");
}
