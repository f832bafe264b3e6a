//! What mail looks like, in which language it is, and who may ask for maintenance.

use serde_json::json;

use super::{FORGOT, MAINTENANCE, RESET_PAGE, VERIFY_PAGE, forgot};
use crate::actor::{Person, REGISTER};
use crate::each;
use crate::mailbox::{Mail, Mailbox};
use crate::registry::Case;
use crate::shape::Session;
use crate::stage::Stage;

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        says_it_in_html_and_in_text,
        is_written_in_the_language_that_is_asked_for,
        is_written_in_the_language_that_is_preferred,
        a_name_is_no_markup,
        maintenance_is_for_who_has_its_token,
        what_is_in_the_outbox_is_delivered_after_the_reply,
    ]
}

fn register_in(stage: &Stage, language: &str) -> (Person, Session) {
    let person = Person::new();
    let call = stage
        .call("POST", REGISTER[0])
        .token_mode()
        .header("accept-language", language);
    let session = call.json(&person.registration()).send().session_by_token(201);
    (person, session)
}

fn first(stage: &Stage, email: &str, page: &str) -> Mail {
    Mailbox::of(stage)
        .wait(email, 1, |mail| mail.link(page).is_some())
        .remove(0)
}

fn says_it_in_html_and_in_text(stage: &Stage) {
    let (person, _) = stage.somebody();
    forgot(stage, &person.email).expect_only(202);
    for page in [VERIFY_PAGE, RESET_PAGE] {
        let mail = first(stage, &person.email, page);
        assert_eq!(mail.to, std::slice::from_ref(&person.email));
        assert!(mail.from.contains('@') && !mail.subject.is_empty(), "{mail:?}");
        assert!(!mail.subject.contains(&mail.token(page).expect("a token")));
        let link = mail.link(page).expect("a link");
        // {PUBLIC_URL}/page?token=..., in both forms the same. Whose host it was that sent it isn't known here.
        let (origin, rest) = link.split_at(link.find(&format!("/{page}?token=")).expect("the page"));
        assert!(
            origin.starts_with("http://") || origin.starts_with("https://"),
            "{link}"
        );
        assert!(!origin[8..].contains('/'), "{link}");
        let token = rest.split_once('=').expect("a token").1;
        assert!(
            token.len() >= 40
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
            "a token that needs no escape: {token}"
        );
        assert!(mail.html.contains(&format!("href=\"{link}\"")) || mail.html.contains(&format!("href={link}")));
        assert!(!mail.text.contains("</"), "text is text: {}", mail.text);
        // Nothing is loaded that would tell a sender who reads it.
        assert!(!mail.html.contains("<img") && !mail.html.contains("<script"));
    }
}

/// Whether it is in German: its HTML says so, and there is no word of English left in what is read first.
fn is_german(mail: &Mail) -> bool {
    let words = mail.text.to_lowercase();
    let says = ["ihre", "sie ", "bitte", "passwort"]
        .iter()
        .any(|word| words.contains(word));
    let english = [" your ", " you ", " the "].iter().any(|word| words.contains(word));
    mail.html.contains("lang=\"de\"") && says && !english
}

fn is_written_in_the_language_that_is_asked_for(stage: &Stage) {
    for (language, german) in [
        ("de", true),
        ("de-AT,de;q=0.9,en;q=0.5", true),
        ("fr, de;q=0.5", true),
        ("en-GB,en;q=0.9,de;q=0.1", false),
        ("de;q=0, en", false),
        ("fr", false),
        ("*", false),
        ("nonsense;;;q=x", false),
    ] {
        let (person, _) = register_in(stage, language);
        let mail = first(stage, &person.email, VERIFY_PAGE);
        assert_eq!(is_german(&mail), german, "{language}: {}", mail.text);
    }
    // Each mail in the language of the request that causes it.
    let (person, _) = register_in(stage, "en");
    for path in FORGOT {
        let call = stage.call("POST", path).header("accept-language", "de");
        call.json(&json!({"email": person.email})).send().expect_only(202);
    }
    let posted = stage.database().outbox(&person.email);
    assert_eq!(posted[1].locale, "de", "{posted:?}");
    assert_eq!(posted[2].locale, "de", "{posted:?}");
}

fn is_written_in_the_language_that_is_preferred(stage: &Stage) {
    // What the person has set counts more than the browser of whoever asks.
    let (person, session) = register_in(stage, "en");
    stage.database().execute(
        "UPDATE users SET preferences = '{\"locale\": \"de\"}' WHERE id = $1::text::uuid",
        &[&session.user_id()],
    );
    let call = stage.call("POST", FORGOT[0]).header("accept-language", "en");
    call.json(&json!({"email": person.email})).send().expect_only(202);
    let mail = first(stage, &person.email, RESET_PAGE);
    assert!(is_german(&mail), "{}", mail.text);
}

fn a_name_is_no_markup(stage: &Stage) {
    let person = Person {
        name: "<b>Eve</b> https://evil.example \"onload".to_owned(),
        ..Person::new()
    };
    let reply = stage
        .call("POST", REGISTER[0])
        .token_mode()
        .json(&person.registration())
        .send();
    reply.session_by_token(201);
    let mail = first(stage, &person.email, VERIFY_PAGE);
    assert!(!mail.html.contains("<b>Eve"), "{}", mail.html);
    // Mail to an address that somebody else typed is no place for their words.
    assert!(!mail.text.contains("evil.example"), "{}", mail.text);
}

fn maintenance_is_for_who_has_its_token(stage: &Stage) {
    let call = || stage.call("POST", MAINTENANCE);
    let (_, session) = stage.somebody();
    for reply in [
        call().send(),
        call().bearer("x").send(),
        call().bearer(&session.access).send(),
        call()
            .header("authorization", stage.stack.gateway_token.as_str())
            .send(),
        call()
            .header("cookie", format!("doorward_access={}", stage.stack.gateway_token))
            .send(),
    ] {
        assert!([401, 403, 404].contains(&reply.status), "{reply}");
        reply.error_shape();
    }
    call().bearer(&stage.stack.gateway_token).send().expect_only(200);
    let reply = stage.call("GET", MAINTENANCE).bearer(&stage.stack.gateway_token).send();
    assert!([404, 405].contains(&reply.status), "{reply}");
}

fn what_is_in_the_outbox_is_delivered_after_the_reply(stage: &Stage) {
    // Nobody has called for maintenance, and nothing but the request that put it there is needed.
    let (person, _) = stage.somebody();
    assert_eq!(
        stage.database().outbox(&person.email).len(),
        1,
        "it is there when the reply is"
    );
    first(stage, &person.email, VERIFY_PAGE);
    let started = std::time::Instant::now();
    loop {
        let posted = stage.database().outbox(&person.email);
        if posted[0].status == "sent" {
            break;
        }
        assert!(started.elapsed().as_secs() < 20, "{posted:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    // Each mail arrives once.
    let mut seen = Mailbox::of(stage).of_person(&person.email);
    seen.dedup();
    assert_eq!(Mailbox::of(stage).of_person(&person.email).len(), 1);
    assert_eq!(seen.len(), 1);
}
