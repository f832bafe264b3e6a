//! Mail while the provider is away, refuses, or falls silent: nothing is lost, and nothing goes out twice.
//!
//! Each case has a host of its own, whose mail goes to a provider of the case's.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{MAINTENANCE, RESET_PAGE, VERIFY_PAGE, forgot, verify};
use crate::actor::Person;
use crate::data::Database;
use crate::each;
use crate::http::{Reply, race};
use crate::mailbox::Posted;
use crate::provider::{Mood, Provider};
use crate::registry::Case;
use crate::shape::Session;
use crate::stage::{Stage, Variant};
use crate::stub::Stub;

/// What people see of it, in links.
const PUBLIC_URL: &str = "https://id.example.com";
/// No reply waits for mail. Generous: a hash on a small machine.
const PROMPT: Duration = Duration::from_secs(8);

pub(super) fn cases() -> Vec<Case> {
    each![
        Outage;
        mail_waits_for_the_provider_and_goes_out_once,
        a_provider_that_fails_is_asked_again_under_the_same_key,
        a_provider_that_falls_silent_holds_nobody_up,
        what_is_refused_for_good_is_left_to_an_operator,
        a_lease_is_kept_and_ends,
        what_is_over_is_swept_and_what_lives_is_not,
    ]
}

/// A host whose mail goes to `port`.
fn stage_with_mail_at(stage: &Stage, port: u16) -> Stage {
    stage.another(
        &format!("mail-{port}"),
        Variant::Outage,
        &[
            ("MAIL_URL", &format!("http://127.0.0.1:{port}")),
            ("MAIL_TOKEN", "the-provider-key"),
            ("PUBLIC_URL", PUBLIC_URL),
        ],
    )
}

fn tick(stage: &Stage) -> Reply {
    let call = stage.call("POST", MAINTENANCE).bearer(&stage.stack.gateway_token);
    call.send().expect(200)
}

/// Lets the time come at which an address' mail is tried again.
fn due_again(database: &mut Database, email: &str) {
    let changed = database.execute(
        "UPDATE mail_outbox SET next_attempt_at = now() - interval '1 second', leased_until = NULL
         WHERE recipient = $1 AND status = 'pending'",
        &[&email],
    );
    assert!(changed > 0, "nothing waits for {email}");
}

/// Waits until every mail to an address was tried so often and isn't in anybody's hands.
fn tried(database: &mut Database, email: &str, attempts: i32) -> Vec<Posted> {
    let started = Instant::now();
    loop {
        // In this order: an attempt is counted when its lease begins, so that what is counted and not leased is over.
        let posted = database.outbox(email);
        let leased: i64 = database.query(
            "SELECT count(*) FROM mail_outbox WHERE recipient = $1 AND leased_until > now()",
            &[&email],
        )[0]
        .get(0);
        if leased == 0 && posted.iter().all(|row| row.attempts >= attempts) {
            return posted;
        }
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{posted:?}, {leased} leased"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn registered(stage: &Stage) -> (Person, Session) {
    let person = Person::new();
    let call = stage.app().call("POST", crate::actor::REGISTER[0]);
    let reply = call.json(&person.registration()).send();
    assert!(reply.took < PROMPT, "mail holds the reply up\n{reply}");
    (person, reply.session_by_token(201))
}

fn mail_waits_for_the_provider_and_goes_out_once(stage: &Stage) {
    let port = Stub::free_port();
    let stage = stage_with_mail_at(stage, port);
    let mut database = stage.database();
    let people: Vec<_> = (0..6).map(|_| registered(&stage).0).collect();
    let reply = forgot(&stage, &people[0].email).expect(202);
    assert!(reply.took < PROMPT, "{reply}");
    for person in &people {
        let posted = database.outbox(&person.email);
        assert!(posted.iter().all(|row| row.status == "pending"), "{posted:?}");
    }
    let provider = Provider::start(port);
    // An attempt that began behind a reply may fail after the provider is back, and puts its mail off then. So time
    // passes, for what is in nobody's hands, until nothing waits any more.
    let started = Instant::now();
    let emails: Vec<&str> = people.iter().map(|person| person.email.as_str()).collect();
    while database.execute(
        "UPDATE mail_outbox SET next_attempt_at = now() - interval '1 second'
         WHERE recipient = ANY ($1) AND status = 'pending'",
        &[&emails],
    ) > 0
    {
        assert!(started.elapsed() < Duration::from_secs(30), "mail still waits");
        // Several schedulers that call at once share the work.
        race(4, |_| tick(&stage).expect_only(200));
    }
    for (index, person) in people.iter().enumerate() {
        let handed = provider.handed_to(&person.email);
        let expected = if index == 0 { 2 } else { 1 };
        assert_eq!(handed.len(), expected, "each mail goes out once");
        let posted = database.outbox(&person.email);
        assert!(posted.iter().all(|row| row.status == "sent"), "{posted:?}");
        for one in &handed {
            assert_eq!(one.authorization, "Bearer the-provider-key");
            assert!(!one.key.is_empty() && one.key.len() <= 256);
            let page = if one.mail.link(RESET_PAGE).is_some() {
                RESET_PAGE
            } else {
                VERIFY_PAGE
            };
            let link = one.mail.link(page).expect("a link");
            assert!(link.starts_with(&format!("{PUBLIC_URL}/{page}?token=")), "{link}");
            assert!(one.mail.html.contains(&link));
        }
    }
    let keys: std::collections::BTreeSet<_> = people
        .iter()
        .flat_map(|person| provider.handed_to(&person.email))
        .map(|handed| handed.key)
        .collect();
    assert_eq!(keys.len(), 7, "a key of its own for each mail");
    // And what was held back is as good as new.
    let late = provider.handed_to(&people[1].email);
    let token = late[0].mail.token(VERIFY_PAGE).expect("a token");
    verify(&stage, &token).expect_only(200);
}

fn a_provider_that_fails_is_asked_again_under_the_same_key(stage: &Stage) {
    let port = Stub::free_port();
    let provider = Provider::start(port);
    let stage = stage_with_mail_at(stage, port);
    let mut database = stage.database();
    provider.usually(Mood::Answers(500));
    let (person, _) = registered(&stage);
    let mut waits = Vec::new();
    for attempt in 1..=4 {
        let posted = tried(&mut database, &person.email, attempt);
        assert_eq!(posted[0].status, "pending", "{posted:?}");
        let left: f64 = database.query(
            "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM mail_outbox WHERE recipient = $1",
            &[&person.email],
        )[0]
        .get(0);
        waits.push(left);
        // Before its time it isn't tried, whoever calls.
        tick(&stage);
        assert_eq!(
            provider.handed_to(&person.email).len(),
            usize::try_from(attempt).expect("few")
        );
        due_again(&mut database, &person.email);
        provider.usually(match attempt {
            1 => Mood::Answers(503),
            2 => Mood::Answers(429),
            _ => Mood::Takes,
        });
        tick(&stage);
        if attempt == 3 {
            break;
        }
    }
    assert!(
        waits[0] > 1.0 && waits[1] > waits[0] && waits[2] > waits[1],
        "it backs off: {waits:?}"
    );
    let handed = provider.handed_to(&person.email);
    assert_eq!(handed.len(), 4);
    for one in &handed {
        assert_eq!(one.key, handed[0].key, "the provider recognises it");
        assert_eq!(one.mail, handed[0].mail, "it is the same mail");
    }
    assert_eq!(database.outbox(&person.email)[0].status, "sent");
    tick(&stage);
    assert_eq!(provider.handed_to(&person.email).len(), 4);
}

fn a_provider_that_falls_silent_holds_nobody_up(stage: &Stage) {
    let port = Stub::free_port();
    let provider = Provider::start(port);
    let stage = stage_with_mail_at(stage, port);
    provider.usually(Mood::Hangs);
    let (person, session) = registered(&stage);
    // Nobody waits for it, neither the one who caused it nor others.
    let (_, other) = registered(&stage);
    stage.app().me(&other.access).expect_only(200);
    stage.app().refresh(&session);
    let mut database = stage.database();
    let posted = tried(&mut database, &person.email, 1);
    assert_eq!(posted[0].status, "pending", "{posted:?}");
    provider.usually(Mood::Takes);
    due_again(&mut database, &person.email);
    tick(&stage);
    // It may have taken the first: the key tells it that this is the same one.
    let handed = provider.handed_to(&person.email);
    assert_eq!(handed.len(), 2);
    assert_eq!(handed[0].key, handed[1].key);
    assert_eq!(handed[0].mail, handed[1].mail);
    assert_eq!(database.outbox(&person.email)[0].status, "sent");
}

fn what_is_refused_for_good_is_left_to_an_operator(stage: &Stage) {
    let port = Stub::free_port();
    let provider = Provider::start(port);
    let stage = stage_with_mail_at(stage, port);
    provider.usually(Mood::Answers(422));
    let (person, _) = registered(&stage);
    let mut database = stage.database();
    let posted = tried(&mut database, &person.email, 1);
    assert_eq!(posted[0].status, "failed", "an operator sees it");
    let why = "SELECT last_error FROM mail_outbox WHERE recipient = $1";
    let why: Option<String> = database.query(why, &[&person.email])[0].get(0);
    assert!(
        why.is_some_and(|why| !why.is_empty() && !why.contains("token=")),
        "and why"
    );
    provider.usually(Mood::Takes);
    database.execute(
        "UPDATE mail_outbox SET next_attempt_at = now() - interval '1 second' WHERE recipient = $1",
        &[&person.email],
    );
    tick(&stage);
    assert_eq!(provider.handed_to(&person.email).len(), 1, "it isn't tried for ever");
    // Nobody is locked out by it: the person can ask for another.
    super::resend(&stage, &person.email).expect_only(202);
    let started = Instant::now();
    while provider.handed_to(&person.email).len() < 2 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the second mail doesn't come"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn a_lease_is_kept_and_ends(stage: &Stage) {
    let port = Stub::free_port();
    let stage = stage_with_mail_at(stage, port);
    let mut database = stage.database();
    let (person, _) = registered(&stage);
    tried(&mut database, &person.email, 1);
    let provider = Provider::start(port);
    // Another instance has it in its hands.
    let lease = |database: &mut Database, until: &str| {
        let sql = format!(
            "UPDATE mail_outbox SET next_attempt_at = now() - interval '1 second', leased_until = now() + interval '{until}'
             WHERE recipient = $1"
        );
        assert_eq!(database.execute(&sql, &[&person.email]), 1);
    };
    lease(&mut database, "30 seconds");
    tick(&stage);
    assert_eq!(
        provider.handed_to(&person.email).len(),
        0,
        "what is leased is another's"
    );
    // It died with it.
    lease(&mut database, "-1 seconds");
    tick(&stage);
    assert_eq!(provider.handed_to(&person.email).len(), 1);
    assert_eq!(database.outbox(&person.email)[0].status, "sent");
}

fn what_is_over_is_swept_and_what_lives_is_not(stage: &Stage) {
    let (person, old) = stage.somebody();
    let living = stage.app().login(&person);
    forgot(stage, &person.email).expect_only(202);
    let mut database = stage.database();
    database.age_session(&old.session_id(), 400 * 24 * 3600);
    let user = living.user_id();
    database.execute(
        "UPDATE tokens SET expires_at = expires_at - interval '400 days', created_at = created_at - interval '400 days'
         WHERE user_id = $1::text::uuid AND type = 'password_reset'",
        &[&user],
    );
    let swept = stage
        .call("POST", MAINTENANCE)
        .bearer(&stage.stack.gateway_token)
        .json(&json!({}));
    swept.send().expect_only(200);
    let left: Vec<_> = database.sessions(&user).into_iter().map(|session| session.id).collect();
    assert_eq!(left, [living.session_id()]);
    let rows = database.query("SELECT type FROM tokens WHERE user_id = $1::text::uuid", &[&user]);
    let kinds: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(kinds, ["email_verification"]);
    stage.app().refresh(&living);
}
