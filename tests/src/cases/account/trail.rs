//! The trail that a life leaves: an event for each step, and no secret anywhere.

use serde_json::json;

use super::{
    ACCOUNT, SESSIONS, change_email, change_password, forgot, login, new_password, reset, reset_token,
    verification_token, verify,
};
use crate::actor::{LOGIN, Person, REGISTER};
use crate::data::Database;
use crate::each;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::stage::{Host, Stage};

pub(super) fn cases() -> Vec<Case> {
    each![Main; each_step_is_recorded, no_secret_is_stored_or_logged, says_who_and_where_from]
}

/// How many events of an outcome there are about a user.
fn recorded(database: &mut Database, user: &str, outcome: &str) -> i64 {
    let sql = "SELECT count(*) FROM events WHERE user_id = $1::text::uuid AND outcome = $2";
    database.query(sql, &[&user, &outcome])[0].get(0)
}

fn each_step_is_recorded(stage: &Stage) {
    let (person, session) = stage.somebody();
    let user = session.user_id();
    let mut database = stage.database();
    let mut last = (0, 0);
    let mut step = |name: &str, good: bool| {
        let now = (
            recorded(&mut database, &user, "success"),
            recorded(&mut database, &user, "failure"),
        );
        let grown = if good { now.0 > last.0 } else { now.1 > last.1 };
        assert!(grown, "{name} left no event: {last:?}, then {now:?}");
        if !good {
            assert_eq!(now.0, last.0, "{name} is recorded as done");
        }
        last = now;
    };
    step("registration", true);
    login(stage, &person.email, "not the password").expect_only(401);
    step("a failed sign-in", false);
    let other = stage.app().login(&person);
    step("a sign-in", true);
    verify(stage, &verification_token(stage, &person)).expect_only(200);
    step("the verification", true);
    let path = format!("{SESSIONS}/{}", other.session_id());
    stage
        .call("DELETE", &path)
        .bearer(&session.access)
        .send()
        .expect_only(204);
    step("the end of a session", true);
    change_password(stage, &session.access, "not the password", &new_password()).expect_only(400);
    step("a refused change of password", false);
    let password = new_password();
    change_password(stage, &session.access, &person.password, &password).expect_only(200);
    step("a change of password", true);
    let token = reset_token(stage, &person.email, 1);
    step("a wish for a reset", true);
    let password = new_password();
    reset(stage, &token, &password).expect_only(200);
    step("a reset", true);
    let session = login(stage, &person.email, &password).session_by_token(200);
    step("a sign-in with the new password", true);
    let new = Person::new().email;
    change_email(stage, &session.access, &new, "not the password").expect_only(400);
    step("a refused change of address", false);
    change_email(stage, &session.access, &new, &password).expect_only(202);
    step("a wish for another address", true);
    verify(stage, &Mailbox::of(stage).token(&new, super::VERIFY_PAGE, 1)).expect_only(200);
    step("a change of address", true);
    let session = login(stage, &new, &password).session_by_token(200);
    step("a sign-in with the new address", true);
    let call = stage.call("DELETE", ACCOUNT).bearer(&session.access);
    call.json(&json!({"password": "not the password"}))
        .send()
        .expect_only(400);
    step("a refused deletion", false);
    let session = {
        stage.app().logout(&session);
        login(stage, &new, &password).session_by_token(200)
    };
    step("a sign-out", true);
    let call = stage.call("DELETE", ACCOUNT).bearer(&session.access);
    call.json(&json!({"password": password})).send().expect_only(204);
}

fn no_secret_is_stored_or_logged(stage: &Stage) {
    let (person, first) = stage.somebody();
    let mut secrets = vec![
        person.password.clone(),
        first.access.clone(),
        first.refresh.clone(),
        format!("wrong-{}", new_password()),
    ];
    login(stage, &person.email, &secrets[3]).expect_only(401);
    let next = stage.app().refresh(&first);
    secrets.extend([next.access.clone(), next.refresh.clone()]);
    let verification = verification_token(stage, &person);
    verify(stage, &verification).expect_only(200);
    secrets.push(verification);
    let (wrong, second) = (format!("wrong-{}", new_password()), new_password());
    change_password(stage, &next.access, &wrong, &new_password()).expect_only(400);
    change_password(stage, &next.access, &person.password, &second).expect_only(200);
    secrets.extend([wrong, second.clone()]);
    let new = Person::new().email;
    change_email(stage, &next.access, &new, &second).expect_only(202);
    // A pending one, and a spent one.
    secrets.push(Mailbox::of(stage).token(&new, super::VERIFY_PAGE, 1));
    let token = reset_token(stage, &person.email, 1);
    let third = new_password();
    reset(stage, &token, &third).expect_only(200);
    reset(stage, &token, &third).expect_only(400);
    secrets.extend([token, third.clone()]);
    let session = login(stage, &person.email, &third).session_by_token(200);
    secrets.extend([session.access.clone(), session.refresh.clone()]);
    forgot(stage, &person.email).expect_only(202);
    secrets.push(Mailbox::of(stage).token(&person.email, super::RESET_PAGE, 2));

    let mut database = stage.database();
    let mut cache = stage.cache();
    // It would find something: the address is where it has to be.
    assert!(database.tables_containing(&person.email).contains(&"users".to_owned()));
    let log = log_of(stage);
    for secret in &secrets {
        assert!(secret.len() > 16, "too short to be looked for");
        assert_eq!(database.tables_containing(secret), Vec::<String>::new());
        assert_eq!(cache.containing(secret), Vec::<String>::new());
        assert!(!log.contains(secret.as_str()), "a secret is in the host's log");
    }
    // Events hold no hash either: a hash is what a guess is tried on.
    let hash = database.password_hash(&session.user_id()).expect("a hash");
    assert_eq!(database.tables_containing(&hash), ["users"]);
    let rows = database.query(
        "SELECT token_hash FROM tokens WHERE user_id = $1::text::uuid",
        &[&session.user_id()],
    );
    for row in rows {
        assert_eq!(database.tables_containing(row.get(0)), ["tokens"]);
    }
}

/// What the host has logged so far.
fn log_of(stage: &Stage) -> String {
    let place = stage.stack.disturb(|services| {
        let host = services
            .hosts
            .iter()
            .find(|host| host.base_url() == stage.base.origin());
        host.expect("the host of this stage").log().to_path_buf()
    });
    let bytes = std::fs::read(place).expect("the host has a log");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn says_who_and_where_from(stage: &Stage) {
    let person = Person::new();
    let agent = "doorward-tests/1 (trail)";
    let call = stage.call("POST", REGISTER[0]).token_mode().header("user-agent", agent);
    let session = call.json(&person.registration()).send().session_by_token(201);
    let call = stage.call("POST", LOGIN[0]).header("user-agent", agent);
    call.json(&json!({"email": person.email, "password": "not the password"}))
        .send()
        .expect_only(401);
    let rows = stage.database().query(
        "SELECT user_agent, ip, actor_id::text, outcome FROM events WHERE user_id = $1::text::uuid",
        &[&session.user_id()],
    );
    assert!(rows.len() >= 2);
    for row in rows {
        assert_eq!(row.get::<_, Option<String>>(0).as_deref(), Some(agent));
        if stage.host == Host::Workers {
            assert_eq!(row.get::<_, Option<String>>(1).as_deref(), Some("127.0.0.1"));
        }
        // Whoever failed to sign in isn't known to be the user.
        let actor: Option<String> = row.get(2);
        if row.get::<_, String>(3) == "failure" {
            assert_eq!(actor, None);
        } else {
            assert_eq!(actor, Some(session.user_id()));
        }
    }
}
