//! `POST /api/auth/logout` = `/auth/logout`.

use std::time::Duration;

use crate::actor::{LOGOUT, Person};
use crate::each;
use crate::http::race;
use crate::registry::Case;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        answers_204_always,
        ends_the_session_of_the_cookies_and_clears_them,
        ends_the_session_of_a_bearer_token,
        ends_the_session_of_the_refresh_cookie_alone,
        ends_the_session_of_the_access_cookie_alone,
        leaves_the_other_sessions,
        a_second_logout_is_204_and_changes_nothing,
        me_knows_within_five_seconds,
        login_and_logout_racing_leave_no_unknown_session,
        refresh_and_logout_racing_leave_no_session,
        sixteen_logouts_at_once,
    ]
}

fn answers_204_always(stage: &Stage) {
    let expired = "eyJhbGciOiJFZERTQSJ9.e30.AAAA";
    for path in LOGOUT {
        let calls = [
            stage.call("POST", path),
            stage.call("POST", path).bearer("nonsense"),
            stage.call("POST", path).bearer(expired),
            stage
                .call("POST", path)
                .header("cookie", format!("doorward_access={expired}; doorward_refresh=v1.x")),
            stage
                .call("POST", path)
                .header("cookie", "doorward_access; ;=;doorward_refresh=\"\""),
        ];
        let calls = calls.into_iter().chain(
            stage
                .shows_every_header()
                .then(|| stage.call("POST", path).header("authorization", b"Bearer \xff\xfe")),
        );
        for call in calls {
            let reply = call.send().expect(204);
            assert!(reply.body.is_empty(), "{reply}");
        }
    }
}

fn ends_the_session_of_the_cookies_and_clears_them(stage: &Stage) {
    for path in LOGOUT {
        let mut browser = stage.browser();
        let session = browser.register(&Person::new());
        let before = browser.clone();
        let reply = browser.send(browser.call("POST", path)).expect(204);
        assert!(browser.jar.is_empty(), "both cookies are cleared\n{reply}");
        for name in ["doorward_access", "doorward_refresh"] {
            // A browser only drops a cookie that is named with the same path.
            assert_eq!(
                reply.cookie(name).attributes.get("path").map(String::as_str),
                Some("/"),
                "{reply}"
            );
        }
        assert!(stage.database().only_session(&session.user_id()).revoked);
        before
            .call("POST", "/api/auth/refresh")
            .send()
            .error(401, "SESSION_REVOKED");
    }
}

fn ends_the_session_of_a_bearer_token(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage.app().logout(&session);
    assert!(stage.database().only_session(&session.user_id()).revoked);
    stage.app().present(&session.refresh).error(401, "SESSION_REVOKED");
}

fn ends_the_session_of_the_refresh_cookie_alone(stage: &Stage) {
    // The access cookie has run out, as it has after ten minutes.
    let mut browser = stage.browser();
    let session = browser.register(&Person::new());
    browser.jar.retain(|name, _| name.contains("refresh"));
    browser.logout();
    assert!(stage.database().only_session(&session.user_id()).revoked);
}

fn ends_the_session_of_the_access_cookie_alone(stage: &Stage) {
    let mut browser = stage.browser();
    let session = browser.register(&Person::new());
    browser.jar.retain(|name, _| name.contains("access"));
    browser.logout();
    assert!(stage.database().only_session(&session.user_id()).revoked);
}

fn leaves_the_other_sessions(stage: &Stage) {
    let (person, first) = stage.somebody();
    let second = stage.app().login(&person);
    stage.app().logout(&first);
    assert_eq!(
        stage.database().living_sessions(&first.user_id()),
        [second.session_id()]
    );
    stage.app().me(&second.access).expect_only(200);
    stage.app().refresh(&second);
}

fn a_second_logout_is_204_and_changes_nothing(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage.app().logout(&session);
    let first = stage.database().only_session(&session.user_id());
    stage.app().logout(&session);
    assert_eq!(stage.database().only_session(&session.user_id()), first);
}

fn me_knows_within_five_seconds(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage.app().me(&session.access).expect_only(200);
    stage.app().logout(&session);
    let last = stage.poll(
        Duration::from_secs(5),
        || stage.app().me(&session.access),
        |reply| reply.status == 401,
    );
    last.error(401, "UNAUTHENTICATED");
}

/// A person signs in several times while signing out: what lives afterwards is exactly what an answer told of, less what
/// was signed out.
fn login_and_logout_racing_leave_no_unknown_session(stage: &Stage) {
    for _ in 0..3 {
        let mut browser = stage.browser();
        let person = Person::new();
        let first = browser.register(&person);
        let outcomes = race(8, |index| {
            // The same cookies in every tab, as a browser has them.
            let mut tab = browser.clone();
            if index % 2 == 0 {
                Some(tab.login(&person).session_id())
            } else {
                tab.logout();
                None
            }
        });
        let mut known: Vec<_> = outcomes.into_iter().flatten().collect();
        let mut living = stage.database().living_sessions(&first.user_id());
        known.sort();
        living.sort();
        assert_eq!(living, known, "the sessions that live are those that a login answered");
    }
}

fn refresh_and_logout_racing_leave_no_session(stage: &Stage) {
    for _ in 0..3 {
        let (_, session) = stage.somebody();
        let app = stage.app();
        let replies = race(8, |index| {
            if index == 0 {
                app.logout(&session);
                None
            } else {
                Some(app.present(&session.refresh))
            }
        });
        let mut tokens = vec![session.refresh.clone()];
        for reply in replies.into_iter().flatten() {
            if reply.status == 200 {
                tokens.push(reply.session_by_token(200).refresh);
            } else {
                reply.error(401, "SESSION_REVOKED");
            }
        }
        assert_eq!(
            stage.database().living_sessions(&session.user_id()),
            Vec::<String>::new()
        );
        for token in tokens {
            app.present(&token).error(401, "SESSION_REVOKED");
        }
    }
}

fn sixteen_logouts_at_once(stage: &Stage) {
    let (_, session) = stage.somebody();
    race(16, |_| stage.app().logout(&session));
    assert!(stage.database().only_session(&session.user_id()).revoked);
}
