//! `DELETE /api/admin/users/{id}/sessions`.

use super::{USERS, account, events_of};
use crate::each;
use crate::people::Signed;
use crate::registry::Case;
use crate::stage::Stage;
use crate::timing::flights;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        every_session_of_the_user_is_over,
        only_those_of_the_user_are,
        is_for_admins_of_the_same_firm,
        nobody_is_404,
        is_two_flights_at_most,
    ]
}

fn sessions(person: &Signed) -> String {
    format!("{}/sessions", account(person))
}

fn every_session_of_the_user_is_over(stage: &Stage) {
    let home = stage.firm();
    let admin = stage.signed(Some(&home), "admin");
    let person = stage.signed(Some(&home), "member");
    let mut all: Vec<_> = (0..3).map(|_| stage.app().login(&person.person)).collect();
    all.push(person.session.clone());
    for session in &all {
        stage.app().me(&session.access).expect_only(200);
    }
    let reply = admin.delete(&sessions(&person)).expect(204);
    assert!(reply.body.is_empty(), "{reply}");
    for session in &all {
        stage.app().present(&session.refresh).error(401, "SESSION_REVOKED");
    }
    for session in &all {
        let out = |reply: &crate::http::Reply| reply.status == 401;
        let bound = std::time::Duration::from_secs(5);
        stage
            .poll(bound, || stage.app().me(&session.access), out)
            .error(401, "UNAUTHENTICATED");
    }
    assert_eq!(stage.database().living_sessions(&person.id()), Vec::<String>::new());
    let events = events_of(&admin, &person.id(), "session.revoked");
    assert!(
        !events.is_empty() && events.iter().all(|event| event["actorId"] == admin.id()),
        "{events:?}"
    );
    // Whom nothing is left to end is there all the same.
    admin.delete(&sessions(&person)).expect_only(204);
    stage.app().login(&person.person);
}

fn only_those_of_the_user_are(stage: &Stage) {
    let root = stage.root();
    let (person, other) = (stage.signed(None, "member"), stage.signed(None, "member"));
    root.delete(&sessions(&person)).expect_only(204);
    stage.app().refresh(&other.session);
    stage.app().refresh(&root.session);
    stage
        .app()
        .present(&person.session.refresh)
        .error(401, "SESSION_REVOKED");
}

fn is_for_admins_of_the_same_firm(stage: &Stage) {
    let (home, other) = (stage.firm(), stage.firm());
    let person = stage.signed(Some(&home), "member");
    stage
        .call("DELETE", &sessions(&person))
        .send()
        .error(401, "UNAUTHENTICATED");
    for role in ["pm", "mentor", "mentee", "member"] {
        stage
            .signed(Some(&home), role)
            .delete(&sessions(&person))
            .error(403, "FORBIDDEN");
    }
    stage
        .signed(Some(&other), "admin")
        .delete(&sessions(&person))
        .error(404, "USER_NOT_FOUND");
    stage.app().refresh(&person.session);
}

fn nobody_is_404(stage: &Stage) {
    let root = stage.root();
    let nobody = format!("{USERS}/01890000-0000-7000-8000-000000000000/sessions");
    root.delete(&nobody).error(404, "USER_NOT_FOUND");
    for bad in ["x", "%00", "01890000"] {
        root.delete(&format!("{USERS}/{bad}/sessions")).expect_only(404);
    }
}

fn is_two_flights_at_most(stage: &Stage) {
    let (root, person) = (stage.root(), stage.signed(None, "member"));
    let reply = root.delete(&sessions(&person)).expect(204);
    let found = flights(&reply);
    assert!(found.sql <= 2 && found.kv <= 1, "{found:?}\n{reply}");
}
