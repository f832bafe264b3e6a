//! `DELETE /api/auth/account`.

use serde_json::json;

use super::{ACCOUNT, BOUND, login, signs_in};
use crate::actor::{App, Person};
use crate::each;
use crate::http::{Reply, race};
use crate::people::Signed;
use crate::registry::Case;
use crate::shape::Session;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        everything_of_the_user_is_gone,
        with_cookies_the_browser_is_signed_out,
        a_wrong_password_is_400,
        without_a_session_it_is_401,
        names_the_failing_field,
        the_last_admin_of_a_firm_stays,
        an_admin_who_cannot_act_is_no_successor,
        two_last_admins_at_once_leave_one,
        twice_at_once_is_once,
    ]
}

/// Any other admin without a firm would be a successor, and the suite's cases make them as they need them.
pub(super) fn outage() -> Vec<Case> {
    each![Outage; the_last_admin_without_a_firm_stays]
}

fn delete(stage: &Stage, access: &str, password: &str) -> Reply {
    let call = stage.call("DELETE", ACCOUNT).bearer(access);
    call.json(&json!({"password": password})).send()
}

fn everything_of_the_user_is_gone(stage: &Stage) {
    let (person, session) = stage.somebody();
    let other = login(stage, &person.email, &person.password).session_by_token(200);
    super::forgot(stage, &person.email).expect_only(202);
    super::change_email(stage, &session.access, &Person::new().email, &person.password).expect_only(202);
    // Mail is on its way still; what is gone is gone with it.
    stage.app().me(&session.access).expect_only(200);
    delete(stage, &session.access, &person.password).expect_only(204);
    let mut database = stage.database();
    for trace in [&session.user_id(), &person.email, &person.name] {
        assert_eq!(database.tables_containing(trace), Vec::<String>::new(), "{trace}");
    }
    let app = stage.app();
    for session in [&session, &other] {
        app.present(&session.refresh).error(401, "REFRESH_INVALID");
        let last = stage.poll(BOUND, || app.me(&session.access), |reply| reply.status == 401);
        last.error(401, "UNAUTHENTICATED");
    }
    assert!(!signs_in(stage, &person.email, &person.password));
    // The address is free again, and nothing comes back with it.
    let again = app.register(&person);
    assert_ne!(again.user_id(), session.user_id());
    assert_eq!(database.sessions(&again.user_id()).len(), 1);
}

fn with_cookies_the_browser_is_signed_out(stage: &Stage) {
    let person = Person::new();
    let mut browser = stage.browser();
    browser.register(&person);
    let call = browser.call("DELETE", ACCOUNT);
    let reply = browser
        .send(call.json(&json!({"password": person.password})))
        .expect(204);
    assert!(reply.body.is_empty(), "{reply}");
    assert!(browser.jar.is_empty(), "the browser drops its cookies\n{reply}");
}

fn a_wrong_password_is_400(stage: &Stage) {
    let (person, session) = stage.somebody();
    delete(stage, &session.access, "not the password").error(400, "WRONG_PASSWORD");
    assert_eq!(stage.database().users_with(&person.email), 1);
    stage.app().refresh(&session);
}

fn without_a_session_it_is_401(stage: &Stage) {
    let (person, session) = stage.somebody();
    let body = json!({"password": person.password});
    stage
        .call("DELETE", ACCOUNT)
        .json(&body)
        .send()
        .error(401, "UNAUTHENTICATED");
    // One that was ended is refused at once: nothing is harder to undo.
    let other = stage.app().login(&person);
    stage.app().me(&other.access).expect_only(200);
    stage.app().logout(&other);
    delete(stage, &other.access, &person.password).error(401, "UNAUTHENTICATED");
    assert_eq!(stage.database().users_with(&person.email), 1);
    delete(stage, &session.access, &person.password).expect_only(204);
}

fn names_the_failing_field(stage: &Stage) {
    let (person, session) = stage.somebody();
    for body in [json!({}), json!({"password": null}), json!({"password": 5})] {
        let call = stage.call("DELETE", ACCOUNT).bearer(&session.access);
        call.json(&body).send().invalid(&["password"]);
    }
    assert_eq!(stage.database().users_with(&person.email), 1);
}

/// Makes somebody an admin of a firm, or of none.
fn admin(stage: &Stage, firm: Option<&str>) -> (Person, Session) {
    let (person, session) = stage.somebody();
    let changed = stage.database().execute(
        "UPDATE users SET role = 'admin', firm_id = $2::text::uuid WHERE id = $1::text::uuid",
        &[&session.user_id(), &firm],
    );
    assert_eq!(changed, 1);
    // With a token that says so.
    let session = App::new(&stage.base).login(&person);
    (person, session)
}

fn firm(stage: &Stage) -> String {
    stage
        .database()
        .make_firm(&format!("f-{}", crate::jwt::random_hex::<8>()))
}

fn the_last_admin_of_a_firm_stays(stage: &Stage) {
    let (firm, other) = (firm(stage), firm(stage));
    let (person, session) = admin(stage, Some(&firm));
    // Neither a member of the firm nor another firm's admin takes the place.
    let (_, member) = stage.somebody();
    stage.database().execute(
        "UPDATE users SET firm_id = $2::text::uuid WHERE id = $1::text::uuid",
        &[&member.user_id(), &firm],
    );
    admin(stage, Some(&other));
    // A wrong password learns nothing.
    delete(stage, &session.access, "not the password").error(400, "WRONG_PASSWORD");
    delete(stage, &session.access, &person.password).error(409, "LAST_ADMIN");
    stage.app().refresh(&session);
    // With a successor it goes.
    admin(stage, Some(&firm));
    delete(stage, &session.access, &person.password).expect_only(204);
}

fn an_admin_who_cannot_act_is_no_successor(stage: &Stage) {
    for status in ["suspended", "inactive"] {
        let firm = firm(stage);
        let (person, session) = admin(stage, Some(&firm));
        let (_, successor) = admin(stage, Some(&firm));
        stage.database().set_status(&successor.user_id(), status);
        delete(stage, &session.access, &person.password).error(409, "LAST_ADMIN");
    }
}

fn two_last_admins_at_once_leave_one(stage: &Stage) {
    for _ in 0..4 {
        let firm = firm(stage);
        let admins: Vec<_> = (0..2).map(|_| admin(stage, Some(&firm))).collect();
        let replies = race(2, |index| {
            let (person, session) = &admins[index];
            delete(stage, &session.access, &person.password)
        });
        let gone = replies.iter().filter(|reply| reply.status == 204).count();
        for reply in replies.iter().filter(|reply| reply.status != 204) {
            reply.error(409, "LAST_ADMIN");
        }
        assert_eq!(gone, 1, "one goes, one stays");
        let left = "SELECT count(*) FROM users WHERE firm_id = $1::text::uuid AND role = 'admin'";
        let left: i64 = stage.database().query(left, &[&firm])[0].get(0);
        assert_eq!(left, 1);
    }
}

fn twice_at_once_is_once(stage: &Stage) {
    let (person, session) = stage.somebody();
    let replies = race(6, |_| delete(stage, &session.access, &person.password));
    let gone = replies.iter().filter(|reply| reply.status == 204).count();
    assert!(
        gone >= 1,
        "{:?}",
        replies.iter().map(|reply| reply.status).collect::<Vec<_>>()
    );
    for reply in replies.iter().filter(|reply| reply.status != 204) {
        reply.error(401, "UNAUTHENTICATED");
    }
    assert_eq!(stage.database().users_with(&person.email), 0);
}

fn the_last_admin_without_a_firm_stays(stage: &Stage) {
    let root = stage.only_root();
    let password = |signed: &Signed| signed.person.password.clone();
    // A firm's admin is no successor.
    admin(stage, Some(&firm(stage)));
    delete(stage, &root.session.access, &password(&root)).error(409, "LAST_ADMIN");
    let successor = stage.root();
    delete(stage, &root.session.access, &password(&root)).expect_only(204);
    delete(stage, &successor.session.access, &password(&successor)).error(409, "LAST_ADMIN");
}
