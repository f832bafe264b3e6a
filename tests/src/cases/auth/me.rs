//! `GET /api/auth/me`.

use std::time::Duration;

use serde_json::json;

use crate::actor::{ME, Person};
use crate::http::Reply;
use crate::registry::Case;
use crate::shape;
use crate::stage::Stage;
use crate::{both, each};

/// How late a change may show on calls that only read.
const BOUND: Duration = Duration::from_secs(5);

pub(super) fn cases() -> Vec<Case> {
    let mut cases = each![
        Main;
        answers_the_user_by_cookie,
        answers_the_user_by_bearer,
        is_what_login_answered,
        the_scheme_is_bearer_in_any_letters,
        nobody_is_401,
        broken_credentials_are_401,
        a_refresh_token_is_no_access_token,
        a_token_in_the_address_is_none,
        a_suspended_user_is_out_within_five_seconds,
        a_deleted_user_is_out_within_five_seconds,
        a_changed_role_and_tier_show_within_five_seconds,
        each_asks_for_oneself,
    ];
    cases.extend(both![Main; a_session_holds_on_both_hosts, a_revocation_reaches_the_other_host_within_five_seconds]);
    cases
}

fn answers_the_user_by_cookie(stage: &Stage) {
    let person = Person::new();
    let mut browser = stage.browser();
    browser.register(&person);
    let reply = browser.me().expect(200);
    let body = reply.json();
    shape::keys_are(&body, &["user"]);
    shape::user(&body["user"]);
    assert_eq!(body["user"]["email"], person.email);
    assert!(reply.cookies().is_empty(), "me hands out nothing\n{reply}");
    // The access cookie alone is enough, and among others it is found.
    let access = browser.cookie("doorward_access");
    for cookie in [
        format!("doorward_access={access}"),
        format!("a=b; doorward_access={access}; doorward_accessory=x"),
        format!("theme=\"dark; mode\"; doorward_access={access}"),
        format!("=; ;;  ; broken; doorward_access={access}"),
    ] {
        stage.call("GET", ME).header("cookie", cookie).send().expect_only(200);
    }
}

fn answers_the_user_by_bearer(stage: &Stage) {
    let (person, session) = stage.somebody();
    let body = stage.app().me(&session.access).expect(200).json();
    shape::keys_are(&body, &["user"]);
    shape::user(&body["user"]);
    assert_eq!(body["user"]["email"], person.email);
}

fn is_what_login_answered(stage: &Stage) {
    let (person, _) = stage.somebody();
    let session = stage.app().login(&person);
    assert_eq!(stage.app().me(&session.access).expect(200).json()["user"], session.user);
}

fn the_scheme_is_bearer_in_any_letters(stage: &Stage) {
    let (_, session) = stage.somebody();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        stage
            .call("GET", ME)
            .header("authorization", format!("{scheme} {}", session.access))
            .send()
            .expect_only(200);
    }
    for scheme in ["Basic", "Token", "Bearerx", ""] {
        let reply = stage
            .call("GET", ME)
            .header("authorization", format!("{scheme} {}", session.access))
            .send();
        reply.error(401, "UNAUTHENTICATED");
    }
}

fn nobody_is_401(stage: &Stage) {
    stage.call("GET", ME).send().error(401, "UNAUTHENTICATED");
    stage.browser().me().error(401, "UNAUTHENTICATED");
    stage.call("GET", ME).token_mode().send().error(401, "UNAUTHENTICATED");
}

fn broken_credentials_are_401(stage: &Stage) {
    let (_, session) = stage.somebody();
    let access = &session.access;
    let (head, _) = access.rsplit_once('.').expect("a JWS has dots");
    let not_utf8 = stage.shows_every_header().then(|| b"Bearer \xff\xfe\xfd".to_vec());
    let values = [
        b"Bearer".to_vec(),
        b"Bearer ".to_vec(),
        b"Bearer .".to_vec(),
        b"Bearer ..".to_vec(),
        b"Bearer a.b.c".to_vec(),
        b"Bearer e30.e30.e30".to_vec(),
        format!("Bearer {head}.").into_bytes(),
        format!("Bearer {head}").into_bytes(),
        format!("Bearer {access}.x").into_bytes(),
        format!("Bearer {access}A").into_bytes(),
        format!("Bearer {access}=").into_bytes(),
        format!("Bearer {access} {access}").into_bytes(),
        format!("Bearer {access},x").into_bytes(),
        format!("Bearer {}", "x".repeat(6000)).into_bytes(),
        access.clone().into_bytes(),
    ];
    for value in values.into_iter().chain(not_utf8) {
        let reply = stage.call("GET", ME).header("authorization", &value).send();
        assert_eq!(reply.status, 401, "{:?}\n{reply}", String::from_utf8_lossy(&value));
        reply.error(401, "UNAUTHENTICATED");
        assert!(!reply.text().contains(head), "the token is in the answer\n{reply}");
    }
    for cookie in [
        "doorward_access=",
        "doorward_access=a.b.c",
        "doorward_access",
        "Doorward_Access=x",
    ] {
        stage
            .call("GET", ME)
            .header("cookie", cookie)
            .send()
            .error(401, "UNAUTHENTICATED");
    }
}

fn a_refresh_token_is_no_access_token(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage.app().me(&session.refresh).error(401, "UNAUTHENTICATED");
    let swapped = format!(
        "doorward_access={}; doorward_refresh={}",
        session.refresh, session.access
    );
    stage
        .call("GET", ME)
        .header("cookie", swapped)
        .send()
        .error(401, "UNAUTHENTICATED");
    // The refresh cookie alone says nothing about who reads.
    let refresh = format!("doorward_refresh={}", session.refresh);
    stage
        .call("GET", ME)
        .header("cookie", refresh)
        .send()
        .error(401, "UNAUTHENTICATED");
}

fn a_token_in_the_address_is_none(stage: &Stage) {
    // RFC 9700, section 4.3.2: addresses end up in logs.
    let (_, session) = stage.somebody();
    for name in ["access_token", "token", "accessToken"] {
        let path = format!("{ME}?{name}={}", session.access);
        stage.call("GET", &path).send().error(401, "UNAUTHENTICATED");
    }
}

/// Asks until the answer is as it should be, and fails when it isn't within the bound.
fn within_the_bound(stage: &Stage, access: &str, done: impl Fn(&Reply) -> bool) -> Reply {
    let last = stage.poll(BOUND, || stage.app().me(access), &done);
    assert!(done(&last), "not within {BOUND:?}\n{last}");
    last
}

fn a_suspended_user_is_out_within_five_seconds(stage: &Stage) {
    for status in ["suspended", "inactive"] {
        let (_, session) = stage.somebody();
        stage.app().me(&session.access).expect_only(200);
        stage.database().set_status(&session.user_id(), status);
        let last = within_the_bound(stage, &session.access, |reply| reply.status != 200);
        assert!([401, 403].contains(&last.status), "{last}");
        last.error_shape();
    }
}

fn a_deleted_user_is_out_within_five_seconds(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage.app().me(&session.access).expect_only(200);
    stage
        .database()
        .execute("DELETE FROM users WHERE id = $1::text::uuid", &[&session.user_id()]);
    within_the_bound(stage, &session.access, |reply| reply.status != 200).error(401, "UNAUTHENTICATED");
}

fn a_changed_role_and_tier_show_within_five_seconds(stage: &Stage) {
    let (_, session) = stage.somebody();
    stage.app().me(&session.access).expect_only(200);
    let sql = "UPDATE users SET role = 'mentee', tier = 'member' WHERE id = $1::text::uuid";
    stage.database().execute(sql, &[&session.user_id()]);
    let done = |reply: &Reply| {
        reply.status == 200 && reply.json()["user"]["role"] == "mentee" && reply.json()["user"]["tier"] == "member"
    };
    within_the_bound(stage, &session.access, done);
}

fn each_asks_for_oneself(stage: &Stage) {
    // Sixteen people at once: nothing of one request shows in another's answer.
    let people: Vec<_> = (0..8).map(|_| stage.somebody()).collect();
    for _ in 0..3 {
        crate::http::race(16, |index| {
            let (person, session) = &people[index % people.len()];
            let user = stage.app().me(&session.access).expect(200).json()["user"].clone();
            assert_eq!(user["email"], json!(person.email));
            assert_eq!(user["id"], json!(session.user_id()));
        });
    }
}

fn a_session_holds_on_both_hosts(workers: &Stage, spin: &Stage) {
    for (here, there) in [(workers, spin), (spin, workers)] {
        let (person, session) = here.somebody();
        assert_eq!(
            there.app().me(&session.access).expect(200).json()["user"]["email"],
            json!(person.email)
        );
        let session = there.app().refresh(&session);
        here.app().me(&session.access).expect_only(200);
        assert_eq!(there.app().login(&person).user_id(), session.user_id());
        here.app().logout(&session);
        there.app().present(&session.refresh).error(401, "SESSION_REVOKED");
    }
}

fn a_revocation_reaches_the_other_host_within_five_seconds(workers: &Stage, spin: &Stage) {
    for (here, there) in [(workers, spin), (spin, workers)] {
        let (_, session) = here.somebody();
        // Both have it at hand now.
        here.app().me(&session.access).expect_only(200);
        there.app().me(&session.access).expect_only(200);
        here.app().logout(&session);
        within_the_bound(there, &session.access, |reply| reply.status == 401).error(401, "UNAUTHENTICATED");
    }
}
