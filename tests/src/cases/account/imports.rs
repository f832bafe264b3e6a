//! People whom `doorward import` brought over: their password, their old links, and the way back.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use xtask::artifacts::{self, Profile};

use super::{change_password, login, new_password, reset, signs_in, user_alone, verify};
use crate::each;
use crate::http::race;
use crate::jwt::random_hex;
use crate::registry::Case;
use crate::stage::Stage;

/// The bcrypt hash of [`PASSWORD`], made by libxcrypt.
const HASH: &str = "$2b$10$doorwardsampledatasale8XjBJJ3AaBcJxuwScMZGRWHdXYpe6q2";
const PASSWORD: &str = "moving in tomorrow";

pub(super) fn cases() -> Vec<Case> {
    each![
        Main;
        sign_in_and_get_a_new_hash,
        use_their_old_links_once,
        sixteen_at_once_use_an_old_link_once,
        leave_again_unless_they_changed_something,
    ]
}

/// A person of the old system, with links on the way.
struct Old {
    id: String,
    email: String,
    verification: String,
    reset: String,
}

impl Old {
    fn new() -> Self {
        Self {
            id: random_hex::<12>(),
            email: format!("old-{}@example.com", random_hex::<8>()),
            verification: random_hex::<16>(),
            reset: random_hex::<16>(),
        }
    }
}

/// Runs the command line on the stage's database.
fn doorward(stage: &Stage, arguments: &[&str]) -> Value {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let binary = BINARY.get_or_init(|| artifacts::doorward(Profile::Dev).expect("the command line"));
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .arg("--json")
        .env("DATABASE_URL", &stage.stack.database_url);
    let output = command.output().expect("the command line");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {words}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {words}"))
}

/// Brings people over as a folder of mongoexport. Answers the batch.
fn import(stage: &Stage, people: &[Old]) -> String {
    let dir = std::env::temp_dir().join(format!("doorward-moving-{}", random_hex::<8>()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let write = |name: &str, line: &dyn Fn(&Old) -> Value| {
        let lines: Vec<_> = people.iter().map(|old| line(old).to_string()).collect();
        std::fs::write(dir.join(name), lines.join("\n")).expect("a file");
    };
    let token = |old: &Old, token: &str| json!({"userId": {"$oid": old.id}, "token": token, "expiresAt": {"$date": "2999-01-01T00:00:00Z"}});
    write(
        "users.json",
        &|old| json!({"_id": {"$oid": old.id}, "email": old.email, "name": "Old Friend", "password": HASH, "isVerified": false}),
    );
    write("verification_tokens.json", &|old| token(old, &old.verification));
    write("password_reset_tokens.json", &|old| token(old, &old.reset));
    let (path, report) = (
        dir.display().to_string(),
        dir.join("report.jsonl").display().to_string(),
    );
    let answer = doorward(stage, &["import", "mongo", &path, "--report", &report]);
    std::fs::remove_dir_all(&dir).expect("the folder");
    assert_eq!(answer["imported"], people.len(), "{answer}");
    answer["batch"].as_str().expect("a batch").to_owned()
}

fn sign_in_and_get_a_new_hash(stage: &Stage) {
    let old = Old::new();
    import(stage, std::slice::from_ref(&old));
    assert!(!signs_in(stage, &old.email, "moving in today"));
    let session = login(stage, &old.email, PASSWORD).session_by_token(200);
    let hash = stage.database().password_hash(&session.user_id());
    assert!(hash.is_some_and(|hash| hash.starts_with("$argon2id$")));
    assert!(signs_in(stage, &old.email, PASSWORD));
}

fn use_their_old_links_once(stage: &Stage) {
    let old = Old::new();
    import(stage, std::slice::from_ref(&old));
    // Each is for its own call.
    verify(stage, &old.reset).error(400, "TOKEN_INVALID");
    reset(stage, &old.verification, &new_password()).error(400, "TOKEN_INVALID");
    assert_eq!(user_alone(&verify(stage, &old.verification))["isVerified"], true);
    verify(stage, &old.verification).error(400, "TOKEN_INVALID");
    let password = new_password();
    assert_eq!(user_alone(&reset(stage, &old.reset, &password))["email"], old.email);
    reset(stage, &old.reset, &new_password()).error(400, "TOKEN_INVALID");
    assert!(signs_in(stage, &old.email, &password));
    assert!(!signs_in(stage, &old.email, PASSWORD));

    // A new one takes the place of an old one, and an old one ends as any other.
    let [replaced, expired] = [Old::new(), Old::new()];
    let tokens = [replaced.reset.clone(), expired.verification.clone()];
    let emails = [replaced.email.clone(), expired.email.clone()];
    import(stage, &[replaced, expired]);
    super::forgot(stage, &emails[0]).expect_only(202);
    reset(stage, &tokens[0], &new_password()).error(400, "TOKEN_INVALID");
    let user = login(stage, &emails[1], PASSWORD).session_by_token(200).user_id();
    stage.database().expire_tokens(&user, "email_verification");
    verify(stage, &tokens[1]).error(410, "TOKEN_EXPIRED");
}

fn sixteen_at_once_use_an_old_link_once(stage: &Stage) {
    let old = Old::new();
    import(stage, std::slice::from_ref(&old));
    let replies = race(16, |_| verify(stage, &old.verification).status);
    assert_eq!(
        replies.iter().filter(|status| **status == 200).count(),
        1,
        "{replies:?}"
    );
    assert_eq!(
        replies.iter().filter(|status| **status == 400).count(),
        15,
        "{replies:?}"
    );
}

fn leave_again_unless_they_changed_something(stage: &Stage) {
    let people = [Old::new(), Old::new(), Old::new()];
    let batch = import(stage, &people);
    let [_, signed_in, changed] = &people;
    login(stage, &signed_in.email, PASSWORD).session_by_token(200);
    let session = login(stage, &changed.email, PASSWORD).session_by_token(200);
    change_password(stage, &session.access, PASSWORD, &new_password()).expect_only(200);
    let answer = doorward(stage, &["import", "rollback", &batch]);
    assert_eq!(answer, json!({"batch": batch, "removed": 2, "kept": 1}));
    assert!(!signs_in(stage, &signed_in.email, PASSWORD));
    stage.app().me(&session.access).expect_only(200);
}
