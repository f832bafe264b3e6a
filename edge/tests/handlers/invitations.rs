//! Invitations: who may send which, and what a registration makes of one.

use doorward_core::id::{FirmId, TokenId, UserId};
use doorward_core::token::one_time::{OneTimeToken, Purpose};
use doorward_edge::host::{Reply, Rows};
use serde_json::{Value, json};

use crate::data::{
    ACME, ANN, EMAIL, NAME, OTHER_FIRM, PASSWORD, Row, SESSION, USER_COLUMNS, joined, none, nulls, one, permissions,
    person, row,
};
use crate::fake::KvOutcome;
use crate::stage::{Answer, Ask, Stage};

const INVITATION: TokenId = TokenId::from_bytes([0x1a; 16]);
/// How many columns an invitation has.
const INVITATION_COLUMNS: usize = 5;

fn invitation() -> Row {
    let id = INVITATION.to_string();
    row(&[&id, "new@example.com", "mentor", "1767322984000", "1767322985678"])
}

fn shown() -> Value {
    json!({ "id": INVITATION.to_string(), "email": "new@example.com", "role": "mentor",
            "expiresAt": "2026-01-02T03:03:04.000Z", "createdAt": "2026-01-02T03:03:05.678Z" })
}

fn path(firm: FirmId) -> String {
    format!("/api/firms/{firm}/invitations")
}

fn admin(own: Option<FirmId>) -> (&'static str, Rows) {
    ("session.alive", one(person(ANN, own, "admin", "active")))
}

fn send(stage: &Stage, own: Option<FirmId>, ask: Ask) -> Answer {
    stage.send(&ask.bearer(&stage.access_token_of(ANN, SESSION, "admin", own)))
}

fn invite(firm: FirmId, role: &str) -> Ask {
    Ask::post(&path(firm)).json(json!({ "email": " New@Example.com", "role": role }))
}

/// The answer of a write: whether whoever acts is as it was, and the invitation.
fn done(is_actor: &str, invitation: Option<Row>) -> Rows {
    let invitation = invitation.unwrap_or_else(|| nulls(INVITATION_COLUMNS));
    one(joined(&[row(&[is_actor]), invitation]))
}

fn allows(role: &str) -> (&'static str, Rows) {
    ("role.permissions", one(row(&[permissions(role)])))
}

#[test]
fn an_invitation_is_mailed_and_its_token_told_to_nobody() {
    let stage = Stage::new();
    stage.batch(vec![admin(Some(ACME)), allows("mentor")]);
    stage.sql("invitation.create", done("t", Some(invitation())));
    let answer = send(&stage, Some(ACME), invite(ACME, "mentor"));
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (201, json!({ "invitation": shown() }))
    );
    assert_eq!(stage.host.deferred(), 1);
    let flights = stage.flights();
    let params = &flights[1].0[0].1;
    assert_eq!(params[8], Some(ACME.to_string()));
    assert_eq!(params[10].as_deref(), Some("new@example.com"));
    // What is stored is the hash of what is derived again when the mail goes out.
    let id = TokenId::parse(params[9].as_deref().unwrap()).unwrap();
    let user = UserId::from_bytes(*ACME.as_bytes());
    let token = OneTimeToken { user, token: id }.seal(stage.keys(), Purpose::Invitation);
    stage.guard(&token);
    assert_eq!(params[12].as_deref(), Some(token.hashed().as_str()));
    let limited = stage.kv_flights();
    let by_mailbox = limited[0][0].iter().any(|word| word.contains("invite:mailbox"));
    assert!(by_mailbox, "{limited:?}");
}

#[test]
fn nobody_invites_elsewhere_or_above_oneself() {
    let stage = Stage::new();
    for (firm, role, outcome) in [
        (OTHER_FIRM, "member", (404, "FIRM_NOT_FOUND")),
        (ACME, "nobody", (400, "VALIDATION_FAILED")),
    ] {
        let known = match role {
            "nobody" => ("role.permissions", none()),
            role => allows(role),
        };
        stage.batch(vec![admin(Some(ACME)), known]);
        let answer = send(&stage, Some(ACME), invite(firm, role));
        assert_eq!(answer.outcome(), (outcome.0, outcome.1.to_owned()));
    }
    // Everything that is wrong is told at once.
    stage.batch(vec![admin(Some(ACME)), ("role.permissions", none())]);
    let ask = Ask::post(&path(ACME)).json(json!({ "email": "new", "role": "nobody" }));
    let answer = send(&stage, Some(ACME), ask);
    assert_eq!(answer.json()["details"].as_array().unwrap().len(), 2);
    // A role that may invite, and no more than that.
    let mut inviter = person(ANN, Some(ACME), "support", "active");
    *inviter.last_mut().unwrap() = Some("invitations.manage".to_owned());
    for (role, expected) in [("admin", 403), ("pm", 403), ("mentor", 201), ("member", 201)] {
        stage.batch(vec![("session.alive", one(inviter.clone())), allows(role)]);
        if expected == 201 {
            stage.sql("invitation.create", done("t", Some(invitation())));
        }
        let answer = send(&stage, Some(ACME), invite(ACME, role));
        assert_eq!(answer.status, expected, "{role}");
    }
}

#[test]
fn nobodys_mailbox_is_flooded() {
    let stage = Stage::new();
    stage.batch(vec![admin(None), allows("member")]);
    stage.kv().next(KvOutcome::Replies(vec![Reply::Integer(9_000)]));
    let answer = send(&stage, None, invite(ACME, "member"));
    assert_eq!(answer.outcome(), (429, "RATE_LIMITED".to_owned()));
    assert_eq!(stage.flights().len(), 1);
}

#[test]
fn what_there_is_not_or_not_any_more() {
    let stage = Stage::new();
    let back = || Ask::delete(&format!("{}/{INVITATION}", path(ACME)));
    let no_firm = (404, "FIRM_NOT_FOUND".to_owned());
    stage.batch(vec![admin(None), allows("member")]);
    stage.sql("invitation.create", done("t", None));
    assert_eq!(send(&stage, None, invite(ACME, "member")).outcome(), no_firm);
    stage.batch(vec![admin(None), ("invitation.list", none()), ("firm.exists", none())]);
    assert_eq!(send(&stage, None, Ask::get(&path(ACME))).outcome(), no_firm);

    for (own, rows, outcome) in [
        (Some(ACME), Some(done("t", Some(invitation()))), (204, "")),
        (Some(ACME), Some(done("t", None)), (404, "NOT_FOUND")),
        (Some(OTHER_FIRM), None, (404, "FIRM_NOT_FOUND")),
    ] {
        stage.batch(vec![admin(own)]);
        if let Some(rows) = rows {
            stage.sql("invitation.revoke", rows);
        }
        assert_eq!(send(&stage, own, back()).outcome(), (outcome.0, outcome.1.to_owned()));
    }
    stage.batch(vec![admin(None)]);
    stage.sql("invitation.revoke", done("f", None));
    stage.sql("session.alive", none());
    let answer = send(&stage, None, back());
    assert_eq!(answer.outcome(), (401, "UNAUTHENTICATED".to_owned()));
    for path in [
        format!("{}/x", path(ACME)),
        format!("/api/firms/x/invitations/{INVITATION}"),
    ] {
        let answer = send(&stage, None, Ask::delete(&path));
        assert_eq!(answer.outcome(), (404, "NOT_FOUND".to_owned()));
    }
}

#[test]
fn the_list_has_pages() {
    let stage = Stage::new();
    let found = || ("firm.exists", one(row(&["1"])));
    let rows = Rows {
        rows: vec![invitation(), invitation()],
        ..Rows::default()
    };
    stage.batch(vec![admin(Some(ACME)), ("invitation.list", rows), found()]);
    let answer = send(&stage, Some(ACME), Ask::get(&format!("{}?limit=1", path(ACME))));
    assert_eq!(answer.json()["invitations"], json!([shown()]));
    let cursor = answer.json()["nextCursor"].as_str().unwrap().to_owned();
    stage.flights();
    stage.batch(vec![admin(Some(ACME)), ("invitation.list", none()), found()]);
    let next = format!("{}?cursor={cursor}", path(ACME));
    let answer = send(&stage, Some(ACME), Ask::get(&next));
    assert_eq!(answer.json(), json!({ "invitations": [], "nextCursor": null }));
    assert!(stage.flight().has(&INVITATION.to_string()));
    stage.batch(vec![
        admin(Some(OTHER_FIRM)),
        ("invitation.list", one(invitation())),
        found(),
    ]);
    let answer = send(&stage, Some(OTHER_FIRM), Ask::get(&path(ACME)));
    assert_eq!(answer.outcome(), (404, "FIRM_NOT_FOUND".to_owned()));
}

/// A registration by an invitation into Acme, with more in its body.
fn accept(stage: &Stage, more: &Value) -> Ask {
    let user = UserId::from_bytes(*ACME.as_bytes());
    let token = OneTimeToken {
        user,
        token: INVITATION,
    }
    .seal(stage.keys(), Purpose::Invitation);
    let mut body = json!({ "email": EMAIL, "name": NAME, "password": PASSWORD, "invitation": token.expose() });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    Ask::post("/auth/signup").json(body)
}

fn accepted(state: &str, user: Option<Row>) -> Rows {
    one(joined(&[row(&[state]), user.unwrap_or_else(|| nulls(USER_COLUMNS))]))
}

#[test]
fn whoever_holds_an_invitation_is_signed_in_at_once() {
    for pairs in [
        &[][..],
        &[("SIGNUPS", "masked"), ("SELF_ROLES", "mentee")],
        &[("EMAIL_VERIFICATION", "required")],
    ] {
        let stage = Stage::with(pairs);
        let user = person(ANN, Some(ACME), "mentor", "active");
        stage.sql("registration.accept", accepted("invalid", Some(user)));
        let reply = stage.send(&accept(&stage, &json!({})));
        assert_eq!(reply.status, 201);
        assert_eq!(reply.json()["user"]["role"], "mentor");
        assert_eq!(reply.json()["user"]["firmId"], ACME.to_string());
        assert_eq!(reply.cookies().len(), 2);
        let flight = stage.flight();
        assert!(flight.has(&ACME.to_string()) && flight.has(&INVITATION.to_string()));
        assert!(!flight.has("member"));
        // There is no mail to send.
        assert_eq!(stage.host.deferred(), 0);
    }
}

#[test]
fn an_invitation_that_is_not_good_says_why() {
    let stage = Stage::with(&[("SIGNUPS", "masked")]);
    for (state, outcome) in [
        ("invalid", (400, "TOKEN_INVALID")),
        ("expired", (410, "TOKEN_EXPIRED")),
        ("taken", (409, "EMAIL_TAKEN")),
        ("other", (400, "VALIDATION_FAILED")),
    ] {
        stage.sql("registration.accept", accepted(state, None));
        let reply = stage.send(&accept(&stage, &json!({})));
        assert_eq!(reply.outcome(), (outcome.0, outcome.1.to_owned()));
        assert!(reply.cookies().is_empty());
        if state == "other" {
            assert_eq!(reply.json()["details"][0]["path"], "email");
        }
    }
    stage.flights();

    // What isn't ours costs no flight, nor does a token for something else.
    let reset = OneTimeToken {
        user: ANN,
        token: INVITATION,
    }
    .seal(stage.keys(), Purpose::PasswordReset);
    for text in ["x", reset.expose()] {
        let reply = stage.send(&accept(&stage, &json!({ "invitation": text })));
        assert_eq!(reply.outcome(), (400, "TOKEN_INVALID".to_owned()));
    }
    // Firm and role are the inviter's choice.
    let reply = stage.send(&accept(&stage, &json!({ "firmSlug": "other", "role": "member" })));
    let details = reply.json()["details"].as_array().unwrap().clone();
    let paths: Vec<_> = details.iter().map(|field| field["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["firmSlug", "role"]);
    // A privilege stays one.
    let reply = stage.send(&accept(&stage, &json!({ "role": "admin" })));
    assert_eq!(reply.outcome(), (403, "FORBIDDEN".to_owned()));
    assert!(stage.flights().is_empty());
}
