//! The notice of a new device.

use crate::actor::{LOGIN, Person, REGISTER};
use crate::each;
use crate::http::Reply;
use crate::mailbox::{Mail, Mailbox};
use crate::registry::Case;
use crate::stage::Stage;

const LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.0 Mobile/15E148 Safari/604.1";

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        a_new_device_is_told_once,
        a_failed_sign_in_is_no_device,
        a_device_that_calls_itself_something_evil,
    ]
}

fn registered(stage: &Stage, agent: &str) -> Person {
    let person = Person::new();
    let call = stage.call("POST", REGISTER[0]).token_mode().header("user-agent", agent);
    call.json(&person.registration()).send().session_by_token(201);
    person
}

fn sign_in(stage: &Stage, person: &Person, agent: &str) -> Reply {
    let call = stage.call("POST", LOGIN[0]).token_mode().header("user-agent", agent);
    call.json(&person.credentials()).send()
}

fn plain(mail: &Mail) -> bool {
    mail.token(super::VERIFY_PAGE).is_none() && mail.token(super::RESET_PAGE).is_none()
}

fn a_new_device_is_told_once(stage: &Stage) {
    let person = registered(stage, LAPTOP);
    let mut database = stage.database();
    let mut posted = || database.outbox(&person.email).len();
    assert_eq!(posted(), 1, "the registration's own device isn't new");
    sign_in(stage, &person, LAPTOP).expect_only(200);
    assert_eq!(posted(), 1, "the device of the registration is known");
    sign_in(stage, &person, PHONE).expect_only(200);
    assert_eq!(posted(), 2);
    let told = Mailbox::of(stage).wait(&person.email, 1, plain);
    assert!(told[0].text.contains("iPhone"), "{}", told[0].text);
    sign_in(stage, &person, PHONE).expect_only(200);
    sign_in(stage, &person, LAPTOP).expect_only(200);
    assert_eq!(posted(), 2, "both are known now");
}

fn a_failed_sign_in_is_no_device(stage: &Stage) {
    let person = registered(stage, LAPTOP);
    let stranger = Person {
        email: person.email.clone(),
        password: "not the password".to_owned(),
        ..Person::new()
    };
    sign_in(stage, &stranger, PHONE).expect_only(401);
    assert_eq!(stage.database().outbox(&person.email).len(), 1);
    // So that it is new when it succeeds.
    sign_in(stage, &person, PHONE).expect_only(200);
    assert_eq!(stage.database().outbox(&person.email).len(), 2);
}

fn a_device_that_calls_itself_something_evil(stage: &Stage) {
    let person = registered(stage, LAPTOP);
    sign_in(
        stage,
        &person,
        "<img src=https://evil.example/x> call 0900 https://evil.example",
    )
    .expect_only(200);
    let told = Mailbox::of(stage).wait(&person.email, 1, plain);
    for text in [&told[0].html, &told[0].text, &told[0].subject] {
        assert!(!text.contains("evil.example"), "{text}");
    }
}
