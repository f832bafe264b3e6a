//! `doorward seed` on real databases: only where they are marked, and never twice.

mod support;

use std::process::Stdio;

use doorward_core::password::{Attempt, Verdict, Workspace, verify};
use doorward_core::unicode::TABLES;
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
        let right = verify(Some(row[6]), &Attempt::new(PASSWORD, TABLES), &mut workspace);
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
fn mentors_have_something_to_offer_and_mentees_ask_for_it() {
    let database = marked();
    assert_eq!(
        database.value(
            "SELECT count(*) FROM mentors AS m WHERE headline <> '' AND bio <> ''
             AND (SELECT count(*) FROM mentor_expertise WHERE mentor_id = user_id) >= 2
             AND (SELECT count(*) FROM availability WHERE mentor_id = user_id) >= 2"
        ),
        "5"
    );
    assert_eq!(database.value("SELECT count(*) FROM mentees WHERE goals <> ''"), "5");
    let sessions = database.rows(
        "SELECT split_part(m.email, '@', 1), split_part(e.email, '@', 1), o.status, o.starts_at > now(),
                EXISTS (SELECT FROM availability AS a
                        WHERE a.mentor_id = o.mentor_id AND a.time_zone = o.time_zone
                          AND a.weekday = extract(isodow FROM o.starts_at AT TIME ZONE a.time_zone)
                          AND (o.starts_at AT TIME ZONE a.time_zone)::time >= make_time(a.start_minute / 60, 0, 0)
                          AND o.ends_at - o.starts_at = interval '30 minutes')
         FROM office_sessions AS o JOIN users AS m ON m.id = o.mentor_id JOIN users AS e ON e.id = o.mentee_id ORDER BY 1",
    );
    let sessions: Vec<String> = sessions
        .iter()
        .map(|row| {
            row.iter()
                .map(|value| value.clone().unwrap())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        sessions,
        [
            "mentor1 mentee1 requested t t",
            "mentor2 mentee2 confirmed t t",
            "mentor3 mentee3 completed f t",
            "mentor4 mentee4 cancelled t t",
        ]
    );
}

#[test]
fn what_people_made_of_it_stays() {
    let database = marked();
    database.execute(
        "UPDATE mentors SET headline = 'Mine' WHERE user_id = (SELECT id FROM users WHERE email = 'mentor1@example.com');
         DELETE FROM availability; DELETE FROM mentor_expertise;
         UPDATE office_sessions SET status = 'cancelled', starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day';
         DELETE FROM mentors WHERE user_id = (SELECT id FROM users WHERE email = 'mentor2@example.com')",
    );
    let others = "SELECT * FROM mentors WHERE headline NOT LIKE 'From an idea%' ORDER BY user_id";
    let sessions = "SELECT * FROM office_sessions WHERE topic <> 'A first price' ORDER BY id";
    let before = (database.rows(others), database.rows(sessions));
    let output = database.doorward(&["seed", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(json(&output)["officeSessions"], 1, "with the mentor who was gone");
    assert_eq!((database.rows(others), database.rows(sessions)), before);
    assert_eq!(
        database.value("SELECT count(DISTINCT mentor_id) FROM availability"),
        "1"
    );
    assert_eq!(json(&database.doorward(&["seed", "--json"]))["officeSessions"], 0);
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
