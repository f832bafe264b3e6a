//! `doorward seed` on real databases: only where they are marked, and never twice.

mod support;

use std::process::Stdio;

use doorward_core::password::{Attempt, Verdict, Workspace, verify};
use support::{Database, json, refusal, stderr};

const PASSWORD: &str = "doorward-dev-password";

fn marked() -> Database {
    let database = Database::migrated();
    let output = database.doorward(&["seed", "--mark-development", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["created"].as_array().unwrap().len(), 11);
    assert_eq!(json(&output)["password"], PASSWORD);
    database
}

#[test]
fn the_accounts_are_as_documented() {
    let database = marked();
    let rows = database.rows(
        "SELECT u.email, u.role, coalesce(f.slug, '-'), u.status, u.is_verified, u.email_verified_at IS NOT NULL, u.password_hash
         FROM users u LEFT JOIN firms f ON f.id = u.firm_id ORDER BY u.role, u.email",
    );
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.iter().flatten().map(String::as_str).collect())
        .collect();
    assert_eq!(rows.len(), 11);
    assert_eq!(rows[0][..6], ["admin@example.com", "admin", "-", "active", "t", "t"]);
    for number in 1..=5 {
        let (mentee, mentor) = (
            format!("mentee{number}@example.com"),
            format!("mentor{number}@example.com"),
        );
        assert_eq!(rows[number][..6], [&mentee, "mentee", "example", "active", "t", "t"]);
        assert_eq!(
            rows[number + 5][..6],
            [&mentor, "mentor", "example", "active", "t", "t"]
        );
    }
    let mut workspace = Workspace::new();
    for row in &rows {
        let right = verify(Some(row[6]), &Attempt::new(PASSWORD), &mut workspace);
        assert_eq!(right, Verdict::Right { rehash: false }, "{}", row[0]);
    }
    let distinct = rows.iter().map(|row| row[6]).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), 11, "each has a salt of its own");
}

#[test]
fn running_it_again_changes_nothing() {
    let database = marked();
    database.execute("UPDATE users SET password_hash = 'changed' WHERE email = 'mentor1@example.com'");
    database.execute("DELETE FROM users WHERE email = 'mentor2@example.com'");
    let others = "SELECT * FROM users WHERE email <> 'mentor2@example.com' ORDER BY id";
    let before = database.rows(others);
    let output = database.doorward(&["seed", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["created"], serde_json::json!(["mentor2@example.com"]));
    assert_eq!(database.rows(others), before);
    assert_eq!(database.value("SELECT count(*) FROM users"), "11");
}

#[test]
fn runs_at_once_make_each_account_once() {
    let database = Database::migrated();
    let runs: Vec<_> = (0..3)
        .map(|_| {
            database
                .command(&["seed", "--mark-development"])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    assert_eq!(database.value("SELECT count(*) FROM users"), "11");
}

#[test]
fn a_database_that_is_not_marked_is_refused() {
    let database = Database::migrated();
    let why = refusal(&database.doorward(&["seed"]));
    assert!(why.contains("isn't marked for development"), "{why}");
    assert_eq!(database.value("SELECT count(*) FROM users"), "0");
}

#[test]
fn a_database_with_accounts_of_its_own_is_not_marked() {
    let database = Database::migrated();
    database.execute("INSERT INTO users (name, email) VALUES ('Somebody', 'somebody@example.com')");
    let why = refusal(&database.doorward(&["seed", "--mark-development"]));
    assert!(why.contains("1 accounts that were not made by"), "{why}");
    assert_eq!(
        database.value("SELECT value FROM deployment WHERE key = 'environment'"),
        "production"
    );
    assert_eq!(database.value("SELECT count(*) FROM users"), "1");
}

#[test]
fn a_marked_database_stays_marked_when_people_sign_up() {
    let database = marked();
    database.execute("INSERT INTO users (name, email) VALUES ('Somebody', 'somebody@example.com')");
    assert!(database.doorward(&["seed", "--mark-development"]).status.success());
}

#[test]
fn a_database_that_is_not_migrated_is_refused() {
    let why = refusal(&Database::create().doorward(&["seed", "--mark-development"]));
    assert!(why.contains("doorward migrate"), "{why}");
}
