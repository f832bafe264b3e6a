//! The pages: what frames them, what a form's post becomes, and who is recognised. That a page says what the API says is
//! seen by asking both the same.

mod admin;
mod forms;
mod frame;
mod profile;
mod visits;

use doorward_edge::host::Rows;

use crate::data::{ANN, EMAIL, NAME, SESSION, ann, joined, one, row};
use crate::stage::{Ask, Stage};

/// Every page that somebody sees who isn't signed in.
const PUBLIC: [&str; 6] = [
    "/",
    "/register",
    "/login",
    "/verify-email",
    "/forgot-password",
    "/reset-password",
];
/// Every page that shows something of one's own.
const PRIVATE: [&str; 3] = ["/sessions", "/account", "/profile/edit"];

/// The request with Ann's access cookie, whose session the instance has to ask about.
fn as_ann(stage: &Stage, ask: Ask) -> Ask {
    ask.cookie("doorward_access", &stage.access_token(ANN, SESSION))
}

/// Ann as she hasn't confirmed her address yet.
fn unverified() -> Rows {
    let mut columns = ann();
    columns[6] = Some("f".to_owned());
    one(columns)
}

/// What `session.open` answers.
fn opened() -> Rows {
    one(joined(&[row(&["f"]), ann()]))
}

#[test]
fn who_am_i_shows_who_one_is() {
    let stage = Stage::new();
    stage.sql("session.alive", one(ann()));
    let answer = stage.send(&as_ann(&stage, Ask::get("/")));
    assert_eq!(answer.status, 200);
    let html = answer.html();
    for text in [EMAIL, NAME, "Member", "data-signed-in=\"1\"", "action=\"/logout\""] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!html.contains("action=\"/verify-email\""));
    stage.flights();
}

#[test]
fn who_has_not_confirmed_an_address_is_asked_to() {
    let stage = Stage::new();
    stage.sql("session.alive", unverified());
    let html = stage.send(&as_ann(&stage, Ask::get("/"))).html().to_owned();
    assert!(html.contains("action=\"/verify-email\"") && html.contains("not confirmed yet"));
    stage.flights();
}

#[test]
fn what_somebody_wrote_is_never_markup() {
    let stage = Stage::new();
    let mut columns = ann();
    columns[2] = Some("<script>alert(1)</script> & \"Co\"".to_owned());
    stage.sql("session.alive", one(columns));
    let answer = stage.send(&as_ann(&stage, Ask::get("/")));
    assert!(answer.html().contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; "));
    assert!(!answer.html().contains("<script>alert"));
    let typed = [("email", "\"><script>alert(1)</script>"), ("password", "secret enough")];
    let answer = stage.send(&Ask::post("/login").form(&typed));
    assert_eq!(answer.status, 400);
    assert!(!answer.html().contains("<script>alert"));
    stage.flights();
}
