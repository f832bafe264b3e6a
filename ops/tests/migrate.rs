//! `doorward migrate` on real databases: empty, old, odd, and met by two runs at once.

mod support;

use std::collections::BTreeSet;

use support::{Database, Rows, doorward, json, refusal, stderr, stdout};

const OLD_COLUMNS: &str = "id, firm_id, name, email, role, created_at";
const OLD_TABLE: &str = "CREATE TABLE users (
    id uuid PRIMARY KEY, firm_id uuid, name text NOT NULL, email text NOT NULL, role text NOT NULL,
    created_at timestamptz NOT NULL)";

fn files() -> usize {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let names = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".sql").map(str::to_owned))
        .count()
}

/// Every relation and column outside the system's schemas, and every row of `users` if there is one.
fn contents(database: &Database) -> (Rows, Rows) {
    let columns = database.rows(
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
         WHERE table_schema = 'public' ORDER BY 1, ordinal_position",
    );
    let users = columns.iter().any(|column| column[0].as_deref() == Some("users"));
    (
        columns,
        if users {
            database.rows("SELECT * FROM users ORDER BY 1")
        } else {
            Vec::new()
        },
    )
}

#[test]
fn an_empty_database_is_brought_up_to_date_once() {
    let database = Database::create();
    let first = database.doorward(&["migrate", "--json"]);
    assert!(first.status.success(), "{}", stderr(&first));
    assert_eq!(json(&first)["applied"].as_array().unwrap().len(), files());
    assert_eq!(json(&first)["version"], files());

    let before = contents(&database);
    let second = database.doorward(&["migrate", "--json"]);
    assert!(second.status.success());
    assert_eq!(json(&second)["applied"].as_array().unwrap().len(), 0);
    assert_eq!(contents(&database), before);

    let wanted = BTreeSet::from([
        "firms",
        "roles",
        "users",
        "accounts",
        "sessions",
        "tokens",
        "mail_outbox",
        "events",
    ]);
    let tables = database.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'");
    let tables: BTreeSet<_> = tables.iter().filter_map(|row| row[0].as_deref()).collect();
    assert!(tables.is_superset(&wanted), "{tables:?}");
    assert!(
        tables.is_superset(&BTreeSet::from(["verification_tokens", "password_reset_tokens"])),
        "{tables:?}"
    );
}

#[test]
fn status_tells_what_was_applied_and_what_is_pending() {
    let database = Database::create();
    let before = json(&database.doorward(&["migrate", "status", "--json"]));
    assert_eq!(
        (
            before["applied"].as_array().unwrap().len(),
            before["pending"].as_array().unwrap().len()
        ),
        (0, files())
    );
    assert_eq!(before["tables"], 0);
    assert!(stdout(&database.doorward(&["migrate", "status"])).contains("0001_create_users  pending"));
    database.execute("CREATE SCHEMA other; CREATE TABLE other.anything (a integer)");
    let used = json(&database.doorward(&["migrate", "status", "--json"]));
    assert_eq!(used["tables"], 1, "also what somebody else keeps there");

    database.doorward(&["migrate"]);
    let after = json(&database.doorward(&["migrate", "status", "--json"]));
    assert_eq!(
        (
            after["applied"].as_array().unwrap().len(),
            after["pending"].as_array().unwrap().len()
        ),
        (files(), 0)
    );
    let first = &after["applied"][0];
    assert_eq!(
        (first["version"].as_i64(), first["name"].as_str()),
        (Some(1), Some("create_users"))
    );
    assert_eq!(first["checksum"].as_str().unwrap().len(), 64);
    assert!(first["durationMs"].as_i64().is_some());
    assert!(first["appliedAt"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_dry_run_prints_the_sql_and_changes_nothing() {
    let database = Database::create();
    database.execute(OLD_TABLE);
    let before = contents(&database);
    let output = database.doorward(&["migrate", "--dry-run"]);
    assert!(output.status.success());
    for statement in [
        "CREATE TABLE IF NOT EXISTS users",
        "ADD COLUMN password_hash",
        "CREATE TABLE sessions",
    ] {
        assert!(stdout(&output).contains(statement), "{statement}");
    }
    let documents = json(&database.doorward(&["migrate", "--dry-run", "--json"]));
    assert_eq!(documents["pending"].as_array().unwrap().len(), files());
    assert!(
        documents["pending"][0]["sql"]
            .as_str()
            .unwrap()
            .contains("CREATE TABLE IF NOT EXISTS users")
    );
    assert_eq!(contents(&database), before);
}

#[test]
fn runs_at_once_take_turns() {
    let database = Database::create();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut command = database.command(&["migrate", "--json"]);
            command
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut applied = Vec::new();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        applied.extend(
            json(&output)["applied"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["version"].as_u64().unwrap()),
        );
    }
    applied.sort_unstable();
    assert_eq!(applied, (1..=files() as u64).collect::<Vec<_>>());
    assert_eq!(
        database.value("SELECT count(*) FROM schema_migrations"),
        files().to_string()
    );
}

#[test]
fn a_file_that_was_changed_after_it_was_applied_is_refused() {
    let database = Database::migrated();
    database.execute("UPDATE schema_migrations SET checksum = repeat('0', 64) WHERE version = 3");
    for arguments in [&["migrate"][..], &["migrate", "status"], &["migrate", "--dry-run"]] {
        let why = refusal(&database.doorward(arguments));
        assert!(
            why.contains("0003_enhance_users was changed after it was applied"),
            "{why}"
        );
    }
    let output = database.doorward(&["migrate", "--json"]);
    assert!(json(&output)["error"].as_str().unwrap().contains("0003_enhance_users"));
}

#[test]
fn a_database_that_is_ahead_is_refused() {
    let database = Database::migrated();
    database.execute("INSERT INTO schema_migrations VALUES (9999, 'from_the_future', '', now(), 0)");
    let why = refusal(&database.doorward(&["migrate"]));
    assert!(
        why.contains("9999_from_the_future") && why.contains("newer release"),
        "{why}"
    );
}

#[test]
fn a_file_that_is_refused_is_undone_whole_and_the_next_run_goes_on_there() {
    let database = Database::create();
    // The fifth file makes the table `tokens` and then this view.
    database.execute("CREATE VIEW password_reset_tokens AS SELECT 1 AS one");
    let why = refusal(&database.doorward(&["migrate"]));
    assert!(
        why.contains("0005_create_tokens was refused, and nothing of it was done") && why.contains("42P07"),
        "{why}"
    );
    assert_eq!(database.value("SELECT max(version) FROM schema_migrations"), "4");
    assert_eq!(database.value("SELECT to_regclass('tokens') IS NULL"), "t");

    database.execute("DROP VIEW password_reset_tokens");
    let output = database.doorward(&["migrate", "--json"]);
    assert_eq!(json(&output)["applied"][0]["version"], 5);
}

#[test]
fn a_table_in_use_is_waited_for_only_so_long() {
    let database = Database::create();
    database.execute(OLD_TABLE);
    database.execute("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE");
    let why = refusal(&database.doorward(&["migrate", "--lock-timeout", "1"]));
    assert!(
        why.contains("0001_create_users was refused") && why.contains("a table is in use"),
        "{why}"
    );
    database.execute("ROLLBACK");
    assert!(database.doorward(&["migrate", "--lock-timeout", "1"]).status.success());
}

#[test]
fn an_old_table_keeps_every_row() {
    let database = Database::create();
    database.execute(OLD_TABLE);
    database.execute(
        "INSERT INTO users SELECT gen_random_uuid(), CASE WHEN i % 3 > 0 THEN md5((i % 7)::text)::uuid END,
             'Name ' || i, 'User' || i || '@Example.com', (ARRAY['admin', 'pm', 'mentor', 'mentee', 'member', 'guest'])[1 + i % 6],
             timestamptz '2020-02-29 23:59:59.999999+05:30' + i * interval '1 hour'
         FROM generate_series(1, 1000) AS i",
    );
    let select = format!("SELECT {OLD_COLUMNS} FROM users ORDER BY id");
    let before = database.rows(&select);
    assert_eq!(before.len(), 1000);

    let output = database.doorward(&["migrate"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(database.rows(&select), before);

    let defaults = database.rows(
        "SELECT DISTINCT status, tier, is_verified, password_hash IS NULL, preferences::text, last_login_at IS NULL FROM users",
    );
    let defaults: Vec<_> = defaults[0].iter().flatten().map(String::as_str).collect();
    assert_eq!(defaults, ["active", "free", "f", "t", "{}", "t"]);
    assert_eq!(database.value("SELECT count(*) FROM firms"), "7");
    assert_eq!(database.value("SELECT count(*) FROM roles WHERE name = 'guest'"), "1");
    // The address is unique whatever the letters' case from now on.
    assert_eq!(
        database.value("SELECT indisunique FROM pg_index WHERE indexrelid = 'users_email_key'::regclass"),
        "t"
    );
}

#[test]
fn an_old_table_of_looser_types_is_tightened() {
    let database = Database::create();
    database.execute(
        "CREATE TYPE kind AS ENUM ('Admin', 'user');
         CREATE TABLE users (
             id varchar(36), firm_id varchar(36), name varchar(50), email varchar(100) UNIQUE, role kind DEFAULT 'user',
             created_at timestamp DEFAULT now(), CONSTRAINT users_role_check CHECK (role::text <> 'mentor'));
         INSERT INTO users VALUES
             ('0190e4a8-0000-7000-8000-000000000001', '', 'One', ' One@Example.com ', 'Admin', '2020-01-01 12:00:00.5'),
             ('0190e4a8-0000-7000-8000-000000000002', '0190e4a8-0000-7000-8000-0000000000ff', NULL, 'two@example.com', NULL, NULL),
             (NULL, NULL, 'Three', 'three@example.com', 'user', '2021-06-30')",
    );
    let output = database.doorward(&["migrate"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rows = database.rows(
        "SELECT coalesce(firm_id::text, '-'), name, email, role, extract(epoch FROM created_at)::numeric(20, 1)
         FROM users ORDER BY email",
    );
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.iter().flatten().map(String::as_str).collect())
        .collect();
    assert_eq!(rows[0], ["-", "One", "One@Example.com", "admin", "1577880000.5"]);
    assert_eq!(rows[1], ["-", "Three", "three@example.com", "user", "1625011200.0"]);
    assert_eq!(
        rows[2][..4],
        [
            "0190e4a8-0000-7000-8000-0000000000ff",
            "two",
            "two@example.com",
            "member"
        ]
    );

    // What a new database would have, the old one has.
    let fresh = Database::migrated();
    let columns = |database: &Database| {
        let mut columns = contents(database).0;
        columns.retain(|column| column[0].as_deref() == Some("users"));
        columns
    };
    assert_eq!(columns(&database), columns(&fresh));
    database.execute("UPDATE users SET role = 'mentor'");
}

/// Asserts that an old table is refused for that reason, and that nothing at all has changed.
fn assert_refused(table: &str, rows: &str, reasons: &[&str]) {
    let database = Database::create();
    database.execute(table);
    database.execute(rows);
    let before = contents(&database);
    let why = refusal(&database.doorward(&["migrate"]));
    for reason in reasons {
        assert!(why.contains(reason), "{reason}: {why}");
    }
    assert_eq!(contents(&database), before);
}

#[test]
fn what_a_person_has_to_decide_is_refused_and_nothing_is_changed() {
    let row = |email: &str, role: &str| {
        format!("INSERT INTO users VALUES (gen_random_uuid(), NULL, 'n', '{email}', '{role}', now());")
    };
    let twice = row("Ann@example.com", "admin") + &row("bob@example.com", "admin") + &row("aNN@example.com ", "admin");
    assert_refused(
        OLD_TABLE,
        &twice,
        &["same e-mail address", "ann@example.com", "Merge or rename"],
    );
    assert_refused(OLD_TABLE, &row("a@b.c", "Project Lead"), &["'Project Lead'", "role"]);
    assert_refused(OLD_TABLE, &row(" ", "admin"), &["without an e-mail address"]);
    assert_refused(
        &format!("{OLD_TABLE}; CREATE TABLE firms (id int)"),
        "",
        &["tables of its own", "firms"],
    );
    assert_refused(
        "CREATE TABLE users (id uuid, email text, name text)",
        "",
        &["no column", "firm_id", "role"],
    );
    let numbers = OLD_TABLE.replace("id uuid PRIMARY KEY", "id bigint PRIMARY KEY");
    assert_refused(
        &numbers,
        "INSERT INTO users VALUES (1, NULL, 'n', 'a@b.c', 'admin', now())",
        &["uuid"],
    );
}

#[test]
fn wrong_usage_is_status_2_and_an_unreachable_database_status_1() {
    assert_eq!(doorward(&["migrate"]).output().unwrap().status.code(), Some(2));
    assert_eq!(
        doorward(&["migrate", "sideways"]).output().unwrap().status.code(),
        Some(2)
    );
    assert_eq!(doorward(&[]).output().unwrap().status.code(), Some(2));
    let output = doorward(&[
        "migrate",
        "--json",
        "--database-url",
        "postgres://u:hunter2@127.0.0.1:1/d",
    ])
    .output()
    .unwrap();
    assert!(!refusal(&output).contains("hunter2"));
    assert!(json(&output)["error"].as_str().unwrap().contains("127.0.0.1:1"));
}
