//! The whole life of an account: addresses, passwords, sessions, mail, and its end.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::actor::{LOGIN, Person};
use crate::http::Reply;
use crate::mailbox::Mailbox;
use crate::registry::Case;
use crate::shape::{Session, keys_are, user};
use crate::stage::Stage;

mod asking;
mod change_email;
mod change_password;
mod delete_account;
mod imports;
mod limits;
mod mail;
mod notices;
mod provider;
mod reset_password;
mod sessions;
mod trail;
mod verify_email;

const VERIFY: [&str; 2] = ["/api/auth/verify-email", "/auth/verify-email"];
const RESEND: [&str; 2] = ["/api/auth/resend-verification", "/auth/resend-verification"];
const FORGOT: [&str; 2] = ["/api/auth/forgot-password", "/auth/forgot-password"];
const RESET: [&str; 2] = ["/api/auth/reset-password", "/auth/reset-password"];
const CHANGE_PASSWORD: &str = "/api/auth/change-password";
const CHANGE_EMAIL: &str = "/api/auth/change-email";
const ACCOUNT: &str = "/api/auth/account";
const SESSIONS: &str = "/api/auth/sessions";
const MAINTENANCE: &str = "/maintenance";

/// The page that a verification or a change of address opens.
const VERIFY_PAGE: &str = "verify-email";
/// The page that a reset opens.
const RESET_PAGE: &str = "reset-password";

/// What may be played beside each other.
pub(super) fn cases() -> Vec<Case> {
    [
        verify_email::cases(),
        asking::cases(),
        reset_password::cases(),
        change_password::cases(),
        change_email::cases(),
        delete_account::cases(),
        imports::cases(),
        sessions::cases(),
        notices::cases(),
        trail::cases(),
        mail::cases(),
    ]
    .concat()
}

/// What needs the stack to itself.
pub(super) fn outage() -> Vec<Case> {
    [delete_account::outage(), limits::cases(), provider::cases()].concat()
}

fn verify(stage: &Stage, token: &str) -> Reply {
    stage.call("POST", VERIFY[0]).json(&json!({"token": token})).send()
}

fn resend(stage: &Stage, email: &str) -> Reply {
    stage.call("POST", RESEND[0]).json(&json!({"email": email})).send()
}

fn forgot(stage: &Stage, email: &str) -> Reply {
    stage.call("POST", FORGOT[0]).json(&json!({"email": email})).send()
}

fn reset(stage: &Stage, token: &str, password: &str) -> Reply {
    let body = json!({"token": token, "password": password, "confirmPassword": password});
    stage.call("POST", RESET[0]).json(&body).send()
}

fn change_password(stage: &Stage, access: &str, current: &str, new: &str) -> Reply {
    let body = json!({"currentPassword": current, "newPassword": new});
    stage.call("POST", CHANGE_PASSWORD).bearer(access).json(&body).send()
}

fn change_email(stage: &Stage, access: &str, new: &str, password: &str) -> Reply {
    let body = json!({"newEmail": new, "password": password});
    stage.call("POST", CHANGE_EMAIL).bearer(access).json(&body).send()
}

fn login(stage: &Stage, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    stage.call("POST", LOGIN[0]).token_mode().json(&body).send()
}

/// Whether one can sign in with this.
fn signs_in(stage: &Stage, email: &str, password: &str) -> bool {
    let reply = login(stage, email, password);
    if reply.status == 200 {
        return true;
    }
    reply.error(401, "INVALID_CREDENTIALS");
    false
}

/// A password that keeps every policy, another one each time until they begin again.
///
/// They are fixed ones: the list of common passwords is a filter, which takes one in some thousand others for common, and
/// a random one would be one of those in some run.
fn new_password() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!(
        "{} quiet doors at the edge",
        COUNT.fetch_add(1, Ordering::Relaxed) % 256 + 100
    )
}

/// The token of the mail that came with the registration.
fn verification_token(stage: &Stage, person: &Person) -> String {
    Mailbox::of(stage).token(&person.email, VERIFY_PAGE, 1)
}

/// Asks for a reset and gives back the token that was mailed; it is the `count`th for this address.
fn reset_token(stage: &Stage, email: &str, count: usize) -> String {
    forgot(stage, email).expect_only(202);
    Mailbox::of(stage).token(email, RESET_PAGE, count)
}

/// An answer of exactly `{user}`, without a session.
fn user_alone(reply: &Reply) -> serde_json::Value {
    reply.expect_only(200);
    let body = reply.json();
    keys_are(&body, &["user"]);
    user(&body["user"]);
    assert!(reply.cookies().iter().all(crate::shape::Cookie::deletes), "{reply}");
    body["user"].clone()
}

/// Nothing of these sessions works any more: refresh at once, reading within the bound.
fn are_over(stage: &Stage, sessions: &[Session]) {
    let app = stage.app();
    for session in sessions {
        let reply = app.present(&session.refresh);
        assert_eq!(reply.status, 401, "a session that should be over\n{reply}");
        let code = reply.json()["code"].clone();
        // A loser of a race may hold the token before the last.
        assert!(
            ["SESSION_REVOKED", "REFRESH_REUSED", "REFRESH_INVALID"]
                .iter()
                .any(|known| code == *known),
            "{reply}"
        );
    }
    for session in sessions {
        let last = stage.poll(BOUND, || app.me(&session.access), |reply| reply.status == 401);
        last.error(401, "UNAUTHENTICATED");
    }
}

/// Within this a revocation is known on calls that only read.
const BOUND: std::time::Duration = std::time::Duration::from_secs(5);

/// Copies of a token that aren't it: changed in each part, shortened, lengthened, and things that never were one.
pub(super) fn forgeries(token: &str) -> Vec<String> {
    let mut forged: Vec<String> = [0, token.len() / 3, token.len() / 2, token.len() - 2, token.len() - 1]
        .iter()
        .map(|&at| {
            let mut bytes = token.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).expect("letters")
        })
        .collect();
    forged.extend([
        token[..token.len() - 1].to_owned(),
        token[1..].to_owned(),
        format!("{token}A"),
        format!("{token}="),
        format!("{token}{token}"),
        token.to_uppercase(),
        "x".to_owned(),
        "0".repeat(64),
        "A".repeat(token.len()),
        "../../etc/passwd".to_owned(),
        "' OR 1=1 --".to_owned(),
        "\u{0}".to_owned(),
        "ü".repeat(40),
        "A".repeat(20_000),
    ]);
    forged
}
