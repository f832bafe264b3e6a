//! What a signed-in person changes: each change asks the database anew whether the session lives, and is guarded against
//! what changed meanwhile.

use doorward_edge::host::{Reply, Rows};
use serde_json::{Value, json};

use crate::data::{
    ANN, CHANGED_AT, EMAIL, OTHER_SESSION, PASSWORD, SESSION, ann, credentials, joined, none, one, owner, row,
};
use crate::fake::KvOutcome;
use crate::stage::{Ask, Stage};

const NEW: &str = "a new password for Ann";

fn change_password(stage: &Stage, body: Value) -> Ask {
    Ask::post("/api/auth/change-password")
        .bearer(&stage.access_token(ANN, SESSION))
        .json(body)
}

fn change_email(stage: &Stage, password: &str) -> Ask {
    Ask::post("/api/auth/change-email")
        .bearer(&stage.access_token(ANN, SESSION))
        .json(json!({ "newEmail": "new@example.com", "password": password }))
}

fn delete_account(stage: &Stage, password: &str) -> Ask {
    Ask::delete("/api/auth/account")
        .bearer(&stage.access_token(ANN, SESSION))
        .json(json!({ "password": password }))
}

fn the_three(stage: &Stage, password: &str) -> [Ask; 3] {
    [
        change_password(stage, json!({ "currentPassword": password, "newPassword": NEW })),
        change_email(stage, password),
        delete_account(stage, password),
    ]
}

#[test]
fn a_revocation_takes_effect_at_once() {
    let stage = Stage::new();
    // The instance believes the session alive; these calls don't ask the instance.
    stage.sql("session.alive", one(ann()));
    let me = Ask::get("/api/auth/me").bearer(&stage.access_token(ANN, SESSION));
    assert_eq!(stage.send(&me).status, 200);
    for ask in the_three(&stage, PASSWORD) {
        stage.sql("account.owner", none());
        assert_eq!(stage.send(&ask).outcome(), (401, "UNAUTHENTICATED".to_owned()));
    }
    assert_eq!(stage.host.deferred(), 0);
}

#[test]
fn a_wrong_password_changes_nothing() {
    for hash in [true, false] {
        let stage = Stage::new();
        for ask in the_three(&stage, "something else entirely") {
            let owner = if hash {
                owner()
            } else {
                joined(&[credentials(None, "active", true), row(&[EMAIL, "Ann"])])
            };
            stage.sql("account.owner", one(owner));
            stage.sql("event.record", none());
            assert_eq!(stage.send(&ask).outcome(), (400, "WRONG_PASSWORD".to_owned()));
            let flights = stage.flights();
            assert!(flights[1].has("password.refused") && flights[1].has(&ANN.to_string()));
            assert_eq!(stage.kv_flights().len(), 1);
        }
        assert_eq!(stage.host.deferred(), 0);
    }
}

#[test]
fn without_an_access_token_nothing_is_even_read() {
    let stage = Stage::new();
    for ask in [
        Ask::post("/api/auth/change-password").json(json!({})),
        Ask::post("/api/auth/change-email").json(json!({})),
        Ask::delete("/api/auth/account").json(json!({})),
        Ask::get("/api/auth/sessions"),
        Ask::delete("/api/auth/sessions"),
        Ask::delete(&format!("/api/auth/sessions/{SESSION}")),
    ] {
        assert_eq!(stage.send(&ask).outcome(), (401, "UNAUTHENTICATED".to_owned()));
    }
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
}

#[test]
fn guessing_the_password_is_limited_by_the_account() {
    let stage = Stage::new();
    for ask in the_three(&stage, PASSWORD) {
        stage.kv().next(KvOutcome::Replies(vec![Reply::Integer(180_000)]));
        let answer = stage.send(&ask);
        assert_eq!(answer.outcome(), (429, "RATE_LIMITED".to_owned()));
        assert_eq!(answer.header("retry-after"), Some("180"));
        let flight = &stage.kv_flights()[0][0];
        assert!(flight.iter().any(|word| word.contains(&ANN.to_string())), "{flight:?}");
    }
    assert!(stage.flights().is_empty());
}

#[test]
fn a_new_password_ends_the_other_sessions_unless_they_are_kept() {
    for keep in [false, true] {
        let stage = Stage::new();
        stage.sql("account.owner", one(owner()));
        let mut batch = vec![("account.change_password", one(ann())), ("token.remove_stale", none())];
        if !keep {
            batch.push(("session.end_all", none()));
        }
        stage.batch(batch);
        let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW, "keepOtherSessions": keep });
        let answer = stage.send(&change_password(&stage, body));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["user"]["email"], EMAIL);
        assert!(answer.cookies().is_empty());
        let flights = stage.flights();
        let params = &flights[1].0[0].1;
        // Guarded by the password that was read before.
        assert_eq!(params[4].as_deref(), Some(CHANGED_AT));
        assert!(params[2].as_deref().unwrap().starts_with("$argon2id$"));
        // What was on its way goes, if the event of this change was written.
        let links = Some("password_reset email_change".to_owned());
        assert_eq!(flights[1].0[1].1, [Some(ANN.to_string()), params[7].clone(), links]);
        if !keep {
            // This session stays.
            assert_eq!(flights[1].0[2].1[1], Some(SESSION.to_string()));
            assert_eq!(flights[1].0[2].1[3], params[2]);
        }
        assert_eq!(stage.host.deferred(), 1);
    }
}

#[test]
fn a_new_password_is_held_against_the_policy_and_the_person() {
    let stage = Stage::new();
    let code = |new: &str| {
        let body = json!({ "currentPassword": PASSWORD, "newPassword": new });
        let answer = stage.send(&change_password(&stage, body));
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED".to_owned()));
        let detail = answer.json()["details"][0].clone();
        assert_eq!(detail["path"], "newPassword");
        detail["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code("seven77"), "too_short");
    assert!(stage.flights().is_empty() && stage.kv_flights().is_empty());
    stage.sql("account.owner", one(owner()));
    assert_eq!(code(EMAIL), "like_you");
    stage.sql("account.owner", one(owner()));
    assert_eq!(code("Ann EXAMPLE"), "like_you");
}

#[test]
fn what_changed_while_the_password_was_checked_stops_the_change() {
    let stage = Stage::new();
    // The session ended, or the password is another one by now.
    for (rows, status, code) in [(none(), 401, "UNAUTHENTICATED"), (one(owner()), 400, "WRONG_PASSWORD")] {
        stage.sql("account.owner", one(owner()));
        stage.batch(vec![
            ("account.change_password", none()),
            ("token.remove_stale", none()),
            ("session.end_all", none()),
        ]);
        stage.sql("account.owner", rows.clone());
        let body = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
        let answer = stage.send(&change_password(&stage, body));
        assert_eq!(answer.outcome(), (status, code.to_owned()));

        stage.sql("account.owner", one(owner()));
        stage.sql("token.issue_email_change", one(row(&["f"])));
        stage.sql("account.owner", rows);
        let answer = stage.send(&change_email(&stage, PASSWORD));
        assert_eq!(answer.outcome(), (status, code.to_owned()));
        assert_eq!(stage.host.deferred(), 0);
    }

    stage.sql("account.owner", one(owner()));
    stage.batch(deletion("f", "f"));
    let answer = stage.send(&delete_account(&stage, PASSWORD));
    assert_eq!(answer.outcome(), (401, "UNAUTHENTICATED".to_owned()));
    assert_eq!(stage.host.deferred(), 0);
}

#[test]
fn another_address_takes_a_mail_first() {
    let stage = Stage::new();
    stage.sql("account.owner", one(owner()));
    // Nothing of the answer tells whether the address is taken: it only says whether the session and the password, by which
    // the statement is guarded, are still as they were.
    stage.sql("token.issue_email_change", one(row(&["t"])));
    let answer = stage.send(&change_email(&stage, PASSWORD));
    assert_eq!(answer.status, 202);
    let flights = stage.flights();
    assert!(flights[1].has("new@example.com"));
    let guards = [Some(CHANGED_AT.to_owned()), Some(SESSION.to_string())];
    assert_eq!(flights[1].0[0].1[12..], guards);
    assert_eq!(stage.host.deferred(), 1);
}

#[test]
fn a_mailbox_gets_no_more_changes_of_address_than_other_mail() {
    let stage = Stage::new();
    stage.kv().next(KvOutcome::Replies(vec![Reply::Integer(180_000)]));
    assert_eq!(stage.send(&change_email(&stage, PASSWORD)).status, 429);
    let mut flights = stage.kv_flights();
    assert_eq!((flights.len(), flights[0].len()), (1, 1));
    let words = flights.remove(0).remove(0);
    // The person's own bucket, the mailbox's and the client's.
    let keys = &words[3..6];
    assert_eq!(words[2], "3");
    assert_eq!(keys[0], format!("doorward:limit:password:user:{ANN}"));
    assert!(keys[1].starts_with("doorward:limit:change:mailbox:"), "{keys:?}");
    assert_eq!(keys[2], "doorward:limit:change:address:203.0.113.9");
    let rules = ["3", "20", "3600000", "5", "3600000", "30", "3600000"];
    assert_eq!(words[6..], rules);
    assert!(stage.flights().is_empty());
}

/// Whether it is done, and whether it was the last admin.
pub(crate) fn deletion(done: &str, last: &str) -> Vec<(&'static str, Rows)> {
    vec![
        ("account.lock_admins", none()),
        ("account.delete", one(row(&[done, last]))),
    ]
}

#[test]
fn a_deleted_account_is_gone_at_once_and_the_last_admin_stays() {
    let stage = Stage::new();
    let access = stage.access_token(ANN, SESSION);
    let me = Ask::get("/api/auth/me").bearer(&access);
    stage.sql("session.alive", one(ann()));
    assert_eq!(stage.send(&me).status, 200);

    stage.sql("account.owner", one(owner()));
    stage.batch(deletion("f", "t"));
    let answer = stage.send(&delete_account(&stage, PASSWORD));
    assert_eq!(answer.outcome(), (409, "LAST_ADMIN".to_owned()));
    assert_eq!(stage.send(&me).status, 200);

    stage.sql("account.owner", one(owner()));
    stage.batch(deletion("t", "f"));
    let answer = stage.send(&delete_account(&stage, PASSWORD));
    assert_eq!(answer.status, 204);
    assert_eq!(answer.cookies().len(), 2);
    stage.sql("session.alive", none());
    assert_eq!(stage.send(&me).status, 401);
}

fn listed(id: &str, current: &str) -> Vec<Option<String>> {
    let mut session = row(&[id, "1767322984000", "1767322985678"]);
    session.extend([Some("192.0.2.1".to_owned()), None, Some(current.to_owned())]);
    session
}

#[test]
fn the_list_is_for_who_is_on_it() {
    let stage = Stage::new();
    let ask = Ask::get("/api/auth/sessions").bearer(&stage.access_token(ANN, SESSION));
    let (here, there) = (SESSION.to_string(), OTHER_SESSION.to_string());
    stage.sql(
        "session.list",
        Rows {
            rows: vec![listed(&there, "f"), listed(&here, "t")],
            ..Rows::default()
        },
    );
    let answer = stage.send(&ask);
    let session = |id: &str, current: bool| {
        json!({ "id": id, "createdAt": "2026-01-02T03:03:04.000Z", "lastUsedAt": "2026-01-02T03:03:05.678Z",
                "ip": "192.0.2.1", "userAgent": null, "current": current })
    };
    assert_eq!(
        answer.json(),
        json!({ "sessions": [session(&there, false), session(&here, true)] })
    );
    // The session that asks is over: it isn't on its own list.
    for rows in [none(), one(listed(&there, "f"))] {
        stage.sql("session.list", rows);
        assert_eq!(stage.send(&ask).outcome(), (401, "UNAUTHENTICATED".to_owned()));
    }
}

#[test]
fn ending_one_session() {
    let stage = Stage::new();
    let access = stage.access_token(ANN, SESSION);
    let delete = |id: &str| Ask::delete(&format!("/api/auth/sessions/{id}")).bearer(&access);
    for (signed_in, own, status, code) in [
        ("t", "t", 204, ""),
        ("f", "t", 401, "UNAUTHENTICATED"),
        ("f", "f", 401, "UNAUTHENTICATED"),
        ("t", "f", 404, "NOT_FOUND"),
    ] {
        stage.sql("session.end_one", one(row(&[signed_in, own])));
        let answer = stage.send(&delete(&OTHER_SESSION.to_string()));
        assert_eq!(answer.outcome(), (status, code.to_owned()));
        assert!(answer.cookies().is_empty());
    }
    // One's own: the browser forgets it too, and this instance at once.
    stage.sql("session.end_one", one(row(&["t", "t"])));
    let answer = stage.send(&delete(&SESSION.to_string().to_uppercase()));
    assert_eq!(answer.cookies().len(), 2);
    assert_eq!(stage.send(&Ask::get("/api/auth/me").bearer(&access)).status, 401);
    stage.flights();
    // What is no id is no address.
    for id in ["", "1", "x/y", &format!("{SESSION}/")] {
        assert_eq!(stage.send(&delete(id)).outcome(), (404, "NOT_FOUND".to_owned()), "{id}");
    }
    assert!(stage.flights().is_empty());
}

#[test]
fn ending_all_others() {
    let stage = Stage::new();
    let access = stage.access_token(ANN, SESSION);
    let ask = Ask::delete("/api/auth/sessions").bearer(&access);
    let there = Ask::get("/api/auth/me").bearer(&stage.access_token(ANN, OTHER_SESSION));
    stage.sql("session.alive", one(ann()));
    assert_eq!(stage.send(&there).status, 200);
    stage.sql("session.end_others", one(row(&["t"])));
    let answer = stage.send(&ask);
    assert_eq!(answer.status, 204);
    assert!(answer.cookies().is_empty());
    stage.sql("session.alive", none());
    assert_eq!(
        stage.send(&there).status,
        401,
        "the instance asks again about each of them"
    );
    stage.sql("session.end_others", one(row(&["f"])));
    assert_eq!(stage.send(&ask).status, 401);
}
